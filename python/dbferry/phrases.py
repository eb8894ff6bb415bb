"""The words in which rules are said to a source: constants and masks as SQL of its dialect."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from dbferry.catalog import NativeType, Session, Table

BLOCK = 64
"""Bytes of SHA-256's block, to which HMAC pads its key."""

JULIAN = 210_866_760_000_000
"""Milliseconds of Julian days before 1970. They are counted so, and then divided once, as SQLite does."""


class Phrases(Protocol):
    """Each gives an expression; nothing where the engine has no words for it."""

    def constant(self, value: str | bool | float) -> str: ...
    def moment(self, moment: datetime, *, wall: bool) -> tuple[str, NativeType | None]:
        """A moment in UTC, and its type where the engine can't tell it from the expression; with `wall` the clock's
        reading alone.
        """

    def as_text(self, value: str) -> str: ...
    def as_digits(self, number: str) -> str:
        """The text of a whole number, however its column would show it."""

    def length(self, text: str) -> str:
        """Characters of a text."""

    def repeat(self, mark: str, times: str) -> str:
        """A constant's character so many times; none for numbers below 1."""

    def join(self, *texts: str) -> str: ...
    def sha256(self, text: str) -> str | None:
        """64 hexadecimal digits in upper case, of the text in UTF-8."""

    def hmac(self, text: str, key: bytes) -> str | None:
        """HMAC-SHA-256 as 64 hexadecimal digits in lower case, of the text in UTF-8."""

    def scramble(self, text: str, key: bytes, longest: int | None, *, letters: bool) -> str | None:
        """Every digit another, that the key, the whole text and its place choose; with `letters` ASCII letters too,
        and what is beyond ASCII becomes x. `longest` is the length that the text's column is declared with.
        """

    def written(self, moment: str, form: str) -> str | None:
        """A date or moment as text, by a form of strftime that has nothing but %Y %m %d %H %M %S %j and signs."""

    def ascii_case(self, text: str, *, upper: bool) -> str | None:
        """A text with its ASCII letters, and no others, as capitals or small ones."""

    def digits(self, value: str, *, text: bool) -> str | None:
        """Hexadecimal digits in upper case, of a text in UTF-8 or else of bytes; an empty text for NULL."""

    def zeros(self, count: int) -> str | None:
        """So many zero bytes."""

    def julian(self, moment: str) -> str | None:
        """Days since noon of 24 November 4714 BC as a double, of a date or a moment in whole seconds; NULL for what is
        beyond the years 1 to 9999.
        """

    def random(self) -> str | None:
        """A whole number of 64 bits with a sign, another for each row."""

    def choose(self, text: str, key: bytes, values: Sequence[str]) -> str | None:
        """One of the values, by the HMAC of the text under the key; NULL for NULL."""

    def cuts(self, session: Session, table: Table, relation: str, step: int) -> Sequence[str]:
        """Conditions that part a table in about `step` bytes each; none where the engine cuts queries itself, or
        can't.
        """


class PlainPhrases:
    """Plain SQL, which has no hashes."""

    def constant(self, value: str | bool | float) -> str:
        return str(value) if not isinstance(value, str) else "'" + value.replace("'", "''") + "'"

    def moment(self, moment: datetime, *, wall: bool) -> tuple[str, NativeType | None]:
        return self.constant(moment.isoformat(sep=" ")), None

    def as_text(self, value: str) -> str:
        return f"CAST({value} AS VARCHAR)"

    def as_digits(self, number: str) -> str:
        return self.as_text(number)

    def length(self, text: str) -> str:
        return f"length({text})"

    def repeat(self, mark: str, times: str) -> str:
        return f"repeat({self.constant(mark)}, {times})"

    def join(self, *texts: str) -> str:
        return " || ".join(texts)

    def sha256(self, text: str) -> str | None:
        return None

    def hmac(self, text: str, key: bytes) -> str | None:
        return None

    def scramble(self, text: str, key: bytes, longest: int | None, *, letters: bool) -> str | None:
        return None

    def written(self, moment: str, form: str) -> str | None:
        return None

    def ascii_case(self, text: str, *, upper: bool) -> str | None:
        return None

    def digits(self, value: str, *, text: bool) -> str | None:
        return None

    def zeros(self, count: int) -> str | None:
        return None

    def julian(self, moment: str) -> str | None:
        return None

    def random(self) -> str | None:
        return None

    def choose(self, text: str, key: bytes, values: Sequence[str]) -> str | None:
        return None

    def cuts(self, session: Session, table: Table, relation: str, step: int) -> Sequence[str]:
        return ()


def pads(key: bytes) -> tuple[str, str]:
    """HMAC's inner and outer key as hexadecimal digits: H(outer || H(inner || text))."""
    short = hashlib.sha256(key).digest() if len(key) > BLOCK else key
    padded = short.ljust(BLOCK, b"\0")
    inner, outer = (bytes(byte ^ mark for byte in padded).hex() for mark in (0x36, 0x5C))
    return inner, outer
