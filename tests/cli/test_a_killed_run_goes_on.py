"""A run that is killed inside a table goes on there when the same command is run again, and nothing is lost or doubled."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator

import pytest

import fill
from command import Command
from servers.database import Database

ROWS = 60_000
ENGINES = ("postgresql", "mariadb", "mysql", "sqlite")


@pytest.fixture
def filled(database: Callable[[str], Database]) -> Callable[[str], Database]:
    def make(engine: str) -> Database:
        db = database(engine)
        db.sql("CREATE TABLE parents (id integer PRIMARY KEY, name varchar(40) NOT NULL)")
        db.sql(
            "CREATE TABLE rows_ (id integer PRIMARY KEY, parent integer NOT NULL, word varchar(80), "
            "FOREIGN KEY (parent) REFERENCES parents (id))"
        )
        db.sql("CREATE INDEX by_word ON rows_ (word)")
        fill.insert(db, "parents", ((n, f"parent {n}") for n in range(100)))
        fill.insert(db, "rows_", ((n, n % 100, f"word {n * 7919 % 1009}") for n in range(ROWS)))
        if engine == "postgresql":
            db.sql("VACUUM ANALYZE")
        return db

    return make


def done(db: Database) -> int:
    """Ranges that the ledger knows as done; 0 while there is no ledger."""
    with contextlib.suppress(Exception):
        return int(db.rows("SELECT count(*) FROM dbferry_range WHERE state = 'done'")[0][0])
    return 0


def killed_after(
    dbferry: Command, args: list[str], target: Database, ranges: int, with_: int
) -> int:
    process = dbferry.start(*args)
    while process.poll() is None and done(target) < ranges:
        time.sleep(0.002)
    process.send_signal(with_)
    process.communicate()
    return process.returncode


def leftovers(db: Database) -> Iterator[str]:
    for name in ("dbferry_task", "dbferry_table", "dbferry_range", "dbferry_step"):
        with contextlib.suppress(Exception):
            db.rows(f"SELECT 1 FROM {name}")
            yield name


@pytest.mark.parametrize("other", ENGINES)
@pytest.mark.parametrize("one", ENGINES)
def test_every_row_arrives_once(
    dbferry: Command,
    filled: Callable[[str], Database],
    database: Callable[[str], Database],
    one: str,
    other: str,
) -> None:
    source, target = filled(one), database(other)
    cut = "3" if one == "postgresql" else "500"
    args = ["migrate", source.url, target.url, "--range-rows", cut, "--workers", "2", "--json"]
    for ranges in (2, 30):
        if killed_after(dbferry, args, target, ranges, signal.SIGKILL) == 0:
            # Quicker than the test could look.
            break
        assert done(target) >= ranges
    else:
        result = dbferry(*args)
        assert result.code == 0, result.err
        assert result.tables()["rows_"]["rows"] == ROWS
    for query in (
        "SELECT id, name FROM parents ORDER BY id",
        "SELECT id, parent, word FROM rows_ ORDER BY id",
    ):
        assert target.rows(query) == source.rows(query)
    assert not list(leftovers(target))
