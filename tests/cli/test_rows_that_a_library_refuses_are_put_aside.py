"""Into a target whose own library writes, rows that don't fit are put aside too, in the transaction of their table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from test_rows_that_do_not_fit import BAD, ENGINES, ROWS, UNREADABLE, WORDS, fill_table

import fill
from command import Command, moved, refused
from dbferry.errors import DbferryError
from dbferry.quarantine import Quarantine
from dbferry.task import Task
from servers.database import Database
from through import adbc
from turns import in_turn

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
        fill_table(db)
        db.sql("CREATE TABLE whole (id integer PRIMARY KEY)")
        db.sql("INSERT INTO whole VALUES (1), (2)")
        return db

    return make


def wary(db: Database, number: str = "integer") -> None:
    """A table that takes no 13."""
    db.sql(
        f"CREATE TABLE t (id {number} PRIMARY KEY, n {number} NOT NULL CHECK (n <> 13), word text)"
    )


@pytest.mark.parametrize(("one", "name"), in_turn(ENGINES, TARGETS, meets=2))
def test_what_a_constraint_refuses_is_put_aside_and_moved_when_it_fits(
    dbferry: Command, filled: Make, database: Make, one: str, name: str
) -> None:
    source, (target, url) = filled(one), target_of(name, database)
    # PostgreSQL's driver takes no wider numbers than the column has.
    wary(target, "bigint" if one == "sqlite" else "integer")
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


@pytest.mark.parametrize("name", TARGETS)
def test_a_table_of_which_no_row_fits_is_there_and_empty(
    dbferry: Command, database: Make, name: str
) -> None:
    source, (target, url) = database("postgresql"), target_of(name, database)
    source.sql("CREATE TABLE t (id integer PRIMARY KEY, v date)")
    source.sql("INSERT INTO t VALUES (1, 'infinity'), (2, '-infinity')")
    assert "2 = 0 + 2 aside" in moved(dbferry.migrate(source, url, *ASIDE)).out
    assert target.rows("SELECT id, v FROM t") == []
    source.sql("UPDATE t SET v = '2024-02-29'")
    assert "2 rows moved" in dbferry("quarantine", "retry", source.url, url).out
    assert [row[0] for row in target.rows("SELECT id FROM t ORDER BY id")] == [1, 2]


@pytest.mark.parametrize("name", TARGETS)
def test_rows_that_are_the_same_in_a_unique_key_are_put_aside_but_for_the_first(
    dbferry: Command, database: Make, name: str
) -> None:
    """Against each other within a block and across blocks, and against a row that stood before."""
    source, (target, url) = database("postgresql"), target_of(name, database)
    source.sql("CREATE TABLE t (id integer, word text)")
    rows = [(i, f"w{i % 900}" if i % 2 else None) for i in range(1000)]
    fill.insert(source, "t", rows)
    target.sql("CREATE TABLE t (id integer, word text UNIQUE)")
    target.sql("INSERT INTO t VALUES (-1, 'w5')")
    again = ["--prepare", "append", "--batch-rows", "70", "--workers", "1", "--json"]
    table = moved(dbferry.migrate(source, url, *ASIDE, *again)).tables()["t"]
    assert (table["state"], table["quarantined"], table["target_rows"]) == ("done", 51, 949)
    words = [word for (word,) in target.rows("SELECT word FROM t WHERE word IS NOT NULL")]
    assert sorted(words) == sorted({word for _, word in rows if word})
    assert int(target.rows("SELECT count(*) FROM t WHERE word IS NULL")[0][0]) == 500
    listed = dbferry("quarantine", "list", url, "--json").json
    assert len(listed) == 51
    assert not any(word in row["reason"] for row in listed for word in [row["values"]["word"]])


def test_unique_indexes_of_duckdb_by_expressions_are_minded(
    dbferry: Command, database: Make
) -> None:
    source, target = database("sqlite"), database("duckdb")
    source.sql('CREATE TABLE t (id integer PRIMARY KEY, "a b" text, n integer)')
    fill.insert(source, "t", [(1, "x", 1), (2, "X", 1), (3, "x", 2), (4, "y", 1), (5, "Y", 1)])
    target.sql('CREATE TABLE t (id bigint PRIMARY KEY, "a b" varchar, n bigint)')
    target.sql('CREATE UNIQUE INDEX u ON t (lower("a b"), n)')
    moved(dbferry.migrate(source, target, *ASIDE, "--workers", "1"))
    assert [row[0] for row in target.rows("SELECT id FROM t ORDER BY id")] == [1, 3, 4]
    listed = dbferry("quarantine", "list", target.url, "--json").json
    assert [row["key"]["id"] for row in listed] == ["2", "5"]


def test_rows_of_a_duckdb_table_that_refers_to_itself_are_not_put_aside(
    dbferry: Command, database: Make
) -> None:
    source, target = database("sqlite"), database("duckdb")
    source.sql("CREATE TABLE t (id integer PRIMARY KEY, p integer); INSERT INTO t VALUES (1, 1)")
    target.sql("CREATE TABLE t (id bigint PRIMARY KEY, p bigint REFERENCES t (id) CHECK (p <> 1))")
    result = dbferry.migrate(source, target, *ASIDE)
    refused(result, 1, "rows of a table that refers to itself can't be put aside", "hint: drop")


@pytest.mark.parametrize("name", TARGETS)
def test_a_row_that_the_source_can_not_give_is_found(
    dbferry: Command, database: Make, name: str
) -> None:
    source, (target, url) = database("postgresql"), target_of(name, database)
    source.sql("CREATE TABLE t (id integer PRIMARY KEY, n integer NOT NULL)")
    fill.insert(source, "t", ((i, 0 if i in (5, 1777) else 4) for i in range(3000)))
    file = dbferry.home / "task.json"
    rule = {"add": "t.ratio", "expression": "100 / n", "type": "int64"}
    whole = {"source": source.url, "target": url, "on_bad_row": "quarantine", "rules": [rule]}
    file.write_text(json.dumps(whole))
    table = moved(dbferry("migrate", str(file), "--json")).tables()["t"]
    assert (table["state"], table["quarantined"], table["target_rows"]) == ("done", 2, 2998)
    listed = dbferry("quarantine", "list", str(file), "--json").json
    told = [(row["key"]["id"], row["column"], row["values"]["n"]) for row in listed]
    assert sorted(told) == [("1777", "ratio", "0"), ("5", "ratio", "0")]
    source.sql("UPDATE t SET n = 1 WHERE id = 5")
    assert "1 rows moved, 1 still don't fit" in dbferry("quarantine", "retry", str(file)).out
    assert int(target.rows("SELECT ratio FROM t WHERE id = 5")[0][0]) == 100


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("one", ["adbc+postgresql", "adbc+sqlite"])
def test_rows_of_an_adbc_driver_are_put_aside(
    dbferry: Command, filled: Make, database: Make, one: str, name: str
) -> None:
    source, (target, url) = filled(one.removeprefix("adbc+")), target_of(name, database)
    wary(target, "bigint" if one == "adbc+sqlite" else "integer")
    table = moved(dbferry.migrate(adbc(source), url, *ASIDE, "--json")).tables()["t"]
    assert (table["state"], table["target_rows"]) == ("done", ROWS - len(BAD))
    rows = dbferry("quarantine", "list", url, "--json").json
    assert {int(row["values"]["id"]): row["values"]["word"] for row in rows} == WORDS


@pytest.mark.parametrize("name", TARGETS)
def test_more_than_the_cap_fail_the_table(
    dbferry: Command, filled: Make, database: Make, name: str
) -> None:
    source, (target, url) = filled("postgresql"), target_of(name, database)
    wary(target)
    few = [*ASIDE, "--max-bad-rows", "2", "--json"]
    result = refused(dbferry.migrate(source, url, *few), 1, "more than 2 rows don't fit")
    states = {name: table["state"] for name, table in result.tables().items()}
    assert states == {"t": "failed", "whole": "done"}
    assert target.rows("SELECT 1 FROM t LIMIT 1") == []
    assert dbferry("quarantine", "list", url, "--json").json == []
    table = moved(dbferry.migrate(source, url, *ASIDE, "--json")).tables()["t"]
    assert table["quarantined"] == len(BAD)
    assert len(dbferry("quarantine", "list", url, "--json").json) == len(BAD)


@pytest.mark.parametrize("name", TARGETS)
def test_no_value_of_a_row_is_in_what_is_said_of_it(
    dbferry: Command, database: Make, name: str
) -> None:
    source, (target, url) = database("postgresql"), target_of(name, database)
    source.sql("CREATE TABLE t (id integer PRIMARY KEY, mail text)")
    mails = [
        "topsecret",
        "topsecret",
        'a "topsecret" violates it\'s',
        'a "topsecret" violates it\'s',
    ]
    fill.insert(source, "t", enumerate(mails))
    target.sql("CREATE TABLE t (id integer PRIMARY KEY, mail text UNIQUE)")
    for more in ([], [*ASIDE, "--max-bad-rows", "1"], [*ASIDE]):
        result = dbferry.migrate(source, url, *more, "--json")
        assert "topsecret" not in result.out + result.err
    for told in (
        dbferry("quarantine", "list", url),
        dbferry("quarantine", "retry", source.url, url, "--json"),
    ):
        assert "topsecret" not in told.out + told.err
    listed = dbferry("quarantine", "list", url, "--json").json
    assert sorted(row["values"]["mail"] for row in listed) == sorted(set(mails))
    assert not any("topsecret" in row["reason"] for row in listed)


def test_a_driver_without_savepoints_is_refused(
    dbferry: Command, filled: Make, database: Make
) -> None:
    """DuckDB's library is an ADBC driver too."""
    source, target = filled("sqlite"), database("duckdb")
    library = next(Path(duckdb.__file__).parent.parent.glob("_duckdb*.so"))
    path = target.url.partition("://")[2]
    url = f"adbc+duckdb://?driver={library}&entrypoint=duckdb_adbc_init&option.path={path[1:]}"
    refused(
        dbferry.migrate(source, url, *ASIDE), 2,
        "rows can't be put aside by a driver that keeps no savepoints", "hint: choose another target",
    )  # fmt: skip
    assert target.rows("SELECT table_name FROM duckdb_tables()") == []
    refused(
        dbferry.migrate(source, "duckdb:///:memory:", *ASIDE), 2,
        "rows can't be put aside in a database in memory", "hint: choose a file",
    )  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_cleanup_removes_the_quarantine_and_says_so(
    dbferry: Command, filled: Make, database: Make, name: str
) -> None:
    source, (target, url) = filled("postgresql"), target_of(name, database)
    wary(target)
    moved(dbferry.migrate(source, url, *ASIDE))
    assert "6 rows that had been put aside" in dbferry("cleanup", url).err
    assert dbferry("cleanup", url).code == 0
    with pytest.raises(Exception, match="dbferry_quarantine"):
        target.rows("SELECT 1 FROM dbferry_quarantine")


@pytest.mark.parametrize("name", ["adbc+postgresql", "adbc+sqlite"])
def test_a_retry_that_comes_second_never_doubles_a_row(
    dbferry: Command, database: Make, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A driver makes tables without keys: nothing else would refuse the rows."""
    source, (target, url) = database("postgresql"), target_of(name, database)
    source.sql("CREATE TABLE t (id integer PRIMARY KEY, v date)")
    source.sql("INSERT INTO t VALUES (1, 'infinity'), (2, 'infinity'), (3, 'infinity')")
    moved(dbferry.migrate(source, url, *ASIDE))
    source.sql("UPDATE t SET v = '2024-02-29' WHERE id < 3")
    take = Quarantine.take

    def late(*args: Any) -> None:
        monkeypatch.undo()
        assert "2 rows moved" in moved(dbferry("quarantine", "retry", source.url, url)).out
        take(*args)

    monkeypatch.setattr(Quarantine, "take", late)
    with pytest.raises(DbferryError, match="another retry of this task"):
        Task(source=source.url, target=url).retry_quarantine()
    assert [row[0] for row in target.rows("SELECT id FROM t ORDER BY id")] == [1, 2]
