"""Into a target whose own library writes, rows that don't fit are put aside too, in the transaction of their table."""

import json
from collections.abc import Callable

import pytest

import fill
from command import Command, moved, refused
from servers.database import Database
from test_rows_that_do_not_fit import BAD, ENGINES, ROWS, UNREADABLE, WORDS, text
from through import adbc

Make = Callable[[str], Database]
TARGETS = ("duckdb", "adbc+postgresql", "adbc+sqlite")
ASIDE = ("--on-bad-row", "quarantine")


def target_of(name: str, database: Make) -> tuple[Database, str]:
    """A database, and its URL for the run."""
    db = database(name.removeprefix("adbc+"))
    return db, adbc(db) if name.startswith("adbc") else db.url


@pytest.fixture
def filled(database: Make) -> Make:
    """Rows of which some have the number 13, beside a table without any."""

    def make(engine: str) -> Database:
        db = database(engine)
        db.sql(f"CREATE TABLE t (id integer PRIMARY KEY, n integer NOT NULL, word {text(db)})")
        rows = ((i, 13 if i in BAD else 1, WORDS.get(i, f"w{i}")) for i in range(ROWS))
        fill.insert(db, "t", rows)
        db.sql("CREATE TABLE whole (id integer PRIMARY KEY)")
        db.sql("INSERT INTO whole VALUES (1), (2)")
        return db

    return make


def wary(db: Database) -> None:
    """A table that takes no 13."""
    db.sql(
        "CREATE TABLE t (id integer PRIMARY KEY, n integer NOT NULL CHECK (n <> 13), word text)"
    )


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("one", ENGINES)
def test_what_a_constraint_refuses_is_put_aside_and_moved_when_it_fits(
    dbferry: Command, filled: Make, database: Make, one: str, name: str
) -> None:
    source, (target, url) = filled(one), target_of(name, database)
    wary(target)
    result = moved(dbferry.migrate(source, url, *ASIDE, "--batch-rows", "3000", "--json"))
    table = result.tables()["t"]
    assert (table["state"], table["source_rows"], table["quarantined"]) == ("done", ROWS, len(BAD))
    assert (table["target_rows"], table["rows"]) == (ROWS - len(BAD), ROWS - len(BAD))
    ids = {int(row[0]) for row in target.rows("SELECT id FROM t")}
    assert ids == set(range(ROWS)) - set(BAD)
    listed = dbferry("quarantine", "list", url, "--json").json
    told = {int(row["key"]["id"]): row for row in listed}
    assert sorted(told) == BAD
    assert {i: row["values"]["word"] for i, row in told.items()} == WORDS
    assert all(row["values"]["n"] == "13" and "CHECK" in row["reason"].upper() for row in listed)

    def retried() -> dict[str, int]:
        [told] = moved(dbferry("quarantine", "retry", source.url, url, "--json")).json
        return {what: count for what, count in told.items() if what != "table" and count}

    assert retried() == {"unfit": 6}
    source.sql("UPDATE t SET n = 14 WHERE id IN (7, 8, 9, 4000)")
    source.sql("DELETE FROM t WHERE id = 11111")
    assert retried() == {"moved": 4, "unfit": 1, "gone": 1}
    listed = dbferry("quarantine", "list", url, "--json").json
    assert [row["key"]["id"] for row in listed] == ["19999"]
    words = target.rows("SELECT id, word FROM t WHERE id IN (7, 8, 9, 4000)")
    assert {int(i): word for i, word in words} == {i: WORDS[i] for i in (7, 8, 9, 4_000)}
    source.sql("UPDATE t SET n = 14")
    assert retried() == {"moved": 1}
    assert dbferry("quarantine", "list", url).out.startswith("no rows are put aside")


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("one", ["postgresql", "mariadb"])
def test_what_has_no_equal_in_the_target_is_put_aside(
    dbferry: Command, database: Make, one: str, name: str
) -> None:
    source, (target, url) = database(one), target_of(name, database)
    setup, told = next(case for ends, case in UNREADABLE.items() if ends[0] == one)
    source.sql(setup)
    result = moved(dbferry.migrate(source, url, *ASIDE))
    assert "5,000 = 4,998 + 2 aside" in result.out
    rows = dbferry("quarantine", "list", url, "--json").json
    assert [(row["key"], row["column"], row["code"], row["values"]["v"]) for row in rows] == [
        ({"id": "17"}, "v", rows[0]["code"], told),
        ({"id": "4711"}, "v", rows[0]["code"], told),
    ]
    assert int(target.rows("SELECT count(*) FROM t")[0][0]) == 4998
