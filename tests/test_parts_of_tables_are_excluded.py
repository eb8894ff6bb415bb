"""Parts of tables that have no counterpart, or aren't wanted, are excluded by what a plan calls them."""

import shlex
from collections.abc import Callable

import pytest

import dbferry
from dbferry.errors import DbferryError
from servers.database import Database

Make = Callable[[str], Database]
HELD = {
    "postgresql": "CREATE TABLE o (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, name text DEFAULT CURRENT_USER, "
    'n int, h text GENERATED ALWAYS AS (md5(n::text)) STORED, arr int[], o int REFERENCES o, CONSTRAINT "odd (x: [y]" '
    "CHECK (name ~ '^[a-z]+$')); CREATE INDEX many ON t USING gin (arr); CREATE STATISTICS both_of ON id, n FROM t; "
    "INSERT INTO t (id, name, n) VALUES (1, 'a', 2); COMMENT ON TABLE t IS 'x'; COMMENT ON COLUMN t.n IS 'y';"
    "CREATE TABLE p (id int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p DEFAULT; CREATE INDEX of_p1 ON p1 (id)",
    "mysql": "CREATE TABLE o (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, name varchar(9) DEFAULT (user()), "
    "u timestamp NULL ON UPDATE CURRENT_TIMESTAMP, n int INVISIBLE, d text, o int, FULLTEXT KEY words (d), KEY hid (n) INVISIBLE, "
    "FOREIGN KEY (o) REFERENCES o (id), CHECK (json_valid(d)), h varchar(99) AS (sha2(n, 256)) COMMENT 'c'); "
    "INSERT INTO t (id, name, n) VALUES (1, 'a', 2)",
    "sqlite": "CREATE TABLE o (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT DEFAULT (hex(randomblob(4))), "
    "n int, o int REFERENCES o, h TEXT AS (printf('%d', n)), CHECK (name GLOB 'a*')); CREATE INDEX part ON t (n) WHERE name GLOB 'b*';"
    "INSERT INTO t (id, name, n) VALUES (1, 'a', 2)",
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("postgresql", "mariadb"),
        ("mysql", "sqlite"),
        ("sqlite", "postgresql"),
        ("postgresql", "duckdb"),
    ],
)
def test_whatever_stops_a_run_may_be_excluded_as_the_hint_says(
    database: Make, source: str, target: str
) -> None:
    held, made = database(source), database(target)
    held.sql(HELD[source])
    with pytest.raises(DbferryError) as raised:
        dbferry.migrate(held.url, made.url, on_left_out="stop", exclude=["o"])
    faults = getattr(raised.value, "faults", (raised.value,))
    away = [
        shlex.split((fault.hint or "").rpartition("leave it out with --exclude ")[2])[0]
        for fault in faults
    ]
    report = dbferry.migrate(held.url, made.url, on_left_out="stop", exclude=["o", *away])
    assert report.state == "done"
    assert not [note for note in report.notes if note.startswith("not moved")]
    assert made.rows("SELECT name FROM t") == [("a",)]
    again = dbferry.migrate(
        held.url, made.url, prepare="truncate", on_left_out="stop", exclude=["o", *away]
    )
    assert again.state == "done"


def test_what_would_come_along_does_not(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TABLE o (id int PRIMARY KEY, k int UNIQUE); CREATE TABLE t (id int DEFAULT 1, n int, o int, CONSTRAINT c CHECK (n > 0), "
             "CONSTRAINT to_o FOREIGN KEY (o) REFERENCES o (k), h int GENERATED ALWAYS AS (n * 2) STORED); CREATE INDEX by_n ON t (n);"
             "CREATE TABLE p (id int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p DEFAULT; CREATE INDEX of_p ON p (id);"
             "INSERT INTO t VALUES (1, 2)")  # fmt: skip
    away = ["default of public.t.*", "check c of *", "foreign key to_o of public.t", "generated column public.t.h", "index by_n of public.t",
            "index of_p of public.p"]  # fmt: skip
    report = dbferry.migrate(held.url, made.url, exclude=away, on_left_out="stop")
    assert report.state == "done"
    assert made.rows("SELECT * FROM t") == held.rows("SELECT * FROM t")
    assert made.rows("SELECT count(*) FROM pg_attrdef WHERE adrelid = 't'::regclass") == [(0,)]
    assert (
        made.rows(
            "SELECT conname FROM pg_constraint WHERE conrelid = 't'::regclass AND contype <> 'n'"
        )
        == []
    )
    assert (
        made.rows(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid IN ('t'::regclass, 'p'::regclass, 'p1'::regclass)"
        )
        == []
    )


@pytest.mark.parametrize(
    "away",
    ["index by_m of public.t", "default of public.t.id", "comments of public.x", "tablespace x"],
)
def test_what_excludes_no_part_is_an_error(database: Make, sqlite_db: Database, away: str) -> None:
    held = database("postgresql")
    held.sql("CREATE TABLE t (id int PRIMARY KEY, n int); CREATE INDEX by_n ON t (n)")
    with pytest.raises(DbferryError, match=f"nothing of the source matches `{away}`") as raised:
        dbferry.migrate(held.url, sqlite_db.url, exclude=[away])
    assert "index" not in away or raised.value.hint == "did you mean `index by_n of public.t`?"
