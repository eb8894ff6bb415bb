"""Constants and masks in the SQL of MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase

from dbferry.catalog import NativeType
from dbferry.engines.mysql.ddl import literal
from dbferry.phrases import JULIAN, PlainPhrases, pads

SCRAMBLED = 1_000
"""Bytes that can be scrambled: GROUP_CONCAT cuts what is longer than 1024 by default."""
BYTES_PER_CHARACTER = 4
SCRAMBLE = """IF({text} = '', '', (SELECT GROUP_CONCAT(CASE
  WHEN ORD(SUBSTR({text}, c.place, 1)) BETWEEN 48 AND 57 THEN CHAR(48 + {byte} % 10 USING utf8mb4){letters}
  ELSE SUBSTR({text}, c.place, 1) END ORDER BY c.place SEPARATOR '')
FROM JSON_TABLE(CONCAT('[0', REPEAT(',0', CHAR_LENGTH({text}) - 1), ']'),
                '$[*]' COLUMNS (place FOR ORDINALITY)) AS c))"""
LETTERS = """
  WHEN LENGTH(SUBSTR({text}, c.place, 1)) > 1 THEN 'x'
  WHEN ORD(SUBSTR({text}, c.place, 1)) BETWEEN 97 AND 122 THEN CHAR(97 + {byte} % 26 USING utf8mb4)
  WHEN ORD(SUBSTR({text}, c.place, 1)) BETWEEN 65 AND 90 THEN CHAR(65 + {byte} % 26 USING utf8mb4)"""
BYTE = "CONV(SUBSTR({hash}, (c.place - 1) % 32 * 2 + 1, 2), 16, 10)"


class MysqlPhrases(PlainPhrases):
    def constant(self, value: str | bool | float) -> str:
        if isinstance(value, str):
            return literal(value)
        return str(int(value)) if isinstance(value, bool) else repr(value)

    def moment(self, moment: datetime, *, wall: bool) -> tuple[str, NativeType | None]:
        return f"TIMESTAMP'{moment.replace(tzinfo=None).isoformat(sep=' ')}'", None

    def as_text(self, value: str) -> str:
        return f"CAST({value} AS CHAR CHARACTER SET utf8mb4)"

    def as_digits(self, number: str) -> str:
        # A column may be declared to fill it up with zeros.
        return self.as_text(f"({number} + 0)")

    def length(self, text: str) -> str:
        return f"CHAR_LENGTH({text})"

    def repeat(self, mark: str, times: str) -> str:
        return f"REPEAT({literal(mark)}, {times})"

    def join(self, *texts: str) -> str:
        return f"CONCAT({', '.join(texts)})"

    def sha256(self, text: str) -> str | None:
        return f"UPPER(SHA2({text}, 256))"

    def hmac(self, text: str, key: bytes) -> str | None:
        inner, outer = (f"X'{pad}'" for pad in pads(key))
        return f"SHA2(CONCAT({outer}, UNHEX(SHA2(CONCAT({inner}, {text}), 256))), 256)"

    def scramble(self, text: str, key: bytes, longest: int | None, *, letters: bool) -> str | None:
        if longest is None or longest * (1 if letters else BYTES_PER_CHARACTER) > SCRAMBLED:
            return None
        byte = BYTE.format(hash=self.hmac(text, key))
        others = LETTERS.format(text=text, byte=byte) if letters else ""
        return SCRAMBLE.format(text=text, byte=byte, letters=others)

    def written(self, moment: str, form: str) -> str | None:
        told = form.replace("%M", "%i").replace("%S", "%s")
        return f"DATE_FORMAT({moment}, {literal(told)})"

    def ascii_case(self, text: str, *, upper: bool) -> str | None:
        # REPLACE tells small letters from capitals under every collation.
        for small, large in zip(ascii_lowercase, ascii_uppercase, strict=True):
            pair = (small, large) if upper else (large, small)
            text = f"REPLACE({text}, {', '.join(map(literal, pair))})"
        return text

    def digits(self, value: str, *, text: bool) -> str | None:
        return f"COALESCE(HEX({self.as_text(value) if text else value}), '')"

    def zeros(self, count: int) -> str | None:
        return f"REPEAT(X'00', {count})"

    def julian(self, moment: str) -> str | None:
        seconds = f"TIMESTAMPDIFF(SECOND, TIMESTAMP'1970-01-01 00:00:00', {moment})"
        return f"({JULIAN} + 1000 * {seconds}) / 86400000e0"

    def random(self) -> str | None:
        return f"CAST(FLOOR((RAND() - 0.5) * {2**53}) * {2**11} AS SIGNED)"

    def choose(self, text: str, key: bytes, values: Sequence[str]) -> str | None:
        number = f"CAST(CONV(LEFT({self.hmac(text, key)}, 8), 16, 10) AS UNSIGNED) & 2147483647"
        return f"ELT(1 + ({number}) % {len(values)}, {', '.join(map(literal, values))})"
