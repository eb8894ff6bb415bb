"""Rows that didn't fit, in a table of the target: how it is made, what stands in it, and what is read for it.

The entries are written by the engine, in the transactions that commit the other rows, and by `sieve` when all rows
are in. The table outlives the run, until its rows were moved after all by `dbferry quarantine retry`, or forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbferry.counts import rows_of
from dbferry.engines import engine
from dbferry.errors import BusyError, MissingError, RequestError, UnsupportedError
from dbferry.report import QUARANTINE

if TYPE_CHECKING:
    from dbferry.engines import Engine
    from dbferry.items import TableItem
    from dbferry.ledger.book import Book
    from dbferry.ledger.room import Room
    from dbferry.sessions import OpenSession
    from dbferry.urls import Endpoint

COLUMNS = (
    "task varchar(40) NOT NULL, table_number integer NOT NULL, table_name {text} NOT NULL, "
    "range_number integer NOT NULL, row_key {text}, column_name {text}, code {text}, reason {text} NOT NULL, "
    "row_values {text} NOT NULL, noted bigint NOT NULL"
)


AFTER = -1
"""The range of rows that were found when all ranges were in."""


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """A row that was put aside.

    Its values are texts; `{"hex": …}` where they are none, and `{"bytes": n}` where they are too large.
    """

    task: str
    table: str
    key: Mapping[str, Any] | None
    """Nothing where the table has none."""
    column: str | None
    code: str | None
    reason: str
    values: Mapping[str, Any]
    noted: int
    """Seconds since 1970."""
    told_key: str | None
    """The key as it stands in the table."""
    by_target: bool
    """True when the target has told it, of a row that a key or a foreign key has refused when all rows were in."""

    def to_dict(self) -> dict[str, Any]:
        """The form that `--json` prints."""
        return {
            "task": self.task, "table": self.table, "key": self.key, "column": self.column,
            "code": self.code, "reason": self.reason, "values": self.values, "noted": self.noted,
        }  # fmt: skip


class Quarantine:
    """The rows that are put aside in one target."""

    def __init__(self, session: OpenSession, other: Engine, room: Room, schema: str | None) -> None:
        self.session, self._room = session, room
        self.relation = other.relation(schema, QUARANTINE)

    @classmethod
    def beside(cls, book: Book) -> Quarantine:
        return cls(book.session, book.other, book.room, book.schema)

    def make(self) -> None:
        columns = COLUMNS.replace("{text}", self._room.long_text)
        self.session.execute(
            f"CREATE TABLE IF NOT EXISTS {self.relation} ({columns}){self._room.table_options}"
        )

    def rows(self) -> list[BadRow]:
        told = self.session.query(
            "SELECT task, table_name, row_key, column_name, code, reason, row_values, noted, range_number "
            f"FROM {self.relation} ORDER BY table_name, noted, row_key"
        )
        return [
            BadRow(
                task=r[0] or "", table=r[1] or "", key=json.loads(r[2]) if r[2] else None, column=r[3],
                code=r[4], reason=r[5] or "", values=json.loads(r[6] or "{}"), noted=int(r[7] or 0),
                told_key=r[2], by_target=int(r[8] or 0) == AFTER,
            )
            for r in told
        ]  # fmt: skip

    def forget(self, task: str, tables: Iterable[str]) -> None:
        """Tables are moved from their beginning: what an earlier run has put aside of them means nothing."""
        named = ", ".join(map(self._room.literal, tables))
        if named:
            self.session.execute(
                f"DELETE FROM {self.relation} WHERE task = {self._room.literal(task)} "
                f"AND table_name IN ({named})"
            )

    def forgetting(self, task: str, table: str, rows: Sequence[BadRow]) -> str:
        """The statement that forgets some rows of a table, by their keys."""
        return f"DELETE FROM {self.relation} WHERE {self._keyed(task, table, rows)}"

    def _keyed(self, task: str, table: str, rows: Sequence[BadRow]) -> str:
        keys = ", ".join(self._room.literal(row.told_key or "") for row in rows)
        return (
            f"task = {self._room.literal(task)} AND table_name = {self._room.literal(table)} "
            f"AND row_key IN ({keys})"
        )

    def take(self, task: str, table: str, rows: Sequence[BadRow]) -> None:
        """Forgets some rows of a table inside a transaction. Raises a BusyError where another has taken them before."""
        keys = self._keyed(task, table, rows)
        # Whoever comes second waits here, and finds none.
        self.session.execute(f"UPDATE {self.relation} SET noted = noted WHERE {keys}")
        if rows_of(self.session, f"{self.relation} WHERE {keys}") != len(rows):
            raise BusyError(
                "another retry of this task is at work", side="target", hint="let it finish, and try again"
            )  # fmt: skip
        self.session.execute(self.forgetting(task, table, rows))

    def close(self, book: Book) -> None:
        """Removes the table when nothing is in it and no other task may need it; fine if it is gone."""
        with suppress(MissingError), self._room.alone(self.session):
            if rows_of(self.session, self.relation) == 0 and not _is_needed_beside(book):
                self.drop()

    def drop(self) -> None:
        self.session.execute(f"DROP TABLE IF EXISTS {self.relation}")

    def terms(self, task: str, most: int) -> dict[str, Any]:
        """As the engine takes it."""
        return {"relation": self.relation, "task": task, "most": most}


def _is_needed_beside(book: Book) -> bool:
    """A task at work stands in the ledger before it puts a row aside."""
    try:
        return book.others(book.id) > 0
    except (MissingError, RequestError, UnsupportedError):
        # There is no ledger; SQLite tells that as it tells any statement that it doesn't take, and so does its driver.
        return False


def told(source: Endpoint, item: TableItem, native: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine is told more of a table: its columns again, as texts, and those that a row is found by."""
    one = engine(source.engine)
    room = one.ledger()
    if room is None or not room.by_row:
        return {}
    by_name = {column.name: column for column in item.source.columns}
    texts = []
    for column in native["columns"]:
        known = by_name[column["name"]]
        expression, read = room.as_bytes(known)
        texts.append(
            {
                "name": known.name,
                "target": known.name,
                "expression": expression.replace("{c}", one.quote(known.name)),
                "read": read,
                "flight": {"type": "binary"},
                "write": "",
            }
        )
    moved = {column["name"] for column in native["columns"]}
    key = item.source.telling
    return {"texts": texts, "told_by": list(key) if moved.issuperset(key) else []}
