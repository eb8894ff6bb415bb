"""Columns of SQLite behind its driver: affinity decides what they do to a value, and so what may go in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dbferry.catalog import NativeType
from dbferry.engines.sqlite import types
from dbferry.engines.sqlite.catalog import affinity
from dbferry.engines.sqlite.catalog import native as declaration
from dbferry.types import INTEGERS, Flight, Writing

MADE: Mapping[str, str] = {
    "integer": "int64", "real": "float64", "text": "text", "blob": "binary", "numeric": "numeric",
}  # fmt: skip
"""By the affinity of a column, what makes one of that affinity."""
DYNAMIC = INTEGERS | {"bool", "float32", "float64", "text", "binary", "uuid", "date", "timestamp"}
"""What the driver writes as SQLite itself would."""


def standing(native: NativeType, declared: str) -> NativeType:
    """As it was declared: the driver goes by the values that are there, if there are any."""
    return replace(native, name=MADE[affinity(declaration(declared).name)], text=declared)


def accept(native: NativeType, flight: Flight) -> Writing | None:
    """What a column takes as it is; the driver writes a uuid as its bytes."""
    if flight.type not in DYNAMIC:
        return None
    written = Flight("binary") if flight.type == "uuid" else flight
    taken = types.accept(declaration(native.text), written)
    if taken is None:
        return None
    # The driver cuts other years short.
    moment = flight.type in ("date", "timestamp")
    years = ({"rule": "years", "min": 1, "max": 9999},) if moment else ()
    return Writing(write="arrow", checks=(*taken.checks, *years))
