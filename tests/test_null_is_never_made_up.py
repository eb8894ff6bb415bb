"""NULL into a column whose engine would put a number of its own there is refused at its row."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import ConstraintError, DbferryError
from servers.database import Database

Make = Callable[[str], Database]
FAMILY = pytest.mark.parametrize("engine", ["mariadb", "mysql"])
HOLED = pa.table({"id": pa.array([5, None], pa.int64()), "a": [1, 2]})


def standing(database: Database) -> Database:
    number = "INTEGER PRIMARY KEY" + ("" if database.engine == "sqlite" else " AUTO_INCREMENT")
    database.sql(f"CREATE TABLE t (id {number}, a INTEGER)")
    return database


@pytest.mark.parametrize("mode", ["append", "truncate"])
@pytest.mark.parametrize("engine", ["mariadb", "mysql", "sqlite"])
def test_a_key_of_a_table_that_stands(database: Make, engine: str, mode: dbferry.WriteMode) -> None:
    target = standing(database(engine))
    with pytest.raises(ConstraintError, match="would make up another") as caught:
        dbferry.write(HOLED, target.url, "t", mode=mode)
    assert (caught.value.code, caught.value.column, caught.value.row) == ("K-NULL", "id", 2)
    assert target.rows("SELECT * FROM t") == []


@pytest.mark.parametrize("engine", ["mariadb", "mysql", "sqlite"])
def test_a_stream_without_the_key_gets_numbers(database: Make, engine: str) -> None:
    target = standing(database(engine))
    dbferry.write(HOLED.select(["a"]), target.url, "t")
    assert [int(row[0] or 0) for row in target.rows("SELECT id FROM t ORDER BY id")] == [1, 2]


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql", "sqlite"])
def test_a_key_of_a_table_that_is_made(database: Make, engine: str) -> None:
    target = database(engine)
    with pytest.raises(DbferryError) as caught:
        dbferry.write(HOLED, target.url, "t", mode="create", primary_key="id")
    assert caught.value.column == "id"
    with pytest.raises(DbferryError, match="no table of the source is called"):
        dbferry.read(target.url, "t")


@FAMILY
def test_what_a_policy_makes_null(database: Make, engine: str) -> None:
    target = database(engine)
    target.sql("CREATE TABLE t (n SMALLINT AUTO_INCREMENT UNIQUE, a INTEGER)")
    rows = pa.table({"n": pa.array([70_000], pa.int64()), "a": [1]})
    with pytest.raises(DbferryError):
        dbferry.write(rows, target.url, "t", on_loss="n:N-RANGE=null")
    assert target.rows("SELECT * FROM t") == []


@FAMILY
def test_a_moment_that_is_not_null(database: Make, engine: str) -> None:
    target = database(engine)
    target.sql("CREATE TABLE t (at TIMESTAMP(6) NOT NULL)")
    rows = pa.table({"at": pa.array([0, None], pa.timestamp("us", "UTC"))})
    with pytest.raises(ConstraintError) as caught:
        dbferry.write(rows.slice(1), target.url, "t")
    assert caught.value.column == "at"
    assert target.rows("SELECT * FROM t") == []


@FAMILY
def test_a_migration_that_appends(database: Make, sqlite_db: Database, engine: str) -> None:
    sqlite_db.sql("CREATE TABLE t (id BIGINT, a INTEGER)")
    sqlite_db.sql("INSERT INTO t VALUES (NULL, 1)")
    target = standing(database(engine))
    with pytest.raises(DbferryError) as caught:
        dbferry.migrate(sqlite_db.url, target.url, prepare="append")
    assert caught.value.code == "K-NULL"
    assert target.rows("SELECT * FROM t") == []


@pytest.mark.parametrize(
    "key", ["id INTEGER PRIMARY KEY DESC", "id INT PRIMARY KEY", "id INTEGER, PRIMARY KEY (id, a)"]
)
def test_a_key_of_sqlite_that_holds_null(sqlite_db: Database, key: str) -> None:
    columns = f"a INTEGER, {key}" if "(id, a)" in key else f"{key}, a INTEGER"
    sqlite_db.sql(f"CREATE TABLE t ({columns})")
    dbferry.write(HOLED, sqlite_db.url, "t")
    assert sqlite_db.rows("SELECT id FROM t ORDER BY a") == [(5,), (None,)]
