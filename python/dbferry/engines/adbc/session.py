"""A database behind an ADBC driver: plain SQL, Arrow streams out of queries and into tables.

All of it is one connection. As a source it is one transaction, begun with the connection, so that every
table is read as it was at one point in time where the database keeps that promise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property, partial
from importlib import import_module, util
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dbferry import _native
from dbferry.engines.adbc.ddl import quote
from dbferry.engines.adbc.errors import translate
from dbferry.engines.adbc.sifting import keeps_savepoints, sifting
from dbferry.errors import (
    DbferryError,
    MissingError,
    RequestError,
    UnsupportedError,
    from_fields,
)
from dbferry.sessions import transaction
from dbferry.urls import Endpoint

if TYPE_CHECKING:
    from dbferry.engines.adbc.place import Place
    from dbferry.items import TableItem
    from dbferry.sessions import Taker

T = TypeVar("T")

INGEST = "adbc.ingest."
ISOLATION = "adbc.connection.transaction.isolation_level"
STRICTEST = ("snapshot", "repeatable_read", "serializable")
"""One point in time, the cheapest first."""
INFERENCE_ROWS = 16_384
"""SQLite has no types but those of its values: the driver looks at so many rows to choose a column's."""


def manager() -> Any:
    """The driver manager, with pyarrow for the few rows that catalogs and probes ask for."""
    try:
        import adbc_driver_manager
        import pyarrow as pa
    except ImportError as error:
        raise RequestError(
            f"the Python package `{error.name}` is needed for adbc+ URLs",
            hint="pip install 'dbferry[adbc]'",
            engine="adbc",
        ) from None
    del pa
    return adbc_driver_manager


def library(place: Place) -> str:
    """The path given, else the driver's Python package, else a name that the driver manager looks for."""
    if place.library:
        return place.library
    package = f"adbc_driver_{place.name}"
    if util.find_spec(package) is None:
        return place.name
    driver = import_module(package)
    # How the driver manager asks those of its own project, and what DuckDB's offers.
    told = getattr(driver, "_driver_path", None) or getattr(driver, "driver_path", None)
    return str(told()) if told is not None else place.name


class AdbcSession:
    """One connection; `vendor` and `version` are what the database calls itself."""

    def __init__(self, endpoint: Endpoint, side: str) -> None:
        if endpoint.driver is None:
            raise RequestError("the URL names no ADBC driver", engine="adbc")
        self.side = side
        self.transactional = False
        """True in a transaction."""
        self._by_statement = False
        """True in one that the driver has not begun."""
        self._has_transacted = False
        self.point = False
        """True when all that is read is of one point in time."""
        self._place = endpoint.driver
        self._manager = manager()
        self._secrets = self._place.secrets()
        self._statements: list[Any] = []
        self._running: Any = None
        self._database = self._load(endpoint)
        self._connection = self._connect()
        told = {row["info_name"]: row["info_value"] for row in self._rows(self._information)}
        self.vendor = str(told.get(0) or self._place.name)
        self.version = str(told.get(1) or "unknown")
        self.driver = " ".join(
            str(told[code]) for code in (100, 101) if told.get(code, "unknown") != "unknown"
        )
        self._set_zone()
        if side == "source":
            self._begin_reading()

    def _load(self, endpoint: Endpoint) -> Any:
        self._check_file(endpoint.path)
        entry = self._place.entrypoint
        options = {
            **self._place.given(self.side, endpoint.path),
            **({"entrypoint": entry} if entry else {}),
        }
        try:
            return self._manager.AdbcDatabase(driver=library(self._place), **options)
        except self._manager.Error as error:
            if int(error.status_code) == 3:
                raise self._no_driver() from None
            raise self._no_connection(error) from None

    def _check_file(self, path: str | None) -> None:
        """The driver's own word for a file that isn't there is a lack of memory."""
        if path in (None, ":memory:"):
            return
        wanted = Path(path) if self.side == "source" else Path(path).parent
        if not wanted.exists():
            what = "file" if self.side == "source" else "folder"
            raise MissingError(
                f"no {what} `{wanted}`", engine="adbc", side=self.side,
                hint="a relative path follows three slashes, an absolute one four",
            )  # fmt: skip

    def _no_driver(self) -> DbferryError:
        name, path = self._place.name, self._place.library
        return RequestError(
            f"the ADBC driver `{path or name}` was not found",
            hint="check the path after driver="
            if path
            else f"pip install adbc-driver-{name}, or give its library as ?driver=/path/to/library",
            engine="adbc",
            side=self.side,
        )

    def _connect(self) -> Any:
        try:
            return self._manager.AdbcConnection(self._database)
        except self._manager.Error as error:
            raise self._no_connection(error) from None

    def _set_zone(self) -> None:
        if self.vendor == "PostgreSQL":
            self.execute("SET TIME ZONE 'UTC'")

    def _renew(self) -> None:
        """Another connection; what was open on the old one ends with it."""
        self._end_statements()
        # One that can't be replaced stays, and goes on to say that it is lost.
        old, self._connection = self._connection, self._connect()
        self._can(old.close)
        self._set_zone()

    def _no_connection(self, error: Exception) -> DbferryError:
        failure = self._translated(error)
        kind = "connect" if failure.kind == "lost" else failure.kind
        hint = "check the URL: what follows adbc+ is read by the driver"
        return from_fields({**failure.fields(), "kind": kind, "hint": failure.hint or hint})

    def _begin_reading(self) -> None:
        for level in STRICTEST:
            option = {ISOLATION: ISOLATION.replace("_level", f".{level}")}
            if self._can(partial(self._connection.set_options, **option)):
                self.point = True
                break
        self.begin()
        # SQLite reads one version of the file in any transaction.
        self.point = self.transactional and (self.point or self.vendor == "SQLite")

    @property
    def method(self) -> str:
        """How its tables are read, in the words of a plan."""
        return "one transaction" if self.point else "one connection"

    def _can(self, action: Callable[[], object]) -> bool:
        """Whether the driver does it."""
        try:
            action()
        except (self._manager.Error, DbferryError):
            return False
        return True

    def _translated(self, error: Exception) -> DbferryError:
        return translate(error, self._secrets, side=self.side)

    def _guarded(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except self._manager.Error as error:
            raise self._translated(error) from None

    def _information(self) -> Any:
        return self._connection.get_info()

    def _rows(self, stream: Callable[[], Any]) -> list[dict[str, Any]]:
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_stream(self._guarded(stream))
        try:
            rows: list[dict[str, Any]] = reader.read_all().to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise self._translated(error) from None
        return rows

    # --- plain SQL ---

    def query(self, sql: str) -> list[tuple[str | None, ...]]:
        with self._statement() as statement:
            statement.set_sql_query(sql)
            rows = self._rows(lambda: statement.execute_query()[0])
        return [tuple(None if v is None else str(v) for v in row.values()) for row in rows]

    def value(self, sql: str) -> Any:
        """The only value of a query, as Python has it."""
        with self._statement() as statement:
            statement.set_sql_query(sql)
            rows = self._rows(lambda: statement.execute_query()[0])
        return next(iter(rows[0].values()))

    def execute(self, sql: str) -> None:
        with self._statement() as statement:
            statement.set_sql_query(sql)
            statement.execute_update()

    @contextmanager
    def _statement(self) -> Iterator[Any]:
        statement = self._guarded(lambda: self._manager.AdbcStatement(self._connection))
        self._running = statement
        try:
            yield statement
        except self._manager.Error as error:
            raise self._translated(error) from None
        finally:
            self._running = None
            statement.close()

    # --- the catalog ---

    def objects(self, *, depth: str = "ALL", **only: str | None) -> list[dict[str, Any]]:
        """GetObjects; `only` names the `db_schema` or the `table_name` that it shall tell of."""
        level = self._manager.GetObjectsDepth[depth]
        return self._rows(lambda: self._connection.get_objects(level, **only))

    def option(self, name: str) -> str | None:
        """An option of the connection, where the driver has it."""
        try:
            return str(self._connection.get_option(name))
        except self._manager.Error:
            return None

    def describe(self, sql: str) -> str:
        """The columns of a query as JSON: what `_native.arrow_schema` tells of them, with the type that
        the database itself has `declared`, and its modifier, where the driver passes them on."""
        import pyarrow as pa

        with self._statement() as statement:
            statement.set_sql_query(sql)
            schema = None if self.vendor == "SQLite" else self._described(statement)
            if schema is None:
                self._tune(statement)
                reader = pa.RecordBatchReader.from_stream(statement.execute_query()[0])
                schema = reader.schema
                reader.close()
        schema = pa.schema(schema)
        fields = _native.arrow_schema(schema)
        for field, told in zip(fields, schema, strict=True):
            metadata = told.metadata or {}
            field["declared"] = metadata.get(b"POSTGRESQL:type", b"").decode()
            field["modifier"] = int(metadata.get(b"POSTGRESQL:typmod", b"-1"))
        return json.dumps(fields)

    def _described(self, statement: Any) -> Any:
        try:
            return statement.execute_schema()
        except self._manager.NotSupportedError:
            return None

    # --- rows ---

    def read(self, sql: str) -> Any:
        """A query's rows as a stream; it lives until the next one is asked for, or the session ends."""
        self._end_statements()
        statement = self._guarded(lambda: self._manager.AdbcStatement(self._connection))
        self._statements.append(statement)

        def run() -> Any:
            statement.set_sql_query(sql)
            self._tune(statement)
            return statement.execute_query()[0]

        return self._guarded(run)

    def open(self, table: str) -> Any:
        """A table of the plan (JSON) as a stream."""
        plan = json.loads(table)
        if plan.get("query"):
            return self.read(plan["query"])
        columns = ", ".join(
            f"{column['expression']} AS {quote(column['name'])}" for column in plan["columns"]
        )
        return self.read(f"SELECT {columns} FROM {plan['source']}")

    def count(self, table: str) -> int:
        """Rows of a table of the plan (JSON)."""
        return int(self.value(f"SELECT count(*) FROM {json.loads(table)['source']}"))

    def _tune(self, statement: Any) -> None:
        if self.vendor == "SQLite":
            statement.set_options(**{"adbc.sqlite.query.batch_rows": INFERENCE_ROWS})

    def insert(self, stream: object, table: TableItem) -> None:
        """One table's rows in one transaction; makes the table if the plan says so."""
        make = table.action in ("create", "drop")
        with self.transaction():
            self.ingest(
                stream,
                schema=table.destination.schema,
                table=table.destination.name,
                mode="create" if make else "append",
            )

    def ingest(self, stream: Any, *, schema: str | None, table: str, mode: str) -> None:
        options: dict[str, str] = {
            f"{INGEST}target_table": table,
            f"{INGEST}mode": f"{INGEST}mode.{mode}",
        }
        if schema:
            options[f"{INGEST}target_db_schema"] = schema
        with self._statement() as statement:
            statement.set_options(**options)
            statement.bind_stream(stream.__arrow_c_stream__())
            statement.execute_update()

    @property
    def transacts(self) -> bool:
        """True when the driver has transactions."""
        if not self.transactional:
            self.begin()
            if not self.transactional:
                return False
            self.rollback()
        return True

    def sifts(self) -> bool:
        return self._savepoints is not None

    def begin_sifting(self) -> None:
        """A transaction in which rows may fail."""
        if self._savepoints is None:
            raise UnsupportedError("the driver keeps no savepoints", side="target", engine="adbc")
        self._savepoints()

    @cached_property
    def _savepoints(self) -> Callable[[], None] | None:
        """How a transaction begins that keeps savepoints: as the driver does it, or else by a statement."""
        ways = (self.begin, self._begin_by_statement)
        return next((way for way in ways if keeps_savepoints(self, way)), None)

    def sifting(self, table: TableItem) -> AbstractContextManager[Taker]:
        return sifting(self, table)

    def _begin_by_statement(self) -> None:
        """The driver knows nothing of it."""
        self.rollback()
        self.execute("BEGIN")
        self.transactional = self._by_statement = True

    def begin(self) -> None:
        """A transaction for what follows; none where the driver has no transactions."""
        self.rollback()
        try:
            self._guarded(lambda: self._connection.set_autocommit(False))
        except DbferryError:
            # Who has kept one doesn't do without the next.
            if self._has_transacted:
                raise
            return
        self.transactional = self._has_transacted = True

    def commit(self) -> None:
        self._end(self._connection.commit, "COMMIT")

    def rollback(self) -> None:
        try:
            self._roll_back()
        except DbferryError:
            # What the driver takes for open now, nobody knows; a new connection has nothing.
            self.transactional = self._by_statement = False
            self._renew()

    def _roll_back(self) -> None:
        self._end(self._connection.rollback, "ROLLBACK")

    def _end(self, action: Callable[[], None], statement: str) -> None:
        """Where it fails the transaction counts as open, and is to be rolled back."""
        if not self.transactional:
            return
        if self._by_statement:
            self.execute(statement)
        else:
            self._guarded(action)
            self._guarded(lambda: self._connection.set_autocommit(True))
        self.transactional = self._by_statement = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, or a part of the one that was begun."""
        with nullcontext() if self.transactional else transaction(self):
            yield

    def cancel(self) -> None:
        """Stops the statement that runs, from another thread."""
        for running in (*self._statements, self._running):
            if running is not None:
                self._can(running.cancel)

    def _end_statements(self) -> None:
        while self._statements:
            self._can(self._statements.pop().close)

    def close(self) -> None:
        self._end_statements()
        self._can(self._roll_back)
        self._can(self._connection.close)
        self._can(self._database.close)
