"""What keeps a trial from being made says nothing of a driver's savepoints; and a plan makes none."""

import contextlib
import json
from collections.abc import Callable

import pytest

from command import Command, moved, refused
from faults.moments import Said, Stage
from faults.proxy import Proxy
from servers.database import Database, ServerDatabase, SqliteDatabase
from through import adbc

Make = Callable[[str], Database]
ASIDE = ("--on-bad-row", "quarantine")


def filled(database: Make) -> Database:
    db = database("postgresql")
    db.sql("CREATE TABLE t (id integer PRIMARY KEY)")
    db.sql("INSERT INTO t VALUES (1), (2)")
    return db


def test_a_lock_is_told_and_waited_for(dbferry: Command, database: Make) -> None:
    source, target = filled(database), database("sqlite")
    assert isinstance(target, SqliteDatabase)
    with contextlib.closing(target._connect()) as holder:
        holder.isolation_level = None
        holder.execute("BEGIN IMMEDIATE")
        result = dbferry.migrate(source, adbc(target), *ASIDE, "--retry-seconds", "1")
        refused(result, 1, "database is locked")
        task = {"source": source.url, "target": adbc(target), "on_bad_row": "quarantine"}
        (dbferry.home / "task.json").write_text(json.dumps(task))
        moved(dbferry("plan", str(dbferry.home / "task.json")))
        holder.execute("ROLLBACK")
    moved(dbferry.migrate(source, adbc(target), *ASIDE))
    assert target.rows("SELECT name FROM sqlite_master WHERE name LIKE 'dbferry_trial%'") == []


@pytest.mark.parametrize("nth", [5, 12])
def test_a_session_that_is_lost_says_nothing_of_the_driver(
    dbferry: Command, database: Make, nth: int
) -> None:
    source, target = filled(database), database("postgresql")
    assert isinstance(target, ServerDatabase)
    with Proxy(target.server.port) as proxy:
        proxy.arm(moment=Said(rb"dbferry_trial", nth, Stage.BEFORE, lambda: None))
        url = adbc(target).replace(f":{target.server.port}/", f":{proxy.port}/")
        url = f"{url}?sslmode=disable"
        moved(dbferry.migrate(source, url, *ASIDE))
        assert proxy.struck
    assert target.rows("SELECT count(*) FROM t") == [(2,)]


def test_a_right_that_is_lacking_is_told(dbferry: Command, database: Make) -> None:
    source, target = filled(database), database("postgresql")
    role = f"guest_{target.name}"
    target.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    try:
        url = adbc(target).replace(
            target.url.partition("://")[2].partition("@")[0], f"{role}:secret"
        )
        result = dbferry.migrate(source, url, *ASIDE)
        refused(result, 1, "permission denied")
        assert "savepoints" not in result.err
    finally:
        target.sql(f"DROP ROLE {role}")
