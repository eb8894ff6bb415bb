"""What a driver or the column behind it would change is refused or counted, as where dbferry writes itself."""

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from math import nan
from typing import Any

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import DataError, DbferryError
from servers.database import Database
from through import adbc

INT = pa.int64()


@pytest.fixture
def standing(sqlite_db: Database) -> Database:
    sqlite_db.sql("CREATE TABLE t (i INTEGER, r REAL, x TEXT, n NUMERIC, d DATE)")
    return sqlite_db


def refused(target: Database, table: str, column: str, values: pa.Array, code: str) -> None:
    with pytest.raises(DbferryError) as caught:
        dbferry.write(pa.table({column: values}), adbc(target), table)
    fault = getattr(caught.value, "faults", (caught.value,))[0]
    assert (fault.code, fault.column) == (code, column)
    assert target.rows(f"SELECT count(*) FROM {table}") == [(0,)]


def test_not_a_number_is_no_null(sqlite_db: Database, pg_db: Database) -> None:
    table = pa.table({"v": [1.5, nan]})
    with pytest.raises(DataError) as caught:
        dbferry.write(table, adbc(sqlite_db), "t", mode="create")
    assert (caught.value.code, caught.value.row) == ("N-NAN", 2)
    report = dbferry.write(table, adbc(sqlite_db), "t", mode="create", on_loss="v:N-NAN=null")
    assert [(w.code, w.rows) for w in report.tables[0].warnings] == [("N-NAN", 1)]
    pg_db.sql("CREATE TABLE f (v float8 NOT NULL); INSERT INTO f VALUES ('NaN')")
    with pytest.raises(DataError, match="NaN"):
        dbferry.migrate(pg_db.url, adbc(sqlite_db), tables=["f"])
    dbferry.write(table, adbc(pg_db), "t", mode="create")
    assert pg_db.rows("SELECT v::text FROM t ORDER BY 1") == [("1.5",), ("NaN",)]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("i", pa.array(["007"])),
        ("i", pa.array([b"x"])),
        ("r", pa.array([(1 << 53) + 1])),
        ("n", pa.array(["1.50"])),
        ("x", pa.array([7])),
    ],
)
def test_a_column_of_sqlite_that_would_convert_it(
    standing: Database, column: str, values: pa.Array
) -> None:
    refused(standing, "t", column, values, "X-TYPE")


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("i", 7, pa.int16()),
        ("r", 1.5, pa.float64()),
        ("x", "a", pa.utf8()),
        ("n", 7, INT),
        ("d", date(2020, 1, 2), pa.date32()),
    ],
)
def test_a_column_of_sqlite_that_keeps_it(
    standing: Database, column: str, value: Any, kind: pa.DataType
) -> None:
    dbferry.write(pa.table({column: pa.array([value], kind)}), adbc(standing), "t")
    kept = str(value) if column == "d" else value
    assert standing.rows(f"SELECT {column} FROM t") == [(kept,)]


def test_years_that_the_driver_of_sqlite_cuts(standing: Database) -> None:
    ancient = pa.array([-719_929], pa.int32()).view(pa.date32())
    refused(standing, "t", "d", ancient, "T-RANGE")
    with pytest.raises(DataError, match="years 1 to 9999"):
        dbferry.write(pa.table({"v": ancient}), adbc(standing), "made", mode="create")


@pytest.mark.parametrize(
    ("column", "value", "kind", "code"),
    [
        ("n", Decimal("1.005"), pa.decimal128(10, 3), "N-SCALE"),
        ("t", datetime(2019, 12, 31, 23, 59, 59, 999_999), pa.timestamp("us"), "T-SCALE"),  # noqa: DTZ001
        ("z", 1, pa.timestamp("us", "UTC"), "T-SCALE"),
        ("c", time(23, 59, 59, 999_999), pa.time64("us"), "T-SCALE"),
        ("v", "abc  ", pa.utf8(), "S-LEN"),
    ],
)
def test_a_column_of_postgresql_that_would_round_or_cut_it(
    pg_db: Database, column: str, value: Any, kind: pa.DataType, code: str
) -> None:
    pg_db.sql(
        "CREATE TABLE t (n numeric(5,2), t timestamp(0), z timestamptz(3), c time(0), v varchar(4))"
    )
    refused(pg_db, "t", column, pa.array([value], kind), code)


def test_an_interval_is_text_where_the_driver_takes_none(
    pg_db: Database, sqlite_db: Database
) -> None:
    pg_db.sql("CREATE TABLE t (v interval); INSERT INTO t VALUES ('1 day 00:00:02')")
    dbferry.migrate(pg_db.url, adbc(sqlite_db))
    assert sqlite_db.rows("SELECT v FROM t") == [("P1DT2S",)]


def test_a_span_that_no_text_says(database: Callable[[str], Database]) -> None:
    spans = pa.table({"v": pa.array([5, (1 << 63) - 1], pa.duration("s"))})
    with pytest.raises(DataError) as caught:
        dbferry.write(spans, adbc(database("sqlite")), "t", mode="create")
    assert (caught.value.code, caught.value.row) == ("T-RANGE", 2)
