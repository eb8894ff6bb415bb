"""Requests that can't be met: said for everything at once, before anything is touched."""

from collections.abc import Callable
from pathlib import Path

import pytest

from command import Command, moved, refused
from servers.database import Database, SqliteDatabase
from servers.mariadb import MariadbServer
from servers.postgres import PostgresServer

Make = Callable[[str], Database]
SERVERS = ("postgresql", "mysql", "mariadb")


@pytest.fixture
def shop(sqlite_db: SqliteDatabase) -> SqliteDatabase:
    """Three tables with rows."""
    for name in ("orders", "items", "customers"):
        sqlite_db.sql(f"CREATE TABLE {name} (id integer PRIMARY KEY, note text)")
        sqlite_db.sql(f"INSERT INTO {name} VALUES (1, 'a'), (2, 'b')")
    return sqlite_db


def test_an_unknown_table_is_named_with_the_nearest(
    dbferry: Command, shop: Database, pg_db: Database
) -> None:
    result = dbferry.migrate(shop, pg_db, "--tables", "ordres")
    refused(result, 2, "no table of the source matches `ordres`", "did you mean `orders`?")


def test_a_pattern_that_matches_nothing_is_named(
    dbferry: Command, shop: Database, pg_db: Database
) -> None:
    result = dbferry.migrate(shop, pg_db, "--tables", "o*", "--tables", "x?_*")
    refused(result, 2, "no table of the source matches `x?_*`")
    assert no_tables(pg_db)


def test_an_exclusion_that_matches_nothing_is_named(
    dbferry: Command, shop: Database, pg_db: Database
) -> None:
    result = dbferry.migrate(shop, pg_db, "--exclude", "tmp_*")
    refused(result, 2, "no table of the source matches `tmp_*`")


def test_a_source_without_tables_is_an_error(
    dbferry: Command, sqlite_db: SqliteDatabase, pg_db: Database
) -> None:
    refused(dbferry.migrate(sqlite_db, pg_db), 2, "the source has no tables to move")


def test_an_unknown_schema_is_named(dbferry: Command, pg_db: Database, maria_db: Database) -> None:
    pg_db.sql("CREATE TABLE t (id int PRIMARY KEY)")
    result = dbferry.migrate(pg_db, maria_db, "--schema", "nosuch=public")
    refused(result, 2, "the source has no schema `nosuch`")


@pytest.mark.parametrize("engine", [*SERVERS, "sqlite", "duckdb"])
def test_tables_with_rows_are_refused_all_at_once_and_nothing_moves(
    dbferry: Command, shop: Database, database: Make, engine: str
) -> None:
    target = database(engine)
    for name in ("orders", "items"):
        target.sql(f"CREATE TABLE {name} (id bigint PRIMARY KEY, note varchar(10))")
        target.sql(f"INSERT INTO {name} VALUES (7, 'mine')")
    result = refused(dbferry.migrate(shop, target), 2, "orders", "items", "--prepare truncate")
    assert "customers" not in result.err
    assert target.rows("SELECT id FROM orders") == [(7,)]
    assert not has_table(target, "customers")


@pytest.mark.parametrize("engine", SERVERS)
def test_an_empty_table_that_stands_is_filled(
    dbferry: Command, shop: Database, database: Make, engine: str
) -> None:
    target = database(engine)
    target.sql("CREATE TABLE orders (id bigint PRIMARY KEY, note varchar(10))")
    moved(dbferry.migrate(shop, target))
    assert target.rows("SELECT id, note FROM orders ORDER BY id") == [(1, "a"), (2, "b")]


def test_a_postgresql_table_without_privilege_is_named(
    dbferry: Command, postgres: PostgresServer, pg_db: Database, sqlite_db: SqliteDatabase
) -> None:
    pg_db.sql(
        "CREATE TABLE open (id int); CREATE TABLE secret (id int); CREATE TABLE hidden (id int)"
    )
    pg_db.sql("CREATE ROLE reader LOGIN PASSWORD 'pw'; GRANT SELECT ON open TO reader")
    try:
        url = postgres.url(pg_db.name, user="reader", password="pw")
        result = dbferry.migrate(url, sqlite_db)
        assert result.code in (1, 2), result.err
        refused(result, result.code, "permission", "public.secret", "public.hidden")
        assert no_tables(sqlite_db)
        moved(dbferry.migrate(url, sqlite_db, "--tables", "open"))
    finally:
        pg_db.sql("DROP OWNED BY reader; DROP ROLE reader")


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_mysql_table_without_privilege_is_named(
    dbferry: Command, database: Make, sqlite_db: SqliteDatabase, engine: str
) -> None:
    db = database(engine)
    server: MariadbServer = db.server  # type: ignore[attr-defined]
    db.sql(
        "CREATE TABLE open (id int); CREATE TABLE secret (id int); INSERT INTO secret VALUES (1)"
    )
    db.sql("CREATE USER reader@'%' IDENTIFIED BY 'pw'; GRANT SELECT ON open TO reader@'%'")
    db.sql("GRANT INSERT ON secret TO reader@'%'")
    try:
        url = server.url(db.name, user="reader", password="pw")
        result = dbferry.migrate(url, sqlite_db)
        assert result.code in (1, 2), result.err
        refused(result, result.code, "secret", "denied")
        assert no_tables(sqlite_db)
    finally:
        db.sql("DROP USER reader@'%'")


def test_a_postgresql_target_where_nothing_may_be_made_says_so(
    dbferry: Command, shop: Database, postgres: PostgresServer, pg_db: Database
) -> None:
    pg_db.sql("CREATE ROLE guest LOGIN PASSWORD 'pw'")
    try:
        url = postgres.url(pg_db.name, user="guest", password="pw")
        refused(dbferry.migrate(shop, url), 1, "permission denied", "postgresql target")
    finally:
        pg_db.sql("DROP OWNED BY guest; DROP ROLE guest")


def test_a_type_that_no_column_of_the_target_takes_is_named(
    dbferry: Command, pg_db: Database, maria_db: Database
) -> None:
    pg_db.sql("CREATE TABLE t (id int PRIMARY KEY, n numeric(100, 50))")
    pg_db.sql("INSERT INTO t VALUES (1, 1e49 + 1e-50)")
    result = dbferry.migrate(pg_db, maria_db)
    refused(result, 2, "public.t", "`n`", "N-RANGE", "--on-loss")
    assert no_tables(maria_db)


def test_two_tables_that_meet_in_one_name_are_both_named(
    dbferry: Command, pg_db: Database, sqlite_db: SqliteDatabase
) -> None:
    pg_db.sql('CREATE TABLE "Orders" (id int); CREATE TABLE orders (id int)')
    result = dbferry.migrate(pg_db, sqlite_db)
    refused(result, 2, "public.Orders", "public.orders")
    assert no_tables(sqlite_db)


@pytest.mark.parametrize("engine", ["mariadb", "sqlite", "duckdb"])
def test_two_columns_that_meet_in_one_name_are_both_named(
    dbferry: Command, pg_db: Database, database: Make, engine: str
) -> None:
    pg_db.sql('CREATE TABLE t ("Name" int, name int)')
    refused(dbferry.migrate(pg_db, database(engine)), 2, "public.t", "Name", "name")


def test_two_long_names_that_are_equal_up_to_63_bytes_are_both_named(
    dbferry: Command, sqlite_db: SqliteDatabase, pg_db: Database
) -> None:
    one, other = "n" * 63 + "one", "n" * 63 + "other"
    sqlite_db.sql(f"CREATE TABLE {one} (id integer); CREATE TABLE {other} (id integer)")
    refused(dbferry.migrate(sqlite_db, pg_db), 2, one, other)
    assert no_tables(pg_db)


def test_several_faults_are_said_at_once(
    dbferry: Command, sqlite_db: SqliteDatabase, pg_db: Database
) -> None:
    sqlite_db.sql("CREATE TABLE mixed (v); INSERT INTO mixed VALUES (1), ('a')")
    sqlite_db.sql("CREATE TABLE there (id integer PRIMARY KEY)")
    pg_db.sql("CREATE TABLE there (id bigint PRIMARY KEY); INSERT INTO there VALUES (1)")
    result = dbferry.migrate(sqlite_db, pg_db, "--json")
    refused(result, 2, "V-MIXED", "there")
    faults = result.json["error"]["faults"]
    assert len(faults) == 2
    assert {fault["table"].rpartition(".")[2] for fault in faults} == {"mixed", "there"}


def test_a_missing_sqlite_file_is_named_and_not_made(
    dbferry: Command, tmp_path: Path, pg_db: Database
) -> None:
    missing = tmp_path / "missing.db"
    refused(dbferry.migrate(f"sqlite:///{missing}", pg_db), 1, str(missing), "sqlite source")
    assert not missing.exists()


def test_a_target_file_in_a_missing_folder_is_named(
    dbferry: Command, shop: Database, tmp_path: Path
) -> None:
    for scheme in ("sqlite", "duckdb"):
        path = tmp_path / "missing" / "copy.db"
        refused(dbferry.migrate(shop, f"{scheme}:///{path}"), 1, str(path), f"{scheme} target")


def test_one_file_as_source_and_target_is_refused(dbferry: Command, shop: SqliteDatabase) -> None:
    refused(dbferry.migrate(shop, shop), 2, "the source and the target are the same file")
    assert shop.rows("SELECT count(*) FROM orders") == [(2,)]


@pytest.mark.parametrize("engine", SERVERS)
@pytest.mark.parametrize("prepare", ["create", "drop"])
def test_one_database_of_a_server_as_source_and_target_is_refused(
    dbferry: Command, database: Make, engine: str, prepare: str
) -> None:
    db = database(engine)
    db.sql("CREATE TABLE t (id int PRIMARY KEY)")
    db.sql("INSERT INTO t VALUES (1)")
    refused(dbferry.migrate(db, db, "--prepare", prepare), 2, "the source and the target are")
    assert db.rows("SELECT * FROM t") == [(1,)]


def test_duckdb_as_a_source_is_refused(dbferry: Command, database: Make, pg_db: Database) -> None:
    refused(dbferry.migrate(database("duckdb"), pg_db), 2, "duckdb", "source")


def no_tables(db: Database) -> bool:
    if db.engine == "sqlite":
        return db.rows("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'") == []
    schema = "'public'" if db.engine == "postgresql" else "database()"
    query = f"SELECT count(*) FROM information_schema.tables WHERE table_schema = {schema}"
    return db.rows(query) == [(0,)]


def has_table(db: Database, name: str) -> bool:
    if db.engine == "sqlite":
        return bool(db.rows(f"SELECT 1 FROM sqlite_schema WHERE name = '{name}'"))
    return bool(db.rows(f"SELECT 1 FROM information_schema.tables WHERE table_name = '{name}'"))
