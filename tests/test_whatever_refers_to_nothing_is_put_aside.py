"""Random tables that refer to each other and to themselves, with rows that refer to nothing: what stays is all that can."""

import random
from collections.abc import Callable

import pytest

import dbferry
import fill
from dbferry.ledger.status import bad_rows
from servers.database import Database

Make = Callable[[str], Database]
Rows = dict[int, tuple[int | None, ...]]
TABLES = "abcd"
ROWS = 60


def drawn(seed: int) -> tuple[dict[str, list[str]], dict[str, Rows]]:
    """What each table refers to, column by column, and its rows by their keys."""
    chance = random.Random(f"orphans {seed}")
    links = {name: chance.choices(TABLES, k=chance.randint(0, 3)) for name in TABLES}
    # Two rows in a hundred or so refer to nothing.
    rows = {
        name: {
            key: tuple(
                chance.choice([None, chance.randint(1, ROWS + 1), chance.randint(1, ROWS)])
                for _ in links[name]
            )
            for key in range(1, ROWS + 1)
        }
        for name in TABLES
    }
    return links, rows


def held_up(links: dict[str, list[str]], rows: dict[str, Rows]) -> dict[str, set[int]]:
    """The keys of the most rows of which each refers to others of them alone."""
    left = {name: dict(of) for name, of in rows.items()}
    while True:
        gone = [
            (name, key)
            for name, of in left.items()
            for key, values in of.items()
            for other, value in zip(links[name], values, strict=True)
            if value is not None and value not in left[other]
        ]
        if not gone:
            return {name: set(of) for name, of in left.items()}
        for name, key in gone:
            left[name].pop(key, None)


def make(db: Database, links: dict[str, list[str]], rows: dict[str, Rows]) -> None:
    """In SQLite, which minds no foreign key and lets tables refer to those that come later."""
    for name in TABLES:
        columns = [f", r{n} int REFERENCES {other} (id)" for n, other in enumerate(links[name])]
        db.sql(f"CREATE TABLE {name} (id int NOT NULL PRIMARY KEY{''.join(columns)})")
        fill.insert(db, name, [(key, *values) for key, values in rows[name].items()])


@pytest.mark.parametrize("target", ["postgresql", "mariadb", "mysql", "sqlite"])
@pytest.mark.parametrize("seed", range(10))
def test_what_stays_is_all_that_can(database: Make, seed: int, target: str) -> None:
    source, made = database("sqlite"), database(target)
    links, rows = drawn(seed)
    make(source, links, rows)
    expected = held_up(links, rows)
    report = dbferry.migrate(source.url, made.url, on_bad_row="quarantine")
    aside: dict[str, set[int]] = {name: set() for name in TABLES}
    for row in bad_rows(made.url) if report.quarantined else ():
        aside[row.table[-1]].add(int((row.key or {})["id"]))
    for name in TABLES:
        stays = {int(row[0]) for row in made.rows(f"SELECT id FROM {name}")}
        assert stays == expected[name], (seed, links)
        assert aside[name] == set(rows[name]) - stays
    assert report.quarantined == sum(map(len, aside.values()))
    assert report.state == "done"
