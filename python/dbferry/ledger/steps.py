"""The statements that follow the rows, each noted in the ledger when it is done."""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import TYPE_CHECKING

from dbferry.errors import DbferryError, ExistsError
from dbferry.ledger.book import run_joined
from dbferry.ledger.room import takes_ddl_whole

if TYPE_CHECKING:
    from dbferry.ledger.book import Book
    from dbferry.sessions import OpenSession


class Steps:
    def __init__(self, book: Book, done: dict[int, set[str]], *, resumed: bool) -> None:
        self._book, self._done = book, done
        self._lock = Lock()
        self.unsure = resumed and not takes_ddl_whole(book.room)
        """True when a statement may be carried out and not noted."""

    def run(self, session: OpenSession, table: int, statement: str) -> None:
        """Carries a statement out unless an earlier run has."""
        name = _name(statement)
        with self._lock:
            if name in self._done.setdefault(table, set()):
                return
        try:
            self._carry_out(session, statement, self._book.step_done(table, name))
        except DbferryError as error:
            # A session that was lost may have been at it still, and have done it meanwhile.
            if error.fatal or not session.query(self._book.step_noted(table, name)):
                raise
        with self._lock:
            self._done[table].add(name)

    def _carry_out(self, session: OpenSession, statement: str, noting: str) -> None:
        joined = self._book.room.joined([statement, noting])
        if joined is not None:
            run_joined(session, joined)
            return
        try:
            session.execute(statement)
        except ExistsError:
            if not self.unsure:
                raise
        session.execute(noting)

    def is_done(self, table: int, statement: str) -> bool:
        with self._lock:
            return _name(statement) in self._done.get(table, ())

    def forget(self, session: OpenSession, table: int, statement: str) -> None:
        """What the statement made is taken away again."""
        session.execute(self._book.step_undone(table, _name(statement)))
        with self._lock:
            self._done.get(table, set()).discard(_name(statement))


def _name(statement: str) -> str:
    return hashlib.sha256(statement.encode()).hexdigest()[:32]
