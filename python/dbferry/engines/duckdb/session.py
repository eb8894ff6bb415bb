"""A DuckDB file, through DuckDB's own Python package."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dbferry.engines.duckdb.ddl import quote
from dbferry.errors import DbferryError, from_fields
from dbferry.urls import Endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from dbferry.items import TableItem
    from dbferry.sessions import Taker

VALUE = re.compile(
    r"""(key |string |value |format: |Input: )(".*"|'.*'(?= to )|[-+]?(\d|inf|nan)\S*)""", re.DOTALL
)
"""A value of a row, which no message may tell; of a text that looks like a message, the most."""


def _duckdb() -> Any:
    try:
        import duckdb
        import pyarrow as pa
    except ImportError as error:
        raise from_fields(
            {
                "kind": "request",
                "message": f"the Python package `{error.name}` is needed for duckdb:// URLs",
                "hint": "pip install 'dbferry[duckdb]'",
            }
        ) from None
    del pa
    return duckdb


def translate(error: Exception) -> DbferryError:
    """DuckDB's exception as ours; its class decides the kind."""
    duckdb = _duckdb()
    kinds = {
        duckdb.IOException: "missing",
        duckdb.ConstraintException: "constraint",
        duckdb.ConversionException: "data",
        duckdb.OutOfRangeException: "data",
        duckdb.CatalogException: "missing",
        duckdb.InterruptException: "cancelled",
        duckdb.OutOfMemoryException: "space",
    }
    kind = next((kind for cls, kind in kinds.items() if isinstance(error, cls)), "unsupported")
    # A full disk has no class of its own: it comes as an error of input, of a commit or as a fatal one.
    if any(words in str(error) for words in ("No space left", "disk is full", "disk full")):
        kind = "space"
    told = VALUE.sub(r"\1...", str(error)) if kind in ("data", "constraint") else str(error)
    text = told.splitlines()[0] if told else type(error).__name__
    message = text.split(": ", 1)[-1]
    return from_fields(
        {
            "kind": kind,
            "engine": "duckdb",
            "side": "target",
            "message": message[:1].lower() + message[1:],
        }
    )


class DuckdbSession:
    """Plain SQL on a DuckDB file; `connection` is what rows are loaded through."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.execute("SET TimeZone = 'UTC'")
        self.version = str(_duckdb().__version__)

    @classmethod
    def open(cls, endpoint: Endpoint) -> DuckdbSession:
        duckdb = _duckdb()
        try:
            return cls(duckdb.connect(endpoint.path or ":memory:"))
        except duckdb.Error as error:
            raise translate(error) from None

    def beside(self) -> DuckdbSession:
        """A second session on the same file, with transactions of its own."""
        return DuckdbSession(self.connection.cursor())

    def query(self, sql: str) -> list[tuple[str | None, ...]]:
        rows = self.values(sql)
        return [tuple(None if value is None else str(value) for value in row) for row in rows]

    def values(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query as Python has them."""
        import duckdb

        try:
            rows: list[tuple[Any, ...]] = self.connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise translate(error) from None
        return rows

    def describe(self, sql: str) -> str:
        raise from_fields(
            {"kind": "request", "engine": "duckdb", "message": "duckdb can't be a source yet"}
        )

    def execute(self, sql: str) -> None:
        self.query(sql)

    def insert(self, stream: object, table: TableItem) -> None:
        """One table's rows, by one statement."""
        self.fill(stream, table.target, [column.target for column in table.columns])

    def fill(self, stream: object, relation: str, columns: Sequence[str]) -> None:
        """Some columns of a stream into those of a relation that have their names."""
        import duckdb
        import pyarrow as pa

        names = ", ".join(map(quote, columns))
        self.connection.register("dbferry_stream", pa.RecordBatchReader.from_stream(stream))
        try:
            self.connection.execute(
                f"INSERT INTO {relation} ({names}) SELECT {names} FROM dbferry_stream"
            )
        except duckdb.Error as error:
            raise translate(error) from None
        finally:
            # Not possible in a transaction that has failed; the next stream takes the name over.
            with suppress(duckdb.Error):
                self.connection.unregister("dbferry_stream")

    transacts = True

    def sifts(self) -> bool:
        return True

    def sifting(self, table: TableItem) -> AbstractContextManager[Taker]:
        from dbferry.engines.duckdb.sifting import sifting

        return sifting(self, table)

    def begin(self) -> None:
        self.execute("BEGIN TRANSACTION")

    def commit(self) -> None:
        self.execute("COMMIT")

    def rollback(self) -> None:
        self.execute("ROLLBACK")

    def cancel(self) -> None:
        """Stops what runs, from another thread."""
        self.connection.interrupt()

    def close(self) -> None:
        self.connection.close()
