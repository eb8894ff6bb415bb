"""Views, partitions, parents and what a query makes of several tables are read like a table."""

import pyarrow as pa
import pytest

import dbferry
from servers.database import Database


def values(held: Database, what: str, **options: object) -> list[object]:
    table = pa.table(dbferry.read(held.url, what, **options))  # type: ignore[arg-type]
    return sorted(table.column(0).to_pylist())


def test_postgresql(pg_db: Database) -> None:
    pg_db.sql(
        "CREATE TABLE p (a integer) PARTITION BY RANGE (a);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);"
        "INSERT INTO p VALUES (1), (11), (12);"
        "CREATE TABLE parent (a integer); CREATE TABLE child () INHERITS (parent);"
        "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2);"
        "CREATE VIEW v AS SELECT a FROM p; CREATE MATERIALIZED VIEW m AS SELECT a FROM p"
    )
    assert values(pg_db, "p", parallel=2) == [1, 11, 12]
    assert values(pg_db, "p2") == [11, 12]
    # As a migration reads it: the rows of the child are the child's.
    assert values(pg_db, "parent") == [1]
    assert values(pg_db, "v", parallel=2) == values(pg_db, "m") == [1, 11, 12]
    assert values(pg_db, "pg_catalog.pg_am", columns=["amname"])
    assert values(pg_db, "TABLE p") == [1, 11, 12]
    assert values(pg_db, "VALUES (1), (2)") == [1, 2]


@pytest.mark.parametrize("fixture", ["maria_db", "mysql_db"])
def test_mysql_and_mariadb(request: pytest.FixtureRequest, fixture: str) -> None:
    held: Database = request.getfixturevalue(fixture)
    held.sql(
        "CREATE TABLE t (e enum('b','a'), n integer unsigned); INSERT INTO t VALUES ('b', 1), ('a', 2);"
        "CREATE VIEW v AS SELECT e, n FROM t"
    )
    assert values(held, "v") == ["a", "b"]
    assert values(held, f"{held.name}.v", columns=["n"]) == [1, 2]
    query = "SELECT x.e, x.n FROM (SELECT e, n FROM t) AS x UNION ALL SELECT 'c', 3"
    stream = dbferry.read(held.url, query)
    assert sorted(pa.table(stream)["e"].to_pylist()) == ["a", "b", "c"]
    # A part of the query has a table's name, and columns of other types.
    same = "WITH t AS (SELECT 'long word' AS e, 1.5 AS n) SELECT e, n FROM t"
    assert values(held, same) == ["long word"]


def test_sqlite(sqlite_db: Database) -> None:
    sqlite_db.sql(
        "CREATE TABLE t (a integer, d date); INSERT INTO t VALUES (1, '2024-01-01'), (2, NULL);"
        "CREATE VIEW v AS SELECT d, a * 2 AS b FROM t;"
        "CREATE TABLE w (k text PRIMARY KEY) WITHOUT ROWID; INSERT INTO w VALUES ('x')"
    )
    stream = dbferry.read(sqlite_db.url, "v", parallel=2)
    assert dict(stream.schema) == {"d": "date32", "b": "int64"}
    assert values(sqlite_db, "v", columns=["b"]) == [2, 4]
    assert values(sqlite_db, "w", parallel=2) == ["x"]
