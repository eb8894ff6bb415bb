"""What a run that was broken off leaves is told by `status`, kept from another task, and forgotten by `cleanup`."""

import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from test_a_killed_run_goes_on import ROWS, done, killed_after, leftovers

from command import Command, moved, refused
from servers.database import Database
from servers.postgres import PostgresServer
from servers.server import wait_until

CUT = 60
Make = Callable[[str], Database]
LARGE = (
    "CREATE TABLE small (id integer PRIMARY KEY); CREATE TABLE rows_ (id integer PRIMARY KEY, v text); "
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) "
    "INSERT INTO rows_ SELECT i, 'row ' || i FROM n"
)


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def broken_off(
    request: pytest.FixtureRequest, dbferry: Command, database: Make
) -> tuple[Database, Database, list[str]]:
    """A source, a target in which a run was killed inside a table, and its arguments."""
    source = database("sqlite")
    source.sql(LARGE)
    code = 0
    while code == 0:
        # On a busy machine a run may be over before the test has looked.
        target = database(request.param)
        args = ["migrate", source.url, target.url, "--range-rows", str(CUT), "--workers", "1"]
        code = killed_after(dbferry, args, target, 5, signal.SIGKILL)
    assert code == -signal.SIGKILL
    return source, target, args


Broken = tuple[Database, Database, list[str]]


def test_status_tells_how_far_it_is(dbferry: Command, broken_off: Broken) -> None:
    _, target, args = broken_off
    (task,) = dbferry("status", target.url, "--json").json
    assert task["state"] == "copying"
    table = next(table for table in task["tables"] if table["table"] == "main.rows_")
    assert table["state"] == "moving"
    assert sum(table["ranges_done"] for table in task["tables"]) == done(target) >= 5
    assert 0 < table["ranges_done"] < table["ranges"] == ROWS // CUT
    assert table["rows"] == CUT * table["ranges_done"]
    assert "moving" in moved(dbferry("status", target.url)).out
    moved(dbferry(*args))
    assert "nothing is unfinished" in moved(dbferry("status", target.url)).out


def test_a_plan_tells_that_the_run_would_be_gone_on_with(
    dbferry: Command, broken_off: Broken
) -> None:
    source, target, _ = broken_off
    before = done(target)
    plan = moved(dbferry("plan", source.url, target.url, "--json"))
    assert any("a run that was broken off is to be gone on with" in n for n in plan.json["notes"])
    assert done(target) == before


def test_another_task_is_refused_with_what_is_other(dbferry: Command, broken_off: Broken) -> None:
    _, _, args = broken_off
    refused(dbferry(*args, "--tables", "rows_"), 2, "other tables", "hint: ")
    moved(dbferry(*args))


def test_another_source_is_refused_with_what_is_other(dbferry: Command, broken_off: Broken) -> None:
    source, _, args = broken_off
    source.sql("ALTER TABLE small ADD COLUMN more text")
    refused(dbferry(*args), 2, "column `more` is new", "main.small", "hint: ")


def test_rows_that_came_meanwhile_begin_the_table_again(
    dbferry: Command, broken_off: Broken
) -> None:
    source, target, args = broken_off
    source.sql("UPDATE rows_ SET v = 'other' WHERE id IN (1, 59999)")
    result = moved(dbferry(*args, "--json"))
    assert any(note.startswith("main.rows_: begun again") for note in result.json["notes"])
    query = "SELECT id, v FROM rows_ ORDER BY id"
    assert target.rows(query) == source.rows(query)


def test_resume_goes_on_all_the_same(dbferry: Command, broken_off: Broken) -> None:
    source, target, args = broken_off
    source.sql("UPDATE rows_ SET v = 'other' WHERE id = 59999")
    result = moved(dbferry(*args, "--json", "--resume"))
    assert any("read under several snapshots" in note for note in result.json["notes"])
    query = "SELECT id, v FROM rows_ ORDER BY id"
    assert target.rows(query) == source.rows(query)


def test_a_wish_to_begin_anew_is_followed(dbferry: Command, broken_off: Broken) -> None:
    _, target, args = broken_off
    moved(dbferry(*args, "--prepare", "truncate"))
    assert target.rows("SELECT count(*) FROM rows_") == [(ROWS,)]
    assert not list(leftovers(target))


def test_cleanup_removes_every_trace_and_twice_is_fine(
    dbferry: Command, broken_off: Broken
) -> None:
    _, target, args = broken_off
    result = moved(dbferry("cleanup", target.url))
    assert "left incomplete in the target: main.rows_" in result.err
    assert not list(leftovers(target))
    assert moved(dbferry("cleanup", target.url)).err == ""
    refused(dbferry(*args), 2, "has rows")


def test_no_trace_is_beside_a_file(dbferry: Command, broken_off: Broken) -> None:
    _, target, args = broken_off
    moved(dbferry(*args))
    if target.engine == "sqlite":
        path = Path(target.path)  # type: ignore[attr-defined]
        beside = {file.name for file in path.parent.glob(f"{path.name}-*")}
        assert not [name for name in beside if "dbferry" in name]


def test_a_second_run_is_refused_while_the_first_is_at_work(
    dbferry: Command, broken_off: Broken
) -> None:
    _, target, args = broken_off
    if target.engine == "sqlite":
        (task,) = dbferry("status", target.url, "--json").json
        with Path(f"{target.path}-dbferry-{task['id']}").open("w") as lock:  # type: ignore[attr-defined]
            fcntl.flock(lock, fcntl.LOCK_EX)
            refused(dbferry(*args), 1, "another run of this task is at work", "hint: ")
        return
    first = dbferry.start(*args)
    before = done(target)
    while first.poll() is None and done(target) <= before:
        pass
    os.kill(first.pid, signal.SIGSTOP)
    try:
        refused(dbferry(*args), 1, "another run of this task is at work", "hint: ")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    moved(dbferry.finish(first))
    assert target.rows("SELECT count(*) FROM rows_") == [(ROWS,)]


@pytest.mark.parametrize("with_", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_what_can_be_gone_on_with(
    dbferry: Command, broken_off: Broken, with_: int
) -> None:
    _, target, args = broken_off
    before = done(target)
    code = killed_after(dbferry, args, target, before + 3, with_)
    assert code in (130, 0)
    if code == 130:
        assert done(target) > before
        moved(dbferry(*args))
    assert target.rows("SELECT count(*) FROM rows_") == [(ROWS,)]


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql"])
def test_a_run_that_slept_past_its_lease_can_not_write_over_its_successor(
    dbferry: Command, database: Make, engine: str
) -> None:
    source, target = database("sqlite"), database(engine)
    source.sql(LARGE)
    args = ["migrate", source.url, target.url, "--range-rows", str(CUT), "--workers", "1"]
    first = dbferry.start(*args, env={"DBFERRY_LEASE_SECONDS": "1"})
    while first.poll() is None and done(target) < 5:
        pass
    os.kill(first.pid, signal.SIGSTOP)
    try:
        wait_until(
            lambda: dbferry("status", target.url, "--json").json[0]["lease_left"] <= 0,
            "the end of the lease",
        )
        moved(dbferry(*args))
    finally:
        os.kill(first.pid, signal.SIGCONT)
    result = dbferry.finish(first)
    assert result.code == 1, result.err
    assert target.rows("SELECT count(*), count(DISTINCT id) FROM rows_") == [(ROWS, ROWS)]
    assert not list(leftovers(target))


def test_a_target_that_has_all_rows_already_is_told(dbferry: Command, broken_off: Broken) -> None:
    """As after a run that was killed when it had forgotten its ledger, and had not yet said that it was through."""
    _, target, args = broken_off
    moved(dbferry(*args))
    result = refused(
        dbferry(*args), 2, "every table as many as the source", "nothing is left to do"
    )
    assert result.err.count("error:") == 1
    target.sql("DELETE FROM rows_ WHERE id = 7")
    result = refused(dbferry(*args), 2, "has rows")
    assert "as many" not in result.err


def test_who_may_make_no_ledger_moves_rows_without_one(
    dbferry: Command, postgres: PostgresServer, pg_db: Database, sqlite_db: Database
) -> None:
    """Foreign keys are away for the load, and put back, as ever."""
    tables = (
        "CREATE TABLE p (id bigint NOT NULL PRIMARY KEY);"
        "CREATE TABLE c (id bigint NOT NULL PRIMARY KEY, p bigint REFERENCES p (id));"
    )
    sqlite_db.sql(f"{tables} INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1)")
    pg_db.sql(
        f"{tables} CREATE ROLE owns LOGIN PASSWORD 'pw'; ALTER TABLE p OWNER TO owns; ALTER TABLE c OWNER TO owns; "
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    )
    try:
        url = postgres.url(pg_db.name, user="owns", password="pw")
        aside = dbferry.migrate(sqlite_db, url, "--on-bad-row", "quarantine")
        refused(aside, 1, "permission denied", "or choose --on-bad-row stop")
        assert "no ledger can be kept" in moved(dbferry.migrate(sqlite_db, url)).out
        keys = "SELECT convalidated FROM pg_constraint WHERE contype = 'f'"
        assert pg_db.rows(keys) == [(True,)]
    finally:
        pg_db.sql("DROP OWNED BY owns; DROP ROLE owns")
