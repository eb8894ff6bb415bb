"""What an engine's SQL means: its functions by meaning, and its words for each meaning.

A meaning is a name that no engine owns, such as `characters` for the length of a text. An engine says by which
of its functions it is written (`functions`, from name and number of arguments) and how it writes it
(`words`); what gives another value each time, such as the current moment, is a default and nothing else. What an engine has no words for can't be said in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from dbferry.catalog import NativeType
from dbferry.types import Kind

NUMBERS = frozenset({Kind.INT, Kind.UINT, Kind.FLOAT, Kind.DECIMAL, Kind.NUMERIC, Kind.YEAR})
WHOLE = frozenset({Kind.INT, Kind.UINT, Kind.YEAR})
TEXT, BOOL = frozenset({Kind.TEXT}), frozenset({Kind.BOOL})
DAYS = frozenset({Kind.DATE, Kind.TIMESTAMP})

Matching = Literal["exact", "collation", "ascii"]
"""How LIKE takes case: never alike, as the column's collation says, or ASCII letters alike."""


@dataclass(frozen=True)
class Signature:
    """What a meaning takes and gives. The last set of kinds stands for all further arguments."""

    takes: tuple[frozenset[Kind], ...]
    gives: Kind


MEANINGS: Mapping[str, Signature] = {
    "lower": Signature((TEXT,), Kind.TEXT),
    "upper": Signature((TEXT,), Kind.TEXT),
    "lower_ascii": Signature((TEXT,), Kind.TEXT),
    "upper_ascii": Signature((TEXT,), Kind.TEXT),
    "characters": Signature((TEXT,), Kind.INT),
    "bytes": Signature((frozenset({Kind.BINARY}),), Kind.INT),
    "trim": Signature((TEXT,), Kind.TEXT),
    "trim_left": Signature((TEXT,), Kind.TEXT),
    "trim_right": Signature((TEXT,), Kind.TEXT),
    "replace": Signature((TEXT,), Kind.TEXT),
    "join": Signature((TEXT,), Kind.TEXT),
    "text_of_integer": Signature((WHOLE,), Kind.TEXT),
    "absolute": Signature((NUMBERS,), Kind.DECIMAL),
    "floor": Signature((frozenset({Kind.DECIMAL, Kind.FLOAT}),), Kind.DECIMAL),
    "ceiling": Signature((frozenset({Kind.DECIMAL, Kind.FLOAT}),), Kind.DECIMAL),
    "round": Signature((frozenset({Kind.DECIMAL, Kind.NUMERIC}), WHOLE), Kind.DECIMAL),
    "double": Signature((NUMBERS,), Kind.FLOAT),
    "quotient": Signature((WHOLE, WHOLE), Kind.INT),
    "remainder": Signature((WHOLE, WHOLE), Kind.INT),
    "year": Signature((DAYS,), Kind.INT),
    "month": Signature((DAYS,), Kind.INT),
    "day": Signature((DAYS,), Kind.INT),
    "json_valid": Signature((frozenset({Kind.JSON}),), Kind.BOOL),
}


def _always(native: NativeType) -> bool:
    return True


def _never(native: NativeType) -> bool:
    return False


def _as_declared(native: NativeType, kind: Kind) -> Kind:
    return kind


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One engine's SQL."""

    parser: str
    """sqlglot's name for it."""
    quote: Callable[[str], str]
    literal: Callable[[str], str]
    hexadecimal: str
    """The literal of bytes; `{0}` stands for their digits."""
    functions: Mapping[str, str]
    """`name/arguments`, or `name` for any number of them, to its meaning."""
    words: Mapping[str, str]
    why_not: Mapping[str, str] = field(default_factory=dict)
    """Meanings that it has no words for → why."""
    moments: Mapping[str, str] = field(default_factory=dict)
    """Texts of defaults, as `defaults` makes them plain → what new value they stand for."""
    booleans: tuple[str, str] = ("false", "true")
    matching: Matching = "exact"
    escape: str = "\\"
    """What takes the meaning of the next character of a LIKE pattern away; empty where nothing does."""
    backslashes: bool = False
    """True when a backslash in a literal takes the meaning of the next character away."""
    exact_decimals: bool = True
    """False when arithmetic on decimals is done in floating point."""
    whole_division: bool = True
    """True when `/` between integers gives an integer."""
    wide_integers: bool = True
    """False when arithmetic on narrow integers overflows at their own width."""
    numbers_are_truth: bool = True
    """True when a number other than 0 is true."""
    words_are_text: bool = False
    """True when "double quotes" that name no column are text."""
    stored: Callable[[NativeType, Kind], Kind] = _as_declared
    """The kind that values of a declared column are compared as."""
    exact: Callable[[NativeType], bool] = _always
    """True when no two texts of such a column are equal but those of the same characters."""
    padded: Callable[[NativeType], bool] = _never
    """True when texts of such a column are equal that differ in nothing but blanks at their end."""
    nulls_are_large: bool | None = False
    """True when NULL comes last in ascending order and first in descending; nothing when always last."""
    places_nulls: bool = True
    """True when an order may say where NULLs lie."""
    days_are_numbers: bool = False
    """True when a number that is added to a date is one of days."""
    ends_recursion: bool = False
    """True when a query that reads itself is ended after a number of turns, and its text cut to that of the first."""
    clock_seconds: bool = False
    """True when the current moment is what the clock on the wall says, in whole seconds."""
    cuts_lists: bool = False
    """True when a list that a query makes of texts is cut at a length that is a setting."""
    rounds_shares: bool = False
    """True when percent_rank() and cume_dist() have no more than ten digits after the point."""
    fits: Mapping[str, str] = field(default_factory=dict)
    """How a column is widened before arithmetic, by the name of its type."""
