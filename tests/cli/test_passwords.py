"""Where passwords come from besides the URL, and that none is ever shown."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from command import Command, Result, moved, refused
from servers.database import Database, SqliteDatabase
from servers.mariadb import MariadbServer
from servers.postgres import PostgresServer
from servers.server import PASSWORD

ESCAPED = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")


@pytest.fixture
def pg_url(postgres: PostgresServer, pg_db: Database) -> str:
    """A URL without its password, of a database with one table."""
    pg_db.sql("CREATE TABLE t (id int PRIMARY KEY)")
    return postgres.url(pg_db.name, password="")


@pytest.fixture
def maria_url(mariadb: MariadbServer, maria_db: Database) -> str:
    """A URL without its password, of a database with one table."""
    maria_db.sql("CREATE TABLE t (id int PRIMARY KEY)")
    return mariadb.url(maria_db.name, password="")


def private(path: Path, text: str, mode: int = stat.S_IRUSR | stat.S_IWUSR) -> None:
    path.touch(mode)
    path.chmod(mode)
    path.write_text(text)


def test_pgpassword_is_used(dbferry: Command, pg_url: str, sqlite_db: SqliteDatabase) -> None:
    moved(dbferry.migrate(pg_url, sqlite_db, env={"PGPASSWORD": PASSWORD}))


def test_the_password_of_the_url_comes_before_pgpassword(
    dbferry: Command, pg_db: Database, pg_url: str, sqlite_db: SqliteDatabase
) -> None:
    moved(dbferry.migrate(pg_db, sqlite_db, env={"PGPASSWORD": "wrong"}))


def test_pgpass_is_used(
    dbferry: Command, postgres: PostgresServer, pg_url: str, sqlite_db: SqliteDatabase
) -> None:
    lines = ["# comment", "*:1:*:*:wrong", f"127.0.0.1:{postgres.port}:*:ferry:{ESCAPED}"]
    private(dbferry.home / ".pgpass", "\n".join([*lines, "*:*:*:*:wrong too", ""]))
    moved(dbferry.migrate(pg_url, sqlite_db))


def test_pgpass_that_others_can_read_is_not_used_and_that_is_said(
    dbferry: Command, pg_url: str, sqlite_db: SqliteDatabase
) -> None:
    private(dbferry.home / ".pgpass", f"*:*:*:*:{ESCAPED}\n", 0o644)
    refused(dbferry.migrate(pg_url, sqlite_db), 1, ".pgpass", "chmod 0600")


def test_pgpassfile_names_another_file(
    dbferry: Command, pg_url: str, sqlite_db: SqliteDatabase, tmp_path: Path
) -> None:
    private(tmp_path / "passwords", f"*:*:*:ferry:{ESCAPED}\n")
    moved(dbferry.migrate(pg_url, sqlite_db, env={"PGPASSFILE": str(tmp_path / "passwords")}))


def test_my_cnf_is_used(dbferry: Command, maria_url: str, sqlite_db: SqliteDatabase) -> None:
    private(dbferry.home / ".my.cnf", f'[mysql]\npassword=no\n[client]\npassword="{PASSWORD}"\n')
    moved(dbferry.migrate(maria_url, sqlite_db))


def test_mysql_pwd_is_used(dbferry: Command, maria_url: str, sqlite_db: SqliteDatabase) -> None:
    moved(dbferry.migrate(maria_url, sqlite_db, env={"MYSQL_PWD": PASSWORD}))


def test_an_environment_variable_in_a_task_file_is_used(
    dbferry: Command, pg_url: str, sqlite_db: SqliteDatabase, tmp_path: Path
) -> None:
    task = tmp_path / "task.yaml"
    source = pg_url.replace("ferry@", "ferry:${SHOP_PASSWORD}@")
    task.write_text(f"source: {source}\ntarget: {sqlite_db.url}\n")
    password = quote(PASSWORD, safe="")
    moved(dbferry("migrate", str(task), env={"SHOP_PASSWORD": password}))


Run = Callable[[Command, Database, Database], Result]
# Each of these fails or succeeds with the password in its hands; `Command` looks for it in all output.
RUNS: dict[str, Run] = {
    "a migration": lambda f, a, b: f.migrate(a, b),
    "a migration in JSON": lambda f, a, b: f.migrate(a, b, "--json"),
    "a plan": lambda f, a, b: f("plan", a.url, b.url),
    "a plan in JSON": lambda f, a, b: f("plan", a.url, b.url, "--json"),
    "an unknown table": lambda f, a, b: f.migrate(a, b, "--tables", "nosuch", "--json"),
    "an unknown parameter": lambda f, a, b: f.migrate(f"{a.url}?nosuch=1", b),
    "an unknown sslmode": lambda f, a, b: f.migrate(f"{a.url}?sslmode=maybe", b),
    "an unknown scheme": lambda f, a, b: f.migrate(a.url.replace("postgresql", "postgrsql"), b),
    "an unknown database": lambda f, a, b: f.migrate(a.url + "x", b),
    "a wrong port": lambda f, a, b: f.migrate(a.url.replace("@127.0.0.1:", "@127.0.0.1:1"), b),
    "a port that is no number": lambda f, a, b: f.migrate(a.url.replace(".1:", ".1:x"), b),
    "a missing target": lambda f, a, b: f("migrate", a.url),
    "a third argument": lambda f, a, b: f("migrate", a.url, b.url, a.url),
    "an unknown option": lambda f, a, b: f("migrate", a.url, b.url, "--nosuch"),
    "a file in place of a URL": lambda f, a, b: f("migrate", a.url.partition("://")[2], b.url),
}


@pytest.mark.parametrize("name", RUNS)
def test_no_password_is_shown_by(
    dbferry: Command, pg_db: Database, sqlite_db: SqliteDatabase, name: str
) -> None:
    pg_db.sql("CREATE TABLE t (id int PRIMARY KEY)")
    RUNS[name](dbferry, pg_db, sqlite_db)


def test_no_password_is_shown_where_it_was_not_escaped(
    dbferry: Command, sqlite_db: SqliteDatabase
) -> None:
    result = dbferry.migrate("postgresql://me:pa/ss:wo@rd@127.0.0.1:1/db", sqlite_db)
    assert result.code in (1, 2)
    assert "wo@rd" not in result.err
    assert "pa/ss" not in result.err


def test_no_password_is_shown_by_a_wrong_task_file(dbferry: Command, tmp_path: Path) -> None:
    task = tmp_path / "task.json"
    task.write_text(json.dumps({"source": f"postgresql://me:{PASSWORD}@h/d", "targte": PASSWORD}))
    refused(dbferry("migrate", str(task)), 2, "targte")
