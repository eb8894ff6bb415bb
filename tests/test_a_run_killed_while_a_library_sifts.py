"""A run that is killed while it looks for rows which a target's library refuses: each is in its table or told of, once."""

import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from command import Command, moved
from faults.ends import served
from faults.moments import Said, Stage
from faults.points import Victim
from servers.database import Database
from through import adbc

Make = Callable[[str], Database]
TARGETS = ("duckdb", "adbc+postgresql", "adbc+sqlite")
ROWS = 300
BAD = [7, 8, 200]
ASIDE = ["--on-bad-row", "quarantine", "--batch-rows", "40", "--json"]

KILLED = """
import os, re, signal, sys
from dbferry.engines.adbc.session import AdbcSession
from dbferry.engines.duckdb.session import DuckdbSession

method, pattern, nth, stage = sys.argv[1:5]
left = int(nth)

def wrapped(call):
    def work(self, *args, **named):
        global left
        told = re.search(pattern, str(args[0]) if args else "")
        left -= told is not None
        met = told is not None and left == 0
        if met and stage == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = call(self, *args, **named)
        if met:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    return work

for session in (AdbcSession, DuckdbSession):
    setattr(session, method, wrapped(getattr(session, method)))
from dbferry.cli import main
sys.argv[1:] = sys.argv[5:]
main()
"""
"""The command, which kills itself at the nth call of a session's method that says something."""

# A method of the session, what it is told, and the how many-th time it dies of it.
POINTS = {
    "a block is tried": ("execute", "^(SAVEPOINT|BEGIN)", 12),
    "a refused block is taken back": ("execute", "^ROLLBACK", 8),
    "the first entry": ("execute", "INSERT INTO .*dbferry_quarantine", 1),
    "the last entry": ("execute", "INSERT INTO .*dbferry_quarantine", 3),
    "the ledger's row": ("execute", "SET state = 'done'", 1),
    "the commit": ("commit", "", 1),
}


def in_turn() -> list[tuple[str, str, str]]:
    """Each point and stage in DuckDB and through one of the drivers, which take turns."""
    return [
        (point, stage, name)
        for i, point in enumerate(POINTS)
        for j, stage in enumerate(["before", "after"])
        for name in ("duckdb", TARGETS[1 + (i + j) % 2])
    ]


@pytest.fixture
def source(database: Make) -> Database:
    db = database("sqlite")
    db.sql("CREATE TABLE t (id int NOT NULL PRIMARY KEY, n int)")
    db.sql(
        "WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < 299) INSERT INTO t "
        f"SELECT i, CASE WHEN i IN ({', '.join(map(str, BAD))}) THEN 13 ELSE 1 END FROM s"
    )
    return db


def target_of(name: str, database: Make) -> tuple[Database, str]:
    """A database with a table that takes no 13, and its URL for the run."""
    db = database(name.removeprefix("adbc+"))
    db.sql("CREATE TABLE t (id bigint PRIMARY KEY, n bigint CHECK (n <> 13))")
    return db, adbc(db) if name.startswith("adbc") else db.url


def check(dbferry: Command, target: Database, url: str) -> None:
    ids = [int(row[0]) for row in target.rows("SELECT id FROM t ORDER BY id")]
    assert ids == [i for i in range(ROWS) if i not in BAD]
    listed = dbferry("quarantine", "list", url, "--json").json
    assert sorted(int(row["key"]["id"]) for row in listed) == BAD
    assert dbferry("status", url, "--json").json == []


@pytest.mark.parametrize(("point", "stage", "name"), in_turn())
def test_the_next_run_ends_well(
    source: Database, database: Make, tmp_path: Path, point: str, stage: str, name: str
) -> None:
    (target, url), dbferry = target_of(name, database), Command(tmp_path)
    method, pattern, nth = POINTS[point]
    args = ["migrate", source.url, url, *ASIDE]
    killed = dbferry(method, pattern, str(nth), stage, *args, code=KILLED)
    assert killed.code == -signal.SIGKILL, f"never came\n{killed.out}{killed.err}"
    there = int(target.rows("SELECT count(*) FROM t")[0][0])
    assert there in (0, ROWS - len(BAD))
    assert len(dbferry("quarantine", "list", url, "--json").json) == (len(BAD) if there else 0)
    table = moved(dbferry(*args)).tables()["t"]
    assert (table["state"], table["quarantined"]) == ("done", len(BAD))
    check(dbferry, target, url)


@pytest.mark.parametrize("stage", [Stage.BEFORE, Stage.DURING, Stage.UNANSWERED, Stage.AFTER])
@pytest.mark.parametrize("said", ["INSERT INTO .{0,20}dbferry_quarantine", "COMMIT\\0"])
def test_whatever_the_server_has_heard(
    source: Database, database: Make, tmp_path: Path, said: str, stage: Stage
) -> None:
    (target, _), dbferry, victim = (
        target_of("adbc+postgresql", database),
        Command(tmp_path),
        Victim(),
    )
    with ExitStack() as stack:
        end = served(target, stack)
        args = ["migrate", source.url, f"adbc+{end.url}", *ASIDE]
        victim.runs(dbferry, args, end, Said(said.encode(), 1, stage, victim.kill))
        table = moved(dbferry(*args)).tables()["t"]
        assert (table["state"], table["quarantined"]) == ("done", len(BAD))
        check(dbferry, target, args[2])
