"""One empty database for one test, the same to handle in every engine."""

import contextlib
import sqlite3
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import duckdb

from servers.server import Row, Server, address


class Database(ABC):
    """A database: its address, and an independent client to fill it and to judge it."""

    engine: str
    name: str
    url: str

    @abstractmethod
    def sql(self, text: str) -> None:
        """Run statements."""

    @abstractmethod
    def rows(self, query: str) -> list[Row]:
        """The rows of a query."""

    @abstractmethod
    def drop(self) -> None:
        """Remove the database and whatever uses it."""


class ServerDatabase(Database):
    """A database of a server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.engine = server.scheme
        self.name = f"t{uuid.uuid4().hex[:12]}"
        server.start()
        server.create_database(self.name)

    @property
    def url(self) -> str:  # type: ignore[override]
        """The address, right even after the server came back elsewhere."""
        return self.server.url(self.name)

    def sql(self, text: str) -> None:
        self.server.sql(self.name, text)

    def rows(self, query: str) -> list[Row]:
        return self.server.sql(self.name, query)

    def drop(self) -> None:
        # A test may have left the server down.
        self.server.start()
        self.server.drop_database(self.name)


class FileDatabase(Database):
    """A database in a file of its own."""

    suffixes: ClassVar[tuple[str, ...]] = ("",)

    def __init__(self, folder: Path) -> None:
        self.name = f"t{uuid.uuid4().hex[:12]}"
        self.path = folder / f"{self.name}.{self.engine}"
        self.url = address(self.engine, "", str(self.path), {}).replace("%2F", "/")

    def drop(self) -> None:
        for suffix in self.suffixes:
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)


class SqliteDatabase(FileDatabase):
    """SQLite, through Python's own module."""

    engine = "sqlite"
    suffixes = ("", "-wal", "-shm", "-journal")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sql("PRAGMA user_version = 0")

    def sql(self, text: str) -> None:
        with contextlib.closing(self._connect()) as connection:
            connection.executescript(text)

    def rows(self, query: str) -> list[Row]:
        with contextlib.closing(self._connect()) as connection:
            return connection.execute(query).fetchall()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None)


class DuckdbDatabase(FileDatabase):
    """DuckDB, through its Python package."""

    engine = "duckdb"
    suffixes = ("", ".wal")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sql("SELECT 1")

    def sql(self, text: str) -> None:
        with duckdb.connect(self.path) as connection:
            connection.execute(text)

    def rows(self, query: str) -> list[Row]:
        with duckdb.connect(self.path) as connection:
            return connection.execute(query).fetchall()
