"""A private MariaDB from the system's packages."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from servers.mysql_family import MysqlFamilyServer
from servers.server import missing

SEARCH = os.pathsep.join(["/usr/sbin", "/usr/bin", os.environ.get("PATH", "")])


class MariadbServer(MysqlFamilyServer):
    """MariaDB with the binary log in rows and global transaction ids."""

    scheme = "mariadb"

    @property
    def binary_folder(self) -> Path:
        return Path(_binary("mariadbd")).parent

    def _initialize(self) -> None:
        install = [_binary("mariadb-install-db"), "--no-defaults", f"--datadir={self.data}"]
        install += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        self._run([*install, "--innodb-flush-method=nosync", *self._user()])

    def _command(self) -> Sequence[str]:
        return [_binary("mariadbd"), "--no-defaults", *self._user(), *self._options()]

    def _settings(self) -> dict[str, str]:
        return {
            "datadir": str(self.data),
            "gtid-strict-mode": "ON",
            "log-slave-updates": "ON",
        }

    def _user(self) -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []


def _binary(name: str) -> str:
    found = shutil.which(name, path=SEARCH)
    if found is None:
        raise missing(f"MariaDB (`{name}`)")
    return found
