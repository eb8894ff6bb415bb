"""A run goes on from what the ledger says, is told what it doesn't know, and takes nothing that isn't its own."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from test_a_killed_run_goes_on import done, killed_after

from command import Command, moved, refused
from servers.database import Database
from servers.postgres import PostgresServer
from servers.server import wait_until

ROWS = 60_000
CUT = 60
TABLE = "CREATE TABLE rows_ (id integer PRIMARY KEY, v text);"
Broken = tuple[Database, Database, list[str]]


@pytest.fixture
def appending(dbferry: Command, database: Callable[[str], Database]) -> Broken:
    """A source, a PostgreSQL into whose empty table a run was adding when it was killed, and its arguments."""
    source = database("sqlite")
    source.sql(
        f"{TABLE} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) "
        "INSERT INTO rows_ SELECT i, 'row ' || i FROM n"
    )
    code = 0
    while code == 0:
        # On a busy machine a run may be over before the test has looked.
        target = database("postgresql")
        # A key would hide that rows are doubled.
        target.sql("CREATE TABLE rows_ (id bigint NOT NULL, v text)")
        args = ["migrate", source.url, target.url, "--range-rows", str(CUT), "--workers", "1"]
        args += ["--prepare", "append"]
        code = killed_after(dbferry, args, target, 5, signal.SIGKILL)
    assert code == -signal.SIGKILL
    return source, target, args


def test_who_may_not_read_the_ledger_doubles_no_row(
    dbferry: Command, postgres: PostgresServer, appending: Broken
) -> None:
    _, target, args = appending
    before = target.rows("SELECT count(*) FROM rows_")
    target.sql("CREATE ROLE adds LOGIN PASSWORD 'pw'; GRANT ALL ON rows_ TO adds")
    try:
        other = postgres.url(target.name, user="adds", password="pw")
        told = [other if arg == target.url else arg for arg in args]
        refused(dbferry(*told), 1, "permission denied for table dbferry_task", "hint: GRANT")
        assert target.rows("SELECT count(*) FROM rows_") == before
    finally:
        target.sql("DROP OWNED BY adds; DROP ROLE adds")
    moved(dbferry(*args))
    assert target.rows("SELECT count(*), count(DISTINCT id) FROM rows_") == [(ROWS, ROWS)]


def test_rows_of_others_are_not_removed_to_begin_again(dbferry: Command, appending: Broken) -> None:
    source, target, args = appending
    target.sql("INSERT INTO rows_ VALUES (-1, 'of others')")
    source.sql("UPDATE rows_ SET v = 'other' WHERE id = 1")
    refused(dbferry(*args), 1, "has rows that the run hasn't moved", "hint: remove the rows")
    assert target.rows("SELECT v FROM rows_ WHERE id = -1") == [("of others",)]
    result = refused(dbferry(*args, "--resume"), 3, "the counts differ")
    assert "truncate" not in result.err
    assert target.rows("SELECT count(*), count(DISTINCT id) FROM rows_") == [(ROWS + 1, ROWS + 1)]


def test_another_versions_ledger_is_refused(dbferry: Command, appending: Broken) -> None:
    _, target, args = appending
    before = target.rows("SELECT count(*) FROM rows_")
    target.sql("UPDATE dbferry_task SET format = 99, version = '99.1'")
    for command in (args, ["status", target.url], ["cleanup", target.url]):
        refused(dbferry(*command), 2, "dbferry 99.1", "hint: go on with dbferry 99.1")
    target.sql("UPDATE dbferry_task SET format = 2, plan = '{}'")
    refused(dbferry(*args), 2, "dbferry 99.1", "hint: go on with dbferry 99.1")
    assert target.rows("SELECT count(*) FROM rows_") == before


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
@pytest.mark.parametrize("written", [True, False])
def test_tables_of_an_earlier_moment_are_named(
    dbferry: Command, database: Callable[[str], Database], engine: str, written: bool
) -> None:
    source, target = database(engine), database("sqlite")
    source.sql("CREATE TABLE early (id integer PRIMARY KEY, v text)")
    source.sql("CREATE TABLE late (id integer PRIMARY KEY)")
    for table in ("early (id)", "late"):
        source.sql(
            f"INSERT INTO {table} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
            "SELECT i FROM n"
        )
    target.sql(
        "CREATE TABLE late (id integer PRIMARY KEY); CREATE TRIGGER refuse BEFORE INSERT ON late WHEN NEW.id = 9 "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    cut = "1" if engine == "postgresql" else "100"
    args = ["migrate", source.url, target.url, "--range-rows", cut, "--json"]
    refused(dbferry(*args), 1, "late")
    target.sql("DROP TRIGGER refuse")
    if written:
        source.sql("INSERT INTO early VALUES (901, 'new')")
    result = moved(dbferry(*args))
    told = "moved under an earlier snapshot, and without what was written in the source since: "
    named = [note.removeprefix(told) for note in result.json["notes"] if note.startswith(told)]
    assert bool(named) == written
    assert all("early" in note for note in named)
    assert target.rows("SELECT count(*) FROM early") == [(900,)]


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_no_file_is_made_for_rows_that_nobody_has_put_aside(
    dbferry: Command, sqlite_db: Database, tmp_path: Path, scheme: str
) -> None:
    file = tmp_path / "not there"
    url = f"{scheme}:///{file}"
    refused(dbferry("quarantine", "retry", sqlite_db.url, url), 2, "there is no file")
    assert not file.exists()


def test_a_ledger_that_is_not_answered_for_begins_nothing(
    dbferry: Command, appending: Broken
) -> None:
    """A session that is ended over the question what is done must not be taken for a no."""
    _, target, args = appending
    known = done(target)
    server = target.server  # type: ignore[attr-defined]
    with server.connect(target.name, autocommit=False) as holder:
        holder.execute("LOCK TABLE dbferry_task")
        process = dbferry.start(*args)
        asking = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND application_name LIKE 'dbferry/%' AND query LIKE '%FROM \"public\".\"dbferry_task\"%'"
        )
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND application_name LIKE 'dbferry/%'"
        )
        ended = False
        while process.poll() is None and not ended:
            ended = (True,) in target.rows(asking)
            if not ended and target.rows(waiting):
                # The catalog is read first.
                holder.rollback()
                holder.execute("LOCK TABLE dbferry_task")
        holder.rollback()
    result = dbferry.finish(process)
    assert ended, result.err
    moved(result)
    assert known >= 5
    assert target.rows("SELECT count(*), count(DISTINCT id) FROM rows_") == [(ROWS, ROWS)]


def test_a_task_is_held_again_after_its_session_was_lost(
    dbferry: Command, appending: Broken
) -> None:
    _, target, args = appending
    held = (
        "FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND datname = current_database() "
        "AND application_name LIKE 'dbferry/%'"
    )
    slow = dbferry.start(*args, "--max-rate", "1000 rows", env={"DBFERRY_LEASE_SECONDS": "4"})
    try:
        before = done(target)
        wait_until(lambda: done(target) > before, "a range of the run that goes on")
        assert target.rows(f"SELECT pg_terminate_backend(pid) {held}") == [(True,)]
        wait_until(lambda: bool(target.rows(f"SELECT 1 {held}")), "another session that holds it")
        refused(dbferry(*args), 1, "another run of this task is at work")
        refused(dbferry("cleanup", target.url), 1, "a run is at work")
    finally:
        slow.kill()
        slow.communicate()
    moved(dbferry(*args))
    assert target.rows("SELECT count(*), count(DISTINCT id) FROM rows_") == [(ROWS, ROWS)]


def test_a_folder_that_takes_no_file_is_told(
    dbferry: Command, database: Callable[[str], Database]
) -> None:
    source, target = database("sqlite"), database("sqlite")
    source.sql(TABLE)
    # Root may write into any folder; nobody may write a file of this length.
    path = Path(target.path)  # type: ignore[attr-defined]
    long = path.with_name("x" * 240)
    path.rename(long)
    told = refused(dbferry.migrate(source, f"sqlite:///{long}"), 1, "no file can be made beside")
    assert "hint: " in told.err


@pytest.mark.parametrize(
    ("engine", "theirs", "ours", "following"),
    [
        ("postgresql", "SELECT setval('alone', 700)", 5, 701),
        ("postgresql", "SELECT setval('alone', 700)", 900, 901),
        ("postgresql", "ALTER SEQUENCE alone RESTART WITH 500", 5, 500),
        ("postgresql", "ALTER SEQUENCE alone RESTART WITH 500", 900, 901),
        ("mariadb", "DO setval(alone, 700)", 5, 701),
    ],
)
def test_sequences_give_what_the_source_gives_when_the_run_ends(
    dbferry: Command,
    database: Callable[[str], Database],
    engine: str,
    theirs: str,
    ours: int,
    following: int,
) -> None:
    source, target = database(engine), database("postgresql")
    source.sql(
        "CREATE SEQUENCE alone; CREATE TABLE early (id integer PRIMARY KEY); INSERT INTO early VALUES (1); "
        "CREATE TABLE late (id integer PRIMARY KEY); INSERT INTO late VALUES (9)"
    )
    target.sql(
        "CREATE SCHEMA moved; CREATE TABLE moved.late (id integer PRIMARY KEY CHECK (id <> 9))"
    )
    home = "public" if engine == "postgresql" else source.name
    args = ["migrate", source.url, target.url, "--schema", f"{home}=moved"]
    refused(dbferry(*args), 1, "late")
    target.sql("ALTER TABLE moved.late DROP CONSTRAINT late_id_check")
    source.sql(theirs)
    target.sql(f"SELECT setval('moved.alone', {ours})")
    moved(dbferry(*args))
    assert target.rows("SELECT nextval('moved.alone')") == [(following,)]


@pytest.mark.parametrize(
    "change", ["DROP TABLE rows_", "ALTER TABLE rows_ RENAME TO r", "ALTER TABLE rows_ DROP v"]
)
def test_a_target_that_was_taken_away_is_refused(
    dbferry: Command, appending: Broken, change: str
) -> None:
    _, target, args = appending
    target.sql(change)
    refused(dbferry(*args), 2, "the target isn't as it was", "is gone", "hint: undo the change")
    refused(dbferry("plan", *args[1:3], "--prepare", "append"), 2, "is gone")
    moved(dbferry("cleanup", target.url))
    target.sql("DROP TABLE IF EXISTS rows_")
    moved(dbferry(*args))
    assert target.rows("SELECT count(*) FROM rows_") == [(ROWS,)]
