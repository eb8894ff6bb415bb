"""The types of MySQL and MariaDB: native → canonical as a source, and back as a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dbferry.catalog import Column, NativeType
from dbferry.engines.mysql import collations, ddl
from dbferry.types import (
    INTEGERS,
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
    integer_checks,
)

TEXT = Flight("text")
AS_TEXT = "CAST({c} AS CHAR CHARACTER SET utf8mb4)"

BITS: Mapping[str, int] = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
BLOBS = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
GEOMETRIES = (
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
    "geomcollection",
)
KEY_CHARACTERS = 768
KEY_BYTES = 3072
VARCHAR_CHARACTERS = 16_383
BYTES_PER_CHARACTER = 4
NO_KEY = frozenset(
    {f"{size}{kind}" for size in ("tiny", "", "medium", "long") for kind in ("text", "blob")}
    | {"json", *GEOMETRIES}
)
"""Types of which a key holds no whole value."""


def _reading(
    kind: Kind, read: str, flight: str, *, risks: str = "", expression: str = "{c}", **more: Any
) -> Reading:
    return Reading(
        canonical=Canonical(kind=kind, **more),
        read=read,
        flight=Flight(flight),
        expression=expression,
        options={"text": ("text", AS_TEXT)},
        risks=frozenset(risks.split()),
    )


def read(column: Column, facts: Facts) -> Reading:
    native = column.native
    size = native.precision or 0
    match native.name:
        case "tinyint" | "smallint" | "mediumint" | "int" | "bigint":
            return _integer(native, facts)
        case "decimal":
            precision, scale = native.precision or 10, native.scale or 0
            return replace(
                _reading(Kind.DECIMAL, "decimal", "decimal", precision=precision, scale=scale),
                flight=decimal(precision, scale),
            )
        case "float":
            return _reading(Kind.FLOAT, "float", "float32", bits=32)
        case "double":
            return _reading(Kind.FLOAT, "double", "float64", bits=64)
        case "bit":
            return _bits(native.length or 1)
        case "year":
            return _reading(Kind.YEAR, "year", "int16", bits=16)
        case "date":
            return _reading(Kind.DATE, "date", "date", risks="T-ZERO")
        case "datetime":
            return _reading(Kind.TIMESTAMP, "datetime", "timestamp", risks="T-ZERO", precision=size)
        case "timestamp":
            return _reading(Kind.INSTANT, "timestamp", "instant", risks="T-ZERO", precision=size)
        case "time":
            if facts.get("rows") and not facts.get("outside_day"):
                return _reading(Kind.TIME, "time_of_day", "time", risks="T-SPAN", precision=size)
            return _reading(Kind.SPAN, "time", "span", precision=size)
        case name if name in TEXTS:
            length = native.length if name in ("char", "varchar") else None
            return _reading(
                Kind.TEXT,
                "text",
                "text",
                risks="S-UTF8",
                length=length,
                fixed=name == "char",
                ignore_case="_ci" in (native.collation or ""),
                collation=native.collation,
            )
        case name if name in BLOBS:
            length = native.length if name in ("binary", "varbinary") else None
            return _reading(Kind.BINARY, "binary", "binary", length=length, fixed=name == "binary")
        case "enum":
            enum = _reading(
                Kind.ENUM,
                "enum",
                "text",
                risks="E-BADENUM",
                labels=native.labels,
                collation=native.collation,
            )
            # A `?` may stand for a character that the catalog can't show, and then isn't the label.
            known = not any("?" in label for label in native.labels)
            return replace(
                enum,
                checks=({"rule": "labels", "labels": list(native.labels)},),
                options={**enum.options, **({"label": ("enum", "{c}")} if known else {})},
            )
        case "set":
            return _reading(
                Kind.SET, "set", "text_list", labels=native.labels, collation=native.collation
            )
        case "json":
            ordered = native.charset is None
            return _reading(Kind.JSON, "text", "text", ordered_keys=ordered, risks="J-NUL")
        case name if name in GEOMETRIES:
            return replace(
                _reading(Kind.GEOMETRY, "geometry", "binary"),
                verdict=Verdict.WARNING,
                code="G-SRID",
                note="the SRID of each geometry is not carried",
                options={"text": ("text", "ST_AsText({c})")},
            )
        case "vector":
            # Its own text has six digits of each number.
            return _reading(Kind.ARRAY, "vector", "text")
        case "uuid":
            return _reading(Kind.UUID, "uuid", "uuid")
        case "inet4" | "inet6":
            return _reading(Kind.NETWORK, "text", "text", expression=AS_TEXT, length=43)
        case name:
            return Reading(
                canonical=Canonical(kind=Kind.OPAQUE),
                read="text",
                flight=TEXT,
                expression=AS_TEXT,
                verdict=Verdict.ERROR,
                code="X-TYPE",
                note=f"type {name} is not known",
                options={"text": ("text", AS_TEXT)},
            )


def read_text(column: Column) -> Reading:
    """Any column as the server's own text; zero dates stay `0000-00-00`."""
    native = column.native
    expression = AS_TEXT
    if native.name in BLOBS or native.name == "bit":
        expression = "HEX({c})"
    elif native.name in GEOMETRIES:
        expression = "ST_AsText({c})"
    elif native.name == "float":
        expression = "CAST({c} + 0e0 AS CHAR CHARACTER SET utf8mb4)"
    return Reading(
        canonical=Canonical(kind=Kind.TEXT),
        read="text",
        flight=TEXT,
        expression=expression,
        risks=frozenset({"S-UTF8"}),
    )


def _integer(native: NativeType, facts: Facts) -> Reading:
    bits = BITS[native.name]
    width = 32 if bits == 24 else bits
    if (
        native.name == "tinyint"
        and native.length == 1
        and facts.get("rows")
        and not facts.get("not_bool")
    ):
        return replace(
            _reading(Kind.BOOL, "int", "bool", risks="N-RANGE"),
            verdict=Verdict.PROBED,
            code="N-BOOL",
            note="every value found is 0, 1 or NULL; another one is an error",
        )
    reading = _reading(
        Kind.UINT if native.unsigned else Kind.INT,
        "int",
        f"{'u' if native.unsigned else ''}int{width}",
        bits=width,
    )
    as_decimal = ("decimal", "CAST({c} AS DECIMAL(20,0))")
    return replace(reading, options={**reading.options, "decimal": as_decimal})


def _bits(length: int) -> Reading:
    if length == 1:
        return replace(
            _reading(Kind.BOOL, "bit", "bool"),
            verdict=Verdict.NOTE,
            code="N-BOOL",
            note="a single bit is a boolean",
        )
    digits = f"LPAD(BIN({{c}} + 0), {length}, '0')"
    return Reading(
        canonical=Canonical(kind=Kind.BITS, length=length, fixed=True),
        read="text",
        flight=TEXT,
        expression=digits,
        options={"uint64": ("bit", "{c}")},
    )


def simple(name: str, text: str | None = None, **more: Any) -> NativeType:
    return NativeType(name=name, text=text or name, **more)


def words(
    name: str, text: str | None = None, *, charset: str = "utf8mb4", **more: Any
) -> NativeType:
    return NativeType(name=name, text=text or name, charset=charset, **more)


def _varchar(length: int, collation: str | None = None) -> NativeType:
    return words("varchar", f"varchar({length})", length=length, collation=collation)


def _lossy(
    native: NativeType, code: str, note: str, verdict: Verdict = Verdict.WARNING
) -> Declared:
    return Declared(native=native, verdict=verdict, code=code, note=note)


def declare(reading: Reading, context: Context, flavour: str) -> Declared:
    """The native type for a canonical one."""
    declared = _declare(reading, context, flavour)
    native = declared.native
    wide = native.name in ("varchar", "varbinary") and _key_bytes(native) > KEY_BYTES
    refused = declared.verdict is Verdict.ERROR
    if refused or not context.key_columns or not (native.name in NO_KEY or wide):
        return declared
    return replace(
        declared,
        verdict=Verdict.ERROR,
        code="K-LENGTH",
        note=f"no key holds a whole {native.text}",
        hint="choose --on-loss '{column}:K-LENGTH=text', or give the table another key by a rule",
    )


def _key_bytes(native: NativeType) -> int:
    return (native.length or 0) * (1 if native.name == "varbinary" else BYTES_PER_CHARACTER)


def _declare(reading: Reading, context: Context, flavour: str) -> Declared:
    kind, mariadb = reading.canonical, flavour == "mariadb"
    size = 6 if kind.precision is None else min(kind.precision, 6)
    match kind.kind:
        case Kind.BOOL:
            return _lossy(
                simple("tinyint", "tinyint(1)", length=1),
                "N-BOOL",
                "a boolean is a tinyint(1)",
                Verdict.NOTE,
            )
        case Kind.INT | Kind.UINT:
            unsigned = kind.kind is Kind.UINT
            name = next(name for name, bits in BITS.items() if bits == kind.bits)
            return Declared(
                native=simple(name, f"{name}{' unsigned' if unsigned else ''}", unsigned=unsigned)
            )
        case Kind.YEAR:
            return Declared(
                native=simple("year")
                if context.source in ("mysql", "mariadb")
                else simple("smallint")
            )
        case Kind.FLOAT:
            return Declared(native=simple("float" if kind.bits == 32 else "double"))
        case Kind.DECIMAL | Kind.NUMERIC:
            return _decimal(kind, context, mariadb)
        case Kind.TEXT:
            return _text(kind, context, flavour)
        case Kind.BINARY:
            return _binary(kind, context)
        case Kind.UUID:
            if mariadb and context.version >= (10, 7) and not context.facts.get("odd_uuids"):
                return Declared(native=simple("uuid"))
            return _lossy(
                words("char", "char(36)", charset="ascii", collation="ascii_bin", length=36),
                "X-UUID",
                "a uuid is its text",
                Verdict.NOTE,
            )
        case Kind.JSON:
            if mariadb or (kind.ordered_keys and context.source in ("mysql", "mariadb")):
                return Declared(native=simple("json"))
            return _lossy(
                simple("json"),
                "J-NORM",
                "the server normalises JSON: order, duplicate keys, numbers beyond a double",
            )
        case Kind.ARRAY:
            return Declared(native=simple("json"))
        case Kind.XML:
            return _lossy(words("longtext"), "X-XML", "a document is its text", Verdict.NOTE)
        case Kind.OPAQUE:
            return Declared(native=_key_text(context, 64) or words("longtext"))
        case Kind.TIMETZ | Kind.INTERVAL:
            return Declared(native=_varchar(kind.length or 64))
        case Kind.NETWORK:
            native = _varchar(kind.length or 64)
            return _lossy(native, "X-ADDRESS", "an address is its text", Verdict.NOTE)
        case Kind.DATE:
            return Declared(native=simple("date"), verdict=_outside(context), code=_range(context))
        case Kind.TIME | Kind.SPAN:
            return Declared(native=simple("time", f"time({size})", precision=size))
        case Kind.TIMESTAMP:
            return Declared(
                native=simple("datetime", f"datetime({size})", precision=size),
                verdict=_outside(context),
                code=_range(context),
            )
        case Kind.INSTANT:
            if context.source in ("mysql", "mariadb"):
                return Declared(native=simple("timestamp", f"timestamp({size})", precision=size))
            return _lossy(
                simple("datetime", f"datetime({size})", precision=size),
                "T-ZONE",
                "an instant becomes a datetime in UTC",
                Verdict.NOTE,
            )
        case Kind.ENUM:
            return _enum(kind)
        case Kind.SET if not kind.labels:
            return Declared(
                native=simple("json"),
                verdict=Verdict.ERROR,
                code="X-TYPE",
                note="a list of any text is no SET",
                hint="choose --on-loss '{column}:X-TYPE=text'",
            )
        case Kind.SET:
            text = f"set({', '.join(map(ddl.literal, kind.labels))})"
            return Declared(native=words("set", text, labels=kind.labels))
        case Kind.BITS:
            if kind.fixed and 0 < (kind.length or 0) <= 64:
                return Declared(native=simple("bit", f"bit({kind.length})", length=kind.length))
            if not kind.length or kind.length > VARCHAR_CHARACTERS:
                native = _key_text(context) or words("longtext")
                return _lossy(native, "X-BITS", "bits become text of 0 and 1")
            return _lossy(_varchar(kind.length), "X-BITS", "bits become text of 0 and 1")
        case Kind.GEOMETRY:
            return Declared(native=simple("geometry"))


def _outside(context: Context) -> Verdict:
    """Dates of other engines reach beyond year 9999; every value is looked at in flight."""
    return Verdict.LOSSLESS if context.source in ("mysql", "mariadb") else Verdict.PROBED


def _range(context: Context) -> str | None:
    return None if _outside(context) is Verdict.LOSSLESS else "T-RANGE"


def _decimal(kind: Canonical, context: Context, mariadb: bool) -> Declared:
    facts, most = context.facts, 38 if mariadb else 30
    bounded = kind.kind is Kind.DECIMAL
    if bounded and (kind.precision or 0) <= 65 and (kind.scale or 0) <= most:
        return Declared(native=_dec(kind.precision or 10, kind.scale or 0))
    if facts.get("not_a_number"):
        return Declared(
            native=words("longtext"),
            verdict=Verdict.ERROR,
            code="N-NAN",
            note="NaN or infinity is no DECIMAL",
            hint="choose --on-loss '{column}:N-NAN=null' or =text",
        )
    if "rows" not in facts and bounded:
        return Declared(
            native=words("longtext"),
            verdict=Verdict.ERROR,
            code="N-RANGE",
            note=f"decimal({kind.precision},{kind.scale}) is wider than any DECIMAL here",
            hint="choose --on-loss '{column}:N-RANGE=text'",
        )
    scale, digits = facts.get("scale", 10), facts.get("digits", 20)
    if scale > most or scale + digits > 65:
        return Declared(
            native=words("longtext"),
            verdict=Verdict.ERROR,
            code="N-RANGE",
            note=f"values of {digits} digits and {scale} decimals fit no DECIMAL(65,{most})",
            hint="choose --on-loss '{column}:N-RANGE=text'",
        )
    precision = 38 if scale + digits <= 38 else 65
    return Declared(
        native=_dec(precision, scale),
        flight=decimal(precision, scale),
        verdict=Verdict.PROBED,
        code="N-SCALE",
        note="size taken from the data; a wider value is an error",
    )


def _dec(precision: int, scale: int) -> NativeType:
    return simple("decimal", f"decimal({precision},{scale})", precision=precision, scale=scale)


def _key_text(context: Context, assumed: int | None = None) -> NativeType | None:
    """A VARCHAR that a primary key can hold; nothing outside of a key."""
    if not context.key_columns:
        return None
    room = KEY_CHARACTERS // context.key_columns
    longest = context.facts.get("characters", assumed or 0)
    length = max(room, longest)
    return _varchar(length)


def _text(kind: Canonical, context: Context, flavour: str) -> Declared:
    collation, note = collations.standing_for(kind.collation, flavour)
    verdict = Verdict.NOTE if note else Verdict.LOSSLESS
    code = "C-NAME" if note else None
    room = KEY_CHARACTERS // max(context.key_columns, 1)
    if kind.ignore_case and not kind.collation:
        collation, note = collations.ignoring_case(flavour, context.version)
        verdict, code = Verdict.NOTE, "C-NAME" if collation else "C-CI-LOST"
    if context.key_columns and (kind.length is None or kind.length > room):
        native = _key_text(context) or words("longtext")
        if (native.length or 0) > KEY_CHARACTERS:
            return Declared(
                native=native,
                verdict=Verdict.ERROR,
                code="K-LENGTH",
                note=f"key values of {native.length} characters; a key holds {KEY_CHARACTERS}",
                hint="exclude the table, or shorten the key in the source",
            )
        return Declared(
            native=replace(native, collation=collation),
            verdict=Verdict.PROBED,
            code="K-LENGTH",
            note="text in a key; its size is taken from the data",
        )
    if kind.fixed and kind.length is not None and 0 < kind.length <= 255:
        native = words("char", f"char({kind.length})", length=kind.length, collation=collation)
    elif kind.length is not None and kind.length <= VARCHAR_CHARACTERS:
        native = _varchar(kind.length, collation)
    else:
        native = words("longtext", collation=collation)
    return Declared(native=native, verdict=verdict, code=code, note=note)


def _binary(kind: Canonical, context: Context) -> Declared:
    if kind.length is not None and kind.fixed and kind.length <= 255:
        return Declared(native=simple("binary", f"binary({kind.length})", length=kind.length))
    if kind.length is not None and kind.length <= 16_383:
        return Declared(native=simple("varbinary", f"varbinary({kind.length})", length=kind.length))
    if context.key_columns:
        length = max(KEY_BYTES // context.key_columns, context.facts.get("octets", 0))
        verdict = Verdict.ERROR if length > KEY_BYTES else Verdict.PROBED
        return Declared(
            native=simple("varbinary", f"varbinary({length})", length=length),
            verdict=verdict,
            code="K-LENGTH",
            note="bytes in a key; their size is taken from the data",
            hint="exclude the table, or shorten the key in the source",
        )
    return Declared(native=simple("longblob"))


def _enum(kind: Canonical) -> Declared:
    folded = {label.casefold() for label in kind.labels}
    fits = all(len(label) <= 255 and label == label.rstrip(" ") for label in kind.labels)
    if kind.labels and fits and (kind.collation or len(folded) == len(kind.labels)):
        text = f"enum({', '.join(map(ddl.literal, kind.labels))})"
        return Declared(native=words("enum", text, labels=kind.labels))
    longest = max((len(label) for label in kind.labels), default=64)
    return _lossy(
        _varchar(longest),
        "E-LABEL",
        "labels that an ENUM can't tell apart: text",
        Verdict.NOTE,
    )


_INTS = INTEGERS | {"bool"}
_TEXT = frozenset({"text"})
_BINARY = frozenset({"binary"})
TARGET: Mapping[str, tuple[str, frozenset[str]]] = {
    **dict.fromkeys(BITS, ("int", _INTS)),
    **dict.fromkeys(TEXTS, ("text", _TEXT)),
    **dict.fromkeys(BLOBS, ("binary", _BINARY)),
    **dict.fromkeys(GEOMETRIES, ("geometry", _BINARY)),
    "year":      ("int", INTEGERS),
    "decimal":   ("decimal", INTEGERS | {"decimal", "text"}),
    "float":     ("float", frozenset({"float32"})),
    "double":    ("double", frozenset({"float32", "float64"})),
    "bit":       ("bit", frozenset({"uint64", "bool", "text"})),
    "date":      ("date", frozenset({"date"})),
    "datetime":  ("datetime", frozenset({"timestamp", "instant"})),
    "timestamp": ("timestamp", frozenset({"instant"})),
    "time":      ("time", frozenset({"time", "span"})),
    "enum":      ("text", _TEXT),
    "set":       ("set", frozenset({"text_list"})),
    "json":      ("json", _TEXT),
    "uuid":      ("uuid", frozenset({"uuid"})),
    "inet6":     ("text", _TEXT),
    "inet4":     ("text", _TEXT),
}  # fmt: skip
TEXT_BYTES: Mapping[str, int] = {"tinytext": 255, "text": 65_535, "mediumtext": 16_777_215}
BLOB_BYTES: Mapping[str, int] = {"tinyblob": 255, "blob": 65_535, "mediumblob": 16_777_215}


_LONGEST = (838 * 3600 + 59 * 60 + 59) * 1_000_000
LONGEST_TIMES = {"mysql": _LONGEST, "mariadb": _LONGEST + 999_999}
"""838:59:59, where MySQL takes no fraction."""


PADS = {"char": "blanks", "binary": "zero bytes"}
"""What a shorter value is filled up with."""


def accept(native: NativeType, flight: Flight, flavour: str) -> Writing | None:
    write, flights = TARGET.get(native.name, ("", frozenset[str]()))
    if native.name in ("char", "varchar") and flight.type == "uuid":
        return Writing(write="uuid")
    if native.name in ("binary", "varbinary") and flight.type == "uuid":
        return Writing(write="uuid_binary")
    if native.name == "year" and flight.type == "int16":
        return Writing(write="year")
    if flight.type not in flights:
        return None
    pads = PADS.get(native.name, "")
    return Writing(write=write, checks=tuple(_checks(native, flight, flavour)), pads=pads)


def _checks(native: NativeType, flight: Flight, flavour: str) -> list[dict[str, Any]]:
    match native.name:
        case name if name in BITS:
            return list(integer_checks(f"{'u' if native.unsigned else ''}int{BITS[name]}", flight))
        case "year":
            # A number below 100 is taken for a year of this or the last century.
            return [{"rule": "integer", "min": "1901", "max": "2155"}]
        case "decimal":
            return list(decimal_checks(flight, native.precision, native.scale))
        case "float" | "double":
            zero = [{"rule": "negative_zero"}] if flavour == "mariadb" else []
            return [{"rule": "finite"}, *zero]
        case "date" | "datetime":
            return [{"rule": "years", "min": 0, "max": 9999}]
        case "time" if flight.type == "span":
            return [{"rule": "longest", "micros": LONGEST_TIMES[flavour]}]
        case "timestamp":
            return [{"rule": "years", "min": 1970, "max": 2038}]
        case "char" | "varchar" if native.length is not None:
            return [{"rule": "characters", "max": native.length}]
        case "binary" | "varbinary" if native.length is not None:
            return [{"rule": "bytes", "max": native.length}]
        case "enum":
            return [{"rule": "labels", "labels": list(native.labels)}]
        case name if name in TEXT_BYTES or name in BLOB_BYTES:
            return [{"rule": "bytes", "max": {**TEXT_BYTES, **BLOB_BYTES}[name]}]
        case _:
            return []
