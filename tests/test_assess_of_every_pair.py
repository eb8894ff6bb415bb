"""What an assessment says of each pair: Chinook and a table of traps, beside the golden reports.

`DBFERRY_GOLDEN=write pytest tests/test_assess_of_every_pair.py` writes them anew; read what has changed.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dbferry
from chinook import CHINOOK, fill_chinook
from dbferry.assessment.finding import Level
from dbferry.assessment.report import Assessment
from servers.database import Database
from servers.fresh import filled

GOLDEN = Path(__file__).parent / "golden" / "assess"
SOURCES = ["postgresql", "mysql", "mariadb", "sqlite"]
# Named, so that a report doesn't change with the server that happens to be there.
TARGETS = ["postgresql:16", "mysql:8.4", "mariadb:11.4", "sqlite:3.45", "duckdb:1.3"]
TRAPS = {
    "postgresql": """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE traps (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, exact numeric, money numeric(12, 2),
  mood mood, tags text[], at timestamptz, span interval, doc jsonb, net inet, body bytea);
INSERT INTO traps (exact, mood) VALUES (1234567890.123456789, 'glad'), ('NaN', 'sad');
CREATE TABLE keyless (line text)""",
    "mysql": """
CREATE TABLE traps (id bigint unsigned PRIMARY KEY AUTO_INCREMENT, flag tinyint(1), big bigint unsigned,
  money decimal(12, 2), mood enum('glad', 'sad'), tags set('a', 'b'), at timestamp NULL, day date, span time,
  doc json, born year, bits bit(9));
INSERT INTO traps (flag, span) VALUES (2, '-30:00:00');
SET sql_mode = ''; INSERT INTO traps (day) VALUES ('0000-00-00');
CREATE TABLE keyless (line text)""",
    "sqlite": """
CREATE TABLE traps (id integer PRIMARY KEY AUTOINCREMENT, mixed, flag boolean, money decimal(12, 2),
  at datetime, body blob, text_number int);
INSERT INTO traps (mixed, flag, text_number) VALUES (1, 1, 'one'), ('x', 0, 2);
CREATE TABLE keyless (line text)""",
}
TRAPS["mariadb"] = TRAPS["mysql"]


@pytest.fixture(scope="module")
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Database]]:
    """A function: engine to a database that holds Chinook and the traps."""

    def fill(made: Database) -> None:
        fill_chinook(made)
        made.sql(TRAPS[made.engine])

    with filled(fill, request, tmp_path_factory) as holding:
        yield holding


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_the_report_is_the_golden_one(
    shop: Callable[[str], Database], source: str, target: str
) -> None:
    db = shop(source)
    told = _told(dbferry.assess(db.url, target), db)
    file = GOLDEN / f"{source}_to_{target.partition(':')[0]}.txt"
    if os.environ.get("DBFERRY_GOLDEN") == "write":
        file.write_text(told)
    assert told == file.read_text()


def _told(made: Assessment, db: Database) -> str:
    """The objects in short: those of Chinook in numbers, everything else in lines."""
    schema = {"postgresql": "public", "sqlite": "main"}.get(db.engine, db.name)
    lines = []
    plain = Counter[str]()
    for finding in made.objects:
        said = f"{finding.level} {' '.join(finding.codes)} {finding.kind}"
        if finding.table.rpartition(".")[2] in CHINOOK:
            plain[said] += 1
            continue
        probed = ", ".join(f"{name} {count}" for name, count in finding.probed.items() if count)
        lines.append(f"{said} {finding.object}")
        told = (finding.what, finding.why, probed and f"rows: {probed}", finding.fix)
        lines += [f"    {line}" for line in told if line]
    lines += [f"Chinook: {count} {said}" for said, count in sorted(plain.items())]
    text = "\n".join([*lines, ""])
    return text.replace(f"{schema}.", "SCHEMA.").replace(f"`{schema}`", "`SCHEMA`")


@pytest.mark.parametrize("source", SOURCES)
def test_every_table_and_column_is_told_with_its_rows_and_room(
    shop: Callable[[str], Database], source: str
) -> None:
    made = dbferry.assess(shop(source).url, "duckdb", exclude=["traps", "keyless"])
    tables = {f.table.rpartition(".")[2] for f in made.objects if f.kind == "table"}
    columns = {f.object.split(".", 1)[1] for f in made.objects if f.kind == "column"}
    assert tables == set(CHINOOK)
    assert columns == {f"{t}.{c[0]}" for t, held in CHINOOK.items() for c in held["columns"]}
    rows = {t.name.rpartition(".")[2]: t.rows for t in made.estimate.tables}
    # Statistics of a table that was just filled are near, and no more.
    for name, held in CHINOOK.items():
        assert rows[name] == pytest.approx(len(held["rows"]), rel=0.5, abs=5)
    assert all(t.data > 0 for t in made.estimate.tables)
    assert made.estimate.seconds[0] < made.estimate.seconds[1]
    assert made.estimate.disk[0] < made.estimate.disk[1]


@pytest.mark.parametrize("source", SOURCES)
def test_what_the_plan_does_not_move_is_all_in_the_report(
    shop: Callable[[str], Database], source: str
) -> None:
    db = shop(source)
    name = f"view_of_{source}"
    db.sql(f"CREATE VIEW {name} AS SELECT 1 AS a")
    try:
        plan, made = dbferry.plan(db.url, "duckdb:///none.duckdb"), dbferry.assess(db.url, "duckdb")
    finally:
        db.sql(f"DROP VIEW {name}")
    left = [note for note in plan.notes if note.startswith("not moved: ")]
    manual = [f for f in made.objects if f.level is Level.MANUAL]
    assert len(manual) == len(left)
    for finding in manual:
        assert any(finding.kind in note and finding.object in note for note in left)
    assert all(finding.minutes for finding in manual)
