"""Constants and masks in PostgreSQL's SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from dbferry.catalog import NativeType, Session, Table
from dbferry.engines.postgresql.ddl import literal
from dbferry.phrases import JULIAN, pads

CUTS_BY_PLACE = 14
"""The version from which on a condition on places is no scan of the whole table."""
FORMS = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "HH24", "%M": "MI", "%S": "SS", "%j": "DDD"}
MOST_PARTS = 1_024
SCRAMBLE = """CASE WHEN {text} IS NOT NULL THEN (SELECT coalesce(string_agg(CASE
  WHEN c.one COLLATE "C" BETWEEN '0' AND '9' THEN chr(48 + c.byte % 10){letters}
  ELSE c.one END, '' ORDER BY c.place), '')
FROM (SELECT u.one, u.place, get_byte(k.hash, ((u.place - 1) % 32)::int) AS byte
      FROM (SELECT decode({hash}, 'hex') AS hash) AS k,
           unnest(string_to_array({text}, NULL)) WITH ORDINALITY AS u (one, place)) AS c) END"""

LETTERS = """
  WHEN octet_length(convert_to(c.one, 'UTF8')) > 1 THEN 'x'
  WHEN c.one COLLATE "C" BETWEEN 'a' AND 'z' THEN chr(97 + c.byte % 26)
  WHEN c.one COLLATE "C" BETWEEN 'A' AND 'Z' THEN chr(65 + c.byte % 26)"""


class PostgresqlPhrases:
    def constant(self, value: str | bool | float) -> str:
        if isinstance(value, str):
            return literal(value)
        return str(value).upper() if isinstance(value, bool) else repr(value)

    def moment(self, moment: datetime, *, wall: bool) -> tuple[str, NativeType | None]:
        if wall:
            return f"{literal(moment.replace(tzinfo=None).isoformat(sep=' '))}::timestamp", None
        return f"{literal(moment.isoformat(sep=' '))}::timestamptz", None

    def as_text(self, value: str) -> str:
        return f"({value})::text"

    def as_digits(self, number: str) -> str:
        return self.as_text(number)

    def length(self, text: str) -> str:
        return f"char_length({text})"

    def repeat(self, mark: str, times: str) -> str:
        return f"repeat({literal(mark)}, {times})"

    def join(self, *texts: str) -> str:
        return " || ".join(texts)

    def sha256(self, text: str) -> str | None:
        return f"upper(encode(sha256(convert_to({text}, 'UTF8')), 'hex'))"

    def hmac(self, text: str, key: bytes) -> str | None:
        inner, outer = (f"decode('{pad}', 'hex')" for pad in pads(key))
        return f"encode(sha256({outer} || sha256({inner} || convert_to({text}, 'UTF8'))), 'hex')"

    def scramble(self, text: str, key: bytes, longest: int | None, *, letters: bool) -> str | None:
        others = LETTERS if letters else ""
        return SCRAMBLE.format(hash=self.hmac(text, key), text=text, letters=others)

    def written(self, moment: str, form: str) -> str | None:
        parts = re.findall(r"(%[A-Za-z])|([^%]+)", form)
        told = "".join(FORMS[one] if one else f'"{text}"' for one, text in parts)
        return f"to_char({moment}, {literal(told)})"

    def ascii_case(self, text: str, *, upper: bool) -> str | None:
        return f'{"upper" if upper else "lower"}(({text}) COLLATE "C")'

    def digits(self, value: str, *, text: bool) -> str | None:
        octets = f"convert_to({self.as_text(value)}, 'UTF8')" if text else value
        return f"upper(encode(coalesce({octets}, ''), 'hex'))"

    def zeros(self, count: int) -> str | None:
        return f"decode(repeat('00', {count}), 'hex')"

    def julian(self, moment: str) -> str | None:
        seconds = f"extract(epoch FROM ({moment})::timestamp)::bigint"
        return (
            f"CASE WHEN ({moment}) >= DATE '0001-01-01' AND ({moment}) < DATE '10000-01-01' "
            f"THEN ({JULIAN} + 1000 * {seconds})::float8 / 86400000 END"
        )

    def random(self) -> str | None:
        return f"(floor((random() - 0.5) * {2**53}) * {2**11})::bigint"

    def choose(self, text: str, key: bytes, values: Sequence[str]) -> str | None:
        number = f"('x' || left({self.hmac(text, key)}, 8))::bit(32)::bigint"
        return f"(ARRAY[{', '.join(map(literal, values))}]::text[])[1 + ({number} & 2147483647) % {len(values)}]"

    def cuts(self, session: Session, table: Table, relation: str, step: int) -> Sequence[str]:
        """By place, as the engine cuts a table that no rule is for. The last part has no end: rows are added there."""
        if table.kind not in ("table", "parent", "partitioned"):
            return ()
        if int(session.version.split(".")[0]) < CUTS_BY_PLACE:
            return ()
        name = literal(relation.removeprefix("ONLY "))
        ((blocks, size),) = session.query(
            "SELECT pg_relation_size(r) / current_setting('block_size')::int8, pg_table_size(r) "
            f"FROM (SELECT {name}::regclass AS r) AS t"
        )
        number, parts = int(blocks or 0), -(-int(size or 0) // step)
        if parts < 2 or number < 2:
            return ()
        width = -(-number // min(parts, MOST_PARTS))
        starts = range(0, number, width)
        return [
            " AND ".join(
                [
                    *([f"ctid >= '({start},0)'"] if start else []),
                    *([f"ctid < '({start + width},0)'"] if start + width < number else []),
                ]
            )
            for start in starts
        ]
