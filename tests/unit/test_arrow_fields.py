"""Every Arrow type of a field is read as the flight that holds it, or refused with its own name."""

from typing import Any

import pytest

from dbferry.engines import engine
from dbferry.engines.arrow import catalog
from dbferry.types import Flight, Kind, Reading, Verdict, decimal

UTF8 = {"type": "large_utf8"}


def read(**told: Any) -> Reading:
    (column,) = catalog.table("s", [{"name": "c", "nullable": True, **told}]).columns
    return engine("arrow").read(column, {})


@pytest.mark.parametrize(
    ("told", "kind", "flight"),
    [
        ({"type": "bool"}, Kind.BOOL, "bool"),
        ({"type": "uint8"}, Kind.UINT, "uint8"),
        ({"type": "int64"}, Kind.INT, "int64"),
        ({"type": "float16"}, Kind.FLOAT, "float32"),
        ({"type": "float64"}, Kind.FLOAT, "float64"),
        ({"type": "utf8_view"}, Kind.TEXT, "text"),
        ({"type": "null"}, Kind.TEXT, "text"),
        ({"type": "dictionary", "value": UTF8}, Kind.TEXT, "text"),
        ({"type": "run_end_encoded", "value": {"type": "int8"}}, Kind.INT, "int8"),
        ({"type": "binary_view"}, Kind.BINARY, "binary"),
        ({"type": "fixed_size_binary", "byte_width": 4}, Kind.BINARY, "binary"),
        ({"type": "date64"}, Kind.DATE, "date"),
        ({"type": "time32", "unit": "ms"}, Kind.TIME, "time"),
        ({"type": "timestamp", "unit": "s"}, Kind.TIMESTAMP, "timestamp"),
        ({"type": "timestamp", "unit": "us", "timezone": "Europe/Berlin"}, Kind.INSTANT, "instant"),
        ({"type": "duration", "unit": "ms"}, Kind.SPAN, "span"),
        ({"type": "list_view", "value": UTF8}, Kind.SET, "text_list"),
        ({"type": "utf8", "extension": "arrow.json"}, Kind.JSON, "text"),
        (
            {"type": "fixed_size_binary", "byte_width": 16, "extension": "arrow.uuid"},
            Kind.UUID,
            "uuid",
        ),
        ({"type": "utf8", "extension": "somebody.else"}, Kind.TEXT, "text"),
    ],
)
def test_flights(told: dict[str, Any], kind: Kind, flight: str) -> None:
    reading = read(**told)
    assert (reading.canonical.kind, reading.flight.type, reading.read) == (kind, flight, "plain")
    assert reading.verdict in (Verdict.LOSSLESS, Verdict.NOTE)


@pytest.mark.parametrize(
    ("precision", "scale", "flight"),
    [(5, 2, decimal(5, 2)), (5, -2, decimal(7, 0)), (3, 5, decimal(5, 5)), (76, 0, decimal(76, 0))],
)
def test_decimals_have_a_scale_between_zero_and_their_precision(
    precision: int, scale: int, flight: Flight
) -> None:
    assert read(type="decimal256", precision=precision, scale=scale).flight == flight


def test_nanoseconds_are_checked_on_every_value() -> None:
    reading = read(type="timestamp", unit="ns")
    assert (reading.verdict, reading.code) == (Verdict.PROBED, "T-SCALE")
    assert reading.canonical.precision == 6


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"type": "struct", "fields": [{"name": "a", "type": "int8"}]}, "struct<a: int8>"),
        ({"type": "list", "value": {"type": "float16"}}, "list<float16>"),
        (
            {"type": "list", "value": {"type": "list", "value": {"type": "int8"}}},
            "list<list<int8>>",
        ),
        ({"type": "decimal256", "precision": 76, "scale": -2}, "decimal256(76, -2)"),
    ],
)
def test_what_no_database_has_is_refused_by_name(told: dict[str, Any], shown: str) -> None:
    reading = read(**told)
    assert (reading.verdict, reading.code) == (Verdict.ERROR, "X-TYPE")
    assert (reading.note or "").startswith(shown)
