"""Arrow's types: a field → canonical as a source, canonical → a type of the flight as a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dbferry.catalog import Column, NativeType
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

MOST_DIGITS = 76
# A fraction of a second has so many digits by its unit.
DIGITS: Mapping[str, int] = {"s": 0, "ms": 3, "us": 6, "ns": 9}

# Arrow's name of a type without parameters → ours.
PLAIN: Mapping[str, str] = {
    **{name: name for name in ("bool", *sorted(INTEGERS), "float16", "float32", "float64", "null")},
    **dict.fromkeys(("utf8", "large_utf8", "utf8_view"), "text"),
    **dict.fromkeys(("binary", "large_binary", "binary_view", "fixed_size_binary"), "binary"),
    **dict.fromkeys(("date32", "date64"), "date"),
    **dict.fromkeys(("time32", "time64"), "time"),
    **dict.fromkeys(("decimal32", "decimal64", "decimal128", "decimal256"), "decimal"),
    "duration": "duration",
}
LISTS = ("list", "large_list", "list_view", "large_list_view", "fixed_size_list")
# Types that stand for another one: the values of a dictionary, of runs.
WRAPPERS = ("dictionary", "run_end_encoded")


def native(field: Mapping[str, Any]) -> NativeType:
    """The type of a field as `_native.arrow_schema` tells it; its text is what people read."""
    kind, text = str(field["type"]), shown(field)
    if kind in WRAPPERS:
        return replace(native(_value(field)), text=text)
    extension, known = field.get("extension"), PLAIN.get(kind)
    if extension == "arrow.json" and known == "text":
        return NativeType(name="json", text=text)
    if extension == "arrow.uuid" and field.get("byte_width") == 16:
        return NativeType(name="uuid", text=text)
    if extension == "geoarrow.wkb" and known == "binary":
        return NativeType(name="geometry", text=text)
    if kind in LISTS:
        value = native(_value(field))
        if value.name == "text":
            return NativeType(name="text_list", text=text)
        # Elements aren't converted: they fly as they are, or not at all.
        flown = read(Column(name="", position=0, native=value), {}).flight
        same = value.name in ("uuid", "json") or value.text == _name(flown)
        if same and flown.element is None and flown.type != "text_list":
            return replace(value, name="list", text=text, element=value.name)
        return NativeType(name=kind, text=text)
    if kind == "timestamp":
        known = "instant" if field.get("timezone") else "timestamp"
    return NativeType(
        name=known or kind,
        text=text,
        precision=DIGITS[field["unit"]] if field.get("unit") in DIGITS else field.get("precision"),
        scale=field.get("scale"),
        length=field.get("byte_width"),
    )


def _value(field: Mapping[str, Any]) -> Mapping[str, Any]:
    return field.get("value") or {"type": "null"}


def shown(field: Mapping[str, Any]) -> str:
    """A type as people write it: `timestamp[us, tz=UTC]`, `dictionary<utf8>`."""
    kind = str(field["type"])
    if extension := field.get("extension"):
        return f"extension<{extension}>"
    if kind.startswith("decimal"):
        return f"{kind}({field.get('precision')}, {field.get('scale')})"
    if kind == "timestamp" and field.get("timezone"):
        return f"{kind}[{field.get('unit')}, tz={field['timezone']}]"
    if field.get("unit"):
        return f"{kind}[{field['unit']}]"
    if kind == "fixed_size_binary":
        return f"{kind}[{field.get('byte_width')}]"
    if kind in (*WRAPPERS, *LISTS):
        return f"{kind}<{shown(_value(field))}>"
    if fields := field.get("fields"):
        parts = ", ".join(f"{part.get('name')}: {shown(part)}" for part in fields)
        return f"{kind}<{parts}>"
    return kind


def _reading(
    kind: Kind, flight: str | Flight, *, risks: str = "", length: int | None = None, **more: Any
) -> Reading:
    return Reading(
        canonical=Canonical(kind=kind, length=length, **more),
        read="plain",
        flight=flight if isinstance(flight, Flight) else Flight(flight),
        options={"text": ("text", "{c}")},
        risks=frozenset(risks.split()),
    )


def read(column: Column, facts: Facts) -> Reading:
    """Every value goes through one lossless cast; what it can't carry is an error at its row."""
    native = column.native
    match native.name:
        case "bool":
            return _reading(Kind.BOOL, "bool")
        case name if name in INTEGERS:
            unsigned, bits = name.startswith("u"), int(name.lstrip("uint"))
            return _reading(Kind.UINT if unsigned else Kind.INT, name, bits=bits)
        case "float16" | "float32":
            return _reading(Kind.FLOAT, "float32", bits=32)
        case "float64":
            return _reading(Kind.FLOAT, "float64", bits=64)
        case "decimal":
            return _decimal(native)
        case "text":
            return _reading(Kind.TEXT, "text")
        case "null":
            return replace(
                _reading(Kind.TEXT, "text"),
                verdict=Verdict.NOTE,
                code="X-NULL",
                note="a column of nothing but NULL is text",
            )
        case "json":
            return _reading(Kind.JSON, "text", risks="J-NUL")
        case "uuid":
            return _reading(Kind.UUID, "uuid")
        case "geometry":
            return _reading(Kind.GEOMETRY, "binary")
        case "binary":
            return _reading(
                Kind.BINARY, "binary", length=native.length, fixed=native.length is not None
            )
        case "date":
            return _reading(Kind.DATE, "date", risks="T-SCALE T-RANGE")
        case "time" | "timestamp" | "instant" | "duration":
            return _moment(native)
        case "text_list":
            return _reading(Kind.SET, "text_list")
        case "list" if native.element is not None:
            single = replace(native, name=native.element, element=None)
            element = read(Column(name="", position=0, native=single), {})
            flight = Flight("list", element=element.flight)
            return replace(_reading(Kind.ARRAY, flight), element=element)
        case "interval":
            return _reading(Kind.INTERVAL, "interval", risks="T-SCALE")
        case _:
            return _refused(native, "no database here has such a type")


def _decimal(native: NativeType) -> Reading:
    """Negative scales are counted before the point, scales above the precision behind it."""
    scale = native.scale or 0
    precision = max((native.precision or 38) - min(scale, 0), scale)
    scale = max(scale, 0)
    if precision > MOST_DIGITS:
        return _refused(native, f"decimals of more than {MOST_DIGITS} digits can't be carried")
    return _reading(Kind.DECIMAL, decimal(precision, scale), precision=precision, scale=scale)


def _moment(native: NativeType) -> Reading:
    kind, flight = {
        "time": (Kind.TIME, "time"),
        "timestamp": (Kind.TIMESTAMP, "timestamp"),
        "instant": (Kind.INSTANT, "instant"),
        "duration": (Kind.SPAN, "span"),
    }[native.name]
    digits = 6 if native.precision is None else native.precision
    reading = _reading(kind, flight, risks="T-SCALE T-RANGE", precision=min(digits, 6))
    if digits <= 6:
        return reading
    return replace(
        reading,
        verdict=Verdict.PROBED,
        code="T-SCALE",
        note="nanoseconds that aren't whole microseconds are an error",
    )


def _refused(native: NativeType, why: str) -> Reading:
    return replace(
        _reading(Kind.OPAQUE, "text"),
        read="text",
        verdict=Verdict.ERROR,
        code="X-TYPE",
        note=f"{native.text}: {why}",
    )


def read_text(column: Column) -> Reading:
    return replace(_reading(Kind.TEXT, "text"), read="text")


# Kinds whose meaning travels beside their storage.
EXTENSIONS: Mapping[Kind, str] = {
    Kind.UUID: "arrow.uuid",
    Kind.JSON: "arrow.json",
    Kind.ARRAY: "arrow.json",
    Kind.GEOMETRY: "geoarrow.wkb",
}
# Flight → the name under which people know the Arrow type.
NAMES: Mapping[str, str] = {
    "text": "utf8",
    "uuid": "fixed_size_binary[16]",
    "date": "date32",
    "time": "time64[us]",
    "timestamp": "timestamp[us]",
    "instant": "timestamp[us, tz=UTC]",
    "span": "duration[us]",
    "text_list": "list<utf8>",
    "label": "dictionary<utf8>",
    "interval": "interval[month_day_nano]",
}
# What Arrow has a type of its own for, where the source can give it.
BETTER: Mapping[Kind, str] = {Kind.ENUM: "label", Kind.INTERVAL: "interval", Kind.ARRAY: "list"}


def declare(reading: Reading, context: Context) -> Declared:
    """Every flight is an Arrow type already; a meaning that it doesn't tell is an extension."""
    flight, extension = reading.flight, EXTENSIONS.get(reading.canonical.kind)
    better = BETTER.get(reading.canonical.kind)
    if better is not None and better in reading.options:
        element = reading.element
        flight = Flight(better, element=element.flight if element else None)
        native = NativeType(name=better, text=_name(flight))
        inner = EXTENSIONS.get(element.canonical.kind) if element else None
        return Declared(native=native, flight=flight, extension=inner)
    found = _digits(reading, context.facts)
    if found is not None:
        native = NativeType(
            name="decimal",
            text=f"decimal{128 if found.precision <= 38 else 256}({found.precision}, {found.scale})",
            precision=found.precision,
            scale=found.scale,
        )
        return Declared(
            native=native,
            flight=found,
            verdict=Verdict.PROBED,
            code="N-SCALE",
            note="size taken from the data; a wider value is an error",
        )
    text = _name(flight)
    native = NativeType(
        name=flight.type,
        text=f"extension<{extension}>" if extension else text,
        precision=flight.precision or None,
        scale=flight.scale if flight.precision else None,
    )
    return Declared(native=native, extension=extension)


def _name(flight: Flight) -> str:
    if flight.type == "decimal":
        width = 128 if flight.precision <= 38 else 256
        return f"decimal{width}({flight.precision}, {flight.scale})"
    if flight.element is not None:
        return f"list<{_name(flight.element)}>"
    return NAMES.get(flight.type, flight.type)


def _digits(reading: Reading, facts: Facts) -> Flight | None:
    """The decimal that holds every number that a probe has seen, of a column that bounds none."""
    if "decimal" not in reading.options or facts.get("not_a_number"):
        return None
    if "digits" not in facts or "scale" not in facts:
        return None
    scale, digits = facts["scale"], facts["digits"]
    if scale + digits > MOST_DIGITS:
        return None
    return decimal(38 if scale + digits <= 38 else MOST_DIGITS, scale)


def accept(native: NativeType, flight: Flight) -> Writing | None:
    """A stream that stands, such as another system's, takes its own types and what widens to them."""
    if flight.type == native.name == "decimal":
        return Writing(write="arrow", checks=decimal_checks(flight, native.precision, native.scale))
    if native.name in INTEGERS and flight.type in INTEGERS:
        return Writing(write="arrow", checks=integer_checks(native.name, flight))
    return Writing(write="arrow") if flight.type == native.name else None
