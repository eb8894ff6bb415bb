"""Puts rows aside that a key or a foreign key refuses, which are made when all rows are in.

In one transaction the rows that are in the way are told of, deleted and noted in the ledger as put aside; then the
rows that refer to them, and so on until every foreign key holds. So after any death a row is either in its table or
told of, and the next run counts as this one does. The rows are never read: the target writes down its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbferry.catalog import Column
from dbferry.counts import rows_of
from dbferry.errors import DataError, DbferryError
from dbferry.ledger.room import takes_ddl_whole
from dbferry.quarantine import AFTER, Quarantine
from dbferry.types import Verdict

if TYPE_CHECKING:
    from dbferry.engines import Step
    from dbferry.engines.misfits import Misfits
    from dbferry.items import ColumnItem, TableItem
    from dbferry.ledger.book import Book
    from dbferry.ledger.steps import Steps
    from dbferry.sessions import OpenSession

Made = tuple["TableItem", "Step"]


@dataclass
class Sieve:
    items: Sequence[TableItem]
    book_of: Callable[[OpenSession], Book]
    """The ledger through a session."""
    steps: Steps
    most: int
    """Rows of one table that may be put aside."""

    def __post_init__(self) -> None:
        self._numbers = {item.name: number for number, item in enumerate(self.items)}

    def sift(
        self, session: OpenSession, refused: Sequence[Made], whole: Sequence[TableItem]
    ) -> list[Made]:
        """Puts aside what is in the way of some steps; gives the foreign keys that are to be proved again.

        Raises a DataError when there are more rows than may be put aside; then everything is as it was.
        """
        book = self.book_of(session)
        begin, commit, roll_back = book.room.sifting
        touched = self._touched(refused)
        session.execute(begin)
        try:
            book.check()
            self._take_away(session, book, touched)
            waiting = [(item, misfits) for item, step in refused for misfits in step.misfits]
            while waiting:
                lost = {item.target for item, told in waiting if self._aside(book, item, told)}
                waiting = _referring(whole, lost)
            self._put_back(session, book, touched)
            session.execute(commit)
        except DbferryError as error:
            if not error.fatal:
                with suppress(DbferryError):
                    session.execute(roll_back)
            raise
        return touched

    def _touched(self, refused: Sequence[Made]) -> list[Made]:
        """Foreign keys that stand, and refer to tables that may lose rows."""
        losing = {item.target for item, _ in refused}
        found: dict[tuple[str, str], Made] = {}
        before = -1
        while before < len(found):
            before = len(found)
            for item in self.items:
                for step in item.references:
                    if not any(told.refers in losing for told in step.misfits):
                        continue
                    losing.add(item.target)
                    if step.sql and self.steps.is_done(self._numbers[item.name], step.sql):
                        found[item.name, step.sql] = (item, step)
        return list(found.values())

    def _take_away(self, session: OpenSession, book: Book, touched: Sequence[Made]) -> None:
        """Where that is a part of the transaction: one that stands would delete rows on its own, or refuse to."""
        for _, step in touched if takes_ddl_whole(book.room) else ():
            if step.undo:
                session.execute(step.undo)

    def _put_back(self, session: OpenSession, book: Book, touched: Sequence[Made]) -> None:
        """As they were first made; what has proved them is to be done again."""
        for item, step in touched if takes_ddl_whole(book.room) else ():
            if step.undo:
                session.execute(step.sql)
                for statement in step.then:
                    self.steps.forget(session, self._numbers[item.name], statement)

    def _aside(self, book: Book, item: TableItem, misfits: Misfits) -> int:
        """How many rows were put aside."""
        session, number = book.session, self._numbers[item.name]
        rows = f"{item.counted} AS c WHERE {misfits.where}"
        count = rows_of(session, rows)
        if not count:
            return 0
        part, before = session.query(book.fullest(number))[0]
        if count + int(before or 0) > self.most:
            raise DataError(
                f"more than {self.most} rows don't fit: {misfits.why} for {count}", table=item.name,
                hint="allow more with --max-bad-rows",
            )  # fmt: skip
        session.execute(Telling(book, item, number).entries(misfits, rows))
        session.execute(book.room.deleting(item.counted, misfits.where))
        session.execute(book.put_aside(number, int(part or 0), count))
        return count


def _referring(whole: Sequence[TableItem], lost: set[str]) -> list[tuple[TableItem, Misfits]]:
    return [
        (item, told)
        for item in whole
        for step in item.references
        for told in step.misfits
        if told.refers in lost
    ]


class Telling:
    """Rows of a table in the words of the quarantine, said by the target itself."""

    def __init__(self, book: Book, item: TableItem, number: int) -> None:
        self._book, self._item, self._number = book, item, number
        self._room = book.room
        self._columns = {c.name: c for c in item.columns if not c.generated}

    def entries(self, misfits: Misfits, rows: str) -> str:
        """The statement that puts an entry down for each of `rows`, which are called `c`."""
        book, item, literal = self._book, self._item, self._room.literal
        names = {column.target: column.name for column in item.columns}
        columns = ", ".join(names.get(name, name) for name in misfits.columns)
        told = (
            literal(book.id), str(self._number), literal(item.name), str(AFTER), self._key(),
            literal(columns) if columns else "NULL", literal(misfits.code), literal(misfits.why),
            self._object(list(self._columns)), self._room.now,
        )  # fmt: skip
        relation = Quarantine.beside(book).relation
        return (
            f"INSERT INTO {relation} (task, table_number, table_name, range_number, row_key, column_name, "
            f"code, reason, row_values, noted) SELECT {', '.join(told)} FROM {rows}"
        )

    def _key(self) -> str:
        """NULL where it isn't the one that the source has, or may not be."""
        key = [self._columns.get(name) for name in self._item.source.primary_key]
        if not key or not all(column and _keeps(column) for column in key):
            return "NULL"
        return self._object(list(self._item.source.primary_key))

    def _object(self, names: Sequence[str]) -> str:
        """A JSON object of some columns, by their names in the source."""
        literal, other = self._room.literal, self._book.other
        parts: list[str] = []
        for name in names:
            item = self._columns[name]
            column = Column(name=item.target, position=0, native=item.target_type)
            value = self._room.as_json(column, f"c.{other.quote(item.target)}")
            parts += [
                literal(f"{', ' if parts else '{'}{json.dumps(name, ensure_ascii=False)}: "),
                value,
            ]
        return self._room.concat([*parts, literal("}")])


def _keeps(column: ColumnItem) -> bool:
    """True when every value is the source's own."""
    return not column.policies and column.verdict is not Verdict.WARNING
