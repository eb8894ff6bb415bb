"""A table that stands in the target is compared with the one that would be made, and all differences are told at once."""

from collections.abc import Callable
from typing import Any

import pytest

import dbferry
from dbferry.errors import RequestError
from servers.database import Database

Make = Callable[[str], Database]
SHOP = """
CREATE TABLE people (id int PRIMARY KEY, mail varchar(80) UNIQUE, name varchar(40) NOT NULL, born date, size bigint);
CREATE TABLE orders (id int PRIMARY KEY, person int REFERENCES people (id), total numeric(12,2), note text);
INSERT INTO people VALUES (1, 'a@x', 'Ada', NULL, 3000000000), (2, 'b@x', 'Bob', '2000-01-01', 5);
INSERT INTO orders VALUES (1, 1, 123456.78, 'a note of thirty characters...')
"""
BENT = """
CREATE TABLE people (id bigint NOT NULL, mail varchar(80) NOT NULL, NAME varchar(90), born date, size bigint,
    extra int, town varchar(9) UNIQUE);
CREATE TABLE orders (id int PRIMARY KEY, person int, total numeric(14,2), note text)
"""


def told(source: Database, target: Database, **options: Any) -> dict[str, list[str]]:
    """The differences of each table, by its bare name."""
    plan = dbferry.plan(source.url, target.url, **options).to_dict()
    return {
        table["name"].rpartition(".")[2]: [found["text"] for found in table["differences"]]
        for table in plan["tables"]
    }


def faults(source: Database, target: Database, **options: Any) -> list[tuple[str | None, str]]:
    """Column and code of everything that blocks."""
    with pytest.raises(RequestError) as caught:
        dbferry.migrate(source.url, target.url, **options)
    assert caught.value.exit_code == 2
    several = getattr(caught.value, "faults", [caught.value])
    return sorted((str(fault.column), str(fault.code)) for fault in several)


@pytest.mark.parametrize("prepare", ["create", "truncate", "append"])
def test_every_difference_is_listed(pg_db: Database, maria_db: Database, prepare: str) -> None:
    pg_db.sql(SHOP)
    maria_db.sql(BENT)
    assert told(pg_db, maria_db, prepare=prepare) == {
        "people": [
            "column `id`: type is bigint(20), and int would be made",
            "column `mail`: nullable is NOT NULL, and NULL would be made",
            "column `NAME`: name is NAME, and name would be made",
            "column `NAME`: type is varchar(90), and varchar(40) would be made",
            "column `NAME`: nullable is NULL, and NOT NULL would be made",
            "column `extra`: is not in the source",
            "column `town`: is not in the source",
            "primary key (id) is missing",
            "unique key (mail) is missing",
            "unique key (town) is not in the source",
        ],
        "orders": [
            "column `total`: type is decimal(14,2), and decimal(12,2) would be made",
            "column `note`: type is text, and longtext would be made",
            "foreign key (person) is missing",
        ],
    }


def test_a_report_names_them(pg_db: Database, maria_db: Database) -> None:
    pg_db.sql(SHOP)
    maria_db.sql(BENT)
    report = dbferry.migrate(pg_db.url, maria_db.url)
    assert report.rows == 3
    differs = [note for note in report.notes if note.startswith("differs: ")]
    assert len(differs) == 13
    assert "differs: public.people: column `extra`: is not in the source" in differs


def test_a_new_table_differs_from_nothing(pg_db: Database, maria_db: Database) -> None:
    pg_db.sql(SHOP)
    assert told(pg_db, maria_db) == {"people": [], "orders": []}
    maria_db.sql(BENT)
    assert told(pg_db, maria_db, prepare="drop") == {"people": [], "orders": []}


@pytest.mark.parametrize("target", ["postgresql", "mysql", "mariadb"])
def test_what_makes_rows_impossible_is_told_in_one_error(
    pg_db: Database, database: Make, target: str
) -> None:
    made = database(target)
    pg_db.sql(SHOP)
    made.sql(
        "CREATE TABLE people (id int PRIMARY KEY, mail varchar(2), name varchar(40), born date NOT NULL, size int, "
        "must int NOT NULL);"
        "CREATE TABLE orders (id int PRIMARY KEY, total numeric(5,2), note varchar(29))"
    )
    # Between two PostgreSQL servers rows would go as they are; here none of them may.
    assert faults(pg_db, made) == [
        ("born", "K-NULL"),
        ("mail", "S-LEN"),
        ("must", "None"),
        ("note", "S-LEN"),
        ("person", "M-MISSING"),
        ("size", "N-RANGE"),
        ("total", "N-RANGE"),
    ]
    assert made.rows("SELECT count(*) FROM people") == [(0,)]


@pytest.mark.parametrize("source", ["postgresql", "mysql", "mariadb", "sqlite"])
def test_a_narrower_column_is_taken_when_all_values_fit(database: Make, source: str) -> None:
    held, made = database(source), database("postgresql")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v varchar(30), n bigint, d date);"
        "INSERT INTO t VALUES (1, 'äöü', 32767, '2000-01-01'), (2, NULL, -32768, '2000-01-01')"
    )
    made.sql("CREATE TABLE t (id int PRIMARY KEY, v varchar(3), n smallint, d date NOT NULL)")
    assert any("v" in text and "(3)" in text for text in told(held, made)["t"])
    assert dbferry.migrate(held.url, made.url).rows == 2
    held.sql("INSERT INTO t VALUES (3, 'four', 32768, NULL)")
    assert faults(held, made, prepare="truncate") == [
        ("d", "K-NULL"), ("n", "N-RANGE"), ("v", "S-LEN")
    ]  # fmt: skip


def test_a_policy_says_what_becomes_of_values_that_are_too_long(
    pg_db: Database, database: Make
) -> None:
    made = database("mysql")
    pg_db.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'long')")
    made.sql("CREATE TABLE t (id int PRIMARY KEY, v varchar(3))")
    dbferry.migrate(pg_db.url, made.url, on_loss=["t.v:S-LEN=null"])
    assert made.rows("SELECT v FROM t") == [(None,)]


@pytest.mark.parametrize("prepare", ["create", "truncate", "append"])
def test_defaults_checks_and_comments_that_lack_are_told_and_not_made(
    pg_db: Database, maria_db: Database, prepare: str
) -> None:
    pg_db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 5 CONSTRAINT positive CHECK (n > 0), m int DEFAULT 7, "
        "k int, w varchar(9) DEFAULT 'a', CONSTRAINT same CHECK (n <> m)); COMMENT ON TABLE t IS 'all'; "
        "COMMENT ON COLUMN t.n IS 'a number'"
    )
    maria_db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, n int, m int DEFAULT 8, k int DEFAULT 1, w varchar(9) DEFAULT 'a' "
        "COMMENT 'mine', CONSTRAINT same CHECK (n != m), CONSTRAINT few CHECK (k < 9))"
    )
    assert told(pg_db, maria_db, prepare=prepare)["t"] == [
        "column `n`: comment a number is missing",
        "column `n`: default 5 is missing",
        "column `m`: default is 8, and 7 would be made",
        "column `k`: default 1 is not in the source",
        "comment all is missing",
        "check positive: (`n` > 0) is missing",
        "check few: `k` < 9 is not in the source",
    ]
    before = maria_db.rows("SHOW CREATE TABLE t")
    dbferry.migrate(pg_db.url, maria_db.url, prepare=prepare)
    assert maria_db.rows("SHOW CREATE TABLE t") == before


@pytest.mark.parametrize(
    ("source", "target", "column", "values"),
    [
        ("mariadb", "duckdb", "decimal(65,30)", "12345678901234567890.123456789"),
        ("postgresql", "duckdb", "numeric", "12345678901234567890.123456789"),
        ("mariadb", "mysql", "datetime", "'0000-00-00 00:00:00'"),
        ("mysql", "mariadb", "date", "'2020-00-00'"),
    ],
)
def test_what_a_run_makes_the_next_one_fills(
    database: Make, source: str, target: str, column: str, values: str
) -> None:
    held, made = database(source), database(target)
    lenient = "SET sql_mode = ''; " if source in ("mysql", "mariadb") else ""
    held.sql(
        f"{lenient}CREATE TABLE t (id int PRIMARY KEY, v {column}); INSERT INTO t VALUES (1, {values}), (2, NULL)"
    )
    dbferry.migrate(held.url, made.url)
    first = made.rows("SELECT id, v FROM t ORDER BY id")
    report = dbferry.migrate(held.url, made.url, prepare="truncate")
    assert made.rows("SELECT id, v FROM t ORDER BY id") == first
    assert not [note for note in report.notes if note.startswith("differs")]


def test_identities_that_lack_are_told(maria_db: Database, pg_db: Database) -> None:
    maria_db.sql("CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY)")
    pg_db.sql("CREATE TABLE t (id int PRIMARY KEY)")
    assert told(maria_db, pg_db)["t"] == ["column `id`: identity by 1 is missing"]
