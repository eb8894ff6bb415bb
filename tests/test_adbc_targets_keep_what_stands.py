"""A library makes tables by names that its database may fold or cut: what is called so already is never taken for its own."""

from collections.abc import Callable

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import ExistsError
from servers.database import Database
from through import adbc

LONG = "p" * 63
MADE = pa.table({"id": [2]})


@pytest.fixture
def people(sqlite_db: Database) -> Database:
    sqlite_db.sql("CREATE TABLE people (id INTEGER, name TEXT)")
    sqlite_db.sql("INSERT INTO people VALUES (1, 'kept')")
    return sqlite_db


def test_a_name_in_another_case_is_the_same_table(people: Database) -> None:
    with pytest.raises(ExistsError, match="a table of this name"):
        dbferry.write(MADE, adbc(people), "People", mode="create")
    assert people.rows("SELECT * FROM people") == [(1, "kept")]
    dbferry.write(MADE, adbc(people), "People")
    assert people.rows("SELECT id FROM people ORDER BY id") == [(1,), (2,)]


@pytest.mark.parametrize("prepare", ["create", "append", "truncate", "drop"])
def test_a_run_finds_it_too(
    people: Database, database: Callable[[str], Database], prepare: str
) -> None:
    source = database("sqlite")
    source.sql("CREATE TABLE People (id INTEGER, name TEXT)")
    source.sql("INSERT INTO People VALUES (7, 'new'), (8, 'new')")
    ids = "SELECT id FROM people ORDER BY id"
    if prepare == "create":
        with pytest.raises(ExistsError, match="has rows"):
            dbferry.migrate(source.url, adbc(people))
        assert people.rows(ids) == [(1,)]
        return
    dbferry.migrate(source.url, adbc(people), prepare=prepare)  # type: ignore[arg-type]
    new = [(7,), (8,)]
    assert people.rows(ids) == ([(1,), *new] if prepare == "append" else new)


@pytest.mark.parametrize("mode", ["create", "replace"])
def test_what_a_cut_name_meets_stays(pg_db: Database, mode: dbferry.WriteMode) -> None:
    pg_db.sql(f"CREATE TABLE {LONG} AS SELECT 'kept' AS x")
    with pytest.raises(ExistsError, match="that it calls by this name"):
        dbferry.write(MADE, adbc(pg_db), f"{LONG}q", mode=mode)
    assert pg_db.rows(f"SELECT * FROM {LONG}") == [("kept",)]


def test_a_run_leaves_it_too(pg_db: Database, sqlite_db: Database) -> None:
    pg_db.sql(f"CREATE TABLE {LONG} AS SELECT 'kept' AS x")
    sqlite_db.sql(f"CREATE TABLE {LONG}q (id INTEGER)")
    with pytest.raises(ExistsError, match="that it calls by this name"):
        dbferry.migrate(sqlite_db.url, adbc(pg_db))
    assert pg_db.rows(f"SELECT * FROM {LONG}") == [("kept",)]


@pytest.mark.parametrize(
    "made",
    ["VIEW n AS SELECT 1 AS a", "MATERIALIZED VIEW n AS SELECT 1 AS a", "SEQUENCE n", "INDEX n ON t (id)", "TYPE n AS ENUM ('a')"],
)  # fmt: skip
def test_another_object_of_the_name_is_nobody_s_to_drop(pg_db: Database, made: str) -> None:
    pg_db.sql(f"CREATE TABLE t (id integer); CREATE {made}")
    with pytest.raises(ExistsError) as caught:
        dbferry.write(MADE, adbc(pg_db), "n", mode="create")
    assert "was made" not in (caught.value.hint or "")


def test_a_run_does_not_call_it_incomplete(pg_db: Database, sqlite_db: Database) -> None:
    pg_db.sql("CREATE TABLE t (id integer); CREATE INDEX n ON t (id)")
    sqlite_db.sql("CREATE TABLE n (id INTEGER)")
    with pytest.raises(ExistsError) as caught:
        dbferry.migrate(sqlite_db.url, adbc(pg_db))
    assert "incomplete" not in (caught.value.hint or "")
