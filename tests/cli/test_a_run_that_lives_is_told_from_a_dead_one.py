"""`status` and `plan` tell a run that is at work from one that was broken off."""

from collections.abc import Callable

import pytest
from test_a_killed_run_goes_on import done

import fill
from command import Command, moved
from servers.database import Database
from servers.server import wait_until


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "sqlite"])
def test_status_and_plan_tell_whether_a_run_lives(
    dbferry: Command, database: Callable[[str], Database], engine: str
) -> None:
    source, target = database("sqlite"), database(engine)
    source.sql("CREATE TABLE rows_ (id integer PRIMARY KEY, v text)")
    fill.insert(source, "rows_", ((n, f"row {n}") for n in range(20_000)))
    slow = ["--range-rows", "200", "--batch-rows", "100", "--max-rate", "2000 rows"]
    process = dbferry.start("migrate", source.url, target.url, *slow, "--workers", "1")
    try:
        wait_until(lambda: done(target) > 2, "some ranges")
        alive = moved(dbferry("status", target.url))
        [told] = moved(dbferry("status", target.url, "--json")).json
        plan = moved(dbferry("plan", source.url, target.url))
    finally:
        process.kill()
        process.communicate()
    assert "(at work)" in alive.out
    assert told["run"] == "at work"
    assert "a run of this task is at work (process" in plan.out
    wait_until(
        lambda: moved(dbferry("status", target.url, "--json")).json[0]["run"] == "broken off",
        "the end of the killed run's session",
    )
    assert (
        "(broken off: the same command goes on with it)" in moved(dbferry("status", target.url)).out
    )
    assert (
        "a run that was broken off is to be gone on with"
        in moved(dbferry("plan", source.url, target.url)).out
    )
