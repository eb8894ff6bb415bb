"""An assessment of two servers changes neither, whatever it tries, and goes on where it may not try."""

from collections.abc import Callable

import pytest

import dbferry
import judge
from assessed import guest, target_check
from dbferry.assessment.finding import Level
from servers.database import Database, ServerDatabase, SqliteDatabase


@pytest.fixture
def held(sqlite_db: SqliteDatabase) -> SqliteDatabase:
    """A table with expressions that are tried on the target."""
    sqlite_db.sql(
        "CREATE TABLE orders (id integer PRIMARY KEY, at datetime DEFAULT CURRENT_TIMESTAMP,"
        " total decimal(9, 2) CHECK (total >= 0)); CREATE INDEX dear ON orders (total) WHERE total > 9"
    )
    return sqlite_db


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb", "sqlite", "duckdb"])
def test_nothing_is_in_the_target_afterwards(
    database: Callable[[str], Database], held: SqliteDatabase, engine: str
) -> None:
    target = database(engine)
    before = judge.tables(target)
    made = dbferry.assess(held.url, target.url)
    assert made.level is not Level.BLOCKED
    assert judge.tables(target) == before


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_a_target_where_nothing_may_be_tried_is_assessed_all_the_same(
    database: Callable[[str], Database], held: SqliteDatabase, engine: str
) -> None:
    target = database(engine)
    assert isinstance(target, ServerDatabase)
    if engine == "postgresql":
        target.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    with guest(target) as (_, url):
        name = "create-in-schema" if engine == "postgresql" else "create"
        assert target_check(held.url, url, name).level is Level.BLOCKED
