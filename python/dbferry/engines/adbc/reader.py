"""One table or query behind a driver, as a stream that can be asked for at any time.

Each consumer has a session of its own. It belongs to the stream and ends with it: the stream is often all that
is left of what `read` gave.
"""

from __future__ import annotations

import json
import weakref

from dbferry import _native
from dbferry.engines.adbc.session import AdbcSession
from dbferry.errors import DbferryError
from dbferry.urls import Endpoint


class Opened:
    """A session that lives as long as somebody reads from it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.session = AdbcSession(endpoint, "source")

    def open(self, table: str) -> object:
        return self.session.open(table)

    def __del__(self) -> None:
        if hasattr(self, "session"):
            self.session.close()


class AdbcReader:
    """As the native `TableReader`."""

    def __init__(self, endpoint: Endpoint, sizes: str, table: str) -> None:
        self._endpoint = endpoint
        self._sizes = json.dumps({**json.loads(sizes), "workers": 1})
        self._table = table
        # It connects when it is read, and this one never is.
        self._told = _native.table_reader(json.dumps({"engine": "adbc"}), self._sizes, table)
        self._opened: weakref.ref[Opened] | None = None
        self._stream: _native.ArrowStream | None = None

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        opened = Opened(self._endpoint)
        snapshot = _native.open_streams(opened.open, self._sizes, engine="adbc")
        self._opened, self._stream = weakref.ref(opened), snapshot.stream(self._table)
        return self._stream.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._told.__arrow_c_schema__()

    def close(self) -> None:
        opened = self._opened() if self._opened is not None else None
        if opened is not None:
            opened.session.cancel()

    def progress(self) -> tuple[int, int, int, int]:
        return self._stream.progress() if self._stream is not None else (0, 0, 0, 0)

    def check(self) -> None:
        if self._stream is None:
            return
        try:
            self._stream.check()
        except DbferryError as error:
            error.engine = error.engine or "adbc"
            raise

    def losses(self) -> list[tuple[str, str, str, int]]:
        return self._stream.losses() if self._stream is not None else []
