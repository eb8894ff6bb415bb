"""The native reader and PostgreSQL's ADBC driver, written by others, give the same values.

Compared type by type, in a form that neither has made, wherever the driver is exact. adbc-driver-postgresql
1.13.0 is not, and is no judge, of
- `infinity` and `-infinity` of date, timestamp and timestamptz: it shifts the epoch and overflows;
- timestamps past 294246, which it shifts from 2000 to 1970 the same way;
- numeric `Infinity` and `-Infinity`, told as `inf` and `-inf`; NaN is `nan`;
- money: the number of cents, without its scale; oid: signed, negative from 2³¹ on;
- char(n): padded with blanks, which are no part of the value;
- timetz, bit, varbit, inet, cidr, macaddr, ranges, geometric types, tsvector: the server's own wire bytes.
"""

import json
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import adbc_driver_postgresql.dbapi
import pyarrow as pa
import pytest

from native import table_of
from servers.database import Database

Neutral = Callable[[pa.ChunkedArray], list[Any]]


def plain(column: pa.ChunkedArray) -> list[Any]:
    return column.to_pylist()


def counted(kind: pa.DataType, ticks: pa.DataType) -> Neutral:
    """Moments as numbers: Python's own have fewer years."""
    return lambda column: column.cast(kind).cast(ticks).to_pylist()


def bits(letter: str) -> Neutral:
    """Floats by their bits, any NaN as one."""

    def told(column: pa.ChunkedArray) -> list[Any]:
        return [
            None if v is None else "nan" if v != v else struct.pack(letter, v).hex()
            for v in column.to_pylist()
        ]

    return told


def numbers(column: pa.ChunkedArray) -> list[Any]:
    """Decimal text without zeros that mean nothing."""
    return [None if v is None else f"{Decimal(str(v)).normalize():f}" for v in column.to_pylist()]


def digits(column: pa.ChunkedArray) -> list[Any]:
    """Decimal text as it stands; the driver's `nan` in the server's letters."""
    return [None if v is None else "NaN" if str(v) == "nan" else str(v) for v in column.to_pylist()]


def identifiers(column: pa.ChunkedArray) -> list[Any]:
    values = [v.as_py() for v in column]
    return [None if v is None else getattr(v, "bytes", v) for v in values]


def lists(column: pa.ChunkedArray) -> list[Any]:
    """The native reader gives an array as JSON."""
    return [json.loads(v) if isinstance(v, str) else v for v in column.to_pylist()]


def labels(column: pa.ChunkedArray) -> list[Any]:
    """The driver gives labels and documents as the bytes of their text."""
    return [v.decode() if isinstance(v, bytes) else v for v in column.to_pylist()]


DAY = counted(pa.date32(), pa.int32())
CLOCK = counted(pa.time64("us"), pa.int64())
WALL = counted(pa.timestamp("us"), pa.int64())
INSTANT = counted(pa.timestamp("us", "UTC"), pa.int64())

TYPES: list[tuple[str, list[str], Neutral]] = [
    ("boolean", ["true", "false"], plain),
    ("smallint", ["-32768", "32767", "0"], plain),
    ("integer", ["-2147483648", "2147483647", "0"], plain),
    ("bigint", ["'-9223372036854775808'", "9223372036854775807", "0"], plain),
    (
        "real",
        ["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "1e-45", "3.4028235e38", "0.1", "16777217"],
        bits("<f"),
    ),
    (
        "double precision",
        ["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "5e-324", "1.7976931348623157e308", "0.1"],
        bits("<d"),
    ),
    ("numeric(12,3)", ["0", "-0.001", "999999999.999", "1.5", "-999999999.999"], digits),
    (
        "numeric(38,0)",
        ["99999999999999999999999999999999999999", "-1", "10000", "100000000"],
        digits,
    ),
    ("numeric(38,38)", ["0.00000000000000000000000000000000000001", "-0.5"], numbers),
    ("numeric(60,20)", ["1234567890123456789012345678901234567890.12345678901234567890"], digits),
    ("numeric(5,-2)", ["1234567", "-50", "0"], numbers),
    (
        "numeric",
        [
            "'NaN'",
            "1.10",
            "-0",
            "1e-20",
            "12345678901234567890.123456789012345678901234567890",
            "1e40",
        ],
        digits,
    ),
    (
        "text",
        ["''", "' '", "E'a\\nb\\t\\\\'", "'NULL'", "'Zoë 😀 \u2028'", "repeat('x', 100000)"],
        plain,
    ),
    ("varchar(7)", ["''", "'ab '", "'日本語'"], plain),
    ("name", ["'pg_class'"], plain),
    ("bytea", ["''", "'\\x00'", "'\\xdeadbeef00'", "decode(repeat('ff', 70000), 'hex')"], plain),
    (
        "date",
        ["'4713-01-01 BC'", "'0001-01-01 BC'", "'1582-10-10'", "'5874897-12-31'", "'1970-01-01'"],
        DAY,
    ),
    ("time", ["'00:00'", "'23:59:59.999999'", "'12:00:00.000001'"], CLOCK),
    (
        "timestamp",
        ["'4713-01-01 BC'", "'0001-01-01'", "'1999-12-31 23:59:59.999999'", "'294246-12-31'"],
        WALL,
    ),
    (
        "timestamptz",
        [
            "'4713-01-02 BC'",
            "'0001-01-01 00:00+14'",
            "'1969-12-31 23:59:59.999999-11'",
            "'294246-12-31'",
        ],
        INSTANT,
    ),
    (
        "uuid",
        ["'00000000-0000-0000-0000-000000000000'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
        identifiers,
    ),
    ("json", ['\'{"b": 1,  "a": 1e400}\'', "'null'", "'\"\\u0000\"'", "'[1, 1]'"], plain),
    ("jsonb", ['\'{"b": 1.10,  "aa": null}\'', "'null'", "'\"é\"'"], plain),
    ("xml", ["'<a b=\"1\">é</a>'"], labels),
    ("mood", ["'sad'", "''", "'très gai'"], labels),
    ("integer[]", ["'{}'", "'{1,NULL,-2147483648}'"], lists),
    ("text[]", ['\'{NULL,"NULL","","a,b"}\'', '\'{"\\""}\''], lists),
    ("boolean[]", ["'{t,f,NULL}'"], lists),
]


@pytest.mark.parametrize(("kind", "values", "neutral"), TYPES, ids=[kind for kind, *_ in TYPES])
def test_native_and_driver_agree(
    pg_db: Database, kind: str, values: list[str], neutral: Neutral
) -> None:
    pg_db.sql("CREATE TYPE mood AS ENUM ('sad', '', 'très gai')")
    pg_db.sql(f"CREATE TABLE t (id integer PRIMARY KEY, v {kind})")
    rows = ", ".join(f"({n}, {value})" for n, value in enumerate([*values, "NULL"]))
    pg_db.sql(f"INSERT INTO t VALUES {rows}")
    with (
        adbc_driver_postgresql.dbapi.connect(pg_db.url) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT id, v FROM t ORDER BY id")
        judged = cursor.fetch_arrow_table()
    ours = table_of(pg_db, "t").sort_by("id")
    assert ours.column("id").to_pylist() == judged.column("id").to_pylist()
    assert neutral(ours.column("v")) == neutral(judged.column("v"))
    assert judged.num_rows == len(values) + 1
