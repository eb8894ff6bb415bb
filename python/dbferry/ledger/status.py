"""How far the tasks in a target are, and how they are forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from dbferry.engines import engine
from dbferry.errors import BusyError, RequestError
from dbferry.ledger.book import TABLES, Book, Entry, TableEntry, label
from dbferry.ledger.room import Leftover
from dbferry.quarantine import BadRow, Quarantine
from dbferry.report import QUARANTINE
from dbferry.sessions import check_file, open_session
from dbferry.urls import Endpoint, parse


@dataclass(frozen=True, kw_only=True)
class TableStatus:
    """One table: rows of done ranges. State: `new`, `moving` or `moved`."""

    table: str
    state: str
    rows: int
    ranges: int
    ranges_done: int


@dataclass(frozen=True, kw_only=True)
class TaskStatus:
    """One task that is not finished."""

    id: str
    source: str
    state: str
    """`preparing`, `copying` or `finishing`."""
    started: int
    """Seconds since 1970."""
    holder: str
    lease_left: int
    """Seconds; 0 or less when the last run is dead or hangs."""
    run: str
    """`at work`, `hanging` (it holds the task, and its lease is over) or `broken off`; `unknown` where nobody holds a task."""
    tables: tuple[TableStatus, ...]

    @classmethod
    def of(cls, entry: Entry, tables: list[TableEntry], held: bool | None) -> TaskStatus:
        return cls(
            id=entry.id,
            source=entry.source,
            state=entry.state,
            started=entry.started,
            holder=entry.holder,
            lease_left=entry.lease_left,
            run=_run(entry, held=held),
            tables=tuple(map(_table, tables)),
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Forgotten:
    """What a clean-up has removed."""

    tasks: list[TaskStatus]
    rows: list[BadRow]
    leftovers: Sequence[Leftover]
    """What it was half-way of making tables of; what has no statement to drop it is somebody's, and stays."""


def _run(entry: Entry, *, held: bool | None) -> str:
    if held is None and entry.lease_left > 0:
        return "unknown"
    if not held:
        return "broken off"
    return "at work" if entry.lease_left > 0 else "hanging"


def _told(book: Book, endpoint: Endpoint, entry: Entry) -> TaskStatus:
    held = book.room.held(book.session, endpoint, entry.id)
    return TaskStatus.of(entry, book.tables(entry.id), held)


def _table(entry: TableEntry) -> TableStatus:
    return TableStatus(
        table=entry.name,
        state="moved" if entry.whole else "moving" if entry.begun else "new",
        rows=sum(part.rows for part in entry.done),
        ranges=len(entry.ranges),
        ranges_done=len(entry.done),
    )


def status(target: str) -> list[TaskStatus]:
    """The unfinished tasks in a target (a URL)."""
    endpoint = parse(target)
    with _book(endpoint, TABLES[0]) as book:
        if book is None:
            return []
        return [_told(book, endpoint, entry) for entry in book.tasks()]


def bad_rows(target: str) -> list[BadRow]:
    """The rows that were put aside in a target (a URL)."""
    with _book(parse(target), QUARANTINE) as book:
        return Quarantine.beside(book).rows() if book is not None else []


def cleanup(target: str) -> Forgotten:
    """Removes all that dbferry keeps in a target (a URL), and tells what it forgets by that.

    The tables that were moved stay as they are. Raises a BusyError while a run is at work.
    """
    endpoint = parse(target)
    return Forgotten(_forget_tasks(endpoint), _forget_rows(endpoint), _clear(endpoint))


def _forget_tasks(endpoint: Endpoint) -> list[TaskStatus]:
    with _book(endpoint, TABLES[0]) as book:
        if book is None:
            return []
        entries = book.tasks()
        forgotten = [_told(book, endpoint, entry) for entry in entries]
        for entry in entries:
            if not book.room.claim(book.session, endpoint, entry.id) and entry.lease_left > 0:
                raise BusyError(
                    f"a run is at work on this target: {entry.holder}",
                    side="target",
                    engine=endpoint.engine,
                    hint=f"let it finish, or end it; if it hangs, try again in {entry.lease_left} seconds",
                )
            book.room.end_sessions(book.session, label(entry.id, entry.run))
        for entry in entries:
            book.close(entry.id)
        if not entries:
            book.drop()
        book.room.release()
        return forgotten


def _forget_rows(endpoint: Endpoint) -> list[BadRow]:
    with _book(endpoint, QUARANTINE) as book:
        if book is None:
            return []
        quarantine = Quarantine.beside(book)
        rows = quarantine.rows()
        quarantine.drop()
        return rows


def _clear(endpoint: Endpoint) -> Sequence[Leftover]:
    room = engine(endpoint.engine).ledger()
    with open_session(endpoint, side="target") as session:
        found = room.leftovers(session) if room is not None else ()
        for leftover in found:
            if leftover.drop:
                session.execute(leftover.drop)
        return found


@contextmanager
def _book(endpoint: Endpoint, table: str) -> Iterator[Book | None]:
    """The book of a target; nothing where this table of it isn't."""
    other = engine(endpoint.engine)
    room = other.ledger()
    if room is None:
        raise RequestError(
            f"{endpoint.engine} keeps no ledger, and so no task is ever unfinished in it"
        )
    check_file(endpoint)
    with open_session(endpoint, side="target") as session:
        found = other.find_table(session, None, table).tables
        yield Book(session, other, room, found[0].schema) if found else None
