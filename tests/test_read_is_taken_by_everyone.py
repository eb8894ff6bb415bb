"""polars, pandas, DuckDB and pyarrow take a stream as it is, in any thread."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dbferry
from servers.database import Database

ROWS = [(1, "a", Decimal("1.50")), (2, None, Decimal("2.25")), (3, "c", None)]
TABLE = (
    "CREATE TABLE t (id integer, name varchar(10), price decimal(10,2));"
    "INSERT INTO t VALUES (1, 'a', 1.5), (2, NULL, 2.25), (3, 'c', NULL)"
)


def by_polars(stream: dbferry.Stream) -> list[Any]:
    return pl.DataFrame(stream).rows()


def by_pandas(stream: dbferry.Stream) -> list[Any]:
    frame = pd.DataFrame.from_arrow(stream)
    return [tuple(None if pd.isna(v) else v for v in row) for row in frame.itertuples(index=False)]


def by_duckdb(stream: dbferry.Stream) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.register("s", stream).execute("SELECT * FROM s").fetchall()


def by_pyarrow(stream: dbferry.Stream) -> list[Any]:
    return [tuple(row.values()) for row in pa.table(stream).to_pylist()]


@pytest.mark.parametrize("take", [by_polars, by_pandas, by_duckdb, by_pyarrow])
@pytest.mark.parametrize("what", ["t", "SELECT * FROM t ORDER BY id"])
def test_rows_are_the_same(pg_db: Database, sqlite_db: Database, take: Any, what: str) -> None:
    for held in (pg_db, sqlite_db):
        held.sql(TABLE)
        stream = dbferry.read(held.url, what)
        assert sorted(take(stream), key=lambda row: row[0]) == ROWS
        with ThreadPoolExecutor(1) as pool:
            again = pool.submit(take, stream).result()
        assert sorted(again, key=lambda row: row[0]) == ROWS


def test_an_empty_table_is_a_stream_with_a_schema(maria_db: Database) -> None:
    maria_db.sql("CREATE TABLE t (id integer, name varchar(10))")
    frame = pl.DataFrame(dbferry.read(maria_db.url, "t"))
    assert frame.schema == {"id": pl.Int32, "name": pl.String}
    assert frame.is_empty()
