"""SQLite's types: declared name and observed classes → canonical; canonical → declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dbferry.catalog import Column, NativeType
from dbferry.engines.sqlite.catalog import affinity, native
from dbferry.engines.sqlite.probe import form
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

# Digits that a double holds without fail; integers of 18 digits are SQLite's own.
EXACT_DIGITS = 15
INTEGER_DIGITS = 18

# Bands of plausible integers since 1970: a second, a millisecond, a microsecond apart.
EPOCHS = (
    ("unix_seconds", 10**8, 10**11),
    ("unix_milliseconds", 10**11, 10**14),
    ("unix_microseconds", 10**14, 10**17),
)


# Collations that every SQLite knows.
BUILT_IN = frozenset({"BINARY", "NOCASE", "RTRIM"})


# What else than a value of another class or bytes that are no text a decoder may refuse, by what it gives.
RISKS: Mapping[str, tuple[str, ...]] = {
    "bool": ("N-RANGE",),
    "float64": ("N-RANGE",),
    "decimal": ("N-RANGE", "N-SCALE", "N-NAN"),
    "date": ("T-RANGE", "T-ZERO"),
    **dict.fromkeys(("timestamp", "instant", "time", "span"), ("T-RANGE", "T-SCALE", "T-ZERO")),
}


def _reading(kind: Kind, read: str, flight: str, **more: Any) -> Reading:
    return Reading(
        canonical=Canonical(kind=kind, **more),
        read=read,
        flight=Flight(flight),
        options={"text": ("any", "{c}")},
        risks=frozenset({"V-MIXED", "S-UTF8", *RISKS.get(flight, ())}),
    )


INTEGER = _reading(Kind.INT, "integer", "int64", bits=64)
REAL = _reading(Kind.FLOAT, "real", "float64", bits=64)
BLOB = _reading(Kind.BINARY, "blob", "binary")
NUMBER = replace(_reading(Kind.NUMERIC, "number", "text"), options={"decimal": ("decimal", "{c}")})


def read(column: Column, facts: Facts) -> Reading:
    """Observed classes decide; the declaration says what to look for."""
    if column.identity is not None:
        return INTEGER
    chosen = _by_form(column, facts)
    if chosen is not None:
        return chosen
    reading = _by_class(column, facts)
    if form(column.native.name) in ("date", "time") and reading.verdict is Verdict.LOSSLESS:
        return replace(
            reading,
            verdict=Verdict.WARNING,
            code="T-FORM",
            note=f"the values of {column.native.text} have no single known form: moved as they are",
        )
    return reading


def read_text(column: Column) -> Reading:
    return _reading(Kind.TEXT, "any", "text")


def _classes(facts: Facts) -> frozenset[str]:
    return frozenset(name for name in ("integers", "reals", "texts", "blobs") if facts.get(name))


def _by_form(column: Column, facts: Facts) -> Reading | None:
    seen, name = _classes(facts), column.native.name
    match form(name):
        case "bool" if seen <= {"integers", "texts"} and not facts.get("misfits"):
            return _reading(Kind.BOOL, "bool", "bool")
        case "json" if seen <= {"texts"} and not facts.get("misfits"):
            return _reading(Kind.JSON, "text", "text")
        case "uuid" if seen == {"texts"} and facts.get("uuids") == facts["texts"]:
            return _reading(Kind.UUID, "uuid", "uuid")
        case "date":
            return _dates(name, seen, facts)
        case "time" if seen <= {"texts"}:
            if facts.get("clocks", 0) == facts.get("texts", 0):
                return _reading(Kind.TIME, "time", "time", precision=6)
            if facts.get("spans", 0) == facts.get("texts", 0):
                return _reading(Kind.SPAN, "span", "span", precision=6)
            return None
        case "exact":
            return _exact(column.native, seen, facts)
        case _:
            return None


def _dates(name: str, seen: frozenset[str], facts: Facts) -> Reading | None:
    moment = _reading(Kind.TIMESTAMP, "timestamp", "timestamp", precision=6)
    instant = _reading(Kind.INSTANT, "instant", "instant", precision=6)
    day = _reading(Kind.DATE, "date", "date")
    if not seen:
        return day if name == "date" else instant if "tz" in name or "zone" in name else moment
    if seen == {"texts"}:
        for count, reading in (("days", day), ("moments", moment), ("instants", instant)):
            if facts.get(count) == facts["texts"]:
                return reading
    if seen == {"integers"}:
        for unit, low, high in EPOCHS:
            if low <= facts["least"] and facts["most"] < high:
                epoch = _reading(Kind.INSTANT, unit, "instant", precision=6)
                return replace(
                    epoch,
                    verdict=Verdict.NOTE,
                    code="T-EPOCH",
                    note=f"integers that are {unit.replace('_', ' ')}",
                )
    return None


def _exact(native: NativeType, seen: frozenset[str], facts: Facts) -> Reading | None:
    if "blobs" in seen or facts.get("not_numbers"):
        return None
    precision, scale = native.precision, native.scale or 0
    if precision and precision <= 76 and scale <= precision and not facts.get("misfits"):
        reading = _reading(Kind.DECIMAL, "decimal", "decimal", precision=precision, scale=scale)
        return replace(
            reading, flight=decimal(precision, scale), options={"text": ("number", "{c}")}
        )
    if seen <= {"integers", "reals"} and not precision:
        return None
    return (
        replace(NUMBER, verdict=Verdict.NOTE, code="N-SCALE", note=f"values beyond {native.text}")
        if facts.get("misfits")
        else NUMBER
    )


def _by_class(column: Column, facts: Facts) -> Reading:
    native, seen = column.native, _classes(facts)
    if not seen:
        return _by_affinity(native, facts)
    if seen == {"integers"}:
        return (
            REAL if affinity(native.name) == "real" and not facts.get("wide_integers") else INTEGER
        )
    if seen <= {"integers", "reals"}:
        if facts.get("wide_integers"):
            return replace(
                NUMBER,
                verdict=Verdict.NOTE,
                code="N-SCALE",
                note="integers above 2^53 beside reals: exact numbers",
            )
        return REAL
    if seen == {"texts"}:
        return _text(native, facts)
    if seen == {"blobs"}:
        return BLOB
    names = " and ".join(sorted(name.removesuffix("s") for name in seen))
    return replace(
        _reading(Kind.TEXT, "any", "text"),
        verdict=Verdict.ERROR,
        code="V-MIXED",
        note=f"values of class {names} in one column",
    )


def _by_affinity(native: NativeType, facts: Facts) -> Reading:
    match affinity(native.name):
        case "integer":
            return INTEGER
        case "real":
            return REAL
        case "text":
            return _text(native, facts)
        case "blob" if native.name:
            return BLOB
        case "numeric":
            return NUMBER
        case _:
            return _text(native, facts)


def _text(native: NativeType, facts: Facts) -> Reading:
    fits = native.length is not None and facts.get("characters", 0) <= native.length
    sized = native.length if fits and "char" in native.name else None
    reading = _reading(Kind.TEXT, "text", "text", length=sized)
    if native.collation in (None, "BINARY"):
        return reading
    return replace(
        reading,
        verdict=Verdict.NOTE,
        code="C-CI-LOST",
        note=f"collation {native.collation} is not carried: comparisons become exact",
    )


def own(native: NativeType) -> Declared:
    """The type in another file; collations of an application are not there."""
    if native.collation is None or native.collation in BUILT_IN:
        return Declared(native=native)
    return Declared(
        native=replace(native, collation=None),
        verdict=Verdict.NOTE,
        code="C-CI-LOST",
        note=f"collation {native.collation} is the application's own: comparisons become exact",
    )


def declare(reading: Reading, context: Context) -> Declared:
    """The declaration for a canonical type; what must stay text has TEXT affinity."""
    kind = reading.canonical
    match kind.kind:
        case Kind.BOOL:
            return _note("BOOLEAN", "N-BOOL", "a boolean is 0 or 1")
        case Kind.UINT if kind.bits == 64:
            return _unsigned(context)
        case Kind.INT | Kind.UINT | Kind.YEAR:
            return Declared(native=native("INTEGER"))
        case Kind.FLOAT:
            return Declared(native=native("REAL"))
        case Kind.DECIMAL:
            return _decimal(kind)
        case Kind.NUMERIC:
            return _note("DECIMAL_TEXT", "N-TEXT", "exact numbers are text, and sort as text")
        case Kind.TEXT:
            name = "CHAR" if kind.fixed else "VARCHAR"
            declared = native(f"{name}({kind.length})" if kind.length else "TEXT")
            if kind.ignore_case:
                return Declared(
                    native=declared,
                    verdict=Verdict.NOTE,
                    code="C-CI-LOST",
                    note="comparisons become case-sensitive",
                )
            return Declared(native=declared)
        case Kind.BINARY | Kind.GEOMETRY:
            return Declared(native=native("BLOB"))
        case Kind.JSON | Kind.ARRAY:
            return Declared(native=native("JSON_TEXT"))
        case Kind.DATE:
            return _note("DATE", "T-TEXT", "dates are ISO text")
        case Kind.TIME | Kind.SPAN:
            return _note("TIME", "T-TEXT", "times are ISO text")
        case Kind.TIMESTAMP:
            return _note("TIMESTAMP", "T-TEXT", "timestamps are ISO text")
        case Kind.INSTANT:
            return _note("TIMESTAMPTZ", "T-TEXT", "instants are ISO text in UTC, with +00:00")
        case Kind.UUID:
            return _note("TEXT", "X-UUID", "a uuid is its text")
        case Kind.ENUM:
            return _note("TEXT", "E-ORDER", "labels are text, and sort as text")
        case Kind.SET if not kind.labels:
            return Declared(
                native=native("TEXT"),
                verdict=Verdict.ERROR,
                code="X-TYPE",
                note="text parted by commas would not tell a list of any text again",
                hint="choose --on-loss '{column}:X-TYPE=text'",
            )
        case Kind.SET:
            return _note("TEXT", "X-SET", "a set is text, its labels parted by commas")
        case Kind.BITS:
            return _note("TEXT", "X-BITS", "bits are text of 0 and 1")
        case Kind.XML:
            return _note("TEXT", "X-XML", "a document is its text")
        case Kind.NETWORK:
            return _note("TEXT", "X-ADDRESS", "an address is its text")
        case Kind.TIMETZ | Kind.INTERVAL | Kind.OPAQUE:
            # A declaration such as INTERVAL or POINT holds INT, and would make numbers of its text.
            return Declared(native=native("TEXT"))


def _note(declared: str, code: str, note: str) -> Declared:
    return Declared(native=native(declared), verdict=Verdict.NOTE, code=code, note=note)


def _unsigned(context: Context) -> Declared:
    if context.facts.get("maximum", 0) < 1 << 63:
        return Declared(
            native=native("INTEGER"),
            verdict=Verdict.PROBED,
            code="N-RANGE",
            note="every value found is below 2^63; a larger one is an error",
        )
    return Declared(
        native=native("DECIMAL_TEXT(20,0)"),
        flight=decimal(20, 0),
        verdict=Verdict.NOTE,
        code="N-TEXT",
        note="exact numbers are text, and sort as text",
    )


def _decimal(kind: Canonical) -> Declared:
    precision, scale = kind.precision or 0, kind.scale or 0
    if precision <= EXACT_DIGITS or (scale == 0 and precision <= INTEGER_DIGITS):
        return Declared(native=native(f"NUMERIC({precision},{scale})"))
    return _note(
        f"DECIMAL_TEXT({precision},{scale})",
        "N-TEXT",
        "numbers of more than 15 digits are text, and sort as text",
    )


_TEXTUAL = frozenset(
    {"text", "decimal", "uuid", "date", "time", "timestamp", "instant", "span", "text_list"}
)
BY_AFFINITY: Mapping[str, tuple[tuple[str, frozenset[str]], ...]] = {
    "integer": (("integer", INTEGERS | {"bool"}),),
    "real":    (("real", frozenset({"float32", "float64"})),),
    "text":    (("text", _TEXTUAL),),
    "blob":    (("blob", frozenset({"binary"})), ("text", _TEXTUAL),
                ("integer", INTEGERS | {"bool"}),
                ("real", frozenset({"float32", "float64"}))),
    "numeric": (("integer", INTEGERS | {"bool"}), ("numeric", frozenset({"decimal"})),
                ("real", frozenset({"float32", "float64"})), ("blob", frozenset({"binary"})),
                ("text", frozenset({"date", "time", "timestamp", "instant", "span"}))),
}  # fmt: skip


def accept(native: NativeType, flight: Flight) -> Writing | None:
    """Affinity decides what a column does to a value, so it decides what may go in."""
    kind = affinity(native.name)
    for write, flights in BY_AFFINITY[kind]:
        if flight.type not in flights:
            continue
        checks: list[dict[str, Any]] = []
        if write == "integer":
            checks += integer_checks("int64", flight)
        if write == "real":
            checks += [{"rule": "not_nan"}]
            checks += [{"rule": "negative_zero"}] if kind == "real" else []
        if (
            write == "numeric"
            and flight.precision > EXACT_DIGITS
            and (flight.scale or flight.precision > INTEGER_DIGITS)
        ):
            return None
        if native.precision and flight.type == "decimal":
            checks += decimal_checks(flight, native.precision, native.scale)
        if write == "blob":
            checks.append({"rule": "bytes", "max": 1_000_000_000})
        return Writing(write=write, checks=tuple(checks))
    return None
