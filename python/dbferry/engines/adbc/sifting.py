"""Rows into a transaction that a part of them may fail: each block stands under a savepoint.

Not every driver bears that. PostgreSQL's begins a transaction of its own after a COPY that has failed, unless it
knows of none: so the transaction is begun by a statement there. Which way a driver goes is tried, and not believed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dbferry.engines.adbc.ddl import quote
from dbferry.errors import ConstraintError, DbferryError, Interrupted
from dbferry.sessions import transaction

if TYPE_CHECKING:
    from dbferry.engines.adbc.session import AdbcSession
    from dbferry.items import TableItem

SAVEPOINT = "SAVEPOINT dbferry"
RELEASE = "RELEASE SAVEPOINT dbferry"
ROLLBACK = "ROLLBACK TO SAVEPOINT dbferry"


@contextmanager
def sifting(session: AdbcSession, table: TableItem) -> Iterator[Sifting]:
    """The transaction, which is committed at the end."""
    with transaction(session, session.begin_sifting):
        yield Sifting(session, table)


class Sifting:
    """Takes the rows of a table, some at a time."""

    def __init__(self, session: AdbcSession, table: TableItem) -> None:
        self._session, self._table = session, table
        self._make = table.action in ("create", "drop")
        self._cancelled = False

    def attempt(self, stream: object) -> None:
        if self._cancelled:
            raise Interrupted("the run was interrupted")
        place = self._table.destination
        mode = "create" if self._make else "append"
        ingest(self._session, stream, schema=place.schema, table=place.name, mode=mode)
        self._make = False

    def execute(self, sql: str) -> None:
        self._session.execute(sql)

    def cancel(self) -> None:
        self._cancelled = True
        self._session.cancel()


def ingest(
    session: AdbcSession, stream: object, *, schema: str | None, table: str, mode: str
) -> None:
    """Rows into a table; after an error of one of them all is as it was before."""
    session.execute(SAVEPOINT)
    try:
        session.ingest(stream, schema=schema, table=table, mode=mode)
    except DbferryError as error:
        if error.of_row:
            session.execute(ROLLBACK)
            session.execute(RELEASE)
        raise
    session.execute(RELEASE)


def keeps_savepoints(session: AdbcSession, begin: Callable[[], None]) -> bool:
    """Whether rows that are refused leave the others in a transaction that is begun so."""
    import pyarrow as pa

    table = f"dbferry_trial_{uuid.uuid4().hex[:8]}"

    def put(value: int | None) -> None:
        ingest(
            session,
            pa.table({"v": pa.array([value], pa.int64())}),
            schema=None,
            table=table,
            mode="append",
        )

    begun = False
    try:
        begin()
        session.execute(f"CREATE TABLE {quote(table)} (v bigint NOT NULL)")
        put(1)
        begun = True
        with suppress(ConstraintError):
            put(None)
        put(2)
        kept = session.query(f"SELECT count(*) FROM {quote(table)}") == [("2",)]
    except DbferryError as error:
        # Until then it is a lock, a lost session or a right that is lacking; afterwards a driver calls its own confusion so.
        if not begun and error.kind != "unsupported":
            raise
        kept = False
    finally:
        with suppress(DbferryError):
            session.rollback()
        committed = _dropped(session, table)
    return kept and not committed


def _dropped(session: AdbcSession, table: str) -> bool:
    """True when it was there: a driver has committed by itself."""
    try:
        session.execute(f"DROP TABLE {quote(table)}")
    except DbferryError:
        return False
    return True
