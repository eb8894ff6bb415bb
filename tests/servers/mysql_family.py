"""What MySQL and MariaDB share: users, settings, and how statements are run."""

import contextlib
import socket
import ssl
from abc import abstractmethod
from functools import cache
from typing import Any, ClassVar

import pymysql
from pymysql.constants import CLIENT

from servers.server import HOST, PASSWORD, Row, Server

USERS = f"""
CREATE USER 'ferry'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL PRIVILEGES ON *.* TO 'ferry'@'%' WITH GRANT OPTION;
CREATE USER 'tlsonly'@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL;
CREATE USER 'certuser'@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE X509;
"""

# Commits survive SIGKILL (they reach the system's cache); only a power cut would lose them.
SETTINGS = {
    "bind-address": HOST,
    "skip-name-resolve": "ON",
    "server-id": "1",
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "binlog-row-image": "FULL",
    "binlog-row-metadata": "FULL",
    "sync-binlog": "0",
    "innodb-flush-log-at-trx-commit": "2",
    "innodb-flush-method": "nosync",
    "innodb-doublewrite": "OFF",
    "innodb-buffer-pool-size": "128M",
    "character-set-server": "utf8mb4",
    "default-time-zone": "+00:00",
    "local-infile": "1",
    "secure-file-priv": "",
    "max-connections": "150",
    "max-allowed-packet": "64M",
}


class MysqlFamilyServer(Server):
    """A server that speaks MySQL's protocol."""

    default_port: ClassVar[int] = 3306

    @abstractmethod
    def _settings(self) -> dict[str, str]:
        """The settings that only this flavour has."""

    @property
    def socket(self) -> str:
        """The path of the unix socket."""
        return str(self.folder / "socket")

    def _options(self) -> list[str]:
        settings = {
            **SETTINGS,
            "port": str(self.port),
            "socket": self.socket,
            "pid-file": str(self.folder / "pid"),
            "tmpdir": str(self.folder),
            "ssl-ca": str(self.ca),
            "ssl-cert": str(self.certificates.server_cert),
            "ssl-key": str(self.certificates.server_key),
            **self._settings(),
        }
        return [f"--{name}={value}" for name, value in settings.items()]

    def _ready(self) -> bool:
        # PyMySQL leaks its socket when nobody listens, so ask without it first.
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(self.socket) != 0:
                return False
        try:
            self._as_owner().close()
        except pymysql.OperationalError:
            return False
        return True

    def _create_users(self) -> None:
        with contextlib.closing(self._as_owner()) as owner:
            _run(owner, USERS)

    def _as_owner(self) -> pymysql.Connection:  # type: ignore[type-arg]
        flags = CLIENT.MULTI_STATEMENTS
        place = {"unix_socket": self.socket, "user": "root", "ssl_disabled": True}
        return pymysql.connect(**place, client_flag=flags)

    def connect(self, database: str, **options: Any) -> pymysql.Connection:  # type: ignore[type-arg]
        """An autocommit connection of PyMySQL; `options` override user, password and the rest."""
        defaults: dict[str, Any] = {"user": self.user, "password": self.password}
        defaults |= {"host": self.host, "port": self.port, "database": database or None}
        defaults |= {"charset": "utf8mb4", "autocommit": True, "local_infile": True}
        defaults |= {"client_flag": CLIENT.MULTI_STATEMENTS, "ssl": _tls()}
        return pymysql.connect(**{**defaults, **options})

    def sql(self, database: str, text: str) -> list[Row]:
        with contextlib.closing(self.connect(database)) as connection:
            return _run(connection, text)

    def create_database(self, name: str) -> None:
        self.sql("", f"CREATE DATABASE {_quote(name)} CHARACTER SET utf8mb4")

    def drop_database(self, name: str) -> None:
        # An open transaction in the database would keep DROP waiting.
        users = "SELECT id FROM information_schema.processlist WHERE db = %s"
        with contextlib.closing(self.connect("")) as connection, connection.cursor() as cursor:
            cursor.execute(users, (name,))
            for (number,) in cursor.fetchall():
                with contextlib.suppress(pymysql.OperationalError):
                    cursor.execute(f"KILL {number}")
            cursor.execute(f"DROP DATABASE IF EXISTS {_quote(name)}")


@cache
def _tls() -> ssl.SSLContext:
    """Made once: PyMySQL would read all the system's certificates for each connection, to check none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _run(connection: pymysql.Connection, text: str) -> list[Row]:  # type: ignore[type-arg]
    rows: list[Row] = []
    with connection.cursor() as cursor:
        cursor.execute(text)
        while True:
            if cursor.description is not None:
                rows = list(cursor.fetchall())
            if not cursor.nextset():
                return rows


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
