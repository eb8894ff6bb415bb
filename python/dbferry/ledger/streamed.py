"""The ledger of targets whose own library writes a table's stream: a table is one range, in one transaction.

They have no locks that tell who is alive. The entry of a table says who has moved it: whoever marks it second finds
it marked, and rolls its rows back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from dbferry.errors import FencedError, InternalError
from dbferry.ledger.book import Cut
from dbferry.ledger.room import Untold

if TYPE_CHECKING:
    from dbferry.ledger.book import Book, TableEntry
    from dbferry.sessions import OpenSession
    from dbferry.urls import Endpoint


class StreamedLedger(Untold):
    """In the SQL that such targets have in common."""

    long_text = "text"
    by_row = False
    drops_many = False
    cuts_by_key = False
    refuses_orphans = False
    table_options = ""

    @property
    def now(self) -> str:
        return str(int(time.time()))

    def literal(self, text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    def _never(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise InternalError("a row of a stream has no place of its own")

    binary = number = told = as_bytes = as_json = deleting = concat = _never

    @property
    def sifting(self) -> NoReturn:
        self._never()

    @contextmanager
    def alone(self, session: OpenSession) -> Iterator[None]:
        yield

    def claim(self, session: OpenSession, endpoint: Endpoint, task: str) -> bool:
        return True

    def held(self, session: OpenSession, endpoint: Endpoint, task: str) -> bool | None:
        return None

    def break_claim(self, session: OpenSession, task: str) -> None:
        """Nobody has one."""

    def release(self) -> None:
        """Nothing was claimed."""

    def end_sessions(self, session: OpenSession, label: str) -> int:
        return 0


def begin_table(book: Book, entry: TableEntry, rows_before: int) -> None:
    """Its one range, unless an earlier run has made it."""
    if entry.state == "new":
        part = {"number": 0, "relation": None, "predicate": None, "bytes": 0}
        book.add_ranges({entry.number: Cut(ranges=[part], place="", rows_before=rows_before)})


def mark_table(book: Book, entry: TableEntry, token: str, rows: int, size: int, unfit: int) -> None:
    """Says inside the transaction that a table's rows are there. Raises a FencedError when they aren't this run's to move."""
    book.session.execute(book.table_done(entry.number, token, rows, size, unfit))
    book.check()
    if not book.is_mine(entry.number):
        raise FencedError(
            "another run has moved this table",
            side="target",
            hint="let the other run finish; dbferry status tells how far it is",
        )
