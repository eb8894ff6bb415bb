"""The names of types in rules: those without an engine."""

from __future__ import annotations

import re
from typing import Any

from dbferry.types import Canonical, Flight, Kind, decimal_checks, integer_checks

NAMED = re.compile(r"\s*([a-z]+)(\d*)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*")
PLAIN = {
    "bool": Kind.BOOL, "boolean": Kind.BOOL, "text": Kind.TEXT, "binary": Kind.BINARY, "date": Kind.DATE,
    "time": Kind.TIME, "timestamp": Kind.TIMESTAMP, "instant": Kind.INSTANT, "uuid": Kind.UUID,
    "json": Kind.JSON,
}  # fmt: skip
SIZED = {"int": (Kind.INT, (8, 16, 32, 64)), "uint": (Kind.UINT, (8, 16, 32, 64)),
         "float": (Kind.FLOAT, (32, 64))}  # fmt: skip
DIGITS = 76
WHOLE = frozenset({Kind.BOOL, Kind.INT, Kind.UINT})
FROM = {
    Kind.INT: WHOLE,
    Kind.UINT: WHOLE,
    Kind.DECIMAL: frozenset(
        {Kind.INT, Kind.UINT, Kind.DECIMAL, Kind.NUMERIC, Kind.FLOAT, Kind.TEXT}
    ),
    Kind.NUMERIC: frozenset(
        {Kind.INT, Kind.UINT, Kind.DECIMAL, Kind.NUMERIC, Kind.FLOAT, Kind.TEXT}
    ),
    Kind.JSON: frozenset({Kind.JSON, Kind.TEXT}),
    Kind.UUID: frozenset({Kind.UUID, Kind.TEXT}),
}
"""What a value can come from without a change, if it fits; any other kind from itself, and text from all."""


def canonical(text: str) -> Canonical | None:
    """The type of this name; nothing when there is none."""
    match = NAMED.fullmatch(text.lower())
    if match is None:
        return None
    name, bits, first, second = match.groups()
    if name in SIZED:
        kind, sizes = SIZED[name]
        known = bits and int(bits) in sizes and first is None
        return Canonical(kind=kind, bits=int(bits)) if known else None
    if bits:
        return None
    if name in ("decimal", "numeric"):
        return _decimal(first, second)
    if name not in PLAIN or second is not None:
        return None
    kind, size = PLAIN[name], None if first is None else int(first)
    match kind:
        case Kind.TEXT | Kind.BINARY:
            return Canonical(kind=kind, length=size) if size != 0 else None
        case Kind.TIME | Kind.TIMESTAMP | Kind.INSTANT if size is None or size <= 6:
            return Canonical(kind=kind, precision=6 if size is None else size)
        case _ if size is None:
            return Canonical(kind=kind)
        case _:
            return None


def _decimal(first: str | None, second: str | None) -> Canonical | None:
    if first is None:
        return Canonical(kind=Kind.NUMERIC)
    precision, scale = int(first), int(second or 0)
    if not 1 <= precision <= DIGITS or scale > precision:
        return None
    return Canonical(kind=Kind.DECIMAL, precision=precision, scale=scale)


def is_of(found: Canonical, wanted: Canonical) -> bool:
    """True when a column's type is the one that is named, whatever its size."""
    if wanted.kind in (Kind.DECIMAL, Kind.NUMERIC):
        return found.kind in (Kind.DECIMAL, Kind.NUMERIC)
    return found.kind is wanted.kind and wanted.bits in (0, found.bits)


def castable(kind: Kind, wanted: Kind) -> bool:
    return wanted is Kind.TEXT or kind in FROM.get(wanted, {wanted})


def checks(wanted: Canonical, flight: Flight) -> tuple[dict[str, Any], ...]:
    """What every value must obey, also where the target's own type would take more."""
    match wanted.kind:
        case Kind.INT | Kind.UINT:
            return integer_checks(f"{wanted.kind}{wanted.bits}", flight)
        case Kind.DECIMAL:
            return decimal_checks(flight, wanted.precision, wanted.scale)
        case Kind.TEXT if wanted.length is not None and flight.type == "text":
            return ({"rule": "characters", "max": wanted.length},)
        case _:
            return ()
