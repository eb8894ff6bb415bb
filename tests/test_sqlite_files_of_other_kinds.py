"""Between two SQLite files: collations of columns stay, and what reading UTF-16 changes is said."""

import contextlib
import sqlite3
from pathlib import Path

import dbferry
from servers.database import SqliteDatabase


def test_collations_that_every_sqlite_knows_stay(sqlite_db: SqliteDatabase, tmp_path: Path) -> None:
    sqlite_db.sql(
        "CREATE TABLE t (k text COLLATE NOCASE PRIMARY KEY, v text COLLATE RTRIM);"
        "INSERT INTO t VALUES ('A', 'x ')"
    )
    path = tmp_path / "other.db"
    dbferry.migrate(sqlite_db.url, f"sqlite:///{path}")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM t WHERE k = 'a' AND v = 'x'").fetchall() == [
            ("A", "x ")
        ]


def test_a_collation_of_an_application_is_named(sqlite_db: SqliteDatabase, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(sqlite_db.path)) as connection:
        connection.create_collation("own", lambda a, b: (a > b) - (a < b))
        connection.execute("CREATE TABLE t (v text COLLATE own)")
    column = dbferry.plan(sqlite_db.url, f"sqlite:///{tmp_path / 'other.db'}").tables[0].columns[0]
    assert (column.verdict, column.codes) == ("Ln", ("C-CI-LOST",))


def test_text_of_utf_16_arrives_and_the_plan_says_what_changes(
    sqlite_db: SqliteDatabase, tmp_path: Path
) -> None:
    sqlite_db.sql(
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (v text); INSERT INTO t VALUES ('é😀')"
    )
    path = tmp_path / "other.db"
    report = dbferry.migrate(sqlite_db.url, f"sqlite:///{path}")
    assert any("UTF-16le" in note for note in report.notes)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT v FROM t").fetchall() == [("é😀",)]
