"""A private MySQL 9, unpacked into the cache with all libraries it needs."""

import os
from collections.abc import Sequence
from pathlib import Path

from servers.mysql_family import MysqlFamilyServer
from servers.server import cached, missing


class MysqlServer(MysqlFamilyServer):
    """MySQL with caching_sha2_password, global transaction ids and a compressed binary log."""

    scheme = "mysql"

    @property
    def binary_folder(self) -> Path:
        return self._root / "sbin"

    @property
    def _root(self) -> Path:
        root = cached("mysql-")
        if root is None:
            raise missing("MySQL")
        return root / "usr"

    def _initialize(self) -> None:
        self._run([*self._mysqld(), "--initialize-insecure", "--skip-log-bin"])

    def _command(self) -> Sequence[str]:
        return [*self._mysqld(), *self._options()]

    def _mysqld(self) -> list[str]:
        """The server through its own loader: its C library is newer than the system's."""
        root = self._root
        libraries = next(root.glob("lib/*-linux-gnu"))
        loader = next(libraries.glob("ld-linux-*.so.*"))
        user = ["--user=root"] if os.geteuid() == 0 else []
        return [
            *(str(loader), "--library-path", str(libraries), str(root / "sbin" / "mysqld")),
            *("--no-defaults", f"--basedir={root}", f"--datadir={self.data}", *user),
            f"--lc-messages-dir={root / 'share' / 'mysql'}",
            f"--character-sets-dir={root / 'share' / 'mysql' / 'charsets'}",
            f"--plugin-dir={root / 'lib' / 'mysql' / 'plugin'}",
            *("--secure-file-priv=", "--innodb-flush-method=nosync", "--innodb-doublewrite=OFF"),
        ]

    def _settings(self) -> dict[str, str]:
        return {
            "mysqlx": "0",
            "gtid-mode": "ON",
            "enforce-gtid-consistency": "ON",
            "binlog-transaction-compression": "ON",
        }
