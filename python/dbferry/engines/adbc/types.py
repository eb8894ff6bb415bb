"""A driver's Arrow types → canonical as a source; the flights that a driver takes as a target."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from dbferry.catalog import Column, NativeType
from dbferry.engines.arrow import types as arrow
from dbferry.types import (
    Canonical,
    Context,
    Declared,
    Facts,
    Flight,
    Kind,
    Reading,
    Verdict,
    Writing,
    decimal,
    decimal_checks,
)

AS_TEXT = "CAST({c} AS VARCHAR)"

# PostgreSQL's types that its driver gives in a form of their own: cents, signed object numbers, wire bytes.
# The database is asked for another form instead.
NUMBERS: Mapping[str, str] = {
    "numeric": "CAST({c} AS text)",
    "money": "CAST(CAST({c} AS numeric) AS text)",
}
WIDENED: Mapping[str, str] = {"oid": "CAST({c} AS bigint)"}
SIGNED_BITS = 11
"""A scale's, in the modifier of a numeric."""


def native(field: Mapping[str, Any], vendor: str) -> NativeType:
    """A type as the session describes it."""
    made, declared = arrow.native(field), str(field["declared"])
    if vendor == "SQLite":
        # A column takes whatever comes, whatever its values so far are.
        return replace(made, kind="dynamic")
    if declared == "numeric" and field["modifier"] >= 0:
        packed, half = field["modifier"] - 4, 1 << (SIGNED_BITS - 1)
        precision, scale = packed >> 16, ((packed & (2 * half - 1)) ^ half) - half
        text = f"numeric({precision},{scale})"
        return replace(made, name="numeric", text=text, precision=precision, scale=scale)
    if declared in NUMBERS or declared in WIDENED:
        return replace(made, name=declared, text=declared)
    opaque = field.get("extension") == "arrow.opaque" or made.name == "interval"
    if opaque or (made.name in arrow.LISTS and made.name != "text_list"):
        return replace(made, name="own", text=declared or made.text)
    return made


def standing(native: NativeType, declared: str | None) -> NativeType:
    """A column of a target, which rounds and converts as it was declared."""
    if native.kind == "dynamic":
        from dbferry.engines.adbc import affinity

        return affinity.standing(native, declared or "")
    if declared is None:
        return native
    if native.name == "text":
        # Of the length and what is kept with it.
        return replace(native, length=int(declared) - 4)
    if native.name in ("time", "timestamp", "instant"):
        return replace(native, precision=int(declared))
    return native


def read(column: Column, facts: Facts) -> Reading:
    native = column.native
    if native.name in NUMBERS:
        return _number(native)
    if native.name in WIDENED:
        return Reading(
            canonical=Canonical(kind=Kind.INT, bits=64),
            read="plain",
            flight=Flight("int64"),
            expression=WIDENED[native.name],
        )
    if native.name == "own":
        return replace(
            _text(Kind.TEXT, AS_TEXT),
            verdict=Verdict.NOTE,
            code="X-TEXT",
            note="the driver gives its bytes only: read as the database's text",
        )
    # The database writes its own text; Arrow's would be one more form.
    return replace(arrow.read(column, facts), options={"text": ("plain", AS_TEXT)})


def _number(native: NativeType) -> Reading:
    """The server's own digits; a decimal where all of them have their place in one."""
    reading = _text(Kind.NUMERIC, NUMBERS[native.name])
    precision, scale = native.precision or 0, native.scale or 0
    if not 0 <= scale <= precision or not 0 < precision <= arrow.MOST_DIGITS:
        return reading
    return replace(
        reading,
        canonical=Canonical(kind=Kind.DECIMAL, precision=precision, scale=scale),
        flight=decimal(precision, scale),
        options={"text": ("plain", reading.expression)},
        risks=frozenset({"N-NAN"}),
    )


def read_text(column: Column) -> Reading:
    return _text(Kind.TEXT, AS_TEXT)


def _text(kind: Kind, expression: str) -> Reading:
    return Reading(
        canonical=Canonical(kind=kind), read="plain", flight=Flight("text"), expression=expression
    )


def declare(reading: Reading, context: Context) -> Declared:
    return declared(reading, context.extensions)


def declared(reading: Reading, carried: Collection[str]) -> Declared:
    """The flight itself if the driver carries it, else text; the driver names the type."""
    given = arrow.declare(reading, _nowhere())
    wanted = given.flight or reading.flight
    for flight in (wanted, Flight("text")):
        if reading.flown_as(flight) is None:
            continue
        exact, told = key(flight), f"{key(flight)} as text"
        if exact not in carried and told not in carried:
            continue
        if flight.type != wanted.type:
            return _note(replace(given, native=arrow_text(), extension=None, flight=flight))
        kept = given.extension if given.extension in carried else None
        given = replace(given, extension=kept)
        if flight.type in ("float32", "float64") and "nan" not in carried:
            # As a column of SQLite, to which NaN is NULL.
            return replace(given, native=_dynamic(given.native, "REAL"))
        if exact not in carried and flight.type in ("date", "timestamp"):
            given = replace(given, native=_dynamic(given.native, flight.type.upper()))
        return given if exact in carried else _note(given)
    return replace(
        given,
        verdict=Verdict.ERROR,
        code="X-TYPE",
        note=f"the ADBC driver can't take {given.native.text}",
        hint="choose --on-loss '{column}:X-TYPE=text'",
    )


def _dynamic(native: NativeType, declared: str) -> NativeType:
    """As a column of SQLite of that declaration."""
    return replace(native, kind="dynamic", text=declared)


def key(flight: Flight) -> str:
    """The name of a flight in a trial; decimals of more than 128 bits are a type of their own."""
    return "wide decimal" if flight.type == "decimal" and flight.precision > 38 else flight.type


def arrow_text() -> NativeType:
    return NativeType(name="text", text="utf8")


def _note(given: Declared) -> Declared:
    return replace(
        given, verdict=Verdict.NOTE, code="X-TEXT", note="the ADBC driver stores it as text"
    )


def _nowhere() -> Context:
    return Context(source="", schema="", table="", column="", facts={}, version=())


# What a column that stands takes besides its own flight: the driver's own widening, and what a
# database's number or interval is made of.
TAKES: Mapping[str, frozenset[str]] = {
    "int16": frozenset({"int8", "uint8"}),
    "int32": frozenset({"uint16"}),
    "int64": frozenset({"uint32"}),
    "json": frozenset({"text"}),
    "binary": frozenset({"uuid"}),
}


def accept(native: NativeType, flight: Flight) -> Writing | None:
    if native.kind == "dynamic":
        from dbferry.engines.adbc import affinity

        return affinity.accept(native, flight)
    if native.name in ("decimal", "numeric") and flight.type == "decimal":
        return Writing(write="arrow", checks=decimal_checks(flight, native.precision, native.scale))
    if native.name == flight.type == "text" and native.length is not None:
        return Writing(write="arrow", checks=({"rule": "characters", "max": native.length},))
    taken = flight.type == native.name or flight.type in TAKES.get(native.name, frozenset())
    return Writing(write="arrow") if taken else None
