"""The four ways to prepare a target, and what is counted in each."""

from collections.abc import Callable

import pytest

from command import Command, moved, refused
from servers.database import Database, SqliteDatabase
from servers.mysql_family import MysqlFamilyServer

Make = Callable[[str], Database]
TARGETS = ("postgresql", "mysql", "mariadb", "sqlite", "duckdb")


@pytest.fixture
def shop(sqlite_db: SqliteDatabase) -> SqliteDatabase:
    """A table of two rows."""
    sqlite_db.sql(
        "CREATE TABLE t (id integer PRIMARY KEY, v varchar(9)); INSERT INTO t VALUES (1, 'a'), (2, 'b')"
    )
    return sqlite_db


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, database: Make) -> Database:
    """A table of the same name, with another column and one row."""
    db = database(request.param)
    db.sql("CREATE TABLE t (id bigint PRIMARY KEY, v varchar(9), own int)")
    db.sql("INSERT INTO t VALUES (7, 'mine', 5)")
    return db


def test_append_keeps_the_rows_and_counts_only_the_new_ones(
    dbferry: Command, shop: Database, target: Database
) -> None:
    result = moved(dbferry.migrate(shop, target, "--prepare", "append", "--json"))
    assert target.rows("SELECT id, v, own FROM t ORDER BY id") == [
        (1, "a", None), (2, "b", None), (7, "mine", 5)
    ]  # fmt: skip
    table = result.tables()["t"]
    assert (table["state"], table["rows"], table["source_rows"]) == ("done", 2, 2)


def test_append_of_a_key_that_is_there_is_refused(
    dbferry: Command, shop: Database, target: Database
) -> None:
    moved(dbferry.migrate(shop, target, "--prepare", "append"))
    result = refused(dbferry.migrate(shop, target, "--prepare", "append", "--json"), 1, "`main.t`")
    assert result.json["error"]["kind"] == "constraint"
    assert target.rows("SELECT count(*) FROM t") == [(3,)]


def test_truncate_empties_the_table_and_keeps_it(
    dbferry: Command, shop: Database, target: Database
) -> None:
    moved(dbferry.migrate(shop, target, "--prepare", "truncate"))
    assert target.rows("SELECT id, v, own FROM t ORDER BY id") == [(1, "a", None), (2, "b", None)]


def test_drop_makes_the_table_anew(dbferry: Command, shop: Database, target: Database) -> None:
    moved(dbferry.migrate(shop, target, "--prepare", "drop"))
    assert target.rows("SELECT * FROM t ORDER BY 1") == [(1, "a"), (2, "b")]


def test_create_is_the_default_and_refuses(
    dbferry: Command, shop: Database, target: Database
) -> None:
    refused(dbferry.migrate(shop, target), 2, "t", "--prepare truncate", "append")
    assert target.rows("SELECT id FROM t") == [(7,)]


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb", "duckdb"])
def test_a_required_column_that_the_source_does_not_have_is_named(
    dbferry: Command, shop: Database, database: Make, engine: str
) -> None:
    db = database(engine)
    db.sql("CREATE TABLE t (id bigint PRIMARY KEY, v varchar(9), own int NOT NULL)")
    result = dbferry.migrate(shop, db)
    assert result.code in (1, 2)
    refused(result, result.code, "own")
    assert db.rows("SELECT count(*) FROM t") == [(0,)]


def test_a_column_that_the_target_does_not_have_is_named(
    dbferry: Command, shop: Database, pg_db: Database
) -> None:
    pg_db.sql("CREATE TABLE t (id bigint PRIMARY KEY)")
    refused(dbferry.migrate(shop, pg_db), 2, "`v`", "no such column")


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_rows_are_inserted_where_load_data_is_off_and_that_is_said(
    dbferry: Command, shop: Database, database: Make, request: pytest.FixtureRequest, engine: str
) -> None:
    db, server = database(engine), request.getfixturevalue(engine)
    assert isinstance(server, MysqlFamilyServer)
    server.sql("", "SET GLOBAL local_infile = 0")
    try:
        result = moved(dbferry.migrate(shop, db))
    finally:
        server.sql("", "SET GLOBAL local_infile = 1")
    assert db.rows("SELECT id, v FROM t ORDER BY id") == [(1, "a"), (2, "b")]
    assert "local_infile" in result.out + result.err


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_warning_of_the_server_is_an_error(
    dbferry: Command, database: Make, pg_db: Database, engine: str
) -> None:
    pg_db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x'), (2, '2024-13-01')"
    )
    db = database(engine)
    db.sql(
        "CREATE TABLE t (id bigint PRIMARY KEY, v varchar(20), d date GENERATED ALWAYS AS (v) STORED)"
    )
    pg_db.sql("UPDATE t SET v = '2024-01-01' WHERE id = 1")
    result = dbferry.migrate(pg_db, db, "--json")
    refused(result, 1, "t`")
    assert result.tables()["t"]["state"] != "done"


def test_a_foreign_key_of_the_target_does_not_decide_the_order(
    dbferry: Command, sqlite_db: SqliteDatabase, pg_db: Database
) -> None:
    sqlite_db.sql("CREATE TABLE parent (id integer PRIMARY KEY); INSERT INTO parent VALUES (1)")
    sqlite_db.sql(
        "CREATE TABLE child (id integer PRIMARY KEY, parent integer REFERENCES parent); "
        "INSERT INTO child VALUES (1, 1), (2, NULL)"
    )
    moved(dbferry.migrate(sqlite_db, pg_db))
    assert pg_db.rows("SELECT count(*) FROM child") == [(2,)]


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_rows_whose_parents_stay_where_they_are_are_proved(
    dbferry: Command, sqlite_db: SqliteDatabase, database: Make, engine: str
) -> None:
    db = database(engine)
    db.sql("CREATE TABLE parent (id integer PRIMARY KEY)")
    db.sql("INSERT INTO parent VALUES (1)")
    db.sql(
        "CREATE TABLE child (id integer PRIMARY KEY, p integer, FOREIGN KEY (p) REFERENCES parent (id))"
    )
    sqlite_db.sql("CREATE TABLE child (id integer PRIMARY KEY, p integer)")
    sqlite_db.sql("INSERT INTO child VALUES (1, 1), (2, NULL)")
    moved(dbferry.migrate(sqlite_db, db, "--prepare", "append"))
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        db.sql("INSERT INTO child VALUES (3, 77)")
    sqlite_db.sql("DELETE FROM child; INSERT INTO child VALUES (4, 77)")
    refused(dbferry.migrate(sqlite_db, db, "--prepare", "append"), 1, "foreign key")
