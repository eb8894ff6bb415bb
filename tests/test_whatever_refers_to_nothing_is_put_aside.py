"""Random tables that refer to each other and to themselves, with rows that refer to nothing: what stays is all that can."""

import random
from collections.abc import Callable

import pytest

import dbferry
import fill
from dbferry.ledger.status import bad_rows
from dbferry.task import Task
from servers.database import Database
from turns import in_turn

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


def grown(
    links: dict[str, list[str]], rows: dict[str, Rows], there: dict[str, set[int]]
) -> dict[str, set[int]]:
    """With the rows that can be added one by one, each of which may refer to itself."""
    found = {name: set(keys) for name, keys in there.items()}

    def fits(name: str, key: int) -> bool:
        pairs = zip(links[name], rows[name][key], strict=True)
        return all(
            value is None or value in found[other] or (other, value) == (name, key)
            for other, value in pairs
        )

    while True:
        more = [(n, k) for n in TABLES for k in rows[n] if k not in found[n] and fits(n, k)]
        if not more:
            return found
        for name, key in more:
            found[name].add(key)


def put_aside(db: Database) -> dict[str, set[int]]:
    aside: dict[str, set[int]] = {name: set() for name in TABLES}
    tables = {row[0] for row in db.rows(NAMES.get(db.engine, NAMES["mysql"]))}
    for row in bad_rows(db.url) if "dbferry_quarantine" in tables else ():
        aside[row.table[-1]].add(int((row.key or {})["id"]))
    return aside


NAMES = {
    "postgresql": "SELECT relname FROM pg_class",
    "sqlite": "SELECT name FROM sqlite_schema",
    "mysql": "SHOW TABLES",
}


@pytest.mark.parametrize(
    ("seed", "target"), in_turn(range(10), ["postgresql", "mariadb", "mysql", "sqlite"], meets=2)
)
def test_what_stays_is_all_that_can_and_comes_when_it_can(
    database: Make, seed: int, target: str
) -> None:
    source, made = database("sqlite"), database(target)
    links, rows = drawn(seed)
    make(source, links, rows)
    report = dbferry.migrate(source.url, made.url, on_bad_row="quarantine")
    stays = {name: {int(row[0]) for row in made.rows(f"SELECT id FROM {name}")} for name in TABLES}
    assert stays == held_up(links, rows), (seed, links)
    aside = put_aside(made)
    assert aside == {name: set(rows[name]) - stays[name] for name in TABLES}
    assert report.quarantined == sum(map(len, aside.values()))
    assert report.state == "done"

    for name in TABLES:
        for n in range(len(links[name])):
            source.sql(f"UPDATE {name} SET r{n} = NULL WHERE r{n} > {ROWS}")
        rows[name] = {
            key: tuple(None if value and value > ROWS else value for value in values)
            for key, values in rows[name].items()
        }
    Task.of(source=source.url, target=made.url).retry_quarantine()
    there = {name: {int(row[0]) for row in made.rows(f"SELECT id FROM {name}")} for name in TABLES}
    for name, keys in grown(links, rows, stays).items():
        assert keys <= there[name], (seed, links)
        assert put_aside(made)[name] == set(rows[name]) - there[name]
    assert held_up(links, {n: {k: rows[n][k] for k in there[n]} for n in TABLES}) == there
