"""A DuckDB file, through DuckDB's own Python package."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dbferry.engines.duckdb.ddl import quote
from dbferry.errors import DbferryError, from_fields
from dbferry.urls import Endpoint

if TYPE_CHECKING:
    from dbferry._native import ArrowStream
    from dbferry.items import TableItem


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
        duckdb.CatalogException: "missing",
        duckdb.InterruptException: "cancelled",
        duckdb.OutOfMemoryException: "space",
    }
    kind = next((kind for cls, kind in kinds.items() if isinstance(error, cls)), "unsupported")
    # A full disk has no class of its own: it comes as an error of input, of a commit or as a fatal one.
    if any(words in str(error) for words in ("No space left", "disk is full", "disk full")):
        kind = "space"
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
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

    def __init__(self, endpoint: Endpoint) -> None:
        duckdb = _duckdb()
        try:
            self.connection = duckdb.connect(endpoint.path or ":memory:")
            self.connection.execute("SET TimeZone = 'UTC'")
        except duckdb.Error as error:
            raise translate(error) from None
        self.version = str(duckdb.__version__)

    def query(self, sql: str) -> list[tuple[str | None, ...]]:
        import duckdb

        try:
            rows = self.connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise translate(error) from None
        return [tuple(None if value is None else str(value) for value in row) for row in rows]

    def describe(self, sql: str) -> str:
        raise from_fields(
            {"kind": "request", "engine": "duckdb", "message": "duckdb can't be a source yet"}
        )

    def execute(self, sql: str) -> None:
        self.query(sql)

    def insert(self, stream: ArrowStream, table: TableItem) -> None:
        """One table's rows, by one statement."""
        import duckdb
        import pyarrow as pa

        names = ", ".join(quote(column.target) for column in table.columns)
        self.connection.register("dbferry_stream", pa.RecordBatchReader.from_stream(stream))
        try:
            self.connection.execute(
                f"INSERT INTO {table.target} ({names}) SELECT * FROM dbferry_stream"
            )
        except duckdb.Error as error:
            raise translate(error) from None
        finally:
            # Not possible in a transaction that has failed; the next stream takes the name over.
            with suppress(duckdb.Error):
                self.connection.unregister("dbferry_stream")

    transacts = True

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
