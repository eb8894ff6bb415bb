"""Sessions for plain SQL on either side, whatever the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from dbferry import _native
from dbferry.errors import DbferryError
from dbferry.urls import Endpoint

Row = tuple[str | None, ...]


class OpenSession(Protocol):
    """A session that is open: text in, text out."""

    @property
    def version(self) -> str: ...
    def query(self, sql: str) -> list[Row]: ...
    def execute(self, sql: str) -> None: ...


@contextmanager
def open_session(endpoint: Endpoint, *, side: str) -> Iterator[OpenSession]:
    """Opens a session and closes it; errors name the side."""
    session: _native.Session
    try:
        if endpoint.engine == "duckdb":
            from dbferry.engines.duckdb.session import DuckdbSession

            session = DuckdbSession(endpoint)  # type: ignore[assignment]
        else:
            session = _native.connect(json.dumps(endpoint.native()), side)
    except DbferryError as error:
        error.side = error.side or side
        raise
    try:
        yield session
    except DbferryError as error:
        error.engine = error.engine or endpoint.engine
        error.side = error.side or side
        raise
    finally:
        session.close()
