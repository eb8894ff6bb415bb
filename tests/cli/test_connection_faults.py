"""Who can't be reached, or doesn't let us in: the message names the place and never the password."""

import socket
from collections.abc import Callable, Iterator

import pytest

from command import Command, refused
from servers.database import Database, SqliteDatabase
from servers.mysql_family import MysqlFamilyServer
from servers.server import HOST, Server

Make = Callable[[str], Database]
SERVERS = ("postgresql", "mysql", "mariadb")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, and where nobody listens."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("engine", SERVERS)
def test_an_unreachable_source_is_named_with_its_port(
    dbferry: Command, sqlite_db: SqliteDatabase, closed_port: int, engine: str
) -> None:
    url = f"{engine}://me:pw@{HOST}:{closed_port}/shop"
    result = dbferry.migrate(url, sqlite_db, "--retry-seconds", "0")
    refused(result, 1, f"{HOST}:{closed_port}", "refused", f"{engine} source")


@pytest.mark.parametrize("engine", SERVERS)
def test_an_unreachable_target_is_named_with_its_port(
    dbferry: Command, sqlite_db: SqliteDatabase, closed_port: int, engine: str
) -> None:
    sqlite_db.sql("CREATE TABLE t (id integer PRIMARY KEY)")
    url = f"{engine}://me:pw@{HOST}:{closed_port}/shop"
    result = dbferry.migrate(sqlite_db, url, "--retry-seconds", "0")
    refused(result, 1, f"{HOST}:{closed_port}", "refused", f"{engine} target")


@pytest.mark.parametrize("engine", SERVERS)
def test_a_host_without_an_address_is_named(
    dbferry: Command, sqlite_db: SqliteDatabase, engine: str
) -> None:
    result = dbferry.migrate(f"{engine}://me:pw@nowhere.invalid/shop", sqlite_db)
    refused(result, 1, "nowhere.invalid", f"{engine} source")


@pytest.mark.parametrize("engine", SERVERS)
def test_a_host_that_never_answers_ends_after_the_timeout(
    dbferry: Command, sqlite_db: SqliteDatabase, engine: str
) -> None:
    name = "connect_timeout"
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        result = dbferry.migrate(f"{engine}://me:pw@{HOST}:{port}/shop?{name}=1", sqlite_db)
    refused(result, 1, f"{HOST}:{port}", f"{engine} source")


@pytest.mark.parametrize("engine", SERVERS)
def test_a_wrong_password_names_the_user(
    dbferry: Command, database: Make, sqlite_db: SqliteDatabase, engine: str
) -> None:
    db = database(engine)
    url = db.server.url(db.name, password="not-the-password")  # type: ignore[attr-defined]
    result = refused(dbferry.migrate(url, sqlite_db), 1, "ferry", f"{engine} source")
    assert "not-the-password" not in result.err


@pytest.mark.parametrize("engine", SERVERS)
def test_a_missing_password_is_an_error_and_no_question(
    dbferry: Command, database: Make, sqlite_db: SqliteDatabase, engine: str
) -> None:
    db = database(engine)
    url = db.server.url(db.name, password="")  # type: ignore[attr-defined]
    refused(dbferry.migrate(url, sqlite_db), 1, f"{engine} source")


@pytest.mark.parametrize("engine", SERVERS)
def test_an_unknown_database_is_named(
    dbferry: Command, request: pytest.FixtureRequest, sqlite_db: SqliteDatabase, engine: str
) -> None:
    fixture = {"postgresql": "postgres"}.get(engine, engine)
    server: Server = request.getfixturevalue(fixture)
    result = dbferry.migrate(server.url("nosuchdatabase"), sqlite_db)
    refused(result, 1, "nosuchdatabase", f"{engine} source")


def test_an_unknown_socket_is_named(dbferry: Command, sqlite_db: SqliteDatabase) -> None:
    result = dbferry.migrate("mysql://me:pw@/shop?socket=/nowhere/mysqld.sock", sqlite_db)
    refused(result, 1, "/nowhere/mysqld.sock", "mysql source")


def test_too_many_connections_of_a_server_are_an_error_that_says_so(
    dbferry: Command, mariadb: MysqlFamilyServer, maria_db: Database, sqlite_db: SqliteDatabase
) -> None:
    mariadb.sql("", "CREATE USER narrow@'%' IDENTIFIED BY 'pw' WITH MAX_USER_CONNECTIONS 1")
    try:
        mariadb.sql("", f"GRANT ALL ON {maria_db.name}.* TO narrow@'%'")
        maria_db.sql("CREATE TABLE t (id int PRIMARY KEY)")
        url = mariadb.url(maria_db.name, user="narrow", password="pw")
        with mariadb.connect(maria_db.name, user="narrow", password="pw"):
            result = dbferry.migrate(url, sqlite_db, "--retry-seconds", "1")
        refused(result, 1, "max_user_connections", "mariadb source")
    finally:
        mariadb.sql("", "DROP USER narrow@'%'")
