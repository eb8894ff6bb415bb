"""A write that fails leaves the target as it was, whatever its mode and however many sessions write."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import (
    ConstraintError,
    DataError,
    DbferryError,
    ExistsError,
    MissingError,
    RequestError,
)
from servers.database import Database

ENGINES = ("postgresql", "mariadb", "mysql", "sqlite", "duckdb")
BATCHES = 40
ROWS = 1_000
SCHEMA = pa.schema([("id", pa.int64()), ("amount", pa.int32())])

Make = Callable[[str], Database]
pytestmark = pytest.mark.parametrize("engine", ENGINES)


def batches(*, last: int = 1, fails: bool = False) -> Iterator[pa.RecordBatch]:
    """Rows with ids from 100; the amount of the very last row is `last`."""
    for number in range(BATCHES):
        first = 100 + number * ROWS
        amounts = [1] * ROWS
        if number == BATCHES - 1:
            amounts[-1] = last
            if fails:
                raise ValueError("the producer has no more")
        yield pa.record_batch([range(first, first + ROWS), amounts], schema=SCHEMA)


def stream(*, last: int = 1, fails: bool = False) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(SCHEMA, batches(last=last, fails=fails))


def standing(database: Database) -> Database:
    database.sql("CREATE TABLE t (id BIGINT PRIMARY KEY, amount SMALLINT)")
    database.sql("INSERT INTO t VALUES (1, 10), (2, 20)")
    return database


def ids(database: Database) -> list[int]:
    return [int(row[0] or 0) for row in database.rows("SELECT id FROM t ORDER BY id")]


def names(database: Database) -> list[str]:
    where = {
        "postgresql": "table_schema = 'public'",
        "duckdb": "table_schema = 'main'",
    }.get(database.engine, f"table_schema = '{database.name}'")
    query = f"SELECT table_name FROM information_schema.tables WHERE {where} ORDER BY 1"
    if database.engine == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
    return [str(row[0]) for row in database.rows(query)]


NEW = list(range(100, 100 + BATCHES * ROWS))


@pytest.mark.parametrize("mode", ["append", "truncate", "replace"])
def test_rows_arrive(database: Make, engine: str, mode: dbferry.WriteMode) -> None:
    target = standing(database(engine))
    report = dbferry.write(stream(), target.url, "t", mode=mode)
    assert report.rows == len(NEW)
    assert report.state == "done"
    assert ids(target) == ([1, 2, *NEW] if mode == "append" else NEW)
    assert names(target) == ["t"]


@pytest.mark.parametrize("mode", ["append", "truncate", "replace"])
def test_an_error_in_the_producer_leaves_the_table(
    database: Make, engine: str, mode: dbferry.WriteMode
) -> None:
    target = standing(database(engine))
    with pytest.raises(DbferryError, match="the producer has no more") as caught:
        dbferry.write(stream(fails=True), target.url, "t", mode=mode, parallel=2)
    assert caught.value.side == "source"
    assert caught.value.table == "t"
    assert ids(target) == [1, 2]
    assert names(target) == ["t"]


@pytest.mark.parametrize("mode", ["append", "truncate"])
def test_a_bad_value_in_the_last_row_leaves_the_table(
    database: Make, engine: str, mode: dbferry.WriteMode
) -> None:
    target = standing(database(engine))
    if engine == "sqlite":
        # It holds any integer in any column.
        assert dbferry.write(stream(last=70_000), target.url, "t", mode=mode).rows == BATCHES * ROWS
        return
    with pytest.raises(DataError) as caught:
        dbferry.write(stream(last=70_000), target.url, "t", mode=mode, parallel=2)
    assert (caught.value.column, caught.value.row) == ("amount", BATCHES * ROWS)
    assert caught.value.code == "N-RANGE"
    assert ids(target) == [1, 2]


def test_a_key_that_is_there_leaves_the_table(database: Make, engine: str) -> None:
    target = standing(database(engine))
    target.sql("INSERT INTO t VALUES (40000, 1)")
    with pytest.raises(ConstraintError):
        dbferry.write(stream(), target.url, "t", parallel=3)
    assert ids(target) == [1, 2, 40000]


def test_a_failed_create_leaves_nothing(database: Make, engine: str) -> None:
    target = database(engine)
    target.sql("CREATE TABLE other (x INTEGER)")
    with pytest.raises(DbferryError, match="no more"):
        dbferry.write(stream(fails=True), target.url, "t", mode="create")
    assert names(target) == ["other"]
    with pytest.raises(DbferryError):
        twice = pa.table({"id": [1, 1]})
        dbferry.write(twice, target.url, "t", mode="create", primary_key="id")
    assert names(target) == ["other"]
    dbferry.write(stream(), target.url, "t", mode="create", primary_key="id")
    assert ids(target) == NEW


def test_what_stands_and_what_is_missing_are_refused(database: Make, engine: str) -> None:
    target = standing(database(engine))
    with pytest.raises(ExistsError, match="has a table of this name"):
        dbferry.write(stream(), target.url, "t", mode="create")
    for mode in ("append", "truncate"):
        with pytest.raises(MissingError, match="no such table"):
            dbferry.write(stream(), target.url, "u", mode=mode)  # type: ignore[arg-type]
    with pytest.raises(RequestError) as caught:
        dbferry.write(pa.table({"id": [3], "unknown": [1]}), target.url, "t")
    assert (caught.value.column, caught.value.code) == ("unknown", "M-MISSING")
    assert ids(target) == [1, 2]


def test_columns_are_matched_by_name_and_may_be_missing(database: Make, engine: str) -> None:
    target = database(engine)
    target.sql("CREATE TABLE t (id BIGINT PRIMARY KEY, a INTEGER, b INTEGER DEFAULT 7)")
    dbferry.write(pa.table({"a": [5], "id": [1]}), target.url, "t")
    assert [tuple(map(str, row)) for row in target.rows("SELECT id, a, b FROM t")] == [
        ("1", "5", "7")
    ]


def test_replace_makes_a_table_that_is_not_there(database: Make, engine: str) -> None:
    target = database(engine)
    dbferry.write(stream(), target.url, "t", mode="replace")
    assert ids(target) == NEW
