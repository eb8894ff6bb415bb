"""`status` and `plan` tell a run that is at work from one that was broken off, and it tells that its ledger is gone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import Popen

import pytest
from test_a_killed_run_goes_on import done

import fill
from command import Command, moved, refused
from servers.database import Database
from servers.server import wait_until

Make = Callable[[str], Database]


@contextmanager
def at_work(dbferry: Command, source: Database, target: Database) -> Iterator["Popen[str]"]:
    """A run that has moved some ranges and has more to do than a test waits for."""
    source.sql("CREATE TABLE rows_ (id integer PRIMARY KEY, v text)")
    fill.insert(source, "rows_", ((n, f"row {n}") for n in range(20_000)))
    slow = ["--range-rows", "200", "--batch-rows", "100", "--max-rate", "2000 rows"]
    process = dbferry.start("migrate", source.url, target.url, *slow, "--workers", "1")
    try:
        wait_until(lambda: done(target) > 2, "some ranges")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "sqlite"])
def test_status_and_plan_tell_whether_a_run_lives(
    dbferry: Command, database: Make, engine: str
) -> None:
    source, target = database("sqlite"), database(engine)
    with at_work(dbferry, source, target):
        alive = moved(dbferry("status", target.url))
        [told] = moved(dbferry("status", target.url, "--json")).json
        plan = moved(dbferry("plan", source.url, target.url))
    assert "(at work)" in alive.out
    assert told["run"] == "at work"
    assert "a run of this task is at work (process" in plan.out
    wait_until(
        lambda: moved(dbferry("status", target.url, "--json")).json[0]["run"] == "broken off",
        "the end of the killed run's session",
    )
    dead, again = dbferry("status", target.url), dbferry("plan", source.url, target.url)
    assert "(broken off: the same command goes on with it)" in moved(dead).out
    assert "a run that was broken off is to be gone on with" in moved(again).out


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_run_whose_ledger_goes_says_so(dbferry: Command, database: Make, engine: str) -> None:
    source, target = database("sqlite"), database(engine)
    with at_work(dbferry, source, target) as process:
        for name in ("dbferry_task", "dbferry_table", "dbferry_range", "dbferry_step"):
            target.sql(f"DROP TABLE {name}")
        result = dbferry.finish(process)
    refused(result, 1, "the task's ledger is gone: another run has finished", "hint: look at what")
    assert "does not exist" not in result.err
