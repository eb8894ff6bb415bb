"""A private PostgreSQL: TLS, logical decoding, one user per way to log in."""

import os
import pwd
import re
import shutil
import signal
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from servers.server import HOST, PASSWORD, Row, Server, cached, missing, wait_until

ACCESS = """\
local     all          postgres                trust
local     replication  postgres                trust
local     all          all                     scram-sha-256
hostssl   all          certuser  127.0.0.1/32  cert
host      all          certuser  127.0.0.1/32  reject
hostnossl all          tlsonly   127.0.0.1/32  reject
host      all          md5user   127.0.0.1/32  md5
host      all          all       127.0.0.1/32  scram-sha-256
host      replication  all       127.0.0.1/32  scram-sha-256
"""

USERS = f"""
CREATE ROLE ferry LOGIN SUPERUSER PASSWORD '{PASSWORD}';
CREATE ROLE tlsonly LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE certuser LOGIN;
SET password_encryption = 'md5';
CREATE ROLE md5user LOGIN PASSWORD '{PASSWORD}';
"""

# Commits survive SIGKILL (they reach the system's cache); only a power cut would lose them.
SETTINGS = {
    "listen_addresses": HOST,
    "wal_level": "logical",
    "max_wal_senders": "30",
    "max_replication_slots": "30",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "fsync": "off",
    "full_page_writes": "off",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "ssl": "on",
}

PLAIN = {"sslmode": "allow"}
"""Without TLS where the server lets us: what only looks after databases needs none."""


class PostgresServer(Server):
    """PostgreSQL; `version` or DBFERRY_TEST_POSTGRES_VERSION names a cached major version.

    The system's newest without either.
    """

    scheme = "postgresql"
    default_port: ClassVar[int] = 5432
    # Immediate shutdown: quick, and the shared memory is given back.
    death_signal = signal.SIGQUIT
    stop_signal = signal.SIGINT

    def __init__(
        self, *args: str, version: str | None = None, admin_url: str | None = None
    ) -> None:
        super().__init__(*args, admin_url=admin_url)
        self.version = version or os.environ.get("DBFERRY_TEST_POSTGRES_VERSION")
        self.admin_database = self.admin_database or "postgres"

    @cached_property
    def _installation(self) -> Path:
        if self.version is not None:
            root = cached(f"postgres-{self.version}.")
        else:
            found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
            root = max((path.parent.parent for path in found), key=_major, default=None)
        if root is None:
            raise missing(f"PostgreSQL {self.version or ''}".strip())
        return root

    @property
    def binary_folder(self) -> Path:
        copy = self._folder / "postgres" if self._folder is not None else None
        root = copy if copy is not None and copy.exists() else self._installation
        return root / "bin"

    def known(self, text: str) -> str:
        """Statements without what only PostgreSQL 15 and newer ones know."""
        [(number,)] = self.sql(self.admin_database, "SHOW server_version_num")
        if int(number) >= 150000:
            return text
        return re.sub(
            r" NULLS NOT DISTINCT|(?<=SET NULL) \(\w+\)|(?<=SET DEFAULT) \(\w+\)", "", text
        )

    def tool(self, name: str) -> str:
        """`pg_dump` or `psql`, as new as the server or newer."""
        own = self.binary_folder / name
        root = self.binary_folder.parent if own.exists() else cached("postgres-client-")
        if root is None:
            raise missing(f"{name} of PostgreSQL")
        return str(next(path for path in root.glob(f"**/bin/{name}")))

    def _initialize(self) -> None:
        if self.version is not None and self._account() is not None:
            # The cache lies in root's home, where the server's user cannot look.
            shutil.copytree(self._installation, self.folder / "postgres", symlinks=True)
        initdb = [str(self.binary_folder / "initdb"), "-D", str(self.data), "-U", "postgres"]
        self._run([*initdb, "-N", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])
        (self.data / "pg_hba.conf").write_text(ACCESS)

    def _command(self) -> Sequence[str]:
        settings = {
            **SETTINGS,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "ssl_ca_file": str(self.ca),
            "ssl_cert_file": str(self.certificates.server_cert),
            "ssl_key_file": str(self.certificates.server_key),
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self.binary_folder / "postgres"), "-D", str(self.data), *options]

    def _ready(self) -> bool:
        try:
            self._as_owner("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _create_users(self) -> None:
        self._as_owner(USERS)

    def _as_owner(self, text: str) -> None:
        place = {"host": str(self.folder), "port": self.port, "user": "postgres"}
        with psycopg.connect(dbname="postgres", autocommit=True, **place) as connection:
            connection.execute(text.encode())

    def stop_at_once(self) -> None:
        """An immediate shutdown, as `pg_ctl stop -m immediate`: the next start has to recover."""
        self._own("stop")
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.process = None

    def _end(self) -> None:
        self.stop_at_once()

    def _environment(self) -> dict[str, str]:
        environment = super()._environment()
        if self.version is not None:
            environment["LD_LIBRARY_PATH"] = str(self.binary_folder.parent / "lib")
        return environment

    def _account(self) -> pwd.struct_passwd | None:
        if os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam("postgres")
        except KeyError:
            raise missing("the system user `postgres`") from None

    def connect(self, database: str, **options: Any) -> psycopg.Connection:
        """An autocommit connection of psycopg; `options` override user, password and the rest."""
        defaults = {"user": self.user, "password": self.password, "autocommit": True}
        place = {"host": self.host, "port": self.port, "dbname": database}
        return psycopg.connect(**{**defaults, **place, **options})

    def sql(self, database: str, text: str) -> list[Row]:
        rows: list[Row] = []
        with self.connect(database, **PLAIN) as connection, connection.cursor() as cursor:
            cursor.execute(text.encode())
            while True:
                if cursor.description is not None:
                    rows = cursor.fetchall()
                if not cursor.nextset():
                    return rows

    def create_database(self, name: str) -> None:
        create = SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name))
        with self.connect(self.admin_database, **PLAIN) as connection:
            # Files are copied in a fraction of the time; older versions know no other way.
            copy = " STRATEGY FILE_COPY" if connection.info.server_version >= 150000 else ""
            connection.execute(create + SQL(copy))

    def drop_database(self, name: str) -> None:
        with self.connect(self.admin_database, **PLAIN) as connection:
            gone = f"end of the slots of database `{name}`"
            wait_until(lambda: _drop_slots(connection, name), gone)
            ends = SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}")
            # PostgreSQL 12 can't do both at once; either waits some seconds for the last session.
            connection.execute(ends.format(Literal(name)))
            connection.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(name)))


def _drop_slots(connection: psycopg.Connection, database: str) -> bool:
    """Drop the free replication slots, end who holds the others; whether none is left."""
    slots = SQL("FROM pg_replication_slots WHERE database = {}").format(Literal(database))
    connection.execute(SQL("SELECT pg_terminate_backend(active_pid) ") + slots + SQL(" AND active"))
    connection.execute(
        SQL("SELECT pg_drop_replication_slot(slot_name) ") + slots + SQL(" AND NOT active")
    )
    return connection.execute(SQL("SELECT count(*) ") + slots).fetchall() == [(0,)]


def _major(path: Path) -> float:
    return float(path.name)
