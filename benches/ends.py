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
from servers.server import Server

# Every tool takes this login in its URL; it needs no escapes.
LOGIN = "bench"

# Like ordinary servers and unlike those of the tests: commits reach the disk.
POSTGRES = (
    "--fsync=on",
    "--full_page_writes=on",
    "--shared_buffers=2GB",
    "--max_wal_size=16GB",
    "--checkpoint_timeout=30min",
    "--maintenance_work_mem=512MB",
    "--autovacuum=off",
)
MARIADB = (
    "--innodb-buffer-pool-size=4G",
    "--innodb-log-file-size=2G",
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-flush-method=O_DIRECT",
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
    def settle(self) -> None:
        """Write out what the last run left in memory, so that the next one doesn't pay for it."""

    @abstractmethod
    def keys(self) -> tuple[int, int]:
        """How many indexes (those of primary keys too) and foreign keys there are."""

    def create(self, tables: tuple[str, ...], keys: str) -> None:
        """Make tables."""
        for table in tables:
            self.run(data.create(table, keys=keys))

    def counts(self, tables: tuple[str, ...], schema: str = "") -> dict[str, int]:
        """Rows of every table that is there."""
        found = {}
        for table in tables:
            with contextlib.suppress(Exception):
                name = f"{schema}.{table}" if schema else table
                found[table] = self.run(f"SELECT count(*) FROM {name}")[0][0]
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

    def fill(self, folder: Path, tables: tuple[str, ...] = tuple(data.TABLES)) -> None:
        """Make and fill tables with all their keys."""
        self.clear()
        self.create(tables, "none")
        for table in tables:
            copy = f"COPY {table} FROM STDIN (DELIMITER '|')"
            file = (folder / f"{table}.psv").open("rb")
            with (
                file,
                self.server.connect(self.database) as connection,
                connection.cursor().copy(copy) as stream,  # type: ignore[arg-type]
            ):
                while block := file.read(1 << 20):
                    stream.write(block)
        if tables == tuple(data.TABLES):
            for statement in (*data.primary_keys(), *data.indexes(), *data.foreign_keys()):
                self.run(statement)
        self.run("VACUUM (FREEZE, ANALYZE)")
        self.settle()

    def settle(self) -> None:
        self.run("CHECKPOINT")

    def keys(self) -> tuple[int, int]:
        indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname !~ '^(pg_|information)'"
        foreign = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"
        return self.run(indexes)[0][0], self.run(foreign)[0][0]


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

    def fill(self, folder: Path) -> None:
        """Make and fill all tables with all their keys."""
        self.clear()
        self.create(tuple(data.TABLES), "primary")
        for table in data.TABLES:
            file = folder / f"{table}.psv"
            load = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {table} FIELDS TERMINATED BY '|'"
            self.run(load)
        for statement in (*data.indexes(), *data.foreign_keys()):
            self.run(statement)
        for table in data.TABLES:
            self.run(f"ANALYZE TABLE {table}")
        self.settle()

    def settle(self) -> None:
        self.run("FLUSH TABLES")

    def keys(self) -> tuple[int, int]:
        here = f"WHERE table_schema = '{self.database}'"
        indexes = f"SELECT count(DISTINCT table_name, index_name) FROM information_schema.statistics {here}"
        foreign = f"SELECT count(*) FROM information_schema.table_constraints {here} AND constraint_type = 'FOREIGN KEY'"
        return self.run(indexes)[0][0], self.run(foreign)[0][0]


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

    def settle(self) -> None:
        os.sync()

    def keys(self) -> tuple[int, int]:
        indexes = self.run("SELECT count(*) FROM sqlite_master WHERE type = 'index'")[0][0]
        foreign = "SELECT count(DISTINCT m.name || f.id) FROM sqlite_master m, pragma_foreign_key_list(m.name) f"
        return indexes, self.run(foreign)[0][0]


@dataclass
class Ends:
    """Everything that a run needs."""

    folder: Path
    servers: tuple[Server, ...]
    postgres_source: PostgresEnd
    postgres_read: PostgresEnd
    postgres_target: PostgresEnd
    mariadb_source: MariadbEnd
    mariadb_target: MariadbEnd
    sqlite_source: SqliteEnd
    sqlite_target: SqliteEnd


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
            (source, target, mariadb),
            PostgresEnd(source, "tpch"),
            PostgresEnd(source, "read"),
            PostgresEnd(target, "copy"),
            MariadbEnd(mariadb, "tpch"),
            MariadbEnd(mariadb, "copy"),
            SqliteEnd(folder / "tpch.db"),
            SqliteEnd(folder / "copy.db"),
        )
