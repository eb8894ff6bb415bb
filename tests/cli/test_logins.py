"""Every way to log in, with and without TLS, against the real servers."""

import contextlib
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from command import Command, moved, refused
from servers.database import Database, SqliteDatabase
from servers.mariadb import MariadbServer
from servers.mysql import MysqlServer
from servers.mysql_family import MysqlFamilyServer
from servers.postgres import ACCESS, PostgresServer
from servers.server import PASSWORD


@pytest.fixture
def pg_table(pg_db: Database) -> Database:
    """A table that every role may read."""
    pg_db.sql("CREATE TABLE t AS SELECT 1 AS id; GRANT SELECT ON t TO public")
    return pg_db


@pytest.mark.parametrize(
    ("user", "mode"),
    [
        *(("ferry", mode) for mode in ("disable", "allow", "prefer", "require")),
        *(("ferry", mode) for mode in ("verify-ca", "verify-full")),
        *(("md5user", mode) for mode in ("disable", "require")),
    ],
)
def test_postgresql_takes_scram_and_md5_in_every_tls_mode(
    dbferry: Command, postgres: PostgresServer, pg_table: Database, sqlite_db: SqliteDatabase,
    user: str, mode: str,
) -> None:  # fmt: skip
    url = postgres.url(pg_table.name, user=user, sslmode=mode, sslrootcert=postgres.ca)
    moved(dbferry.migrate(url, sqlite_db))
    assert sqlite_db.rows("SELECT * FROM t") == [(1,)]


@pytest.mark.parametrize("query", [{}, {"sslmode": "prefer"}, {"sslmode": "require"}])
def test_postgresql_uses_tls_where_it_is_offered(
    dbferry: Command, postgres: PostgresServer, pg_table: Database, sqlite_db: SqliteDatabase,
    query: dict[str, str],
) -> None:  # fmt: skip
    moved(dbferry.migrate(postgres.url(pg_table.name, user="tlsonly", **query), sqlite_db))


def test_postgresql_takes_a_client_certificate(
    dbferry: Command, postgres: PostgresServer, pg_table: Database, sqlite_db: SqliteDatabase
) -> None:
    url = postgres.url(
        pg_table.name, user="certuser", password="", sslmode="verify-full",
        sslrootcert=postgres.ca, sslcert=postgres.client_cert, sslkey=postgres.client_key,
    )  # fmt: skip
    moved(dbferry.migrate(url, sqlite_db))


def test_postgresql_takes_the_name_in_the_certificate_as_well_as_the_address(
    dbferry: Command, postgres: PostgresServer, pg_table: Database, sqlite_db: SqliteDatabase
) -> None:
    url = postgres.url(pg_table.name, sslmode="verify-full", sslrootcert=postgres.ca)
    moved(dbferry.migrate(url.replace("@127.0.0.1:", "@localhost:"), sqlite_db))


def test_postgresql_takes_a_password_in_clear_over_tls_only(
    dbferry: Command, postgres: PostgresServer, pg_table: Database, sqlite_db: SqliteDatabase
) -> None:
    with access(postgres, "host all clear 127.0.0.1/32 password"):
        postgres.sql("postgres", f"CREATE ROLE clear LOGIN PASSWORD '{PASSWORD}'")
        try:
            url = postgres.url(pg_table.name, user="clear", sslmode="require")
            moved(dbferry.migrate(url, sqlite_db))
            plain = postgres.url(pg_table.name, user="clear", sslmode="disable")
            refused(dbferry.migrate(plain, sqlite_db), 1, "clear")
        finally:
            postgres.sql("postgres", "DROP ROLE clear")


@contextlib.contextmanager
def access(server: PostgresServer, line: str) -> Iterator[None]:
    """The server with one more rule of access, before all others."""
    rules = server.data / "pg_hba.conf"
    rules.write_text(f"{line}\n{ACCESS}")
    server.sql("postgres", "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        rules.write_text(ACCESS)
        server.sql("postgres", "SELECT pg_reload_conf()")


def test_postgresql_is_reached_through_a_unix_socket(
    dbferry: Command, postgres: PostgresServer, pg_table: Database, sqlite_db: SqliteDatabase
) -> None:
    login = f"{postgres.user}:{quote(postgres.password, safe='')}"
    folder, port = str(postgres.folder), postgres.port
    for url in (
        f"postgresql://{login}@/{pg_table.name}?host={folder}&port={port}",
        f"postgresql://{login}@{quote(folder, safe='')}:{port}/{pg_table.name}",
    ):
        moved(dbferry.migrate(url, sqlite_db, "--prepare", "drop"))


def test_postgresql_is_reached_at_the_first_of_several_hosts_that_answers(
    dbferry: Command, postgres: PostgresServer, pg_table: Database, sqlite_db: SqliteDatabase
) -> None:
    url = postgres.url(pg_table.name)
    moved(dbferry.migrate(url.replace("@", "@127.0.0.1:1,"), sqlite_db))


@pytest.fixture(params=["mysql", "mariadb"])
def family(request: pytest.FixtureRequest) -> MysqlFamilyServer:
    """MySQL, then MariaDB."""
    server: MysqlFamilyServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def my_table(family: MysqlFamilyServer) -> Iterator[str]:
    """A database with a table, by its name."""
    name = "logins"
    family.create_database(name)
    try:
        family.sql(name, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
        family.sql("", f"GRANT SELECT ON {name}.* TO tlsonly@'%'")
        family.sql("", f"GRANT SELECT ON {name}.* TO certuser@'%'")
        yield name
    finally:
        family.drop_database(name)


@pytest.mark.parametrize(
    "mode", ["DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"]
)
def test_mysql_and_mariadb_take_a_password_in_every_tls_mode(
    dbferry: Command, family: MysqlFamilyServer, my_table: str, sqlite_db: SqliteDatabase, mode: str
) -> None:
    query = {"ssl-mode": mode}
    if mode.startswith("VERIFY"):
        query["ssl-ca"] = str(family.ca)
    moved(dbferry.migrate(family.url(my_table, **query), sqlite_db))
    assert sqlite_db.rows("SELECT * FROM t") == [(1,)]


def test_mysql_and_mariadb_use_tls_where_it_is_offered(
    dbferry: Command, family: MysqlFamilyServer, my_table: str, sqlite_db: SqliteDatabase
) -> None:
    moved(dbferry.migrate(family.url(my_table, user="tlsonly"), sqlite_db))


def test_mysql_and_mariadb_take_a_client_certificate(
    dbferry: Command, family: MysqlFamilyServer, my_table: str, sqlite_db: SqliteDatabase
) -> None:
    keys = {"ssl-cert": str(family.client_cert), "ssl-key": str(family.client_key)}
    query = {"ssl-mode": "VERIFY_IDENTITY", "ssl-ca": str(family.ca), **keys}
    moved(dbferry.migrate(family.url(my_table, user="certuser", **query), sqlite_db))


def test_mysql_and_mariadb_are_reached_through_a_unix_socket(
    dbferry: Command, family: MysqlFamilyServer, my_table: str, sqlite_db: SqliteDatabase
) -> None:
    login = f"{family.user}:{quote(family.password, safe='')}"
    url = f"{family.scheme}://{login}@/{my_table}?socket={family.socket}"
    moved(dbferry.migrate(url, sqlite_db))


@contextlib.contextmanager
def user(server: MysqlFamilyServer, identified: str) -> Iterator[str]:
    """A new user who may do everything, so that no earlier login is remembered."""
    name = "newcomer"
    server.sql("", f"CREATE USER {name}@'%' {identified}; GRANT ALL ON *.* TO {name}@'%'")
    try:
        yield name
    finally:
        server.sql("", f"DROP USER {name}@'%'")


@pytest.mark.parametrize("mode", ["DISABLED", "REQUIRED"])
@pytest.mark.parametrize("plugin", ["caching_sha2_password", "sha256_password"])
def test_mysql_takes_sha2_passwords_at_the_first_login_and_at_the_next(
    dbferry: Command, mysql: MysqlServer, mysql_db: Database, sqlite_db: SqliteDatabase,
    mode: str, plugin: str,
) -> None:  # fmt: skip
    mysql_db.sql("CREATE TABLE t (id int PRIMARY KEY)")
    with user(mysql, f"IDENTIFIED WITH {plugin} BY '{PASSWORD}'") as name:
        url = mysql.url(mysql_db.name, user=name, **{"ssl-mode": mode})
        moved(dbferry.migrate(url, sqlite_db))
        moved(dbferry.migrate(url, sqlite_db))


def test_mysql_takes_an_empty_password(
    dbferry: Command, mysql: MysqlServer, mysql_db: Database, sqlite_db: SqliteDatabase
) -> None:
    mysql_db.sql("CREATE TABLE t (id int PRIMARY KEY)")
    with user(mysql, "IDENTIFIED WITH caching_sha2_password BY ''") as name:
        moved(dbferry.migrate(mysql.url(mysql_db.name, user=name, password=""), sqlite_db))


@pytest.mark.parametrize("mode", ["DISABLED", "REQUIRED"])
@pytest.mark.parametrize("plugin", ["mysql_native_password", "ed25519"])
def test_mariadb_takes_its_own_passwords(
    dbferry: Command, mariadb: MariadbServer, maria_db: Database, sqlite_db: SqliteDatabase,
    mode: str, plugin: str,
) -> None:  # fmt: skip
    maria_db.sql("CREATE TABLE t (id int PRIMARY KEY)")
    if plugin == "ed25519":
        mariadb.sql("", "INSTALL SONAME 'auth_ed25519'")
    try:
        with user(mariadb, f"IDENTIFIED VIA {plugin} USING PASSWORD('{PASSWORD}')") as name:
            url = mariadb.url(maria_db.name, user=name, **{"ssl-mode": mode})
            moved(dbferry.migrate(url, sqlite_db))
    finally:
        if plugin == "ed25519":
            mariadb.sql("", "UNINSTALL SONAME 'auth_ed25519'")
