"""Ctrl-C and SIGTERM while the command still imports what it needs: its exit code and its message, and no traceback."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from command import Command, refused
from servers.server import wait_until


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_modules_are_imported_ends_the_command(
    dbferry: Command, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "dbferry", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dbferry.environment({}),
    )
    maps = Path(f"/proc/{process.pid}/maps")
    wait_until(lambda: "pydantic_core" in maps.read_text(), "the first of many imports")
    process.send_signal(number)
    refused(dbferry.finish(process), 130, "error: interrupted")
