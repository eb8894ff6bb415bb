"""Names made to break out of quoting move as they are, between every two engines, and are shown harmlessly."""

import itertools
from collections.abc import Callable

import pytest

from command import Command, moved, refused
from judge import quote
from servers.database import Database

Make = Callable[[str], Database]
SOURCES = ("postgresql", "mysql", "mariadb", "sqlite")
TARGETS = (*SOURCES, "duckdb")

NAMES = (
    'a"; drop table victim; --',
    "b`; drop table victim; --",
    "c'; drop table victim; --",
    "d\nerror: nothing",
    "e\u202egnp.exe",
    "f\\",
    'g\\"\\`',
    "h]; drop table victim; [",
    "i %s {0} $1 :x @y ?",
    "j.k/l",
    "m\t\r\x1b[31m",
    "select",
    "öäü 名前",
    '""',
)


def create(db: Database, table: str) -> None:
    """A table whose columns bear all the names, with a row."""
    mark = "integer" if db.engine != "mysql" else "int"
    columns = ", ".join(f"{quote(db, name)} {mark}" for name in NAMES)
    numbers = ", ".join(str(number) for number in range(len(NAMES)))
    db.sql(f"CREATE TABLE {quote(db, table)} ({columns})")
    db.sql(f"INSERT INTO {quote(db, table)} VALUES ({numbers})")


def read(db: Database, table: str) -> list[tuple[object, ...]]:
    columns = ", ".join(quote(db, name) for name in NAMES)
    return db.rows(f"SELECT {columns} FROM {quote(db, table)}")


@pytest.mark.parametrize(("one", "other"), list(itertools.product(SOURCES, TARGETS)))
def test_hostile_names_move_as_they_are(
    dbferry: Command, database: Make, one: str, other: str
) -> None:
    source, target = database(one), database(other)
    for name in NAMES:
        create(source, name)
    for db in (source, target):
        db.sql("CREATE TABLE victim (id int PRIMARY KEY)")
    source.sql("INSERT INTO victim VALUES (1)")
    result = moved(dbferry.migrate(source, target, "--prepare", "append", "--json"))
    assert result.json["totals"]["rows"] == len(NAMES) + 1
    for name in NAMES:
        assert read(target, name) == [tuple(range(len(NAMES)))]
    for db in (source, target):
        assert db.rows("SELECT id FROM victim") == [(1,)]


def test_hostile_names_are_chosen_by_name(dbferry: Command, database: Make) -> None:
    source, target = database("sqlite"), database("postgresql")
    for name in NAMES:
        create(source, name)
    wanted = NAMES[::2]
    options = [text for name in wanted for text in ("--tables", name)]
    result = moved(dbferry.migrate(source, target, *options, "--json"))
    assert {table["source"] for table in result.json["tables"]} == {f"main.{n}" for n in wanted}


def test_hostile_names_are_harmless_in_what_is_shown(dbferry: Command, database: Make) -> None:
    source, target = database("sqlite"), database("sqlite")
    for name in NAMES:
        create(source, name)
    plan = moved(dbferry("plan", source.url, target.url))
    done = moved(dbferry.migrate(source, target))
    fault = refused(dbferry.migrate(source, target), 2, "--prepare truncate")
    for text in (plan.out, done.out, done.err, fault.err):
        assert not set(text) & set("\u202e\x1b\r\t")
        assert "\nerror: nothing" not in text


def test_hostile_schemas_move_as_they_are(dbferry: Command, database: Make) -> None:
    source, target = database("postgresql"), database("postgresql")
    for name in NAMES:
        schema = quote(source, name)
        source.sql(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t AS SELECT 1 AS id")
        source.sql(f"CREATE TYPE {schema}.{schema} AS ENUM ('it''s', E'\\\\')")
        source.sql(f"ALTER TABLE {schema}.t ADD e {schema}.{schema} DEFAULT 'it''s'")
    moved(dbferry.migrate(source, target))
    for name in NAMES:
        assert target.rows(f"SELECT id, e::text FROM {quote(target, name)}.t") == [(1, "it's")]


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_a_database_with_a_hostile_name_is_reached(
    dbferry: Command, request: pytest.FixtureRequest, database: Make, engine: str
) -> None:
    server = request.getfixturevalue({"postgresql": "postgres"}.get(engine, engine))
    name = "x'\"`; drop database x; -- %/?#"
    server.create_database(name)
    try:
        server.sql(name, "CREATE TABLE t (id int PRIMARY KEY)")
        moved(dbferry.migrate(server.url(name), database("sqlite")))
    finally:
        server.drop_database(name)
