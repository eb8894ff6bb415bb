"""Sessions for plain SQL on either side, whatever the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from dbferry import _native
from dbferry.engines.duckdb.session import DuckdbSession
from dbferry.urls import Endpoint

Row = tuple[str | None, ...]


class OpenSession(Protocol):
    """A session that is open: text in, text out."""

    @property
    def version(self) -> str: ...
    def query(self, sql: str) -> list[Row]: ...
    def describe(self, sql: str) -> str: ...
    def execute(self, sql: str) -> None: ...
    def cancel(self) -> None:
        """Ends what it is doing, from any thread."""


@contextmanager
def open_session(endpoint: Endpoint, *, side: str) -> Iterator[OpenSession]:
    """Opens a session and closes it; its errors name engine and side."""
    session: _native.Session | DuckdbSession
    if endpoint.engine == "duckdb":
        session = DuckdbSession(endpoint)
    else:
        session = _native.connect(json.dumps(endpoint.native()), side)
    try:
        yield session
    finally:
        session.close()


@contextmanager
def lend(session: OpenSession) -> Iterator[OpenSession]:
    """A session that stays open afterwards."""
    yield session
