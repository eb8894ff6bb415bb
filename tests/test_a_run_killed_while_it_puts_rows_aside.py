"""A run that is killed, or cut off, while it puts rows aside that keys refuse: each is in its table or told of, once."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from command import Command, moved
from faults.ends import served
from faults.moments import Said, Stage
from faults.points import START, Victim, with_engines
from servers.database import Database

Make = Callable[[str], Database]
POINTS = {
    "the first entry": START + rb"INSERT INTO \S*dbferry_quarantine",
    "the deletion": START + rb"DELETE (c )?FROM \S*b. AS c",
    "the ledger's counts": START + rb"UPDATE \S*dbferry_range. SET moved_rows",
    "the commit": START + rb"(COMMIT; SET SESSION foreign_key_checks = 1|COMMIT\x00)",
    "what is made again": START + rb"(ALTER TABLE \S*b. VALIDATE|SET SESSION foreign_key_checks = 0; ALTER TABLE \S*b.)",
}  # fmt: skip
NTH = {("postgresql", "the commit"): 4, "what is made again": 2}
"""Three tables are committed before, and a key is made once before it is found to be broken."""
STAGES = (Stage.BEFORE, Stage.DURING, Stage.UNANSWERED, Stage.AFTER)


@pytest.fixture
def held(database: Make) -> Database:
    """Two rows of `b` refer to nothing, and one of `c` to each of them."""
    db = database("sqlite")
    db.sql(
        "CREATE TABLE a (id int NOT NULL PRIMARY KEY); CREATE TABLE b (id int NOT NULL PRIMARY KEY, a int REFERENCES a (id));"
        "CREATE TABLE c (id int NOT NULL PRIMARY KEY, b int REFERENCES b (id) ON DELETE CASCADE);"
        "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1), (2, 7), (3, 8); INSERT INTO c VALUES (1, 1), (2, 2), (3, 3)"
    )
    return db


def moment(engine: str, point: str, stage: Stage, act: Callable[[], None]) -> Said:
    nth = NTH.get((engine, point)) or NTH.get(point) or 1
    return Said(POINTS[point], nth, stage, act, name=point)


def check(dbferry: Command, target: Database, tables: dict[str, dict[str, object]]) -> None:
    counts = {n: (t["source_rows"], t["target_rows"], t["quarantined"]) for n, t in tables.items()}
    assert counts == {"a": (1, 1, 0), "b": (3, 1, 2), "c": (3, 1, 2)}
    assert [target.rows(f"SELECT id FROM {name}") for name in "bc"] == [[(1,)], [(1,)]]
    listed = dbferry("quarantine", "list", target.url, "--json").json
    assert sorted((row["table"][-1], row["key"]["id"]) for row in listed) == [
        ("b", "2"), ("b", "3"), ("c", "2"), ("c", "3"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "point", "stage"), with_engines(POINTS, STAGES, ["postgresql", "mariadb"])
)
def test_the_next_run_ends_well(
    engine: str, point: str, stage: Stage, held: Database, database: Make, tmp_path: Path
) -> None:
    target, dbferry, victim = database(engine), Command(tmp_path), Victim()
    with ExitStack() as stack:
        end = served(target, stack)
        args = ["migrate", held.url, end.url, "--on-bad-row", "quarantine", "--json"]
        victim.runs(dbferry, args, end, moment(engine, point, stage, victim.kill))
        check(dbferry, target, moved(dbferry(*args)).tables())


@pytest.mark.parametrize("stage", [Stage.BEFORE, Stage.UNANSWERED])
@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_a_key_that_was_taken_away_is_made_again(
    engine: str, stage: Stage, held: Database, database: Make, tmp_path: Path
) -> None:
    target, dbferry, victim = database(engine), Command(tmp_path), Victim()
    with ExitStack() as stack:
        end = served(target, stack)
        args = ["migrate", held.url, end.url, "--on-bad-row", "quarantine", "--json"]
        dropped = Said(START + rb"ALTER TABLE \S*b. DROP FOREIGN", 1, stage, victim.kill)
        victim.runs(dbferry, args, end, dropped)
        check(dbferry, target, moved(dbferry(*args)).tables())
    for orphan in ("INSERT INTO b VALUES (9, 7)", "INSERT INTO c VALUES (9, 7)"):
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            target.sql(orphan)


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
@pytest.mark.parametrize("point", POINTS)
def test_a_connection_that_is_lost_over_it_is_healed(
    engine: str, point: str, held: Database, database: Make, tmp_path: Path
) -> None:
    target, dbferry = database(engine), Command(tmp_path)
    with ExitStack() as stack:
        end = served(target, stack)
        wanted = moment(engine, point, Stage.UNANSWERED, lambda: None)
        end.proxy.arm(moment=wanted)
        result = dbferry("migrate", held.url, end.url, "--on-bad-row", "quarantine", "--json")
        assert end.proxy.struck == [str(wanted)], f"never came: {wanted}\n{result.err}"
    check(dbferry, target, moved(result).tables())
    assert any(note.startswith("tried again") for note in result.json["notes"])
