"""Constants and masks in SQLite's SQL, which has no hash."""

from __future__ import annotations

from datetime import datetime

from dbferry.catalog import NativeType
from dbferry.engines.sqlite.catalog import native
from dbferry.engines.sqlite.ddl import literal
from dbferry.phrases import PlainPhrases


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

    def written(self, moment: str, form: str) -> str | None:
        return f"strftime({literal(form)}, {moment})"

    def random(self) -> str | None:
        return "random()"
