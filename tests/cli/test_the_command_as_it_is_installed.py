"""The command as a shell starts it, while the other tests fork it from a process that has imported all it may need."""

import os
import subprocess
from collections.abc import Callable

import pytest

from command import BINARY, Command, Result, moved
from servers.database import Database
from through import adbc

Make = Callable[[str], Database]
INSTALLED = ("env",)
"""A prefix is started, and starts the command."""
ENDS = ("postgresql", "mariadb", "mysql", "sqlite", "duckdb", "adbc+postgresql", "adbc+sqlite")


def end(name: str, database: Make) -> tuple[Database, str]:
    db = database(name.removeprefix("adbc+"))
    return db, adbc(db) if name.startswith("adbc") else db.url


def said(result: Result) -> tuple[int, str, str]:
    return result.code, result.out, result.err


@pytest.mark.parametrize("name", ENDS)
def test_it_moves_rows_into(dbferry: Command, database: Make, name: str) -> None:
    source, (target, url) = database("sqlite"), end(name, database)
    source.sql("CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    moved(dbferry.migrate(source, url, prefix=INSTALLED))
    assert [int(row[0]) for row in target.rows("SELECT id FROM t ORDER BY id")] == [1, 2]


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["assess", "{source}", "--json"],
        ["cleanup", "{source}"],
        ["plan", "{source}", "duckdb:///new.duckdb"],
        ["plan", "{source}", "postgresql:///"],
        ["quarantine", "list", "{source}"],
        ["schema"],
        ["status", "{source}", "--nonsense"],
    ],
)
def test_it_says_what_a_forked_one_says(
    dbferry: Command, sqlite_db: Database, args: list[str]
) -> None:
    sqlite_db.sql("CREATE TABLE t (id integer PRIMARY KEY)")
    asked = [arg.format(source=sqlite_db.url) for arg in args]
    assert said(dbferry(*asked, prefix=INSTALLED)) == said(dbferry(*asked))


def test_a_forked_one_has_its_own_environment_folder_and_number(dbferry: Command) -> None:
    code = "import os, sys; print(os.environ['HOME'], os.getcwd(), os.getppid(), sys.argv[1:])"
    home = str(dbferry.home)
    assert dbferry("a b", code=code).out == f"{home} {home} {os.getpid()} ['a b']\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_stream_that_is_closed_changes_no_exit_code(closed: str) -> None:
    assert (
        subprocess.run(["bash", "-c", f"{BINARY} --version {closed}"], check=False).returncode == 0
    )


def test_output_that_can_not_be_written_is_said() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{BINARY} schema > /dev/full"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        ["error: the output can't be written: No space left on device"],
    )
