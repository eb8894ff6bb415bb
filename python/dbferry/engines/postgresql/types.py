"""PostgreSQL's types: native → canonical as a source, canonical → native as a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dbferry.catalog import Catalog, Column, NativeType
from dbferry.types import (
    INTEGERS,
    Canonical,
    Context,
    Declared,
    Facts,
    Flight,
    Kind,
    Reading,
    Verbatim,
    Verdict,
    Writing,
    decimal,
    decimal_checks,
    integer_checks,
)

TEXT = Flight("text")
AS_TEXT = "{c}::text"
AS_JSON = "to_json({c})::text"


def _reading(kind: Kind, read: str, flight: str, *, risks: str = "", **more: Any) -> Reading:
    return Reading(
        canonical=Canonical(kind=kind, **more),
        read=read,
        flight=Flight(flight),
        options={"text": ("text", AS_TEXT)},
        risks=frozenset(risks.split()),
    )


def _as_text(
    kind: Kind,
    note: str | None = None,
    *,
    expression: str = AS_TEXT,
    verdict: Verdict = Verdict.NOTE,
    **more: Any,
) -> Reading:
    return Reading(
        canonical=Canonical(kind=kind, **more),
        read="text",
        flight=TEXT,
        expression=expression,
        verdict=verdict if note else Verdict.LOSSLESS,
        code="X-TYPE" if note else None,
        note=note,
    )


_LOSS = Verdict.WARNING

# Types without parameters; the others are in `_sized`.
SOURCE: Mapping[str, Reading] = {
    "bool":     _reading(Kind.BOOL, "bool", "bool"),
    "int2":     _reading(Kind.INT, "int2", "int16", bits=16),
    "int4":     _reading(Kind.INT, "int4", "int32", bits=32),
    "int8":     _reading(Kind.INT, "int8", "int64", bits=64),
    "oid":      _reading(Kind.UINT, "oid", "uint32", bits=32),
    "xid":      _reading(Kind.UINT, "oid", "uint32", bits=32),
    "cid":      _reading(Kind.UINT, "oid", "uint32", bits=32),
    "float4":   _reading(Kind.FLOAT, "float4", "float32", bits=32),
    "float8":   _reading(Kind.FLOAT, "float8", "float64", bits=64),
    "text":     _reading(Kind.TEXT, "text", "text"),
    "name":     _reading(Kind.TEXT, "text", "text", length=63),
    "char":     _as_text(Kind.TEXT, length=1),
    "citext":   _as_text(Kind.TEXT, ignore_case=True),
    "bytea":    _reading(Kind.BINARY, "bytea", "binary"),
    "uuid":     _reading(Kind.UUID, "uuid", "uuid"),
    "date":     _reading(Kind.DATE, "date", "date", risks="T-INF"),
    "json":     _reading(Kind.JSON, "text", "text"),
    "jsonb":    _reading(Kind.JSON, "jsonb", "text", ordered_keys=True),
    "xml":      _as_text(Kind.XML),
    "timetz":   _as_text(Kind.TIMETZ, "a time with a zone becomes its text", verdict=_LOSS,
                         length=24),
    "interval": replace(
        _as_text(Kind.INTERVAL, "an interval becomes its text", verdict=_LOSS, length=64),
        options={"interval": ("interval", "{c}")}, risks=frozenset({"T-RANGE", "T-INF"}),
    ),
    # The cast to text adds the mask that the type's own output leaves out; abbrev() doesn't.
    "inet":     _as_text(Kind.NETWORK, expression="abbrev({c})", length=43),
    "cidr":     _as_text(Kind.NETWORK, length=43),
    "macaddr":  _as_text(Kind.NETWORK, length=17),
    "macaddr8": _as_text(Kind.NETWORK, length=23),
    "hstore":   _as_text(Kind.ARRAY, "a map becomes JSON", expression=AS_JSON, verdict=_LOSS),
    "xid8":     Reading(canonical=Canonical(kind=Kind.DECIMAL, precision=20, scale=0),
                        read="numeric", flight=decimal(20, 0),
                        expression="{c}::text::numeric(20,0)",
                        options={"text": ("text", AS_TEXT)}),
}  # fmt: skip


def read(column: Column, facts: Facts) -> Reading:
    native = column.native
    if native.kind == "array":
        return _array(native)
    if native.kind == "enum":
        enum = _reading(Kind.ENUM, "text", "text", labels=native.labels)
        return replace(enum, options={**enum.options, "label": ("enum", "{c}")})
    if native.kind == "composite":
        return _as_text(Kind.ARRAY, "a record becomes JSON", expression=AS_JSON, verdict=_LOSS)
    if native.kind == "range":
        return _as_text(Kind.OPAQUE, "a range becomes its text", verdict=_LOSS)
    if native.name in ("geometry", "geography") and native.schema != "pg_catalog":
        from dbferry.engines.postgresql import ddl

        inner = (
            "{c}"
            if native.name == "geometry"
            else f"{{c}}::{ddl.quote(native.schema or '')}.geometry"
        )
        return Reading(
            canonical=Canonical(kind=Kind.GEOMETRY), read="bytea", flight=Flight("binary"),
            expression=f"{ddl.quote(native.schema or '')}.ST_AsBinary({inner})",
            verdict=Verdict.WARNING, code="G-SRID", note="the SRID of each geometry is not carried",
            options={"text": ("text", AS_TEXT)},
        )  # fmt: skip
    known = (
        SOURCE.get(native.name)
        if native.schema == "pg_catalog" or native.name in ("citext", "hstore")
        else None
    )
    if known is not None:
        return known
    sized = _sized(native, facts) if native.schema == "pg_catalog" else None
    return sized or _as_text(
        Kind.OPAQUE, f"type {native.text} travels as its text", verdict=Verdict.WARNING
    )


def _array(native: NativeType) -> Reading:
    """JSON; a list for who has lists, of elements that need no cast."""
    array = _as_text(
        Kind.ARRAY,
        "an array becomes JSON; its lower bounds are lost",
        expression=AS_JSON,
        verdict=_LOSS,
    )
    if native.schema != "pg_catalog":
        return array
    single = replace(native, name=native.element or "", kind="base", element=None)
    element = read(Column(name="", position=0, native=single), {})
    if element.expression != "{c}":
        return array
    return replace(
        array,
        element=element,
        options={"list": ("array", "{c}")},
        risks=element.risks | {"A-SHAPE"},
    )


def money(native: NativeType, source: Catalog, target: Catalog) -> Verbatim | None:
    """Money where the two sides read it by other rules: its text and its bytes name other sums."""
    if "money" not in (native.name, native.element):
        return None
    here, there = (side.settings.get("lc_monetary", "") for side in (source, target))
    if _locale(here) == _locale(there):
        return None
    scale = native.scale if native.scale is not None else 2
    is_array = native.element is not None
    numeric = simple(
        "_numeric" if is_array else "numeric",
        f"numeric(19,{scale}){'[]' if is_array else ''}",
        precision=19,
        scale=scale,
        kind="array" if is_array else "base",
        element="numeric" if is_array else None,
    )
    return Verbatim(
        declared=Declared(
            native=numeric,
            verdict=Verdict.NOTE,
            code="X-MONEY",
            note=f"money becomes a number: lc_monetary is `{here}` here and `{there}` there",
        ),
        expression=f"{{c}}::{'numeric[]' if is_array else 'numeric'}",
    )


def _locale(name: str) -> str:
    """One spelling for the names that a system has for the same locale."""
    plain = name.lower().replace("-", "")
    return "c" if plain in ("posix", "c.utf8") else plain


def read_text(column: Column) -> Reading:
    return Reading(
        canonical=Canonical(kind=Kind.TEXT), read="text", flight=TEXT, expression=AS_TEXT
    )


def _sized(native: NativeType, facts: Facts) -> Reading | None:
    match native.name:
        case "varchar":
            return _reading(Kind.TEXT, "text", "text", length=native.length)
        case "bpchar":
            # Blank padding is no part of the value; a cast to text removes it too.
            return replace(
                _reading(
                    Kind.TEXT,
                    "bpchar",
                    "text",
                    length=native.length,
                    fixed=native.length is not None,
                ),
                verdict=Verdict.NOTE,
                code="S-PAD",
                note="the blanks that fill a value up to its length are not carried",
            )
        case "bit" | "varbit":
            return _reading(
                Kind.BITS, "bit", "text", length=native.length, fixed=native.name == "bit"
            )
        case "time":
            return _reading(Kind.TIME, "time", "time", precision=native.precision)
        case "timestamp":
            return _reading(
                Kind.TIMESTAMP,
                "timestamp",
                "timestamp",
                risks="T-INF T-RANGE",
                precision=native.precision,
            )
        case "timestamptz":
            return _reading(
                Kind.INSTANT,
                "timestamptz",
                "instant",
                risks="T-INF T-RANGE",
                precision=native.precision,
            )
        case "money":
            scale = native.scale if native.scale is not None else 2
            return Reading(
                canonical=Canonical(kind=Kind.DECIMAL, precision=19, scale=scale),
                read="numeric",
                flight=decimal(19, scale),
                expression="{c}::numeric",
                verdict=Verdict.NOTE,
                code="X-MONEY",
                note="the currency is not carried",
                options={"text": ("text", "{c}::numeric::text")},
            )
        case "numeric":
            return _numeric(native, facts)
        case _:
            return None


def _numeric(native: NativeType, facts: Facts) -> Reading:
    """Decimal where the declaration or the data bound it, else text; NaN needs text too."""
    as_text = Reading(
        canonical=Canonical(kind=Kind.NUMERIC),
        read="numeric",
        flight=TEXT,
        options={"decimal": ("numeric", "{c}")},
        risks=frozenset({"N-NAN"}),
    )
    if native.precision is None:
        return as_text
    scale = native.scale or 0
    # Arrow's decimals hold 0 <= scale <= precision; numeric(5,-2) and numeric(3,5) don't.
    precision = max(native.precision - min(scale, 0), scale)
    scale = max(scale, 0)
    if precision > 76:
        return replace(
            as_text, canonical=Canonical(kind=Kind.NUMERIC, precision=precision, scale=scale)
        )
    if facts.get("not_a_number"):
        return as_text
    return Reading(
        canonical=Canonical(kind=Kind.DECIMAL, precision=precision, scale=scale),
        read="numeric",
        flight=decimal(precision, scale),
        risks=frozenset({"N-NAN"}),
        options={"text": ("numeric", "{c}")},
    )


_BITS = {8: "int2", 16: "int2", 32: "int4", 64: "int8"}
_NAMES = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "bool": "boolean",
    "float4": "real",
    "float8": "double precision",
}


def simple(name: str, text: str | None = None, **more: Any) -> NativeType:
    more.setdefault("schema", "pg_catalog")
    return NativeType(name=name, text=text or _NAMES.get(name, name), **more)


def declare(reading: Reading, context: Context) -> Declared:
    """The native type for a canonical one."""
    kind = reading.canonical
    match kind.kind:
        case Kind.BOOL:
            return Declared(native=simple("bool"))
        case Kind.INT | Kind.YEAR:
            return Declared(native=simple(_BITS[kind.bits or 16]))
        case Kind.UINT:
            return _unsigned(kind.bits, context)
        case Kind.FLOAT:
            return Declared(native=simple("float4" if kind.bits == 32 else "float8"))
        case Kind.DECIMAL:
            text = f"numeric({kind.precision},{kind.scale})"
            return Declared(
                native=simple("numeric", text, precision=kind.precision, scale=kind.scale)
            )
        case Kind.NUMERIC:
            return Declared(native=simple("numeric"))
        case Kind.TEXT:
            return _text(kind, context)
        case Kind.BINARY if kind.fixed:
            return Declared(
                native=simple("bytea"),
                verdict=Verdict.NOTE,
                code="B-SIZE",
                note="bytea has no length of its own",
            )
        case Kind.BINARY:
            return Declared(native=simple("bytea"))
        case Kind.UUID:
            return Declared(native=simple("uuid"))
        case Kind.ARRAY if reading.element is not None:
            return _list(reading.element, context)
        case Kind.JSON | Kind.ARRAY:
            # Text that no server has normalised may hold duplicate keys, which jsonb would drop.
            name = "jsonb" if kind.ordered_keys else "json"
            return Declared(
                native=simple(name),
                verdict=Verdict.NOTE if name == "jsonb" else Verdict.LOSSLESS,
                code="J-NORM" if name == "jsonb" else None,
                note="jsonb keeps the value and not the text" if name == "jsonb" else None,
            )
        case Kind.INTERVAL if "interval" in (reading.flight.type, *reading.options):
            return Declared(native=simple("interval"), flight=Flight("interval"))
        case Kind.XML | Kind.TIMETZ | Kind.INTERVAL | Kind.OPAQUE:
            return Declared(native=simple("text"))
        case Kind.DATE:
            return Declared(native=simple("date"))
        case Kind.TIME | Kind.TIMESTAMP | Kind.INSTANT:
            name = {Kind.TIME: "time", Kind.TIMESTAMP: "timestamp", Kind.INSTANT: "timestamptz"}[
                kind.kind
            ]
            size = "" if kind.precision is None else f"({kind.precision})"
            zone = " with time zone" if name == "timestamptz" else " without time zone"
            return Declared(
                native=simple(
                    name, f"{name.removesuffix('tz')}{size}{zone}", precision=kind.precision
                )
            )
        case Kind.SPAN:
            return Declared(
                native=simple("interval"),
                verdict=Verdict.NOTE,
                code="T-SPAN",
                note="times outside of a day: an interval",
            )
        case Kind.ENUM:
            return _enum(kind, context)
        case Kind.SET:
            return Declared(
                native=simple("_text", "text[]", kind="array", element="text"),
                verdict=Verdict.NOTE,
                code="X-SET",
                note="a set becomes an array of text",
            )
        case Kind.BITS:
            name = "bit" if kind.fixed else "varbit"
            size = f"({kind.length})" if kind.length is not None else ""
            return Declared(
                native=simple(
                    name, f"{'bit' if kind.fixed else 'bit varying'}{size}", length=kind.length
                )
            )
        case Kind.NETWORK:
            return Declared(native=simple("inet"))
        case Kind.GEOMETRY:
            return Declared(
                native=simple("bytea"),
                verdict=Verdict.ERROR,
                code="G-TYPE",
                note="no geometry type in the target",
                hint="load it as well-known binary: --on-loss '{column}:G-TYPE=binary'",
            )


def _unsigned(bits: int, context: Context) -> Declared:
    if bits < 64:
        return Declared(native=simple({8: "int2", 16: "int4", 32: "int8"}[bits]))
    if context.identity and context.facts.get("maximum", 0) < 1 << 63:
        return Declared(
            native=simple("int8"),
            verdict=Verdict.PROBED,
            code="N-RANGE",
            note="an identity can't be numeric; every value found is below 2^63",
        )
    if context.identity:
        return Declared(
            native=simple("int8"),
            verdict=Verdict.ERROR,
            code="N-RANGE",
            note="an identity above 2^63 fits no identity of the target",
            hint="make the source column a plain one, or lower its values",
        )
    return Declared(native=simple("numeric", "numeric(20,0)", precision=20, scale=0))


def _text(kind: Canonical, context: Context) -> Declared:
    if kind.length is None or kind.length > 10_485_760:
        native = simple("text")
    elif kind.fixed and kind.length > 0:
        native = simple("bpchar", f"character({kind.length})", length=kind.length)
    elif kind.length > 0:
        native = simple("varchar", f"character varying({kind.length})", length=kind.length)
    else:
        native = simple("text")
    if kind.ignore_case:
        return Declared(
            native=native,
            verdict=Verdict.NOTE,
            code="C-CI-LOST",
            note="comparisons become case-sensitive",
        )
    return Declared(native=native)


def _enum(kind: Canonical, context: Context) -> Declared:
    if any(len(label.encode()) > 63 for label in kind.labels) or not kind.labels:
        return Declared(
            native=simple("text"),
            verdict=Verdict.NOTE,
            code="E-LABEL",
            note="a label is longer than 63 bytes: text",
        )
    name = f"{context.table}_{context.column}".encode()[:63].decode(errors="ignore")
    # The plan puts the schema in front and creates the type.
    return Declared(native=simple(name, name, kind="enum", labels=kind.labels, schema=None))


def _list(element: Reading, context: Context) -> Declared:
    """An array of what its elements would be alone."""
    single = declare(element, context)
    native = single.native
    if native.name not in ELEMENTS or single.flight is not None:
        return Declared(
            native=simple("json"),
            verdict=Verdict.ERROR,
            code="X-TYPE",
            note=f"there is no array for a list of {element.canonical}",
        )
    array = replace(
        native,
        name=f"_{native.name}",
        text=f"{native.text}[]",
        kind="array",
        element=native.name,
    )
    return replace(single, native=array, flight=Flight("list", element=element.flight))


# Native name → its encoder and the flights that the encoder takes.
_INTS = INTEGERS | {"bool"}
TARGET: Mapping[str, tuple[str, frozenset[str]]] = {
    "bool":        ("bool", frozenset({"bool"})),
    "int2":        ("int2", _INTS),
    "int4":        ("int4", _INTS),
    "int8":        ("int8", _INTS),
    "oid":         ("oid", INTEGERS),
    "float4":      ("float4", frozenset({"float32"})),
    "float8":      ("float8", frozenset({"float32", "float64"})),
    "numeric":     ("numeric", INTEGERS | {"decimal", "text"}),
    "text":        ("text", frozenset({"text"})),
    "varchar":     ("text", frozenset({"text"})),
    "bpchar":      ("text", frozenset({"text"})),
    "citext":      ("text", frozenset({"text"})),
    "json":        ("text", frozenset({"text"})),
    "xml":         ("text", frozenset({"text"})),
    "jsonb":       ("jsonb", frozenset({"text"})),
    "bytea":       ("bytea", frozenset({"binary"})),
    "uuid":        ("uuid", frozenset({"uuid"})),
    "date":        ("date", frozenset({"date"})),
    "time":        ("time", frozenset({"time"})),
    "timestamp":   ("timestamp", frozenset({"timestamp"})),
    "timestamptz": ("timestamptz", frozenset({"instant"})),
    "interval":    ("interval", frozenset({"span", "interval"})),
    "bit":         ("bit", frozenset({"text"})),
    "varbit":      ("bit", frozenset({"text"})),
    "inet":        ("inet", frozenset({"text"})),
}  # fmt: skip
# Of these an array tells the elements' type by a number that is the same everywhere.
ELEMENTS = frozenset(TARGET) - {
    "varchar",
    "bpchar",
    "citext",
    "json",
    "xml",
    "bit",
    "varbit",
    "inet",
}


FIRST_YEAR = -4713
LAST_YEARS = {"date": 5_874_897, "timestamp": 294_276, "timestamptz": 294_276}
"""The calendar ends with these, and begins in November of the first."""


def accept(native: NativeType, flight: Flight) -> Writing | None:
    if native.kind == "array":
        return _accept_array(native, flight)
    write, flights = (
        ("text", frozenset({"text"}))
        if native.kind == "enum"
        else TARGET.get(native.name, ("", frozenset()))
    )
    if flight.type not in flights:
        return None
    checks: list[dict[str, Any]] = []
    if flight.type == "text" and write in ("text", "jsonb"):
        checks.append({"rule": "no_nul"})
    if native.kind == "enum" and native.labels:
        checks.append({"rule": "labels", "labels": list(native.labels)})
    if native.name in ("varchar", "bpchar") and native.length:
        # The server would cut trailing blanks beyond the length without a word.
        checks.append({"rule": "characters", "max": native.length})
    if native.name in LAST_YEARS:
        checks.append({"rule": "years", "min": FIRST_YEAR, "max": LAST_YEARS[native.name]})
    if native.name in ("int2", "int4", "int8"):
        checks += integer_checks(
            {"int2": "int16", "int4": "int32", "int8": "int64"}[native.name], flight
        )
    if native.name == "numeric":
        checks += decimal_checks(flight, native.precision, native.scale)
    pads = "blanks" if native.name == "bpchar" and native.length else ""
    return Writing(write=write, checks=tuple(checks), pads=pads)


def _accept_array(native: NativeType, flight: Flight) -> Writing | None:
    element = flight.held
    if element is None or native.element not in ELEMENTS:
        return None
    single = replace(native, name=native.element, kind="base", element=None)
    writing = accept(single, element)
    # Lists aren't looked into: the server refuses U+0000 and the encoder what no calendar has.
    if writing is None or any(check["rule"] not in ("no_nul", "years") for check in writing.checks):
        return None
    return Writing(write="array", element=writing.write)
