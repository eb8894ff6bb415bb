"""Rows into a transaction of DuckDB that none of them may fail: it has no savepoints, and an error ends it.

So each block is written first by a second session. It inserts the block into the table and rolls that back: there rows
fail by their own values, or against what stood before. Those that fail against each other do so in a table of that
session's own, which keeps the keys of all that were taken. What has passed both is written for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbferry.engines.duckdb.ddl import literal, quote
from dbferry.errors import DbferryError, Interrupted, UnsupportedError
from dbferry.sessions import transaction

if TYPE_CHECKING:
    from dbferry.engines.duckdb.session import DuckdbSession
    from dbferry.items import TableItem

SEEN = "dbferry_seen"
OF_TABLE = "database_name = current_database() AND schema_name = {schema} AND lower(table_name) = lower({table})"
REFERS_TO_ITSELF = (
    "SELECT 1 FROM duckdb_constraints() WHERE constraint_type = 'FOREIGN KEY' "
    f"AND lower(referenced_table) = lower({{table}}) AND {OF_TABLE}"
)
# An index has expressions, with the names of columns quoted where they have to be.
KEYS = (
    "SELECT constraint_column_names, [] FROM duckdb_constraints() "
    f"WHERE constraint_type IN ('PRIMARY KEY', 'UNIQUE') AND {OF_TABLE} "
    "UNION ALL SELECT [], CAST(expressions AS VARCHAR[]) FROM duckdb_indexes() "
    f"WHERE is_unique AND {OF_TABLE}"
)


@contextmanager
def sifting(session: DuckdbSession, table: TableItem) -> Iterator[Sifting]:
    """The transaction, which is committed at the end."""
    beside = session.beside()
    try:
        taker = Sifting(session, beside, table)
        with transaction(session):
            yield taker
    finally:
        beside.close()


class Sifting:
    """Takes the rows of a table, some at a time."""

    def __init__(self, session: DuckdbSession, beside: DuckdbSession, table: TableItem) -> None:
        self._session, self._beside, self._table = session, beside, table
        self._cancelled = False
        place = table.destination
        self._names = {"schema": literal(place.schema or "main"), "table": literal(place.name)}
        if beside.query(REFERS_TO_ITSELF.format(**self._names)):
            raise UnsupportedError(
                "rows of a table that refers to itself can't be put aside, for duckdb has no savepoints",
                side="target", engine="duckdb", table=table.name,
                hint="drop its foreign key, or choose --on-bad-row stop",
            )  # fmt: skip
        self._seen = self._remember()

    def _remember(self) -> Sequence[str]:
        """Makes the table of keys, and gives its columns."""
        moved = [column.target for column in self._table.columns]
        known = {form.lower(): name for name in moved for form in (name, quote(name))}
        seen: set[str] = set()
        keys = []
        for names, parts in self._beside.values(KEYS.format(**self._names)):
            key = [*map(quote, names), *parts]
            columns = [part.lower() for part in key if not part.startswith("(")]
            # What the table fills in by itself can't be known before.
            if known.keys() >= set(columns):
                # An expression may be of any column.
                seen |= set(moved) if len(columns) < len(key) else {known[c] for c in columns}
                keys.append(key)
        if not keys:
            return ()
        kept = ", ".join(map(quote, seen))
        self._beside.execute(
            f"CREATE TEMPORARY TABLE {SEEN} AS SELECT {kept} FROM {self._table.target} LIMIT 0"
        )
        for number, key in enumerate(keys):
            made = f"CREATE UNIQUE INDEX dbferry_seen_{number} ON {SEEN} ({', '.join(key)})"
            self._beside.execute(made)
        return list(seen)

    def attempt(self, stream: object) -> None:
        if self._cancelled:
            raise Interrupted("the run was interrupted")
        self._beside.begin()
        try:
            self._beside.insert(stream, self._table)
        finally:
            self._beside.rollback()
        if self._seen:
            self._beside.fill(stream, SEEN, self._seen)
        try:
            self._session.insert(stream, self._table)
        except DbferryError as error:
            if not error.of_row:
                raise
            # The transaction has ended with it: no other row can be tried.
            raise UnsupportedError(
                f"a row that fits by itself does not beside others: {error.message}", side="target",
                engine="duckdb", hint="choose --on-bad-row stop, which tells the row",
            ) from None  # fmt: skip

    def execute(self, sql: str) -> None:
        self._session.execute(sql)

    def cancel(self) -> None:
        self._cancelled = True
        self._session.cancel()
        self._beside.cancel()
