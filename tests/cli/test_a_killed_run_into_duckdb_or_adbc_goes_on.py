"""A run into a target that takes whole streams goes on with the tables that are missing; each is there once, or not at all."""

import contextlib
import signal
import time
from collections.abc import Callable

import pytest

import fill
from command import Command, moved, refused
from servers.database import Database
from servers.postgres import PostgresServer
from through import adbc

Make = Callable[[str], Database]
TABLES = 6
ROWS = 4_000
TARGETS = ("duckdb", "adbc+postgresql", "adbc+sqlite")


@pytest.fixture
def source(database: Make) -> Database:
    db = database("postgresql")
    for number in range(TABLES):
        db.sql(f"CREATE TABLE t{number} (id integer PRIMARY KEY, word varchar(40))")
        fill.insert(db, f"t{number}", ((n, f"word {n}") for n in range(ROWS)))
    return db


def target_of(name: str, database: Make) -> tuple[Database, str]:
    """A database, and its URL for the run."""
    db = database(name.removeprefix("adbc+"))
    return db, adbc(db) if name.startswith("adbc") else db.url


def tables_there(db: Database) -> int:
    """Tables that have their rows; none of them may have a part."""
    whole = 0
    for number in range(TABLES):
        with contextlib.suppress(Exception):
            [(count,)] = db.rows(f"SELECT count(*) FROM t{number}")
            assert int(count) in (0, ROWS)
            whole += int(count) == ROWS
    return whole


def killed_within(dbferry: Command, source: Database, target: Database, url: str) -> int:
    """Kills the run, again where it was too early, until some tables are there and some are not."""
    # Three seconds, or six times half a second.
    slow = ["--max-rate", "8000 rows", "--batch-rows", "500"]
    for attempt in range(20):
        process = dbferry.start("migrate", source.url, url, *slow)
        time.sleep(1 + attempt / 4)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if there := tables_there(target):
            assert there < TABLES
            return there
    raise AssertionError("no table has ever arrived")


@pytest.mark.parametrize("name", TARGETS)
def test_every_table_arrives_once(
    dbferry: Command, source: Database, database: Make, name: str
) -> None:
    target, url = target_of(name, database)
    before = killed_within(dbferry, source, target, url)
    result = moved(dbferry("migrate", source.url, url, "--json"))
    assert tables_there(target) == TABLES
    assert any(f"{before} of {TABLES} tables" in note for note in result.json["notes"])
    for number in range(TABLES):
        assert sorted(target.rows(f"SELECT id, word FROM t{number}")) == [
            (n, f"word {n}") for n in range(ROWS)
        ]
    assert dbferry("status", url).out.startswith("nothing is unfinished")
    for left in ("dbferry_task", "dbferry_table", "dbferry_range", "dbferry_step"):
        with pytest.raises(Exception, match=left):
            target.rows(f"SELECT 1 FROM {left}")


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_left_is_told_and_forgotten(
    dbferry: Command, source: Database, database: Make, name: str
) -> None:
    target, url = target_of(name, database)
    whole = killed_within(dbferry, source, target, url)
    [task] = dbferry("status", url, "--json").json
    assert sum(table["state"] == "moved" for table in task["tables"]) == whole
    source.sql("ALTER TABLE t3 ADD COLUMN extra integer")
    refused(dbferry("migrate", source.url, url), 2, "column `extra` is new")
    assert "forgotten: the task" in dbferry("cleanup", url).err
    assert dbferry("cleanup", url).err == ""
    assert dbferry("status", url, "--json").json == []


@pytest.mark.parametrize("name", TARGETS)
def test_a_table_that_fails_does_not_stop_the_others(
    dbferry: Command, source: Database, database: Make, name: str
) -> None:
    target, url = target_of(name, database)
    source.sql("ALTER TABLE t1 ADD COLUMN at date; UPDATE t1 SET at = 'infinity' WHERE id = 7")
    result = refused(dbferry("migrate", source.url, url, "--json"), 1)
    states = {name: table["state"] for name, table in result.tables().items()}
    assert states == {f"t{n}": "failed" if n == 1 else "done" for n in range(TABLES)}
    source.sql("UPDATE t1 SET at = '2024-02-29'")
    result = moved(dbferry("migrate", source.url, url, "--json"))
    assert tables_there(target) == TABLES


@pytest.mark.parametrize("after", [0.4, 1.0, 1.5])
def test_two_runs_into_one_target_never_double_a_row(
    after: float, dbferry: Command, source: Database, database: Make, postgres: PostgresServer
) -> None:
    """Wherever the first is when it is taken over: before its first table, at its end, in the middle of its second."""
    target, url = target_of("adbc+postgresql", database)
    slow = ["--max-rate", "4000 rows", "--batch-rows", "500"]
    first = dbferry.start("migrate", source.url, url, *slow)
    time.sleep(after)
    second = dbferry("migrate", source.url, url)
    ended = dbferry.finish(first)
    assert sorted((ended.code, second.code)) == [0, 1], (ended, second)
    assert tables_there(target) == TABLES
    said = ended.err + second.err
    # The other may have ended before it was missed.
    assert any(why in said for why in ("taken this task over", "at work", "has forgotten it")), said
