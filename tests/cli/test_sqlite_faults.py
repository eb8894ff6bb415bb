"""Files that are no SQLite database, or a damaged one."""

from pathlib import Path

import pytest

from command import Command, refused
from servers.database import Database, SqliteDatabase

PAGE = 4096


@pytest.fixture
def wide(sqlite_db: SqliteDatabase) -> SqliteDatabase:
    """A table of several hundred pages."""
    sqlite_db.sql(
        "CREATE TABLE t (id integer PRIMARY KEY, v text NOT NULL); "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        "INSERT INTO t SELECT i, hex(randomblob(40)) FROM n; VACUUM"
    )
    return sqlite_db


def test_a_file_that_is_no_database_is_refused(
    dbferry: Command, tmp_path: Path, pg_db: Database
) -> None:
    path, content = tmp_path / "letter.txt", b"a text of some length\n" * 100
    path.write_bytes(content)
    refused(dbferry.migrate(f"sqlite:///{path}", pg_db), 1, "not a database", "sqlite source")
    assert path.read_bytes() == content


def test_an_empty_file_has_no_tables(dbferry: Command, tmp_path: Path, pg_db: Database) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    refused(dbferry.migrate(f"sqlite:///{path}", pg_db), 2, "no tables")


def test_a_folder_is_no_database(dbferry: Command, tmp_path: Path, pg_db: Database) -> None:
    result = dbferry.migrate(f"sqlite:///{tmp_path}", pg_db)
    refused(result, 2, f"`{tmp_path}` is a directory", "sqlite source")


def test_a_target_file_that_is_no_database_is_left_alone(
    dbferry: Command, wide: SqliteDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "letter.txt"
    path.write_bytes(b"precious " * 1000)
    refused(dbferry.migrate(wide, f"sqlite:///{path}"), 1, "not a database", "sqlite target")
    assert path.read_bytes() == b"precious " * 1000


def test_a_file_cut_short_is_an_error(
    dbferry: Command, wide: SqliteDatabase, pg_db: Database
) -> None:
    size = wide.path.stat().st_size
    with wide.path.open("r+b") as file:
        file.truncate(size // PAGE // 2 * PAGE)
    result = dbferry.migrate(wide, pg_db, "--json")
    assert result.code in (1, 2)
    refused(result, result.code, "malformed", "sqlite source")
    assert "done" not in {table["state"] for table in result.json.get("tables", ())}


@pytest.mark.parametrize(
    "damage", [b"\xff" * PAGE, b"\x00" * PAGE, b"\x0d\x00\x00\xff\xff\x00\x08"]
)
@pytest.mark.parametrize("page", [3, 100])
def test_a_damaged_page_is_an_error(
    dbferry: Command, wide: SqliteDatabase, pg_db: Database, page: int, damage: bytes
) -> None:
    with wide.path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(damage)
    result = dbferry.migrate(wide, pg_db, "--json")
    assert result.code in (1, 2)
    refused(result, result.code, "malformed", "sqlite source")
    assert "done" not in {table["state"] for table in result.json.get("tables", ())}


def test_damage_in_the_schema_is_an_error(
    dbferry: Command, wide: SqliteDatabase, pg_db: Database
) -> None:
    with wide.path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 200)
    refused(dbferry.migrate(wide, pg_db), 1, "malformed", "sqlite source")


def test_no_damage_anywhere_ends_in_anything_but_an_exit_code(
    dbferry: Command, wide: SqliteDatabase, tmp_path: Path
) -> None:
    whole = wide.path.read_bytes()
    for number in range(6):
        broken = bytearray(whole)
        for step in range(40):
            place = (number * 7919 + step * 104_729) * 4099 % len(broken)
            broken[max(place, 100)] ^= 0x41 + step
        path = tmp_path / f"broken{number}.db"
        path.write_bytes(broken)
        result = dbferry.migrate(f"sqlite:///{path}", f"sqlite:///{tmp_path}/copy{number}.db")
        assert result.code in (0, 1, 2), result.err


def test_a_locked_target_says_that_it_is_locked(
    dbferry: Command, wide: SqliteDatabase, tmp_path: Path
) -> None:
    import contextlib
    import sqlite3

    path = tmp_path / "copy.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE mine (id integer)")
        holder.execute("BEGIN EXCLUSIVE")
        refused(dbferry.migrate(wide, f"sqlite:///{path}"), 1, "locked", "sqlite target")
