"""A run whose ledger goes, for another has finished its task or `cleanup` has forgotten it, says so."""

from collections.abc import Callable

import pytest
from test_a_killed_run_goes_on import done

import fill
from command import Command, refused
from servers.database import Database
from servers.server import wait_until


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_run_whose_ledger_goes_says_so(
    dbferry: Command, database: Callable[[str], Database], engine: str
) -> None:
    source, target = database("sqlite"), database(engine)
    source.sql("CREATE TABLE rows_ (id integer PRIMARY KEY, v text)")
    fill.insert(source, "rows_", ((n, f"row {n}") for n in range(20_000)))
    slow = ["--range-rows", "200", "--batch-rows", "100", "--max-rate", "2000 rows"]
    process = dbferry.start("migrate", source.url, target.url, *slow, "--workers", "1")
    try:
        wait_until(lambda: done(target) > 2, "some ranges")
        for name in ("dbferry_task", "dbferry_table", "dbferry_range", "dbferry_step"):
            target.sql(f"DROP TABLE {name}")
        result = dbferry.finish(process)
    finally:
        process.kill()
        process.communicate()
    refused(result, 1, "the task's ledger is gone: another run has finished", "hint: look at what")
    assert "does not exist" not in result.err
