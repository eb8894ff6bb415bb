"""All tables are of one moment, rows that are refused or not; where the snapshot is lost those of the earlier are named."""

import contextlib
from collections.abc import Callable

import pytest

import fill
from command import Command, moved
from dbferry.errors import Interrupted
from dbferry.progress import Progress
from dbferry.task import Task
from servers.database import Database
from through import adbc

Make = Callable[[str], Database]
ROWS = 10_000
OLDER = "moved under an earlier snapshot, and without what was written in the source since: "
SESSIONS = "SELECT id FROM information_schema.processlist WHERE db = '{}' AND id <> connection_id()"


def filled(database: Make, engine: str) -> Database:
    db = database(engine)
    db.sql("CREATE TABLE a (id integer PRIMARY KEY)")
    db.sql("CREATE TABLE b (id integer PRIMARY KEY, n integer)")
    fill.insert(db, "a", [(1,), (2,)])
    fill.insert(db, "b", ((i, 13 if i == 3 else 1) for i in range(ROWS)))
    return db


@pytest.mark.parametrize(
    ("engine", "name"),
    [("mysql", "duckdb"), ("mariadb", "adbc+postgresql"), ("mariadb", "adbc+sqlite")],
)
def test_a_row_that_is_refused_costs_no_snapshot(
    dbferry: Command, database: Make, engine: str, name: str
) -> None:
    source, target = filled(database, engine), database(name.removeprefix("adbc+"))
    target.sql("CREATE TABLE b (id integer PRIMARY KEY, n integer CHECK (n <> 13))")
    args = ["--on-bad-row", "quarantine", "--workers", "1", "--batch-rows", "100", "--json"]
    url = adbc(target) if name.startswith("adbc") else target.url
    result = moved(dbferry.migrate(source, url, *args))
    assert result.tables()["b"]["quarantined"] == 1
    assert not any("tried again" in note for note in result.json["notes"])


@pytest.mark.parametrize("dies", [False, True])
def test_what_a_lost_snapshot_has_moved_is_named(database: Make, dies: bool) -> None:
    source, target = filled(database, "mariadb"), database("duckdb")
    source.sql("CREATE TABLE c (id integer PRIMARY KEY)")
    slow = {"max_rate": f"{ROWS // 2} rows", "batch_rows": 100, "workers": 1}
    written = False

    def meanwhile(progress: Progress) -> None:
        nonlocal written
        if written or progress.rows < 1000:
            return
        written = True
        source.sql("INSERT INTO a VALUES (3)")
        source.sql("INSERT INTO c VALUES (3)")
        if dies:
            raise KeyboardInterrupt
        for (session,) in source.rows(SESSIONS.format(source.name)):
            with contextlib.suppress(Exception):
                source.sql(f"KILL {session}")

    task = Task(source=source.url, target=target.url, **slow)
    if dies:
        with pytest.raises(Interrupted):
            task.run(progress=meanwhile)
    notes = task.run(progress=meanwhile).notes
    [older] = [note.removeprefix(OLDER) for note in notes if note.startswith(OLDER)]
    assert f"{source.name}.a" in older.split(", ")
    assert f"{source.name}.c" not in older.split(", ")
    assert [target.rows(f"SELECT count(*) FROM {t}") for t in "abc"] == [[(2,)], [(ROWS,)], [(1,)]]
    assert dies or any("tried again" in note and "source: " in note for note in notes)
