"""Constants and masks in SQLite's SQL, with the functions that dbferry's sessions bring it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from dbferry.catalog import NativeType
from dbferry.engines.sqlite.catalog import native
from dbferry.engines.sqlite.ddl import literal
from dbferry.phrases import PlainPhrases, pads


class SqlitePhrases(PlainPhrases):
    def constant(self, value: str | bool | float) -> str:
        if isinstance(value, str):
            return literal(value)
        return str(int(value)) if isinstance(value, bool) else repr(value)

    def moment(self, moment: datetime, *, wall: bool) -> tuple[str, NativeType | None]:
        if wall:
            return literal(moment.replace(tzinfo=None).isoformat(sep=" ")), native("TIMESTAMP")
        return literal(moment.isoformat(sep=" ")), native("TIMESTAMPTZ")

    def as_text(self, value: str) -> str:
        return f"CAST({value} AS TEXT)"

    def repeat(self, mark: str, times: str) -> str:
        # Each byte of a zeroed blob has two hexadecimal digits.
        return f"replace(hex(zeroblob({times})), '00', {literal(mark)})"

    def sha256(self, text: str) -> str | None:
        return _digits(f"dbferry_sha256({text})")

    def hmac(self, text: str, key: bytes) -> str | None:
        return f"lower({_digits(_hmac(text, key))})"

    def scramble(self, text: str, key: bytes, longest: int | None, *, letters: bool) -> str | None:
        return f"dbferry_scramble({text}, {_hmac(text, key)}, {int(letters)})"

    def written(self, moment: str, form: str) -> str | None:
        return f"strftime({literal(form)}, {moment})"

    def ascii_case(self, text: str, *, upper: bool) -> str | None:
        return f"{'upper' if upper else 'lower'}({text})"

    def digits(self, value: str, *, text: bool) -> str | None:
        return f"hex({value})"

    def zeros(self, count: int) -> str | None:
        return f"zeroblob({count})"

    def julian(self, moment: str) -> str | None:
        return f"julianday({moment})"

    def random(self) -> str | None:
        return "random()"

    def choose(self, text: str, key: bytes, values: Sequence[str]) -> str | None:
        place = f"(dbferry_number({_hmac(text, key)}) % {len(values)})"
        # JSON, for a function takes no more than a hundred arguments.
        listed = json.dumps(values, ensure_ascii=False)
        return f"json_extract({literal(listed)}, '$[' || {place} || ']')"


def _digits(made: str) -> str:
    """`hex` of NULL is an empty text."""
    return f"nullif(hex({made}), '')"


def _hmac(text: str, key: bytes) -> str:
    inner, outer = (f"X'{pad}'" for pad in pads(key))
    return f"dbferry_sha256({outer}, dbferry_sha256({inner}, {text}))"
