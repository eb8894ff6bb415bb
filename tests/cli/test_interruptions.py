"""Ctrl-C and servers that die half-way: a quick end, nothing called done, and a next run that works.

Half-way is made certain: of two tables the second one can't be written while somebody holds it.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from command import Command, Result, interrupt, moved, refused
from servers.database import Database, ServerDatabase, SqliteDatabase
from servers.hostile import HostileServer
from servers.postgres import PostgresServer
from servers.server import wait_until
from through import adbc

Make = Callable[[str], Database]
SOON = 2.0
WAITING = {
    "postgresql": "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted",
    "mysql": "SELECT count(*) > 0 FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'",
}
WAITING["mariadb"] = WAITING["mysql"]
HOLD = {
    "postgresql": "BEGIN; LOCK TABLE second IN SHARE MODE",
    "mysql": "LOCK TABLES second READ",
    "mariadb": "LOCK TABLES second READ",
}


@pytest.fixture
def source(database: Make) -> Database:
    """Two tables in SQLite, the first one larger."""
    db = database("sqlite")
    fill(db)
    return db


def fill(db: Database) -> None:
    db.sql("CREATE TABLE first (id integer PRIMARY KEY, v varchar(50) NOT NULL)")
    db.sql("CREATE TABLE second (id integer PRIMARY KEY)")
    rows = ", ".join(f"({number}, 'number {number}')" for number in range(2000))
    db.sql(f"INSERT INTO first VALUES {rows}")
    db.sql("INSERT INTO second VALUES (1), (2)")


def make_tables(db: Database) -> None:
    db.sql("CREATE TABLE first (id bigint PRIMARY KEY, v varchar(50) NOT NULL)")
    db.sql("CREATE TABLE second (id bigint PRIMARY KEY)")


@contextlib.contextmanager
def held(db: Database) -> Iterator[None]:
    """Nobody can write to `second`."""
    assert isinstance(db, ServerDatabase)
    connection = db.server.connect(db.name)  # type: ignore[attr-defined]
    try:
        connection.cursor().execute(HOLD[db.engine])
        yield
    finally:
        with contextlib.suppress(Exception):
            connection.close()


def half_way(
    dbferry: Command, source: Database, target: Database, *options: str
) -> "subprocess.Popen[str]":
    """A run that waits for `second`, and not long for a server that has gone."""
    args = ("--json", "--workers", "1", "--retry-seconds", "1", *options)
    process = dbferry.start("migrate", source.url, target.url, *args)
    wait_until(
        lambda: process.poll() is not None or bool(target.rows(WAITING[target.engine])[0][0]),
        "a writer that waits for its table",
    )
    return process


def check_unfinished(result: Result) -> None:
    tables = result.tables()
    assert tables["second"]["state"] in ("failed", "unfinished")
    assert result.json["state"] in ("failed", "unfinished")


def check_next_run(dbferry: Command, source: Database, target: Database, said: str) -> None:
    """What the hint says, done, moves everything."""
    assert "run the same command again" in said
    moved(dbferry.migrate(source, target))
    assert target.rows("SELECT count(*) FROM first") == [(2000,)]
    assert target.rows("SELECT count(*) FROM second") == [(2,)]


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_ctrl_c_half_way_ends_the_run_soon(
    dbferry: Command, database: Make, source: Database, engine: str
) -> None:
    target = database(engine)
    make_tables(target)
    with held(target):
        process = half_way(dbferry, source, target)
        start = time.monotonic()
        interrupt(process)
        result = dbferry.finish(process)
        took = time.monotonic() - start
        refused(result, 130, "interrupted", "hint: ")
        assert took < SOON
        check_unfinished(result)
    check_next_run(dbferry, source, target, result.err)


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_ctrl_c_half_way_ends_the_servers_session(
    dbferry: Command, database: Make, source: Database, engine: str
) -> None:
    target = database(engine)
    make_tables(target)
    with held(target):
        process = half_way(dbferry, source, target)
        interrupt(process)
        refused(dbferry.finish(process), 130)
        wait_until(lambda: not target.rows(WAITING[engine])[0][0], "end of the session", SOON)


def test_ctrl_c_while_a_driver_waits_ends_the_run_soon(
    dbferry: Command, pg_db: Database, source: Database
) -> None:
    make_tables(pg_db)
    with held(pg_db):
        process = dbferry.start("migrate", source.url, adbc(pg_db), "--json")
        wait_until(
            lambda: process.poll() is not None or bool(pg_db.rows(WAITING["postgresql"])[0][0]),
            "a driver that waits for its table",
        )
        start = time.monotonic()
        interrupt(process)
        result = refused(dbferry.finish(process), 130, "interrupted", "hint: ")
        assert time.monotonic() - start < SOON
        check_unfinished(result)
        wait_until(lambda: not pg_db.rows(WAITING["postgresql"])[0][0], "end of the session", SOON)
    moved(dbferry.migrate(source, adbc(pg_db)))
    assert pg_db.rows("SELECT count(*) FROM second") == [(2,)]


def test_ctrl_c_leaves_what_the_same_command_goes_on_with(
    dbferry: Command, sqlite_db: SqliteDatabase, tmp_path: Path
) -> None:
    sqlite_db.sql(
        "CREATE TABLE long (id integer PRIMARY KEY, v text); "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500000) "
        "INSERT INTO long SELECT i, 'row ' || i FROM n"
    )
    copy = SqliteDatabase(tmp_path)
    cut = ["--range-rows", "20000", "--json"]
    process = dbferry.start("migrate", sqlite_db.url, copy.url, *cut)
    wait_until(lambda: process.poll() is not None or written(copy) > 1 << 20, "the first megabyte")
    start = time.monotonic()
    interrupt(process)
    result = refused(dbferry.finish(process), 130, "interrupted", "run the same command again")
    assert time.monotonic() - start < SOON
    assert {table["state"] for table in result.json["tables"]} == {"unfinished"}
    assert copy.rows("SELECT count(*) FROM long") == [(result.json["totals"]["rows"],)]
    moved(dbferry.migrate(sqlite_db, copy, *cut))
    left = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
    assert copy.rows(left) == [("long",)]
    assert copy.rows("SELECT count(*) FROM long") == [(1_500_000,)]


def written(db: SqliteDatabase) -> int:
    files = [Path(f"{db.path}{suffix}") for suffix in ("", "-wal", "-journal")]
    return sum(file.stat().st_size for file in files if file.exists())


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_ctrl_c_while_a_server_is_silent_ends_the_run_soon(
    dbferry: Command, sqlite_db: SqliteDatabase, engine: str
) -> None:
    with HostileServer(lambda client: client.read(1 << 20) and None) as server:
        process = dbferry.start("migrate", server.url(engine), sqlite_db.url)
        wait_until(lambda: server.connections > 0 or process.poll() is not None, "the connection")
        start = time.monotonic()
        interrupt(process)
        refused(dbferry.finish(process), 130, "interrupted")
        assert time.monotonic() - start < SOON


def test_ctrl_c_while_the_plan_waits_for_a_table_ends_the_run_soon(
    dbferry: Command, postgres: PostgresServer, pg_db: Database, sqlite_db: SqliteDatabase
) -> None:
    pg_db.sql("CREATE TABLE t (id int PRIMARY KEY, v numeric)")
    with postgres.connect(pg_db.name, autocommit=False) as holder:
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        process = dbferry.start("migrate", pg_db.url, sqlite_db.url)
        wait_until(
            lambda: process.poll() is not None or bool(pg_db.rows(WAITING["postgresql"])[0][0]),
            "a reader that waits for its table",
        )
        start = time.monotonic()
        interrupt(process)
        refused(dbferry.finish(process), 130, "interrupted")
        assert time.monotonic() - start < SOON


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_a_target_killed_half_way_is_an_error(
    dbferry: Command, database: Make, source: Database, engine: str
) -> None:
    target = database(engine)
    make_tables(target)
    with held(target):
        process = half_way(dbferry, source, target)
        target.server.kill()  # type: ignore[attr-defined]
    result = refused(dbferry.finish(process, 30), 1, f"{engine} target", "hint: ")
    check_unfinished(result)
    target.server.start()  # type: ignore[attr-defined]
    check_next_run(dbferry, source, target, result.err)


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_a_source_killed_half_way_is_an_error(
    dbferry: Command, database: Make, engine: str
) -> None:
    source = database(engine)
    target = database("mariadb" if engine == "postgresql" else "postgresql")
    fill(source)
    make_tables(target)
    with held(target):
        process = half_way(dbferry, source, target)
        source.server.kill()  # type: ignore[attr-defined]
    result = refused(dbferry.finish(process, 30), 1, f"{engine} source", "hint: ")
    check_unfinished(result)
    source.server.start()  # type: ignore[attr-defined]
    check_next_run(dbferry, source, target, result.err)


def test_a_session_ended_by_the_server_is_opened_anew(
    dbferry: Command, pg_db: Database, source: Database
) -> None:
    make_tables(pg_db)
    with held(pg_db):
        process = half_way(dbferry, source, pg_db)
        pg_db.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND pid IS NOT NULL"
        )
    result = moved(dbferry.finish(process))
    (note,) = (note for note in result.json["notes"] if note.startswith("tried again"))
    assert "target: terminating connection due to administrator command (lost)" in note


def test_rows_that_someone_else_adds_are_told_as_a_difference(
    dbferry: Command, pg_db: Database, source: Database
) -> None:
    make_tables(pg_db)
    pg_db.sql(
        "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO second VALUES (99) ON CONFLICT DO NOTHING; RETURN NULL; END $$; "
        "CREATE TRIGGER more AFTER INSERT ON second FOR EACH STATEMENT "
        "WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION more()"
    )
    result = refused(dbferry.migrate(source, pg_db, "--json"), 3, "second", "2 rows", "3 in")
    assert result.tables()["second"]["state"] == "different"
    assert result.tables()["first"]["state"] == "done"
    assert result.json["state"] == "different"


def test_ctrl_c_while_an_index_is_built_ends_the_servers_session(
    dbferry: Command, pg_db: Database, sqlite_db: SqliteDatabase
) -> None:
    fill(sqlite_db)
    sqlite_db.sql("CREATE INDEX by_v ON first (v)")
    make_tables(pg_db)
    assert isinstance(pg_db, ServerDatabase)
    connection = pg_db.server.connect(pg_db.name)  # type: ignore[attr-defined]
    with contextlib.closing(connection):
        # Rows can be written meanwhile, and no index can be made.
        connection.execute("BEGIN; LOCK TABLE first IN ROW EXCLUSIVE MODE")
        process = dbferry.start("migrate", sqlite_db.url, pg_db.url, "--json")
        wait_until(
            lambda: process.poll() is not None or bool(pg_db.rows(WAITING["postgresql"])[0][0]),
            "an index that waits for its table",
        )
        start = time.monotonic()
        interrupt(process)
        refused(dbferry.finish(process), 130, "interrupted", "hint: ")
        assert time.monotonic() - start < SOON
        wait_until(lambda: not pg_db.rows(WAITING["postgresql"])[0][0], "end of the session", SOON)
    moved(dbferry.migrate(sqlite_db, pg_db, "--prepare", "truncate"))
    assert pg_db.rows("SELECT indexname FROM pg_indexes WHERE indexname = 'by_v'") == [("by_v",)]
