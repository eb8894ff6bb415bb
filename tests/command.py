"""The installed `dbferry` command, run as a user runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from servers.database import Database
from servers.server import PASSWORD
from warm import COMMAND, Forked

BINARY = Path(sys.executable).with_name("dbferry")
# Settings of the user's own that would decide where a connection goes.
OWN = ("PG", "MYSQL", "MARIADB", "DBFERRY", "COLUMNS", "FORCE_COLOR", "NO_COLOR")


@dataclass(frozen=True)
class Result:
    """What the command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON, all of it."""
        return json.loads(self.out)

    def tables(self) -> dict[str, dict[str, Any]]:
        """The tables of a `--json` report, by their name in the source without its schema."""
        return {table["source"].rpartition(".")[2]: table for table in self.json["tables"]}


class Command:
    """Runs `dbferry` in a home of its own; no output may hold a password or a traceback."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        code: str = COMMAND,
    ) -> Result:
        return self.finish(self.start(*args, env=env, prefix=prefix, code=code))

    def start(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        code: str = COMMAND,
    ) -> "subprocess.Popen[str]":
        """The command while it runs; end it with `finish`.

        One without a prefix is forked from a warm process; `code` is what then runs in its place.
        """
        if not prefix:
            return Forked([str(BINARY), *args], self.environment(env or {}), self.home, code)
        return subprocess.Popen(
            [*prefix, str(BINARY), *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=self.environment(env or {}),
            cwd=self.home,
        )

    def finish(self, process: "subprocess.Popen[str]", timeout: float = 120) -> Result:
        """Waits for the end; what takes longer is killed and fails the test."""
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"still running after {timeout} s\n{out}\n{err}") from None
        for secret in (PASSWORD, quote(PASSWORD, safe="")):
            assert secret not in out + err, "the output holds a password"
        assert "Traceback" not in err, err
        assert "panicked" not in err, err
        return Result(process.returncode, out, err)

    def migrate(
        self, source: Database | str, target: Database | str, *options: str, **more: Any
    ) -> Result:
        """`dbferry migrate` between two databases or URLs."""
        urls = [end if isinstance(end, str) else end.url for end in (source, target)]
        return self("migrate", *urls, *options, **more)

    def environment(self, changes: Mapping[str, str]) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(OWN)}
        return {**kept, "HOME": str(self.home), "COLUMNS": "200", **changes}


def interrupt(process: "subprocess.Popen[str]") -> None:
    """What a terminal sends for Ctrl-C."""
    process.send_signal(signal.SIGINT)


def moved(result: Result) -> Result:
    """The result of a run that must have gone well."""
    assert result.code == 0, f"exit {result.code}\n{result.out}\n{result.err}"
    return result


def refused(result: Result, code: int, *facts: str) -> Result:
    """The result of a run that must have ended with this code, and have said these facts."""
    said = f"exit {result.code}\n{result.out}\n{result.err}"
    assert result.code == code, said
    assert result.err.startswith("error: ") or "\nerror: " in result.err, said
    for fact in facts:
        assert fact in result.err, f"`{fact}` was not said:\n{said}"
    return result
