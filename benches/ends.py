"""The databases between which rows move: private servers and files, filled and emptied here."""

import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import data

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from servers.mariadb import MariadbServer
from servers.postgres import PostgresServer

# Every tool takes this login in its URL; it needs no escapes.
LOGIN = "bench"

# Like ordinary servers and unlike those of the tests: commits reach the disk.
POSTGRES = (
    "--fsync=on",
    "--full_page_writes=on",
    "--shared_buffers=1GB",
    "--max_wal_size=8GB",
    "--checkpoint_timeout=30min",
    "--autovacuum=off",
)
MARIADB = (
    "--innodb-buffer-pool-size=2G",
    "--innodb-log-file-size=1G",
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-flush-method=fsync",
    "--innodb-doublewrite=ON",
    "--max-allowed-packet=256M",
)


class End(ABC):
    """One database."""

    engine: str

    @property
    @abstractmethod
    def url(self) -> str:
        """The address as dbferry takes it."""

    @abstractmethod
    def clear(self) -> None:
        """Make the database anew, empty."""

    @abstractmethod
    def run(self, sql: str) -> list[tuple]:
        """Run one statement; its rows."""

    @abstractmethod
    def load(self, folder: Path, table: str) -> None:
        """Fill a table from its file."""

    @abstractmethod
    def settle(self) -> None:
        """Write out what the last run left in memory, so that the next one doesn't pay for it."""

    def create(self, *, keys: bool) -> None:
        """Make all tables."""
        for table in data.TABLES:
            self.run(data.create(table, key=keys))

    def fill(self, folder: Path) -> None:
        """Make and fill all tables, with their keys."""
        self.clear()
        self.create(keys=True)
        for table in data.TABLES:
            self.load(folder, table)
        self.settle()

    def counts(self) -> dict[str, int]:
        """Rows of every table that is there."""
        found = {}
        for table in data.TABLES:
            with contextlib.suppress(Exception):
                found[table] = self.run(f"SELECT count(*) FROM {table}")[0][0]
        return found


class PostgresEnd(End):
    engine = "postgresql"

    def __init__(self, server: PostgresServer, database: str) -> None:
        self.server, self.database = server, database
        with contextlib.suppress(Exception):
            server.sql("postgres", f"CREATE ROLE {LOGIN} LOGIN SUPERUSER PASSWORD '{LOGIN}'")

    @property
    def url(self) -> str:
        return self.server.url(self.database, user=LOGIN, password=LOGIN, sslmode="disable")

    def clear(self) -> None:
        self.server.drop_database(self.database)
        self.server.create_database(self.database)

    def run(self, sql: str) -> list[tuple]:
        return self.server.sql(self.database, sql)

    def load(self, folder: Path, table: str) -> None:
        with self.server.connect(self.database) as connection, connection.cursor() as cursor:
            copy = f"COPY {table} FROM STDIN (DELIMITER '|')"
            with cursor.copy(copy) as stream:  # type: ignore[arg-type]
                for line in data.lines(folder, table):
                    stream.write(f"{line}\n")

    def settle(self) -> None:
        self.run("VACUUM (FREEZE, ANALYZE)")
        self.run("CHECKPOINT")


class MariadbEnd(End):
    engine = "mariadb"

    def __init__(self, server: MariadbServer, database: str) -> None:
        self.server, self.database = server, database
        server.sql("", f"CREATE USER IF NOT EXISTS {LOGIN}@'%' IDENTIFIED BY '{LOGIN}'")
        server.sql("", f"GRANT ALL ON *.* TO {LOGIN}@'%'")

    @property
    def url(self) -> str:
        return self.server.url(
            self.database, user=LOGIN, password=LOGIN, **{"ssl-mode": "DISABLED"}
        )

    def clear(self) -> None:
        self.server.drop_database(self.database)
        self.server.create_database(self.database)
        self.server.sql("", "PURGE BINARY LOGS BEFORE NOW()")

    def run(self, sql: str) -> list[tuple]:
        return self.server.sql(self.database, sql)

    def load(self, folder: Path, table: str) -> None:
        self.run(
            f"LOAD DATA LOCAL INFILE '{folder / f'{table}.tbl'}' INTO TABLE {table} "
            "FIELDS TERMINATED BY '|' LINES TERMINATED BY '|\\n'"
        )
        self.run(f"ANALYZE TABLE {table}")

    def settle(self) -> None:
        self.run("FLUSH TABLES")


class SqliteEnd(End):
    engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def clear(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def run(self, sql: str) -> list[tuple]:
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(sql).fetchall()

    def load(self, folder: Path, table: str) -> None:
        marks = ", ".join("?" * (data.TABLES[table].count(",") + 1 - _decimals(table)))
        with contextlib.closing(sqlite3.connect(self.path)) as connection, connection:
            rows = (line.split("|") for line in data.lines(folder, table))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    def settle(self) -> None:
        os.sync()


def _decimals(table: str) -> int:
    """The commas that stand within `decimal(15,2)`."""
    return data.TABLES[table].count("decimal")


@dataclass
class Ends:
    """Everything that a run needs."""

    folder: Path
    postgres_source: PostgresEnd
    postgres_target: PostgresEnd
    mariadb_source: MariadbEnd
    mariadb_target: MariadbEnd
    sqlite_source: SqliteEnd
    sqlite_target: SqliteEnd

    @property
    def sources(self) -> tuple[End, ...]:
        return self.postgres_source, self.mariadb_source, self.sqlite_source


@contextmanager
def opened() -> Iterator[Ends]:
    """Two PostgreSQL servers, one MariaDB, a folder for SQLite's files; gone afterwards."""
    with ExitStack() as stack:
        source = stack.enter_context(PostgresServer(*POSTGRES))
        target = stack.enter_context(PostgresServer(*POSTGRES))
        mariadb = stack.enter_context(MariadbServer(*MARIADB))
        folder = Path(tempfile.mkdtemp(prefix="dbferry-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Ends(
            folder,
            PostgresEnd(source, "tpch"),
            PostgresEnd(target, "copy"),
            MariadbEnd(mariadb, "tpch"),
            MariadbEnd(mariadb, "copy"),
            SqliteEnd(folder / "tpch.db"),
            SqliteEnd(folder / "copy.db"),
        )
