"""The canonical types, and the words in which one column's conversion is decided.

Three steps, each one function of an engine: the source's `read` makes a `Reading` of a native type
and what a probe found; the target's `declare` answers with a `Declared` native type and a verdict;
the target's `accept` says which encoder loads that native type and what every value must obey.
A table that exists already enters at the third step with its own types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dbferry.catalog import NativeType

SAMPLE = 10_000
"""Rows of a sample, about."""
LARGE = 100_000
"""Rows from which on a table is large enough to be sampled."""
Facts = Mapping[str, int]
"""What a probe found in one column, by name; what isn't there was not looked for."""


class Verdict(StrEnum):
    """What happens to a column's values."""

    LOSSLESS = "L"
    NOTE = "Ln"
    PROBED = "P"
    WARNING = "W"
    ERROR = "E"

    @property
    def weight(self) -> int:
        return list(Verdict).index(self)


class Kind(StrEnum):
    BOOL = "bool"
    INT = "int"
    UINT = "uint"
    FLOAT = "float"
    DECIMAL = "decimal"
    NUMERIC = "numeric"
    """Decimal text of any length; NaN and infinities allowed."""
    TEXT = "text"
    BINARY = "binary"
    UUID = "uuid"
    JSON = "json"
    XML = "xml"
    DATE = "date"
    TIME = "time"
    TIMETZ = "timetz"
    TIMESTAMP = "timestamp"
    INSTANT = "instant"
    SPAN = "span"
    INTERVAL = "interval"
    ENUM = "enum"
    SET = "set"
    BITS = "bits"
    GEOMETRY = "geometry"
    NETWORK = "network"
    ARRAY = "array"
    """Arrays, records and maps, as JSON text."""
    YEAR = "year"
    OPAQUE = "opaque"
    """The type's own text."""


WHOLE = frozenset({Kind.INT, Kind.UINT})


@dataclass(frozen=True, kw_only=True)
class Canonical:
    """A type without an engine."""

    kind: Kind
    bits: int = 0
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    fixed: bool = False
    ignore_case: bool = False
    labels: tuple[str, ...] = ()
    ordered_keys: bool = False
    """JSON whose text was already normalised by a server (jsonb, MySQL)."""
    collation: str | None = None

    def __str__(self) -> str:
        match self.kind:
            case Kind.INT | Kind.UINT | Kind.FLOAT:
                return f"{self.kind}{self.bits}"
            case Kind.DECIMAL:
                return f"decimal({self.precision},{self.scale})"
            case _ if self.length is not None:
                return f"{self.kind}({self.length})"
            case _:
                return str(self.kind)


@dataclass(frozen=True)
class Flight:
    """The type a column has between the engines."""

    type: str
    precision: int = 0
    scale: int = 0
    element: Flight | None = None
    """What a `list` holds."""

    @property
    def held(self) -> Flight | None:
        """What a list of any sort holds."""
        return Flight("text") if self.type == "text_list" else self.element

    def to_dict(self) -> dict[str, Any]:
        if self.type == "decimal":
            return {"type": "decimal", "precision": self.precision, "scale": self.scale}
        return {"type": self.type}


def decimal(precision: int, scale: int) -> Flight:
    return Flight("decimal", precision, scale)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the source gives a column."""

    canonical: Canonical
    read: str
    flight: Flight
    expression: str = "{c}"
    """SQL in the source's dialect; `{c}` stands for the quoted column."""
    options: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Other flights it can give: type → (read, expression)."""
    verdict: Verdict = Verdict.LOSSLESS
    code: str | None = None
    note: str | None = None
    risks: frozenset[str] = frozenset()
    """Codes that reading a value may raise."""
    checks: tuple[dict[str, Any], ...] = ()
    element: Reading | None = None
    """How the elements are read where `list` is one of the options."""

    def flown_as(self, flight: Flight) -> tuple[str, str] | None:
        """The decoder and the expression for a flight; nothing when the source can't give it."""
        if flight.type == self.flight.type:
            return self.read, self.expression
        return self.options.get(flight.type)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a target knows about a column besides its type."""

    source: str
    schema: str
    table: str
    column: str
    facts: Facts
    version: tuple[int, ...]
    key_columns: int = 0
    """How many columns the widest key has that this column, or one it refers to, is part of; 0 outside."""
    identity: bool = False
    """True when it is one, or refers to one."""
    extensions: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Declared:
    """The target's native type for a reading, and what it costs."""

    native: NativeType
    verdict: Verdict = Verdict.LOSSLESS
    code: str | None = None
    note: str | None = None
    hint: str | None = None
    flight: Flight | None = None
    """The flight that the native type needs, when it isn't the reading's own."""
    checks: tuple[dict[str, Any], ...] = ()
    extension: str | None = None
    """Arrow's name of the meaning; of a list, that of its elements."""


@dataclass(frozen=True, kw_only=True)
class Writing:
    """The encoder for a native type, and what every value must obey."""

    write: str
    checks: tuple[dict[str, Any], ...] = ()
    element: str = ""
    """The encoder for the elements of a list."""
    pads: str = ""
    """What a server fills a value with that is shorter than its column, where it does so."""


@dataclass(frozen=True, kw_only=True)
class Verbatim:
    """A column between two of one family: its type in the target, and how its bytes get there."""

    declared: Declared
    expression: str = "{c}"
    write: str = "text"


CHECK_CODES: Mapping[str, tuple[str, ...]] = {
    "no_nul": ("S-NUL",),
    "finite": ("N-NAN",),
    "not_nan": ("N-NAN",),
    "number": ("N-NAN",),
    "integer": ("N-RANGE",),
    "digits": ("N-RANGE", "N-SCALE"),
    "years": ("T-RANGE",),
    "within_day": ("T-SPAN",),
    "characters": ("S-LEN",),
    "bytes": ("B-SIZE",),
    "labels": ("E-BADENUM",),
    "negative_zero": ("N-NEGZERO",),
    "not_null": (),
    "fraction": ("T-SCALE",),
    "longest": ("T-SPAN",),
}

INTEGERS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))

BOUNDS: Mapping[str, tuple[int, int]] = {
    **{f"int{bits}": (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) for bits in (8, 16, 24, 32, 64)},
    **{f"uint{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 24, 32, 64)},
}


def integer_checks(kind: str, flight: Flight) -> tuple[dict[str, Any], ...]:
    """The demand of an integer column on a wider flight; none when every value fits."""
    low, high = BOUNDS[kind]
    if flight.type == "bool" or flight.type not in BOUNDS:
        return ()
    least, most = BOUNDS[flight.type]
    if least >= low and most <= high:
        return ()
    return ({"rule": "integer", "min": str(low), "max": str(high)},)


def decimal_checks(
    flight: Flight, precision: int | None, scale: int | None
) -> tuple[dict[str, Any], ...]:
    """The demand of numeric(p,s) on a flight that can hold more."""
    if precision is None:
        return ()
    scale = scale or 0
    if flight.type in BOUNDS:
        most = 10 ** (precision - scale) - 1
        if most >= max(abs(bound) for bound in BOUNDS[flight.type]):
            return ()
        return ({"rule": "integer", "min": str(-most), "max": str(most)},)
    if flight.type == "decimal" and (
        flight.scale <= scale and flight.precision - flight.scale <= precision - scale
    ):
        return ()
    number = ({"rule": "number"},) if flight.type == "text" else ()
    return (*number, {"rule": "digits", "precision": min(precision, 255), "scale": scale})
