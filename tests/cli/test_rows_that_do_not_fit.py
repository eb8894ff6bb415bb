"""Rows that the target can't take are put aside with why, the others of their range arrive, and both are counted."""

import json
from collections.abc import Callable

import pytest

import fill
from command import Command, moved, refused
from dbferry.sessions import open_session
from dbferry.urls import parse
from servers.database import Database
from turns import in_turn

Make = Callable[[str], Database]
ENGINES = ("postgresql", "mariadb", "mysql", "sqlite")
ROWS = 20_000
BAD = [7, 8, 9, 4_000, 11_111, 19_999]
WORDS = {
    7: "tab\t'quote'",
    8: "line\nfeed \\ back",
    9: None,
    4_000: "grüße €",
    11_111: "",
    19_999: "\\N",
}


def text(db: Database) -> str:
    return "text" if db.engine in ("postgresql", "sqlite") else "longtext"


def fill_table(db: Database) -> None:
    """Rows of which some have the number 13."""
    db.sql(f"CREATE TABLE t (id integer PRIMARY KEY, n integer NOT NULL, word {text(db)})")
    rows = ((i, 13 if i in BAD else 1, WORDS.get(i, f"w{i}")) for i in range(ROWS))
    fill.insert(db, "t", rows)


@pytest.fixture
def filled(database: Make) -> Make:
    def make(engine: str) -> Database:
        db = database(engine)
        fill_table(db)
        return db

    return make


def wary(db: Database) -> None:
    """A table that takes no 13."""
    db.sql(
        f"CREATE TABLE t (id integer PRIMARY KEY, n integer NOT NULL CHECK (n <> 13), word {text(db)})"
    )


def options(engine: str) -> list[str]:
    cut = "30" if engine == "postgresql" else "3000"
    return ["--on-bad-row", "quarantine", "--range-rows", cut, "--workers", "2", "--json"]


@pytest.mark.parametrize(("one", "other"), in_turn(ENGINES, ENGINES, meets=2))
def test_what_a_constraint_refuses_is_put_aside_and_moved_when_it_fits(
    dbferry: Command, filled: Make, database: Make, one: str, other: str
) -> None:
    source, target = filled(one), database(other)
    wary(target)
    result = moved(dbferry.migrate(source, target, *options(one)))
    table = result.tables()["t"]
    assert (table["state"], table["source_rows"], table["quarantined"]) == ("done", ROWS, len(BAD))
    assert table["target_rows"] == ROWS - len(BAD)
    ids = {int(row[0]) for row in target.rows("SELECT id FROM t")}
    assert ids == set(range(ROWS)) - set(BAD)
    listed = dbferry("quarantine", "list", target.url, "--json").json
    told = {int(row["key"]["id"]): row for row in listed}
    assert sorted(told) == BAD
    assert {i: row["values"]["word"] for i, row in told.items()} == WORDS
    assert all(row["values"]["n"] == "13" and row["reason"] for row in listed)

    again = dbferry("quarantine", "retry", source.url, target.url, "--json")
    assert again.code == 0, again.err
    assert again.json == [{"table": result.json["tables"][0]["source"], "moved": 0, "unfit": 6, "gone": 0, "keyless": 0, "repeated": 0, "changed": 0}]  # fmt: skip
    source.sql("UPDATE t SET n = 14 WHERE id IN (7, 8, 9, 4000)")
    source.sql("DELETE FROM t WHERE id = 11111")
    again = dbferry("quarantine", "retry", source.url, target.url, "--json")
    assert (again.json[0]["moved"], again.json[0]["unfit"], again.json[0]["gone"]) == (4, 1, 1)
    assert [row["key"]["id"] for row in dbferry("quarantine", "list", target.url, "--json").json] == ["19999"]  # fmt: skip
    words = {
        int(i): word
        for i, word in target.rows("SELECT id, word FROM t WHERE id IN (7, 8, 9, 4000)")
    }
    assert words == {i: WORDS[i] for i in (7, 8, 9, 4_000)}
    source.sql("UPDATE t SET n = 14")
    assert "1 rows moved" in dbferry("quarantine", "retry", source.url, target.url).out
    assert dbferry("quarantine", "list", target.url).out.startswith("no rows are put aside")


# Setup of the source, which values of `v` can't be carried, and how they are told.
UNREADABLE = {
    ("postgresql", "mariadb"): (
        "CREATE TABLE t (id integer PRIMARY KEY, v date); "
        "INSERT INTO t SELECT i, date '2024-01-01' + i % 300 FROM generate_series(1, 5000) i; "
        "UPDATE t SET v = 'infinity' WHERE id IN (17, 4711)",
        "infinity",
    ),
    ("mariadb", "postgresql"): (
        "SET SESSION sql_mode = ''; CREATE TABLE t (id integer PRIMARY KEY, v date); "
        "INSERT INTO t SELECT seq, '2024-02-03' FROM seq_1_to_5000; "
        "UPDATE t SET v = '0000-00-00' WHERE id IN (17, 4711)",
        "0000-00-00",
    ),
    ("sqlite", "postgresql"): (
        "CREATE TABLE t (id integer PRIMARY KEY, v text); "
        "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 5000) "
        "INSERT INTO t SELECT i, 'word ' || i FROM s; "
        "UPDATE t SET v = 'a' || char(0) || 'b' WHERE id IN (17, 4711)",
        "a\0b",
    ),
    ("postgresql", "sqlite"): (
        "CREATE TABLE t (id integer PRIMARY KEY, v timestamptz); "
        "INSERT INTO t SELECT i, now() FROM generate_series(1, 5000) i; "
        "UPDATE t SET v = '-infinity' WHERE id IN (17, 4711)",
        "-infinity",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), UNREADABLE)
def test_what_has_no_equal_in_the_target_is_put_aside(
    dbferry: Command, database: Make, one: str, other: str
) -> None:
    source, target = database(one), database(other)
    setup, told = UNREADABLE[one, other]
    source.sql(setup)
    result = moved(dbferry.migrate(source, target, "--on-bad-row", "quarantine"))
    assert "5,000 = 4,998 + 2 aside" in result.out
    rows = dbferry("quarantine", "list", target.url, "--json").json
    assert [(row["key"], row["column"], row["values"]["v"]) for row in rows] == [
        ({"id": "17"}, "v", told),
        ({"id": "4711"}, "v", told),
    ]
    assert int(target.rows("SELECT count(*) FROM t")[0][0]) == 4998


def test_rows_that_fit_now_are_moved_beside_those_that_still_do_not(
    dbferry: Command, database: Make
) -> None:
    source, target = database("sqlite"), database("mariadb")
    source.sql("CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'abc'), (2, 'much too long'), (3, 'too long')")  # fmt: skip
    target.sql("CREATE TABLE t (id bigint PRIMARY KEY, v varchar(5))")
    moved(dbferry.migrate(source, target, "--on-bad-row", "quarantine"))
    source.sql("UPDATE t SET v = 'short' WHERE id = 2")
    again = moved(dbferry("quarantine", "retry", source.url, target.url))
    assert "1 rows moved, 1 still don't fit" in again.out
    assert target.rows("SELECT id, v FROM t ORDER BY id") == [(1, "abc"), (2, "short")]


def test_a_retry_leaves_a_task_alone_that_another_holds(
    dbferry: Command, filled: Make, database: Make
) -> None:
    source, target = filled("sqlite"), database("mariadb")
    wary(target)
    moved(dbferry.migrate(source, target, *options("sqlite")))
    task = dbferry("quarantine", "list", target.url, "--json").json[0]["task"]
    with open_session(parse(target.url), side="target") as session:
        session.query(f"SELECT GET_LOCK('dbferry.{task}', 0)")
        again = dbferry("quarantine", "retry", source.url, target.url)
    refused(again, 1, "another run or retry of this task is at work")
    assert len(dbferry("quarantine", "list", target.url, "--json").json) == len(BAD)


# Columns of the source and its rows; how many of them are found again by their keys.
KEYS = {
    ("postgresql", "real"): ("a real PRIMARY KEY, n int", "(0.1, 13), (1e20, 13)", 2),
    ("mariadb", "bits"): ("a bit(10) PRIMARY KEY, n int", "(b'1010101', 13), (b'1', 13)", 2),
    ("mariadb", "bytes"): ("a varbinary(9) PRIMARY KEY, n int", "(x'00ff', 13), ('', 13)", 2),
    ("sqlite", "any class"): ("a PRIMARY KEY, n int", "('1', 13), (1, 13), (x'31', 13)", 0),
    ("sqlite", "broken text"): ("a text PRIMARY KEY, n int", "(CAST(x'ff' AS text), 13), (NULL, 13), ('b', 13)", 1),
}  # fmt: skip


@pytest.mark.parametrize(("one", "key"), KEYS)
def test_a_row_is_found_by_its_key_or_stays_put_aside(
    dbferry: Command, database: Make, one: str, key: str
) -> None:
    columns, rows, found = KEYS[one, key]
    source, target = database(one), database(one)
    source.sql(f"CREATE TABLE t ({columns}); INSERT INTO t VALUES {rows}")
    target.sql(f"CREATE TABLE t ({columns}, CHECK (n <> 13))")
    moved(dbferry.migrate(source, target, "--on-bad-row", "quarantine"))
    source.sql("UPDATE t SET n = 1")
    moved(dbferry("quarantine", "retry", source.url, target.url))
    left = len(dbferry("quarantine", "list", target.url, "--json").json)
    [(there,)] = target.rows("SELECT count(*) FROM t")
    assert (int(there), left) == (found, rows.count("13") - found)


def test_a_retry_tells_what_it_changes_and_whose_rows_there_are(
    dbferry: Command, database: Make
) -> None:
    source, target = database("mariadb"), database("postgresql")
    source.sql(UNREADABLE["mariadb", "postgresql"][0])
    moved(dbferry.migrate(source, target, "--on-bad-row", "quarantine"))
    other = dbferry("quarantine", "retry", source.url, target.url, "--name", "another")
    refused(other, 2, "no rows of this task are put aside, but rows of others are")
    nulls = ["--on-loss", "*.*:T-ZERO=null"]
    again = dbferry("quarantine", "retry", source.url, target.url, *nulls)
    assert "2 rows moved, 2 values changed as asked" in again.out
    assert target.rows("SELECT id FROM t WHERE v IS NULL ORDER BY 1") == [(17,), (4711,)]


def test_a_row_that_refers_to_one_that_is_put_aside_follows_it_there_and_back(
    dbferry: Command, database: Make
) -> None:
    source, target = database("mariadb"), database("postgresql")
    source.sql(
        "SET SESSION sql_mode = ''; CREATE TABLE parents (id int PRIMARY KEY, v date); "
        "INSERT INTO parents VALUES (1, '2024-02-29'), (2, '0000-00-00'); "
        "CREATE TABLE children (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parents (id)); "
        "INSERT INTO children VALUES (1, 1), (2, 2)"
    )
    result = moved(dbferry.migrate(source, target, "--on-bad-row", "quarantine"))
    assert result.out.count("2 = 1 + 1 aside") == 2
    listed = dbferry("quarantine", "list", target.url).out
    assert "`parents` that it refers to isn't there [23503]" in listed
    source.sql("UPDATE parents SET v = '2024-02-28'")
    again = moved(dbferry("quarantine", "retry", source.url, target.url))
    assert again.out.count("1 rows moved") == 2
    assert target.rows("SELECT count(*) FROM children") == [(2,)]


def test_more_than_the_cap_fail_the_table(dbferry: Command, filled: Make, database: Make) -> None:
    source, target = filled("mariadb"), database("postgresql")
    wary(target)
    few = [*options("mariadb"), "--max-bad-rows", "2"]
    result = refused(dbferry.migrate(source, target, *few), 1, "more than 2 rows don't fit")
    assert result.json["tables"][0]["state"] == "failed"
    moved(dbferry.migrate(source, target, *options("mariadb")))
    assert len(dbferry("quarantine", "list", target.url, "--json").json) == len(BAD)


def test_a_run_that_stopped_at_a_bad_row_goes_on_with_it_put_aside(
    dbferry: Command, filled: Make, database: Make
) -> None:
    source, target = filled("postgresql"), database("sqlite")
    source.sql("UPDATE t SET n = 1 WHERE id < 19000")
    wary(target)
    cut = ["--range-rows", "5", "--json"]
    refused(dbferry.migrate(source, target, *cut), 1)
    result = moved(dbferry.migrate(source, target, "--on-bad-row", "quarantine", *cut))
    assert any("was broken off" in note for note in result.json["notes"])
    assert result.tables()["t"]["quarantined"] == 1


def test_rows_of_a_table_without_a_key_are_told_and_not_tried_again(
    dbferry: Command, database: Make
) -> None:
    source, target = database("postgresql"), database("postgresql")
    source.sql(
        "CREATE TABLE t (n integer, b bytea); INSERT INTO t VALUES (1, 'a'), (13, '\\x00ff')"
    )
    target.sql("CREATE TABLE t (n integer CHECK (n <> 13), b bytea)")
    moved(dbferry.migrate(source, target, "--on-bad-row", "quarantine"))
    [row] = dbferry("quarantine", "list", target.url, "--json").json
    assert (row["key"], row["values"]) == (None, {"n": "13", "b": "\\x00ff"})
    assert "1 have no key" in dbferry("quarantine", "retry", source.url, target.url).out


@pytest.mark.parametrize("one", ENGINES)
def test_rows_of_a_filtered_and_renamed_table_are_found_again(
    dbferry: Command, filled: Make, database: Make, one: str
) -> None:
    source, target = filled(one), database("sqlite")
    target.sql("CREATE TABLE u (id integer PRIMARY KEY, m integer CHECK (m <> 13), word text)")
    task = dbferry.home / "task.json"
    task.write_text(json.dumps({
        "source": source.url, "target": target.url, "on_bad_row": "quarantine",
        "rules": [{"filter": "t", "where": "id < 10000"}, {"rename_table": "t", "to": "u"},
                  {"rename_column": "t.n", "to": "m"}],
    }))  # fmt: skip
    moved(dbferry("migrate", str(task)))
    listed = dbferry("quarantine", "list", str(task), "--json").json
    assert {int(row["key"]["id"]) for row in listed} == {7, 8, 9, 4_000}
    source.sql("UPDATE t SET n = 14")
    assert "4 rows moved" in dbferry("quarantine", "retry", str(task)).out
    rows = target.rows("SELECT id, word FROM u WHERE m = 14")
    assert dict(rows) == {i: WORDS[i] for i in (7, 8, 9, 4_000)}


def test_a_masked_value_stays_masked_in_the_quarantine(
    dbferry: Command,
    database: Make,
) -> None:
    source, target = database("mariadb"), database("postgresql")
    source.sql("CREATE TABLE t (id int PRIMARY KEY, n int, name varchar(40)); INSERT INTO t VALUES (1, 13, 'Ada Lovelace')")  # fmt: skip
    target.sql("CREATE TABLE t (id integer PRIMARY KEY, n integer CHECK (n <> 13), name varchar(40))")  # fmt: skip
    task = dbferry.home / "task.json"
    task.write_text(json.dumps({
        "source": source.url, "target": target.url, "on_bad_row": "quarantine",
        "rules": [{"mask": "t.name", "how": "fixed", "value": "nobody"}],
    }))  # fmt: skip
    moved(dbferry("migrate", str(task)))
    assert "Lovelace" not in str(target.rows("SELECT * FROM dbferry_quarantine"))
    assert "nobody" in str(target.rows("SELECT * FROM dbferry_quarantine"))


@pytest.mark.parametrize("other", ENGINES)
def test_no_value_of_a_row_is_in_what_is_said_of_it(
    dbferry: Command, database: Make, other: str
) -> None:
    """The list tells keys, and values only where it is asked for as JSON."""
    source, target = database("sqlite"), database(other)
    source.sql(
        "CREATE TABLE t (id integer PRIMARY KEY, mail text, p integer REFERENCES t (id)); CREATE UNIQUE INDEX one ON t (id, mail);"
        "INSERT INTO t VALUES (1, 'secret', NULL), (2, 'secret', NULL), (3, 'secret', NULL), (4, 'other', 1234567)"
    )
    text = "varchar(40)" if other in ("mysql", "mariadb") else "text"
    target.sql(f"CREATE TABLE t (id bigint PRIMARY KEY, mail {text} UNIQUE, p bigint REFERENCES t (id))")  # fmt: skip
    results = [
        refused(dbferry.migrate(source, target, *more), 1)
        for more in ([], ["--on-bad-row", "quarantine", "--max-bad-rows", "1"])
    ]
    results += [
        dbferry.migrate(source, target, "--on-bad-row", "quarantine", "--json"),
        dbferry("quarantine", "list", target.url),
        dbferry("quarantine", "retry", source.url, target.url, "--json"),
    ]
    for result in results:
        assert "secret" not in result.out + result.err
        assert "1234567" not in result.out + result.err
    listed = dbferry("quarantine", "list", target.url, "--json").json
    assert sorted(row["values"]["mail"] for row in listed) == ["other", "secret", "secret"]
    assert not any("secret" in row["reason"] for row in listed)


def test_rows_of_an_adbc_driver_are_put_aside(
    dbferry: Command, filled: Make, database: Make
) -> None:
    source, target = filled("sqlite"), database("postgresql")
    wary(target)
    url = source.url.replace("sqlite:", "adbc+sqlite:")
    table = moved(dbferry.migrate(url, target, *options("sqlite"))).tables()["t"]
    assert (table["target_rows"], table["quarantined"]) == (ROWS - len(BAD), len(BAD))
    rows = dbferry("quarantine", "list", target.url, "--json").json
    assert {int(row["values"]["id"]): row["values"]["word"] for row in rows} == WORDS


def test_cleanup_removes_the_quarantine_and_says_so(
    dbferry: Command, filled: Make, database: Make
) -> None:
    source, target = filled("sqlite"), database("mysql")
    wary(target)
    moved(dbferry.migrate(source, target, *options("sqlite")))
    assert "6 rows that had been put aside" in dbferry("cleanup", target.url).err
    assert dbferry("cleanup", target.url).code == 0
    assert [name for (name,) in target.rows("SHOW TABLES")] == ["t"]
