"""Fixtures: the servers, started once when first asked for, and one fresh database per test."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from servers.database import Database, ServerDatabase
from servers.fresh import make_database
from servers.mariadb import MariadbServer
from servers.mysql import MysqlServer
from servers.postgres import PostgresServer
from servers.server import Server

S = TypeVar("S", bound=Server)

LONG = {
    "test_faults.py",
    "test_rows_that_a_library_refuses_are_put_aside.py",
    "test_a_good_guest.py",
    "test_rows_that_do_not_fit.py",
    "test_cases.py",
    "test_interruptions.py",
    "test_write_keeps_what_stands.py",
    "test_a_connection_cut_at_a_named_point.py",
    "test_a_run_killed_at_a_named_point.py",
    "test_a_run_goes_on_only_where_it_is_sure.py",
    "test_a_run_killed_while_a_library_sifts.py",
}
"""Files that take a minute come first: one that comes last would be waited for by a worker that has no more to do."""


def pytest_configure() -> None:
    """SIGTERM ends a session as Ctrl-C does, so that servers and folders are removed."""
    signal.signal(signal.SIGTERM, _interrupt)
    # Whoever is started in the background passes over Ctrl-C, and so would all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first."""
    items.sort(key=lambda item: item.path.name not in LONG)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL; the one of DBFERRY_TEST_POSTGRES when that is set."""
    yield from _started(PostgresServer(admin_url=os.environ.get("DBFERRY_TEST_POSTGRES")))


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    """A MariaDB; the one of DBFERRY_TEST_MARIADB when that is set."""
    yield from _started(MariadbServer(admin_url=os.environ.get("DBFERRY_TEST_MARIADB")))


@pytest.fixture(scope="session")
def mysql() -> Iterator[MysqlServer]:
    """A MySQL; the one of DBFERRY_TEST_MYSQL when that is set."""
    yield from _started(MysqlServer(admin_url=os.environ.get("DBFERRY_TEST_MYSQL")))


@pytest.fixture(scope="session")
def postgres_versions() -> Iterator[Callable[[str], PostgresServer]]:
    """A function: a major version to a PostgreSQL of it, started once when first asked for."""
    started: dict[str, PostgresServer] = {}
    with ExitStack() as stack:

        def start(version: str) -> PostgresServer:
            if version not in started:
                started[version] = stack.enter_context(PostgresServer(version=version))
            return started[version]

        yield start


@pytest.fixture
def postgres_of(
    postgres_versions: Callable[[str], PostgresServer],
) -> Iterator[Callable[[str], Database]]:
    """A function: a major version to a fresh database in a PostgreSQL of it."""
    with ExitStack() as stack:

        def make(version: str) -> Database:
            made = ServerDatabase(postgres_versions(version))
            stack.callback(made.drop)
            return made

        yield make


def _started(server: S) -> Iterator[S]:
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Database]]:
    """A function: engine name to a fresh empty database, dropped after the test."""
    with ExitStack() as stack:

        def make(engine: str) -> Database:
            made = make_database(engine, request, tmp_path)
            stack.callback(made.drop)
            return made

        yield make


@pytest.fixture
def pg_db(database: Callable[[str], Database]) -> Database:
    """A fresh database in PostgreSQL."""
    return database("postgresql")


@pytest.fixture
def maria_db(database: Callable[[str], Database]) -> Database:
    """A fresh database in MariaDB."""
    return database("mariadb")


@pytest.fixture
def mysql_db(database: Callable[[str], Database]) -> Database:
    """A fresh database in MySQL."""
    return database("mysql")


@pytest.fixture
def sqlite_db(database: Callable[[str], Database]) -> Database:
    """A fresh SQLite file."""
    return database("sqlite")
