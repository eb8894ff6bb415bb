"""A run's ledger from its opening to its close: a new task is written into it, a known one is gone on with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pydantic import ValidationError

import dbferry
from dbferry.engines import engine
from dbferry.errors import DbferryError, PermissionError_
from dbferry.ledger import resume, stored
from dbferry.ledger.book import TABLES, Book, Entry, TableEntry, label, other_version
from dbferry.ledger.claim import Claim, holder, lease_seconds
from dbferry.ledger.stored import Veil
from dbferry.quarantine import Quarantine
from dbferry.report import QUARANTINE
from dbferry.sessions import TakesStreams, open_session

if TYPE_CHECKING:
    from dbferry.catalog import Catalog
    from dbferry.items import Plan
    from dbferry.ledger.shapes import Shape
    from dbferry.sessions import OpenSession
    from dbferry.task import Task
    from dbferry.urls import Endpoint

NATIVE = frozenset({"postgresql", "mysql", "mariadb", "sqlite"})


def labelled(task: str, run: str, endpoint: Endpoint) -> Endpoint:
    """The endpoint with sessions that the next run can find."""
    return replace(endpoint, label=label(task, run)) if endpoint.engine in NATIVE else endpoint


def keeps(task: Task, target: Endpoint) -> bool:
    """True when there is something to keep and a place for it."""
    there = target.path != ":memory:" and task.only != "schema"
    return there and engine(target.engine).ledger() is not None


def book_in(target: Catalog, session: OpenSession, endpoint: Endpoint) -> Book | None:
    """The book of a target; nothing where none can be kept. Whether it has been made is another question."""
    other = engine(endpoint.engine)
    room = other.ledger()
    if room is None or (isinstance(session, TakesStreams) and not session.transacts):
        return None
    schema = target.default_schema or ("public" if endpoint.engine == "postgresql" else None)
    return Book(session, other, room, schema)


def made(target: Catalog, name: str = TABLES[0]) -> bool:
    """True when a ledger is in the target, or another table of dbferry's own."""
    return any(table.name == name for table in target.tables)


class Keeping:
    def __init__(self, task: Task, book: Book, source: Endpoint, target: Endpoint) -> None:
        self.book = book
        self.quarantine: Quarantine | None = None
        """Where rows are put aside, or an earlier run has put some."""
        self.entry: Entry | None = None
        """The run that was broken off, if there is one."""
        self._task, self._source, self._target = task, source, target
        self._veil = Veil(task.rules)
        room = book.room
        self.claim = Claim(partial(open_session, target, side="target"), target, self.book_of, room)

    def book_of(self, session: OpenSession) -> Book:
        """The same book through another session."""
        book = Book(session, engine(self._target.engine), self.book.room, self.book.schema)
        book.id, book.run, book.fence = self.book.id, self.book.run, self.book.fence
        return book

    def hold(self, stack: ExitStack, *, there: bool) -> None:
        """Takes the task, for as long as the stack. Raises an AtWorkError while another run is at work on it."""
        stack.callback(self.claim.release)
        self.claim.take(self.book.id, self._look)
        self.entry = self._look() if there else None
        if self.entry is not None:
            # One that stopped just before its commit holds the fence.
            self._end_sessions(self.entry)
            self.book.take_over(self.entry, holder(), lease_seconds())

    def _look(self) -> Entry | None:
        """Nothing where there is no ledger; what else goes wrong tells nothing of an earlier run."""
        try:
            return self.book.entry(self.book.id)
        except DbferryError as error:
            if error.retryable or self.book.is_there():
                raise
            return None

    def _end_sessions(self, entry: Entry) -> None:
        """A server may not have noticed that its client is gone, and hold what that had locked."""
        old = label(entry.id, entry.run)
        self.book.room.end_sessions(self.book.session, old)
        room = engine(self._source.engine).ledger()
        if room is not None and self._source.engine in NATIVE:
            with open_session(self._source, side="source") as session:
                room.end_sessions(session, old)

    # A run that was broken off

    @property
    def tables(self) -> list[TableEntry]:
        return self.book.tables(self.book.id)

    def check(self, entry: Entry, shape: Shape) -> list[str]:
        """Raises a RequestError that names what of the task or of the source isn't as it was; gives what may be another."""
        return resume.check(entry, self._task, shape)

    @property
    def is_held(self) -> bool:
        """True when a run is at work on the task, of one that this run doesn't hold."""
        return self.book.room.held(self.book.session, self._target, self.book.id) is True

    @property
    def begins_anew(self) -> bool:
        """True when the task asks to remove what is there, and the run that was broken off was asked for something else."""
        entry, prepare = self.entry, self._task.prepare
        return (
            entry is not None
            and prepare in ("truncate", "drop")
            and entry.asked["prepare"] != prepare
        )

    def plan(self, entry: Entry, tables: Sequence[TableEntry]) -> Plan:
        try:
            return stored.plan_of(entry.plan, [table.plan for table in tables], self._veil)
        except ValidationError:
            raise other_version(entry.version, self._target.engine) from None

    # A new one

    def begin(self, plan: Plan, shape: Shape) -> PermissionError_ | None:
        """Writes the task into the ledger; why that can't be, where the user may not make tables."""
        try:
            with self.book.room.alone(self.book.session):
                self.book.make()
                self.book.begin(
                    {
                        "version": dbferry.__version__,
                        "holder": holder(),
                        "source": self._source.safe,
                        "asked": json.dumps(resume.asked(self._task)),
                        "shape": json.dumps(shape),
                        "plan": stored.rest_text(plan, self._veil),
                    },
                    lease_seconds(),
                )
        except PermissionError_ as error:
            return error
        self.book.add_tables(
            (number, item.name, stored.table_text(item, self._veil))
            for number, item in enumerate(plan.tables)
        )
        return None

    def find_quarantine(self, target: Catalog) -> None:
        if made(target, QUARANTINE):
            self.quarantine = Quarantine.beside(self.book)

    def open_quarantine(self, plan: Plan, *, anew: bool) -> None:
        """Makes room for bad rows where the task wants it; what is left of tables that begin anew goes."""
        if self._task.on_bad_row == "quarantine":
            self.quarantine = Quarantine.beside(self.book)
            self.quarantine.make()
        if anew and self.quarantine is not None:
            names = [item.name for item in plan.tables if item.action != "append"]
            self.quarantine.forget(self.book.id, names)

    def begin_again(self, number: int, name: str) -> None:
        """A table is moved from its beginning."""
        self.book.restart(number)
        if self.quarantine is not None:
            self.quarantine.forget(self.book.id, [name])

    def tell(self) -> None:
        self.claim.tell(self.book.fence, lease_seconds())

    def close(self) -> None:
        """The ledger goes last: a run that is killed over this is gone on with, or has left nothing behind."""
        if self.quarantine is not None:
            self.quarantine.close(self.book)
        self.book.close(self.book.id)
