"""Rows that are tried again through a target's own library: what leaves the quarantine has arrived, whatever breaks it off."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from command import Command, moved, refused
from servers.database import Database, ServerDatabase
from servers.server import wait_until
from through import adbc

Make = Callable[[str], Database]
ASIDE = ("--on-bad-row", "quarantine")
SOON = 2.0
SIGNALS = [signal.SIGINT, signal.SIGTERM]
WAITING = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"

ENDLESS = """
import sys
from dbferry.engines.duckdb.session import DuckdbSession

method, pattern = sys.argv[1:3]
plain = getattr(DuckdbSession, method)

def endless(self, first, *args):
    if pattern in str(first):
        print("at work", file=sys.stderr, flush=True)
        self.connection.execute("SELECT sum(random()) FROM range(1000000000000)")
    return plain(self, first, *args)

setattr(DuckdbSession, method, endless)
from dbferry.cli import main
sys.argv[1:] = sys.argv[3:]
main()
"""
"""The command, of which a method never ends whose first argument says something."""


def aside(dbferry: Command, source: Database, target: Database, url: str) -> list[str]:
    """A table of which two rows are aside that would fit now; how they are tried again."""
    source.sql("CREATE TABLE t (id integer PRIMARY KEY, n integer)")
    source.sql("INSERT INTO t VALUES (1, 13), (2, 13), (3, 14)")
    number = "integer" if source.engine == "postgresql" else "bigint"
    target.sql(f"CREATE TABLE t (id {number} PRIMARY KEY, n {number} CHECK (n <> 13))")
    moved(dbferry.migrate(source, url, *ASIDE))
    source.sql("UPDATE t SET n = 14")
    return ["quarantine", "retry", source.url, url]


def check_as_it_was(dbferry: Command, target: Database, url: str) -> None:
    assert [row[0] for row in target.rows("SELECT id FROM t ORDER BY id")] == [3]
    listed = dbferry("quarantine", "list", url, "--json").json
    assert [row["key"]["id"] for row in listed] == ["1", "2"]


def check_moves(dbferry: Command, target: Database, args: list[str]) -> None:
    assert "2 rows moved" in moved(dbferry(*args)).out
    assert [row[0] for row in target.rows("SELECT id FROM t ORDER BY id")] == [1, 2, 3]


def test_rows_that_a_trigger_drops_stay_aside(dbferry: Command, database: Make) -> None:
    source, target = database("postgresql"), database("postgresql")
    url = adbc(target)
    args = aside(dbferry, source, target, url)
    target.sql(
        "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN CASE WHEN NEW.id = 2 THEN NULL ELSE NEW END; END $$; "
        "CREATE TRIGGER skip BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION skip()"
    )
    refused(dbferry(*args), 1, "2 rows were written, and the table has 1 more", "hint: a trigger")
    check_as_it_was(dbferry, target, url)
    target.sql("DROP TRIGGER skip ON t")
    check_moves(dbferry, target, args)


def test_rows_that_a_constraint_of_sqlite_skips_stay_aside(
    dbferry: Command, database: Make
) -> None:
    source, target = database("postgresql"), database("sqlite")
    url = adbc(target)
    args = aside(dbferry, source, target, url)
    target.sql(
        "CREATE TRIGGER skip BEFORE INSERT ON t WHEN NEW.id = 2 BEGIN SELECT RAISE(IGNORE); END"
    )
    refused(dbferry(*args), 1, "2 rows were written, and the table has 1 more", "hint: a trigger")
    check_as_it_was(dbferry, target, url)
    target.sql("DROP TRIGGER skip")
    check_moves(dbferry, target, args)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("held", ["t", "dbferry_quarantine"])
def test_a_signal_while_the_server_waits_ends_it_at_once(
    dbferry: Command, database: Make, held: str, number: signal.Signals
) -> None:
    source, target = database("sqlite"), database("postgresql")
    url = adbc(target)
    args = aside(dbferry, source, target, url)
    assert isinstance(target, ServerDatabase)
    with target.server.connect(target.name, autocommit=False) as holder:  # type: ignore[attr-defined]
        holder.execute(f"LOCK TABLE {held} IN SHARE MODE")
        process = dbferry.start(*args)
        wait_until(
            lambda: process.poll() is not None or bool(target.rows(WAITING)[0][0]),
            "a retry that waits",
        )
        start = time.monotonic()
        process.send_signal(number)
        refused(dbferry.finish(process), 130, "interrupted")
        assert time.monotonic() - start < SOON
        wait_until(lambda: not target.rows(WAITING)[0][0], "end of the session", SOON)
    check_as_it_was(dbferry, target, url)
    check_moves(dbferry, target, args)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("call", [("fill", ""), ("execute", "DELETE FROM")])
def test_a_signal_while_duckdb_is_at_work_ends_it_at_once(
    dbferry: Command, database: Make, call: tuple[str, str], number: signal.Signals
) -> None:
    source, target = database("sqlite"), database("duckdb")
    args = aside(dbferry, source, target, target.url)
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, *call, *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dbferry.environment({}),
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stderr.readline() == "at work\n"
        start = time.monotonic()
        process.send_signal(number)
        refused(dbferry.finish(process), 130, "interrupted")
        assert time.monotonic() - start < SOON
    check_as_it_was(dbferry, target, target.url)
    check_moves(dbferry, target, args)
