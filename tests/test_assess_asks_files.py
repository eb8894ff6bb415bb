"""Every check of SQLite and of a target that is a file, told apart when it holds and when it doesn't."""

from pathlib import Path

import pytest

import dbferry
from assessed import source_check, target_check
from dbferry.assessment.finding import Level
from servers.database import SqliteDatabase

SHOP = """
CREATE TABLE customers (id integer PRIMARY KEY);
CREATE TABLE orders (id integer PRIMARY KEY, customer int REFERENCES customers (id), note text);
INSERT INTO customers VALUES (1); INSERT INTO orders VALUES (1, 1, 'x')"""


@pytest.fixture
def shop(sqlite_db: SqliteDatabase) -> SqliteDatabase:
    """Two tables, one refers to the other."""
    sqlite_db.sql(SHOP)
    return sqlite_db


def test_a_plain_source_passes_every_check(shop: SqliteDatabase) -> None:
    shop.sql("PRAGMA journal_mode = wal")
    checks = dbferry.assess(shop.url).source_checks
    names = ("version", "quick-check", "orphans", "encoding", "journal-mode")
    assert [(c.codes, c.level) for c in checks] == [((name,), Level.OK) for name in names]


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_a_file_that_is_yet_to_be_made_passes_every_check_and_is_not_made(
    shop: SqliteDatabase, tmp_path: Path, scheme: str
) -> None:
    file = tmp_path / f"new.{scheme}"
    checks = dbferry.assess(shop.url, f"{scheme}:///{file}").target_checks
    names = ("version", "folder", "writable", "free-disk")
    assert [(c.codes, c.level) for c in checks] == [((name,), Level.OK) for name in names]
    assert not file.exists()


def test_rows_without_what_they_refer_to_are_counted(shop: SqliteDatabase) -> None:
    shop.sql("INSERT INTO orders VALUES (2, 7, 'y'), (3, 8, 'z')")
    lost = source_check(shop.url, "F-ORPHAN")
    assert (lost.level, lost.object, lost.rows_affected) == (Level.WARN, "main.orders", 2)


def test_a_file_of_another_encoding_is_told(shop: SqliteDatabase, tmp_path: Path) -> None:
    other = SqliteDatabase(tmp_path)
    other.drop()
    other.sql(f"PRAGMA encoding = 'UTF-16le'; {SHOP}")
    assert source_check(other.url, "encoding").level is Level.INFO


def test_a_journal_that_keeps_writers_out_is_told_and_its_sql_helps(shop: SqliteDatabase) -> None:
    closed = source_check(shop.url, "journal-mode")
    assert closed.level is Level.INFO
    shop.sql(closed.sql)
    assert source_check(shop.url, "journal-mode").level is Level.OK


def test_a_damaged_file_blocks(shop: SqliteDatabase) -> None:
    shop.sql("CREATE INDEX by_note ON orders (note)")
    ((page, size),) = shop.rows(
        "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema "
        "WHERE name = 'by_note'"
    )
    with Path(shop.path).open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x00" * size)
    damaged = source_check(shop.url, "quick-check")
    assert damaged.level is Level.BLOCKED
    assert "damaged" in damaged.what


def test_a_folder_that_is_not_there_blocks(shop: SqliteDatabase, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/nowhere/copy.db"
    assert target_check(shop.url, url, "folder").level is Level.BLOCKED
