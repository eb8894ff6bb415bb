"""A statement of the source that fails because of one row is cut in halves until that row is found and put aside."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import fill
from command import Command, moved, refused
from servers.database import Database

Make = Callable[[str], Database]
ROWS = 3_000
BAD = [5, 6, 1_777, 2_999]
# A column by an expression that some rows fail, and the number with which they do.
FAILING = {
    "postgresql": ({"add": "t.ratio", "expression": "100 / n", "type": "int64"}, 0),
    "mariadb": ({"add": "t.ratio", "expression": "9223372036854775807 + n", "type": "int64"}, 1),
    "mysql": ({"add": "t.ratio", "expression": "9223372036854775807 + n", "type": "int64"}, 1),
    "sqlite": ({"set": "t.n", "expression": "ABS(n)"}, -(2**63)),
}


def filled(db: Database, bad: int, key: str) -> None:
    db.sql(
        f"CREATE TABLE t (id integer NOT NULL, part varchar(9) NOT NULL, n integer NOT NULL{key})"
    )
    good = 4 if bad == 0 else 0
    rows = ((i, f"o'{i % 3}", bad if i in BAD else good) for i in range(ROWS))
    fill.insert(db, "t", rows)


def task(dbferry: Command, source: Database, target: Database, **more: Any) -> str:
    file = dbferry.home / "task.json"
    rule, _ = FAILING[source.engine]
    whole = {"source": source.url, "target": target.url, "rules": [rule], **more}
    file.write_text(json.dumps(whole), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("key", [", PRIMARY KEY (id)", ", PRIMARY KEY (part, id)"])
@pytest.mark.parametrize("engine", FAILING)
def test_it_is_put_aside_with_its_key_its_column_and_its_other_values(
    dbferry: Command, database: Make, engine: str, key: str, workers: int
) -> None:
    source, target = database(engine), database("sqlite")
    filled(source, FAILING[engine][1], key)
    file = task(dbferry, source, target, on_bad_row="quarantine", workers=workers)
    table = moved(dbferry("migrate", file, "--json")).tables()["t"]
    assert (table["state"], table["quarantined"]) == ("done", len(BAD))
    ids = {row[0] for row in target.rows("SELECT id FROM t")}
    assert ids == set(range(ROWS)) - set(BAD)
    listed = dbferry("quarantine", "list", file, "--json").json
    assert sorted(int(row["key"]["id"]) for row in listed) == BAD
    for row in listed:
        number = int(row["key"]["id"])
        readable = {"id": str(number), "part": f"o'{number % 3}"}
        if engine == "sqlite":
            assert (row["column"], row["values"]) == ("n", readable)
        else:
            readable["n"] = str(FAILING[engine][1])
            assert (row["column"], row["values"]) == ("ratio", readable)


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_unique_key_without_nulls_does_as_well(
    dbferry: Command, database: Make, engine: str
) -> None:
    source, target = database(engine), database("postgresql")
    filled(source, FAILING[engine][1], ", UNIQUE (id)")
    file = task(dbferry, source, target, on_bad_row="quarantine")
    table = moved(dbferry("migrate", file, "--json")).tables()["t"]
    assert (table["state"], table["quarantined"]) == ("done", len(BAD))
    listed = dbferry("quarantine", "list", file, "--json").json
    assert sorted(int(row["key"]["id"]) for row in listed) == BAD
    source.sql("UPDATE t SET n = 0")
    assert "4 rows moved" in dbferry("quarantine", "retry", file).out
    assert target.rows("SELECT count(DISTINCT id) FROM t") == [(ROWS,)]


def test_rows_without_a_key_are_told_apart_by_their_place(
    dbferry: Command, database: Make, postgres_of: Make
) -> None:
    source, target = postgres_of("18"), database("mariadb")
    # Computed when it is read.
    generated = "GENERATED ALWAYS AS (ln(n::numeric)::integer) VIRTUAL"
    source.sql(f"CREATE TABLE t (id integer, n integer, a integer {generated})")
    number = f"CASE WHEN i IN ({', '.join(map(str, BAD))}) THEN 0 ELSE i + 1 END"
    source.sql(f"INSERT INTO t SELECT i, {number} FROM generate_series(0, {ROWS - 1}) AS s(i)")
    moved(dbferry.migrate(source, target, "--on-bad-row", "quarantine"))
    assert {row[0] for row in target.rows("SELECT id FROM t")} == set(range(ROWS)) - set(BAD)
    listed = dbferry("quarantine", "list", target.url, "--json").json
    assert sorted(int(row["values"]["id"]) for row in listed) == BAD
    assert {row["column"] for row in listed} == {"a"}


def test_without_anything_to_tell_them_apart_the_table_is_given_up(
    dbferry: Command, database: Make
) -> None:
    source, target = database("mysql"), database("postgresql")
    filled(source, 1, "")
    file = task(dbferry, source, target, on_bad_row="quarantine")
    result = dbferry("migrate", file)
    refused(result, 1, "out of range")
    assert "table `" in result.err
    assert "hint: give the table a primary key, or a unique key without NULLs" in result.err
    assert (
        target.rows("SELECT 1 FROM pg_tables WHERE tablename IN ('t', 'dbferry_quarantine')") == []
    )


@pytest.mark.parametrize("engine", FAILING)
def test_it_ends_its_table_where_rows_are_not_put_aside(
    dbferry: Command, database: Make, engine: str
) -> None:
    source, target = database(engine), database("sqlite")
    filled(source, FAILING[engine][1], ", PRIMARY KEY (id)")
    refused(dbferry("migrate", task(dbferry, source, target)), 1, "t")


def test_more_of_them_than_the_cap_end_the_table(dbferry: Command, database: Make) -> None:
    source, target = database("postgresql"), database("sqlite")
    filled(source, 0, ", PRIMARY KEY (id)")
    file = task(dbferry, source, target, on_bad_row="quarantine", max_bad_rows=2)
    refused(dbferry("migrate", file), 1, "more than 2 rows don't fit")


KEYS = {
    "decimal(20,2)": lambda i: f"900000000000000000.{i:02}",
    "varbinary(8)": lambda i: i.to_bytes(3, "big") + b"\xff'",
    "varbinary(9)": lambda i: f"k{i}".encode(),
    "date": lambda i: f"20{i:02}-02-28",
    "varchar(9) COLLATE utf8mb4_bin": lambda i: f"{'aA'[i % 2]}'\\{i}",
}


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
@pytest.mark.parametrize("key", KEYS)
def test_keys_of_many_types_find_it_and_it_is_moved_when_it_fits(
    dbferry: Command, database: Make, engine: str, key: str
) -> None:
    source, target = database(engine), database("sqlite")
    source.sql(f"CREATE TABLE t (k {key} PRIMARY KEY, n integer NOT NULL)")
    rows = [(KEYS[key](i), 1 if i in (0, 50, 99) else 0) for i in range(100)]
    fill.insert(source, "t", rows)
    file = task(dbferry, source, target, on_bad_row="quarantine")
    table = moved(dbferry("migrate", file, "--json")).tables()["t"]
    assert (table["state"], table["quarantined"]) == ("done", 3)
    assert target.rows("SELECT count(*) FROM t") == [(97,)]
    source.sql("UPDATE t SET n = 0")
    assert "3 rows moved" in dbferry("quarantine", "retry", file).out
    assert target.rows("SELECT count(DISTINCT k) FROM t") == [(100,)]
