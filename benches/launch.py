"""Runs a command line as a process of its own and tells what it cost."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# A tool that hangs is ended after this time and has failed.
LONGEST_SECONDS = 1800


def launch(
    command: str, folder: Path, environment: dict[str, str] | None = None
) -> tuple[dict[str, Any], str]:
    """The figures of `measure.py`, without any when the command had to be ended; and what it printed."""
    figures, log = folder / "figures.json", folder / "log"
    figures.unlink(missing_ok=True)
    measure = Path(__file__).with_name("measure.py")
    with log.open("wb") as output:
        subprocess.run(
            [
                *("timeout", "--kill-after=5", str(LONGEST_SECONDS)),
                *(sys.executable, "-IS", str(measure), str(figures), "--"),
                *("bash", "-o", "pipefail", "-c", command),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            check=False,
        )
    printed = log.read_text(errors="replace")
    return (json.loads(figures.read_text()) if figures.exists() else {}), printed
