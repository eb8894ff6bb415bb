"""A disk that is full: an error that says so, nothing called done, and a run that works afterwards."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from command import Command, moved, refused
from servers.database import Database, SqliteDatabase
from servers.mariadb import MariadbServer
from servers.postgres import PostgresServer

# The largest file that PostgreSQL may write; a segment of its log has 16 MB.
LARGEST_FILE = 20 << 20


@pytest.fixture
def large(sqlite_db: SqliteDatabase) -> SqliteDatabase:
    """About 40 MB in one table, and a small one."""
    sqlite_db.sql(
        "CREATE TABLE large (id integer PRIMARY KEY, v text NOT NULL); "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
        "INSERT INTO large SELECT i, hex(randomblob(2000)) FROM n; "
        "CREATE TABLE small (id integer PRIMARY KEY); INSERT INTO small VALUES (1)"
    )
    return sqlite_db


@pytest.fixture
def little_room(tmp_path: Path) -> tuple[tuple[str, ...], Path]:
    """What makes a command see a disk of 4 MB, and the folder where it lies."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = f"mount -t tmpfs -o size=4m tmpfs {shlex.quote(str(folder))}"
    alone = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    return (*alone, f'{mount} && exec "$0" "$@"'), folder


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_a_full_disk_under_a_file_is_an_error(
    dbferry: Command, large: SqliteDatabase, little_room: tuple[tuple[str, ...], Path], scheme: str
) -> None:
    prefix, folder = little_room
    url = f"{scheme}:///{folder}/copy.db"
    result = dbferry.migrate(large, url, "--json", prefix=prefix)
    refused(result, 1, "full", "large", f"{scheme} target", "hint: ")
    assert result.tables()["large"]["state"] != "done"
    assert result.json["error"]["kind"] == "space"


def test_a_file_that_may_not_grow_is_an_error(
    dbferry: Command, large: SqliteDatabase, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/copy.db"
    limit = ("sh", "-c", 'ulimit -f 4096 && exec "$0" "$@"')
    result = refused(dbferry.migrate(large, url, "--json", prefix=limit), 1, "large")
    assert result.tables()["large"]["state"] != "done"
    moved(dbferry.migrate(large, url, "--prepare", "drop"))


class CrampedPostgres(PostgresServer):
    """A server that can't write a large file."""

    def _command(self) -> Sequence[str]:
        return ["prlimit", f"--fsize={LARGEST_FILE}", "--", *super()._command()]


def test_a_postgresql_that_can_write_no_more_is_an_error(
    dbferry: Command, large: SqliteDatabase
) -> None:
    with CrampedPostgres() as server:
        server.create_database("shop")
        server.sql("shop", "CREATE TABLE large (id bigint PRIMARY KEY, v text)")
        server.sql("shop", "ALTER TABLE large ALTER v SET STORAGE PLAIN")
        result = dbferry.migrate(large, server.url("shop"), "--json")
    refused(result, 1, "could not extend file", "large", "postgresql target")
    assert result.tables()["large"]["state"] != "done"


def test_postgresql_takes_the_same_run_when_there_is_room_again(
    dbferry: Command, large: SqliteDatabase, pg_db: Database
) -> None:
    pg_db.sql(
        "CREATE TABLE large (id bigint PRIMARY KEY, v text); INSERT INTO large VALUES (1, '')"
    )
    moved(dbferry.migrate(large, pg_db, "--prepare", "truncate"))
    assert pg_db.rows("SELECT count(*) FROM large") == [(10000,)]


def test_a_full_table_of_mariadb_is_an_error(
    dbferry: Command, large: SqliteDatabase, mariadb: MariadbServer, maria_db: Database
) -> None:
    mariadb.sql("", "SET GLOBAL max_heap_table_size = 1048576")
    try:
        maria_db.sql("CREATE TABLE large (id bigint PRIMARY KEY, v varchar(4000)) ENGINE = MEMORY")
        result = dbferry.migrate(large, maria_db, "--json")
        refused(result, 1, "full", "large", "mariadb target")
        assert result.tables()["large"]["state"] != "done"
        assert result.json["error"]["kind"] == "space"
    finally:
        mariadb.sql("", "SET GLOBAL max_heap_table_size = DEFAULT")
