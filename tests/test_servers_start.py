"""The test servers themselves: they start, answer, speak TLS, and let in whom they should."""

import contextlib
import ssl
from collections.abc import Callable

import psycopg
import pymysql
import pytest

from servers.database import Database
from servers.hostile import Connection, HostileServer
from servers.mariadb import MariadbServer
from servers.mysql import MysqlServer
from servers.mysql_family import MysqlFamilyServer
from servers.postgres import PostgresServer
from servers.server import PASSWORD, Server, ServerError

SERVERS = ["postgres", "mariadb", "mysql"]
ENGINES = ["postgresql", "mariadb", "mysql", "sqlite", "duckdb"]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("server", "version"),
    [("postgres", "PostgreSQL 1"), ("mariadb", "MariaDB"), ("mysql", "9.")],
    indirect=["server"],
)
def test_server_tells_its_version(server: Server, version: str) -> None:
    [(text,)] = server.sql(server.admin_database, "SELECT version()")
    assert version in text


@pytest.mark.parametrize("engine", ENGINES)
def test_database_is_fresh_and_keeps_rows(database: Callable[[str], Database], engine: str) -> None:
    made = database(engine)
    made.sql("CREATE TABLE t (a integer); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)")
    assert made.rows("SELECT a FROM t ORDER BY a") == [(1,), (2,)]
    assert database(engine).name != made.name
    assert made.url.startswith(f"{engine}://")


def test_postgres_url_logs_in_over_verified_tls(postgres: PostgresServer) -> None:
    url = postgres.url("postgres", sslmode="verify-full", sslrootcert=postgres.ca)
    with psycopg.connect(url) as connection:
        query = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.execute(query).fetchone() == (True, "TLSv1.3")


def test_postgres_md5_user_logs_in(postgres: PostgresServer) -> None:
    with postgres.connect("postgres", user="md5user") as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("md5user",)


def test_postgres_tls_user_needs_tls(postgres: PostgresServer) -> None:
    with postgres.connect("postgres", user="tlsonly", sslmode="require") as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("tlsonly",)
    with pytest.raises(psycopg.OperationalError, match="rejects"):
        postgres.connect("postgres", user="tlsonly", sslmode="disable")


def test_postgres_certificate_user_needs_its_certificate(postgres: PostgresServer) -> None:
    login = {"user": "certuser", "password": None, "sslmode": "require"}
    files = {"sslcert": postgres.client_cert, "sslkey": postgres.client_key}
    with postgres.connect("postgres", **login, **files) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("certuser",)
    with pytest.raises(psycopg.OperationalError, match="certificate"):
        postgres.connect("postgres", **login)


def test_postgres_database_with_a_slot_is_dropped(postgres: PostgresServer) -> None:
    postgres.create_database("slotted")
    postgres.sql("slotted", "SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
    postgres.drop_database("slotted")
    assert postgres.sql("postgres", "SELECT * FROM pg_replication_slots") == []


@pytest.mark.parametrize("server", ["mariadb", "mysql"], indirect=True)
def test_mysql_family_logs_in_over_verified_tls(server: MysqlFamilyServer) -> None:
    context = ssl.create_default_context(cafile=str(server.ca))
    with contextlib.closing(server.connect("", ssl=context)) as connection:
        cursor = connection.cursor()
        cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
        assert cursor.fetchone() == ("Ssl_version", "TLSv1.3")


@pytest.mark.parametrize("server", ["mariadb", "mysql"], indirect=True)
def test_mysql_family_certificate_user_needs_a_certificate(server: MysqlFamilyServer) -> None:
    context = ssl.create_default_context(cafile=str(server.ca))
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        server.connect("", user="certuser", ssl=context)
    context.load_cert_chain(server.client_cert, server.client_key)
    server.connect("", user="certuser", ssl=context).close()


@pytest.mark.parametrize("server", ["mariadb", "mysql"], indirect=True)
def test_mysql_family_settings_are_those_of_the_tests(server: MysqlFamilyServer) -> None:
    query = "SELECT @@log_bin, @@binlog_format, @@local_infile, @@character_set_server"
    assert server.sql("", query) == [(1, "ROW", 1, "utf8mb4")]


def test_mysql_uses_caching_sha2_password(mysql: MysqlServer) -> None:
    query = "SELECT plugin FROM mysql.user WHERE user = 'ferry'"
    assert mysql.sql("", query) == [("caching_sha2_password",)]


@pytest.mark.parametrize("make", [PostgresServer, MariadbServer])
def test_committed_rows_survive_a_killed_server(make: type[Server]) -> None:
    with make() as own:
        own.create_database("d")
        own.sql("d", "CREATE TABLE t (a integer)")
        own.sql("d", "INSERT INTO t VALUES (1)")
        own.kill()
        assert not own.running
        own.start()
        own.restart()
        assert own.sql("d", "SELECT a FROM t") == [(1,)]


def test_extra_arguments_reach_the_server() -> None:
    with PostgresServer("--max_connections=17") as own:
        assert own.sql("postgres", "SHOW max_connections") == [("17",)]


def test_missing_server_is_a_failure_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: str
) -> None:
    monkeypatch.setenv("DBFERRY_CACHE", str(tmp_path))
    with pytest.raises(ServerError, match="run make install-servers"):
        MysqlServer().start()


def test_url_escapes_the_password(postgres: PostgresServer) -> None:
    url = postgres.url("a/b", user="x@y", password=PASSWORD, sslmode="require")
    expected = f"postgresql://x%40y:secret%3A%40%2Fferry@127.0.0.1:{postgres.port}/a%2Fb"
    assert url == f"{expected}?sslmode=require"


def test_given_server_is_used_and_never_stopped(postgres: PostgresServer) -> None:
    given = PostgresServer(admin_url=postgres.url("postgres"))
    given.start()
    assert given.sql("postgres", "SELECT 1") == [(1,)]
    with pytest.raises(ServerError, match="cannot stop"):
        given.stop()
    given.close()
    assert postgres.sql("postgres", "SELECT 1") == [(1,)]


def test_hostile_server_follows_its_script() -> None:
    def script(connection: Connection) -> None:
        connection.read(8)
        connection.write(b"E")

    with HostileServer(script) as hostile:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(hostile.url("postgresql"), connect_timeout=5)
        assert hostile.connections >= 1
    assert hostile.errors == []
