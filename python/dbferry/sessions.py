"""Sessions for plain SQL on either side, whatever the engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from dbferry import _native
from dbferry.errors import DbferryError, RequestError
from dbferry.urls import Endpoint

if TYPE_CHECKING:
    from dbferry.engines.adbc.session import AdbcSession
    from dbferry.engines.duckdb.session import DuckdbSession
    from dbferry.items import TableItem

T = TypeVar("T")
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


class Taker(Protocol):
    """What takes the rows of a table inside a transaction, block by block."""

    def attempt(self, stream: object) -> None:
        """Writes rows; after an error of one of them all is as it was before."""

    def execute(self, sql: str) -> None:
        """Runs a statement in the same transaction."""

    def cancel(self) -> None:
        """Ends what it is doing, from any thread."""


@runtime_checkable
class TakesStreams(OpenSession, Protocol):
    """A target whose own library writes Arrow streams into tables."""

    def insert(self, stream: object, table: TableItem) -> None:
        """All rows of a table, or none; makes the table if no statement of the plan did."""

    @property
    def transacts(self) -> bool:
        """True when it keeps transactions."""

    def sifts(self) -> bool:
        """True when a part of what a transaction has written can be refused and the rest of it kept; may try it."""

    def begin(self) -> None:
        """Opens a transaction for what follows, inserts among it."""

    def sifting(self, table: TableItem) -> AbstractContextManager[Taker]:
        """A transaction that takes a table's rows and is committed at its end; makes the table as `insert` does."""

    def commit(self) -> None: ...
    def rollback(self) -> None: ...


@runtime_checkable
class GivesStreams(OpenSession, Protocol):
    """A source whose own library reads tables as Arrow streams."""

    def open(self, table: str) -> object:
        """A table of the plan (JSON) as an Arrow stream."""

    def count(self, table: str) -> int: ...


class Reader(Protocol):
    """A table or a query that is read anew by each consumer of the Arrow C stream interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...
    def close(self) -> None: ...
    def progress(self) -> tuple[int, int, int, int]: ...
    def check(self) -> None: ...
    def losses(self) -> list[tuple[str, str, str, int]]: ...


class Transacts(Protocol):
    """What can begin a transaction and end it."""

    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...


@contextmanager
def transaction(session: Transacts, begin: Callable[[], None] | None = None) -> Iterator[None]:
    """A transaction that is committed at its end; whatever fails, the commit too, leaves none open."""
    (begin or session.begin)()
    try:
        yield
        session.commit()
    except BaseException:
        with suppress(DbferryError):
            session.rollback()
        raise


def check_file(target: Endpoint) -> None:
    """Whoever wants what stands in a file makes none."""
    if target.path is not None and not Path(target.path).exists():
        raise RequestError(f"there is no file `{target.path}`", side="target", engine=target.engine)


@contextmanager
def open_session(
    endpoint: Endpoint, *, side: str, watch: Callable[[], None] | None = None
) -> Iterator[OpenSession]:
    """Opens a session and closes it; its errors name engine and side.

    `watch` is called about ten times a second while a server is waited for; what it raises ends the session.
    """
    session: _native.Session | DuckdbSession | AdbcSession
    if endpoint.engine == "duckdb":
        from dbferry.engines.duckdb.session import DuckdbSession

        session = DuckdbSession.open(endpoint)
    elif endpoint.engine == "adbc":
        from dbferry.engines.adbc.session import AdbcSession

        session = AdbcSession(endpoint, side)
    else:
        session = _native.connect(json.dumps(endpoint.native()), side, watch)
    try:
        yield session
    finally:
        session.close()


class Steady:
    """A session that is opened anew after it was lost: the call that has met the loss fails, the next one works."""

    def __init__(self, opens: Callable[[], AbstractContextManager[OpenSession]]) -> None:
        self._opens = opens
        self._stack = ExitStack()
        self._session: OpenSession | None = None
        self.version = self._open().version

    def _open(self) -> OpenSession:
        self._session = self._stack.enter_context(self._opens())
        return self._session

    def _call(self, work: Callable[[OpenSession], T]) -> T:
        try:
            return work(self._session or self._open())
        except DbferryError as error:
            if error.fatal:
                self._session = None
                self._stack.close()
            raise

    def query(self, sql: str) -> list[Row]:
        return self._call(lambda session: session.query(sql))

    def describe(self, sql: str) -> str:
        return self._call(lambda session: session.describe(sql))

    def execute(self, sql: str) -> None:
        self._call(lambda session: session.execute(sql))

    def cancel(self) -> None:
        # Another thread may lose it meanwhile.
        if (session := self._session) is not None:
            session.cancel()

    def close(self) -> None:
        self._stack.close()


@contextmanager
def open_steady(
    endpoint: Endpoint, *, side: str, watch: Callable[[], None] | None = None
) -> Iterator[OpenSession]:
    """A steady session where the engine has sessions of its own; else its library's."""
    if endpoint.engine in ("duckdb", "adbc"):
        with open_session(endpoint, side=side) as session:
            yield session
        return
    steady = Steady(partial(open_session, endpoint, side=side, watch=watch))
    try:
        yield steady
    finally:
        steady.close()


@contextmanager
def lend(session: OpenSession) -> Iterator[OpenSession]:
    """A session that stays open afterwards."""
    yield session


def open_snapshot(source: Endpoint, session: OpenSession, sizes: str) -> _native.Snapshot:
    """One consistent view of a source that a session is open on; `sizes` is JSON."""
    if isinstance(session, GivesStreams):
        # One connection reads one table at a time.
        sizes = json.dumps({**json.loads(sizes), "workers": 1})
        return _native.open_streams(session.open, sizes, count=session.count, engine=source.engine)
    return _native.open_snapshot(json.dumps(source.native()), sizes)


def open_reader(source: Endpoint, sizes: str, table: str, hint: str | None) -> Reader:
    """One table or query of a plan (JSON), to be read when somebody asks; `hint` helps where a value doesn't fit."""
    if source.engine == "adbc":
        from dbferry.engines.adbc.reader import AdbcReader

        return AdbcReader(source, sizes, table)
    return _native.table_reader(json.dumps(source.native()), sizes, table, hint)
