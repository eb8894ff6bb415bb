"""The command under test, and what its tests need beside the servers."""

from pathlib import Path

import pytest

from command import Command


@pytest.fixture
def dbferry(tmp_path: Path) -> Command:
    """The command, with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    return Command(home)
