"""Every type of every source is read as the Arrow type that the reference names, as a table and as a query."""

import datetime as dt
import json
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import dbferry
from servers.database import Database

DAY = dt.date(2024, 2, 29)
INSTANT = dt.datetime(2024, 2, 29, 12, 34, 56, 789012, tzinfo=dt.UTC)
MOMENT = INSTANT.replace(tzinfo=None)
CLOCK = dt.time(12, 34, 56, 789012)
ID = uuid.UUID("0123456789ab4def8123456789abcdef")
US = pa.timestamp("us")
UTC = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
LABEL = pa.dictionary(pa.int32(), TEXT)
SPELL = pa.month_day_nano_interval()


@dataclass(frozen=True)
class Case:
    """A declaration, a literal, and what arrives; `query` where an expression is known less of."""

    declared: str
    literal: str
    arrow: pa.DataType
    value: Any
    in_query: pa.DataType | None = None
    setup: str = field(default="", kw_only=True)


POSTGRESQL = [
    Case("boolean", "true", pa.bool_(), True),
    Case("smallint", "-32768", pa.int16(), -32768),
    Case("integer", "2147483647", pa.int32(), 2147483647),
    Case("bigint", "-9223372036854775808", pa.int64(), -9223372036854775808),
    Case("oid", "4294967295", pa.uint32(), 4294967295),
    Case("real", "'-0.5'", pa.float32(), -0.5),
    Case("double precision", "'Infinity'", pa.float64(), math.inf),
    Case("numeric(12,3)", "123456789.125", pa.decimal128(12, 3), Decimal("123456789.125")),
    Case("numeric(50,5)", "1e40", pa.decimal256(50, 5), Decimal("1e40")),
    Case("numeric(5,-2)", "12345", pa.decimal128(7, 0), Decimal(12300)),
    Case("numeric", "'NaN'", TEXT, "NaN"),
    Case("numeric", "1.10", TEXT, "1.10"),
    Case("money", "'12.34'", pa.decimal128(19, 2), Decimal("12.34")),
    Case("text", "'äΩ😀'", TEXT, "äΩ😀"),
    Case("varchar(5)", "'ab'", TEXT, "ab"),
    Case("char(5)", "'ab'", TEXT, "ab"),
    Case("bytea", r"'\x00ff'", pa.binary(), b"\x00\xff"),
    Case("date", "'2024-02-29'", pa.date32(), DAY),
    Case("time", "'12:34:56.789012'", pa.time64("us"), CLOCK),
    Case("timestamp", "'2024-02-29 12:34:56.789012'", US, MOMENT),
    Case("timestamptz", "'2024-02-29 13:34:56.789012+01'", UTC, INSTANT),
    Case("timetz", "'12:00:00+02'", TEXT, "12:00:00+02"),
    Case("interval", "'1 mon 2 days'", SPELL, pa.MonthDayNano([1, 2, 0])),
    Case("uuid", f"'{ID}'", pa.uuid(), ID),
    Case("json", """'{"a": 1}'""", pa.json_(), '{"a": 1}'),
    Case("jsonb", """'{"a": 1.10}'""", pa.json_(), '{"a": 1.10}'),
    Case("integer[]", "'{1,NULL}'", pa.list_(pa.int32()), [1, None]),
    Case("numeric(5,2)[]", "'{1.25}'", pa.list_(pa.decimal128(5, 2)), [Decimal("1.25")]),
    Case("text[]", """'{NULL,"NULL",""}'""", pa.list_(TEXT), [None, "NULL", ""]),
    Case("timestamptz[]", "'{}'", pa.list_(UTC), []),
    Case("interval[]", "'{1 day}'", pa.json_(), '["P1D"]'),
    Case("bit(3)", "B'101'", TEXT, "101"),
    Case("inet", "'192.168.0.1/24'", TEXT, "192.168.0.1/24"),
    Case("int4range", "'[1,10]'", TEXT, "[1,11)"),
    Case("mood", "'happy'", LABEL, "happy", setup="CREATE TYPE mood AS ENUM ('sad', 'happy')"),
    Case("posint", "7", pa.int32(), 7, setup="CREATE DOMAIN posint AS integer CHECK (VALUE > 0)"),
]

FAMILY = [
    Case("tinyint", "-128", pa.int8(), -128),
    Case("tinyint(1)", "1", pa.int8(), 1),
    Case("smallint unsigned", "65535", pa.uint16(), 65535),
    Case("mediumint", "-8388608", pa.int32(), -8388608),
    Case("int", "-2147483648", pa.int32(), -2147483648),
    Case("bigint unsigned", "18446744073709551615", pa.uint64(), 18446744073709551615),
    Case("decimal(12,3)", "123456789.125", pa.decimal128(12, 3), Decimal("123456789.125")),
    Case("decimal(6,2) unsigned", "1.10", pa.decimal128(6, 2), Decimal("1.10")),
    Case("decimal(60,5)", "1e40", pa.decimal256(60, 5), Decimal("1e40")),
    Case("float", "16777216", pa.float32(), 16777216.0),
    Case("double", "1e300", pa.float64(), 1e300),
    Case("bit(1)", "b'1'", pa.bool_(), True),
    Case("bit(5)", "b'101'", TEXT, "00101"),
    Case("year", "2024", pa.int16(), 2024),
    Case("date", "'2024-02-29'", pa.date32(), DAY),
    Case("datetime(6)", "'2024-02-29 12:34:56.789012'", US, MOMENT),
    Case("timestamp(6)", "'2024-02-29 12:34:56.789012'", UTC, INSTANT),
    Case(
        "time", "'-838:59:59'", pa.duration("us"), -dt.timedelta(hours=838, minutes=59, seconds=59)
    ),
    Case("char(5)", "'ab'", TEXT, "ab"),
    Case("varchar(20)", "'äΩ😀'", TEXT, "äΩ😀"),
    Case("longtext", "'long'", TEXT, "long"),
    Case("binary(2)", "x'00ff'", pa.binary(), b"\x00\xff"),
    Case("blob", "x'00ff'", pa.binary(), b"\x00\xff"),
    Case("enum('sad','happy')", "'happy'", LABEL, "happy"),
    Case("set('a','b','c')", "'a,c'", pa.list_(TEXT), ["a", "c"]),
    Case("json", """'{"a": 1}'""", pa.json_(), '{"a": 1}'),
]

MARIADB = [
    *FAMILY,
    Case("uuid", f"'{ID}'", pa.uuid(), ID),
    Case("inet6", "'::1'", TEXT, "::1"),
]

SQLITE = [
    Case("INTEGER", "9223372036854775807", pa.int64(), 9223372036854775807),
    Case("REAL", "1.5", pa.float64(), 1.5),
    Case("TEXT", "'äΩ😀'", TEXT, "äΩ😀"),
    Case("BLOB", "x'00ff'", pa.binary(), b"\x00\xff"),
    Case("DECIMAL(12,3)", "123.125", pa.decimal128(12, 3), Decimal("123.125")),
    Case("NUMERIC", "1.5", pa.float64(), 1.5),
    Case("BOOLEAN", "1", pa.bool_(), True),
    Case("DATE", "'2024-02-29'", pa.date32(), DAY),
    Case("DATETIME", "'2024-02-29 12:34:56.789012'", US, MOMENT),
    Case("DATETIME", "'2024-02-29T12:34:56.789012Z'", UTC, INSTANT),
    Case("TIMESTAMP", "1709210096", UTC, INSTANT.replace(microsecond=0)),
    Case("TIME", "'12:34:56.789012'", pa.time64("us"), CLOCK),
    Case("JSON", """'{"a": 1}'""", pa.json_(), '{"a": 1}'),
    Case("UUID", f"'{ID}'", pa.uuid(), ID),
    Case("", "'x'", TEXT, "x"),
]

CASES = {"postgresql": POSTGRESQL, "mysql": FAMILY, "mariadb": MARIADB, "sqlite": SQLITE}
KEYED = (
    "CREATE TABLE t (k integer PRIMARY KEY{columns});INSERT INTO t VALUES (1{values}), (2{nulls})"
)


@pytest.mark.parametrize("engine", CASES)
def test_types_and_values_of_a_table_and_of_a_query(
    database: Callable[[str], Database], engine: str
) -> None:
    held, cases = database(engine), CASES[engine]
    for case in cases:
        if case.setup:
            held.sql(case.setup)
    null = " NULL" if engine in ("mysql", "mariadb") else ""
    columns = "".join(f", c{at} {case.declared}{null}" for at, case in enumerate(cases))
    held.sql(
        KEYED.format(
            columns=columns,
            values="".join(f", {case.literal}" for case in cases),
            nulls=", NULL" * len(cases),
        )
    )
    # As the query stands, and as a part of another one.
    for what, chosen in (
        ("t", None),
        ("SELECT * FROM t", None),
        ("SELECT * FROM t;", [f"c{at}" for at in range(len(cases))]),
    ):
        stream = dbferry.read(held.url, what, columns=chosen)
        table = pa.table(stream)
        assert table.schema.equals(pa.schema(stream.schema))
        first = 0 if (table.column(0).to_pylist()[0], chosen) == (1, None) else 1
        for at, case in enumerate(cases):
            told = (engine, what, case.declared)
            column = table.column(f"c{at}")
            assert (*told, column.type) == (*told, case.arrow)
            value, absent = (column[first], column[1 - first]) if chosen is None else column
            if not value.is_valid:
                value, absent = absent, value
            assert not absent.is_valid
            assert plain(value) == case.value, told


def plain(scalar: pa.Scalar) -> Any:
    value = scalar.as_py()
    return (
        json.dumps(value)
        if isinstance(scalar, pa.ExtensionScalar) and not isinstance(value, str | uuid.UUID)
        else value
    )


def test_expressions_of_a_query_have_the_types_that_the_server_names(
    pg_db: Database, maria_db: Database, mysql_db: Database, sqlite_db: Database
) -> None:
    wanted = {
        pg_db: (
            "SELECT count(*) AS n, sum(1.5::numeric(5,2)) AS s, 'x' AS t, NULL AS u, now() AS w",
            [pa.int64(), TEXT, TEXT, TEXT, UTC],
        ),
        maria_db: (
            "SELECT count(*) AS n, cast(1.5 AS decimal(5,2)) AS s, 'x' AS t, NULL AS u, now(3) AS w",
            [pa.int64(), pa.decimal128(5, 2), TEXT, TEXT, US],
        ),
        mysql_db: (
            "SELECT count(*) AS n, cast(1.5 AS decimal(5,2)) AS s, 'x' AS t, NULL AS u, now(3) AS w",
            [pa.int64(), pa.decimal128(5, 2), TEXT, TEXT, US],
        ),
        sqlite_db: (
            "SELECT count(*) AS n, 1.5 AS s, 'x' AS t, NULL AS u, x'00' AS w",
            [pa.int64(), pa.float64(), TEXT, TEXT, pa.binary()],
        ),
    }
    for held, (query, types) in wanted.items():
        table = pa.table(dbferry.read(held.url, query))
        assert (held.engine, table.schema.types) == (held.engine, types)
        assert table.num_rows == 1


def test_a_probe_bounds_numbers_that_postgresql_doesn_t(pg_db: Database) -> None:
    pg_db.sql("CREATE TABLE t (n numeric); INSERT INTO t VALUES (1.25), (-1000)")
    table = pa.table(dbferry.read(pg_db.url, "t", probe=True))
    assert table.schema.types == [pa.decimal128(38, 2)]
    assert table.column(0).to_pylist() == [Decimal("1.25"), Decimal(-1000)]


def test_the_native_declaration_travels_with_the_field(maria_db: Database) -> None:
    maria_db.sql("CREATE TABLE t (e enum('a','b'))")
    schema = pa.schema(dbferry.read(maria_db.url, "t").schema)
    assert schema.field("e").metadata == {b"dbferry.native": b"mariadb:enum('a','b')"}
