"""The file that holds a task in SQLite: whoever waits for one that is removed doesn't hold it."""

import fcntl
from pathlib import Path
from typing import Any

import pytest

from dbferry.engines.sqlite import ledger
from dbferry.ledger.room import Room
from dbferry.sessions import OpenSession
from dbferry.urls import parse


def test_a_file_that_was_removed_before_it_was_locked_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = parse(f"sqlite:///{tmp_path}/t.db")
    session: OpenSession = object()  # type: ignore[assignment]
    first: Room = ledger.SqliteLedger()
    second: Room = ledger.SqliteLedger()
    third: Room = ledger.SqliteLedger()
    assert first.claim(session, target, "task")
    flock, released = fcntl.flock, []

    def late(file: Any, how: int) -> None:
        if not released:
            # The first lets go between the second's opening of the file and its lock.
            released.append(True)
            first.release()
        flock(file, how)

    monkeypatch.setattr(ledger.fcntl, "flock", late)
    assert second.claim(session, target, "task")
    assert not third.claim(session, target, "task")
    second.release()
    assert not list(tmp_path.iterdir())
