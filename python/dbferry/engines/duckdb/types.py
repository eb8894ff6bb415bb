"""DuckDB's types: canonical → native; it takes the Arrow of the flight, so nothing is encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbferry.catalog import Column, NativeType
from dbferry.engines.duckdb import ddl
from dbferry.engines.duckdb.catalog import native
from dbferry.types import (
    INTEGERS,
    Canonical,
    Context,
    Declared,
    Flight,
    Kind,
    Reading,
    Verdict,
    Writing,
    decimal_checks,
    integer_checks,
)

INTEGER_NAMES: Mapping[tuple[Kind, int], str] = {
    (Kind.INT, 8): "TINYINT", (Kind.INT, 16): "SMALLINT", (Kind.INT, 32): "INTEGER",
    (Kind.INT, 64): "BIGINT", (Kind.UINT, 8): "UTINYINT", (Kind.UINT, 16): "USMALLINT",
    (Kind.UINT, 32): "UINTEGER", (Kind.UINT, 64): "UBIGINT", (Kind.YEAR, 16): "SMALLINT",
}  # fmt: skip
NAMES: Mapping[Kind, str] = {
    Kind.BOOL: "BOOLEAN", Kind.BINARY: "BLOB", Kind.DATE: "DATE", Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP", Kind.INSTANT: "TIMESTAMP WITH TIME ZONE", Kind.SPAN: "INTERVAL",
    Kind.SET: "VARCHAR[]", Kind.OPAQUE: "VARCHAR", Kind.TIMETZ: "VARCHAR", Kind.INTERVAL: "VARCHAR",
}  # fmt: skip
MOST_DIGITS = 38
NO_KEY = frozenset({"interval", "varchar[]"})


def declare(reading: Reading, context: Context) -> Declared:
    """The native type for a canonical one."""
    kind = reading.canonical
    match kind.kind:
        case Kind.INT | Kind.UINT | Kind.YEAR:
            return Declared(native=native(INTEGER_NAMES[kind.kind, kind.bits]))
        case Kind.FLOAT:
            return Declared(native=native("FLOAT" if kind.bits == 32 else "DOUBLE"))
        case Kind.DECIMAL | Kind.NUMERIC:
            return _decimal(kind)
        case Kind.UUID:
            return Declared(native=native("UUID"), extension="arrow.uuid")
        case Kind.JSON | Kind.ARRAY:
            return Declared(native=native("JSON"), extension="arrow.json")
        case Kind.ENUM if kind.labels:
            labels = ", ".join(map(ddl.literal, kind.labels))
            return Declared(
                native=NativeType(name="enum", text=f"ENUM({labels})", labels=kind.labels)
            )
        case Kind.ENUM:
            return Declared(native=native("VARCHAR"))
        case Kind.TEXT if kind.ignore_case:
            return _note("VARCHAR", "C-CI-LOST", "comparisons become case-sensitive")
        case Kind.TEXT:
            return Declared(native=native("VARCHAR"))
        case Kind.XML:
            return _note("VARCHAR", "X-XML", "a document is its text")
        case Kind.NETWORK:
            return _note("VARCHAR", "X-ADDRESS", "an address is its text")
        case Kind.BITS:
            return _note("VARCHAR", "X-BITS", "bits are text of 0 and 1")
        case Kind.GEOMETRY:
            return _note("BLOB", "G-TYPE", "geometry as well-known binary")
        case _:
            return Declared(native=native(NAMES[kind.kind]))


# Of a declared type; what isn't here is compared in no way that is known.
KINDS: Mapping[str, Kind] = {
    **{name.lower(): kind for (kind, _), name in INTEGER_NAMES.items() if kind is not Kind.YEAR},
    **{name.lower(): kind for kind, name in NAMES.items() if name not in ("VARCHAR", "VARCHAR[]")},
    "float": Kind.FLOAT, "double": Kind.FLOAT, "decimal": Kind.DECIMAL, "varchar": Kind.TEXT,
    "uuid": Kind.UUID, "json": Kind.JSON, "enum": Kind.ENUM,
}  # fmt: skip


def read(column: Column) -> Reading:
    native = column.native
    kind = KINDS.get(native.name, Kind.OPAQUE)
    canonical = Canonical(
        kind=kind, bits=32 if native.name == "float" else 64, precision=native.precision, scale=native.scale
    )  # fmt: skip
    return Reading(canonical=canonical, read="", flight=Flight(""))


def _note(declared: str, code: str, note: str) -> Declared:
    return Declared(native=native(declared), verdict=Verdict.NOTE, code=code, note=note)


def _decimal(kind: Canonical) -> Declared:
    if kind.kind is Kind.DECIMAL and (kind.precision or 0) <= MOST_DIGITS:
        return Declared(native=native(f"DECIMAL({kind.precision},{kind.scale})"))
    # DuckDB refuses wider decimals, and reads them as doubles from files.
    return Declared(
        native=native("VARCHAR"),
        flight=Flight("text"),
        verdict=Verdict.NOTE,
        code="N-TEXT",
        note="numbers of more than 38 digits are text, and sort as text",
    )


TARGET: Mapping[str, frozenset[str]] = {
    **{name.lower(): INTEGERS | {"bool"} for name in INTEGER_NAMES.values()},
    "boolean": frozenset({"bool"}),
    "float": frozenset({"float32"}),
    "double": frozenset({"float32", "float64"}),
    "decimal": INTEGERS | {"decimal"},
    "varchar": frozenset({"text"}),
    "json": frozenset({"text"}),
    "enum": frozenset({"text"}),
    "blob": frozenset({"binary"}),
    "uuid": frozenset({"uuid"}),
    "date": frozenset({"date"}),
    "time": frozenset({"time"}),
    "timestamp": frozenset({"timestamp"}),
    "timestamp with time zone": frozenset({"instant"}),
    "interval": frozenset({"span"}),
    "varchar[]": frozenset({"text_list"}),
}


def accept(native: NativeType, flight: Flight) -> Writing | None:
    if flight.type not in TARGET.get(native.name, frozenset()):
        return None
    checks: list[dict[str, Any]] = []
    for (kind, bits), name in INTEGER_NAMES.items():
        if name.lower() == native.name and kind is not Kind.YEAR:
            checks += integer_checks(f"{kind}{bits}", flight)
    if native.name == "decimal":
        checks += decimal_checks(flight, native.precision, native.scale)
    return Writing(write="arrow", checks=tuple(checks))
