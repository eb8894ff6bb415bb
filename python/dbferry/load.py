"""Loads targets that take Arrow streams themselves: the engine reads, the target's own library writes.

A table is moved in one transaction, with its entry in the ledger: after any death it is there as a whole, and known
to be, or not at all. Where a row has failed it and rows may be put aside it is moved in another one, block by block:
the engine halves what the target refuses, and what is put aside is a part of that transaction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from dbferry.counts import is_there, rows_of
from dbferry.engines import engine
from dbferry.errors import DbferryError, ExistsError, from_fields
from dbferry.ledger.streamed import begin_table, mark_table
from dbferry.progress import Reading
from dbferry.quarantine import told
from dbferry.sessions import transaction

if TYPE_CHECKING:
    from dbferry._native import ArrowStream, SiftedTable, Snapshot
    from dbferry.items import TableItem
    from dbferry.ledger.book import TableEntry
    from dbferry.ledger.keeping import Keeping
    from dbferry.rounds import Rounds
    from dbferry.sessions import Taker, TakesStreams

T = TypeVar("T")
R = TypeVar("R", "ArrowStream", "SiftedTable")
TURN_SECONDS = 0.1
Turn = Callable[[Reading], None]
Enter = Callable[[int, int, int], None]
"""Notes the rows of a table that are moved, their bytes, and the rows that are put aside."""
Told = tuple[dict[str, Any], list[list[Any]]]
"""What came of a table, and which of its values were changed."""


@dataclass(frozen=True)
class Whole:
    """A table that is there, and of which moment."""

    entry: TableEntry
    opened: float | None
    """When its snapshot was; nothing where another run has moved it."""
    token: str | None


def check_free(session: TakesStreams, item: TableItem) -> None:
    """Before a library makes a table. Raises an ExistsError for what a catalog has under another name or kind.

    A database may fold the case of names or cut them. Whoever takes such a table for one of its own would drop it.
    """
    if item.action == "create" and is_there(session, item.target):
        raise ExistsError(
            "the target has a table or view that it calls by this name", table=item.name, side="target",
            hint="rename one of the two, or drop what is in the way",
        )  # fmt: skip


def load(rounds: Rounds, session: TakesStreams) -> None:
    """Copies table after table, and puts what came of it into `rounds.moved`."""
    tables, keeping = rounds.plan.tables, rounds.keeping
    readings: list[Reading] = [(0, 0, 0, 0)] * len(tables)
    entries = keeping.tables if keeping is not None else [None] * len(tables)
    whole: list[Whole] = []
    for index, (table, entry) in enumerate(zip(tables, entries, strict=True)):

        def turn(reading: Reading, index: int = index) -> None:
            readings[index] = reading
            rounds.watch(readings)

        before = rounds.before[index] if rounds.before else 0
        if keeping is None or entry is None:
            outcome, lost = load_table(rounds.here, session, table, before, turn)
        elif entry.whole:
            outcome, lost = _moved_before(entry), []
            whole.append(Whole(entry, None, entry.done[0].token))
            turn((outcome["rows"], outcome["bytes"], 1, 1))
        else:
            begin_table(keeping.book, entry, before)
            aside = rounds.task.on_bad_row == "quarantine"
            drains = aside and not engine(rounds.source.engine).rejoins
            loading = Loading(session, table, before or entry.rows_before, turn, drains)
            outcome, lost = _load(rounds, keeping, entry, loading)
            if "rows" in outcome:
                whole.append(Whole(entry, rounds.opened, rounds.here.token))
        rounds.moved.outcomes.append(outcome)
        rounds.moved.losses += lost
        if outcome["state"] == "failed" and not rounds.goes_on(outcome["error"]):
            break
    _tell_older(rounds, whole)


def _tell_older(rounds: Rounds, whole: Sequence[Whole]) -> None:
    """Names the tables that are of another moment than those which were moved last."""
    now = rounds.snapshot.token if rounds.snapshot is not None else None
    rounds.tell_older(
        table.entry
        for table in whole
        if table.opened != rounds.opened and (not now or table.token != now)
    )


def _moved_before(entry: TableEntry) -> dict[str, Any]:
    rows = sum(part.rows for part in entry.done)
    size = sum(part.moved_bytes for part in entry.done)
    unfit = sum(part.unfit for part in entry.done)
    return {
        "table": entry.name, "state": "done", "error": None, "seconds": 0.0, "unfit": unfit,
        "rows": rows, "bytes": size, "source_rows": rows + unfit, "target_rows": rows,
    }  # fmt: skip


def load_table(
    snapshot: Snapshot, session: TakesStreams, table: TableItem, before: int, turn: Turn
) -> Told:
    """Copies one table as a part of what the caller has begun."""
    return Loading(session, table, before, turn).whole(snapshot)


def _load(rounds: Rounds, keeping: Keeping, entry: TableEntry, loading: Loading) -> Told:
    """A table, looked at more closely as long as that may help."""
    aside = keeping.quarantine if rounds.task.on_bad_row == "quarantine" else None
    native = loading.table.native(entry.number)
    manner, renewed = "whole", False

    def attempt() -> Told:
        """Under the snapshot that is open: whoever holds on to a lost one is in the way of the next."""
        snapshot = rounds.patience.persist(lambda: rounds.here)
        enter = partial(mark_table, keeping.book, entry, snapshot.token or "")
        if aside is None or manner == "whole":
            return loading.whole(snapshot, enter)
        terms = aside.terms(keeping.book.id, rounds.task.max_bad_rows)
        full = {**native, **told(rounds.source, loading.table, native)}
        return loading.sifted(snapshot, enter, full, Look(manner, terms))

    while True:
        outcome, lost = attempt()
        if outcome["error"] is None or "rows" in outcome:
            # Once its rows are in, none is moved again, whatever comes of the counts.
            return outcome, lost
        error = from_fields(outcome["error"])
        nearer = closer(manner, error) if aside is not None else None
        if error.kind == "lost" and error.side == "source" and not renewed:
            # Of the failure of an earlier attempt: this one is made under another snapshot.
            rounds.patience.note(error.side, error.kind, error.message)
            rounds.snapshot, renewed = None, True
        elif nearer is not None:
            manner, renewed = nearer, False
        else:
            return outcome, lost


def closer(manner: str, error: DbferryError) -> str | None:
    """The manner in which an error is to be met, as the engine does with a range."""
    if not error.of_row:
        return None
    if manner == "whole":
        return "sifted"
    return "halved" if manner == "sifted" and error.side == "source" else None


@dataclass(frozen=True)
class Look:
    """How closely rows are looked at, and where those go that don't fit."""

    manner: str
    terms: Mapping[str, Any]

    def open(
        self, snapshot: Snapshot, native: Mapping[str, Any], part: Mapping[str, Any] | None = None
    ) -> SiftedTable:
        """The rows of a table, or of a part of it."""
        ranges = [part] if part is not None else None
        how = {"manner": self.manner, "most": self.terms["most"], "ranges": ranges}
        return snapshot.sifted(json.dumps(native), json.dumps(how))

    def sift(self, rows: SiftedTable, taker: Taker) -> tuple[int, int]:
        """How many rows were taken, and how many put aside."""
        return rows.sift(taker, json.dumps(self.terms))


@dataclass(frozen=True)
class Loading:
    """A table on its way."""

    session: TakesStreams
    table: TableItem
    before: int
    turn: Turn
    drains: bool = False
    """True when the rest of the rows is read after one is refused, so that the snapshot stays."""

    def whole(self, snapshot: Snapshot, enter: Enter | None = None) -> Told:
        """By one statement; `enter` is called in its transaction."""

        stop = partial(halt, snapshot, self.session)

        def move(stream: ArrowStream) -> int:
            if enter is None:
                self._insert(stream, stop)
            else:
                self._transact(stream, enter, stop)
            return 0

        plan = json.dumps(self.table.native())
        return self._told(snapshot, plan, lambda: snapshot.stream(plan), move)

    def sifted(
        self, snapshot: Snapshot, enter: Enter, native: Mapping[str, Any], look: Look
    ) -> Told:
        """Block by block; what doesn't fit is put aside."""

        def move(rows: SiftedTable) -> int:
            with self.session.sifting(self.table) as taker:
                work = partial(look.sift, rows, taker)
                stop = partial(halt, snapshot, taker)
                moved, unfit = attended(work, lambda: self.turn(rows.progress()), stop)
                enter(moved, rows.progress()[1], unfit)
            return unfit

        return self._told(snapshot, json.dumps(native), lambda: look.open(snapshot, native), move)

    def _told(
        self, snapshot: Snapshot, plan: str, opens: Callable[[], R], move: Callable[[R], int]
    ) -> Told:
        """Moves the rows that `opens` gives, and counts both sides; `move` tells how many it has put aside."""
        started = time.monotonic()
        outcome: dict[str, Any] = {"table": self.table.name, "state": "failed", "error": None}
        rows: R | None = None
        try:
            rows = opens()
            unfit = move(rows)
            read, size, _, _ = rows.progress()
            outcome |= {"rows": read - unfit, "bytes": size, "unfit": unfit}
            source = _count(snapshot, plan, read)
            target = rows_of(self.session, self.table.target) - self.before
            equal = source == target + unfit == read
            outcome |= {
                "state": "done" if equal else "different", "source_rows": source, "target_rows": target,
            }  # fmt: skip
        except DbferryError as error:
            error.table = error.table or self.table.name
            outcome["error"] = error.fields()
        outcome["seconds"] = time.monotonic() - started
        return outcome, [list(loss) for loss in rows.losses()] if rows else []

    def _transact(self, stream: ArrowStream, enter: Enter, stop: Callable[[], None]) -> None:
        with transaction(self.session):
            self._insert(stream, stop)
            rows, size, _, _ = stream.progress()
            enter(rows, size, 0)

    def _insert(self, stream: ArrowStream, stop: Callable[[], None]) -> None:
        def meanwhile() -> None:
            self.turn(stream.progress())

        rows = Drained(stream) if self.drains else stream
        work = partial(self.session.insert, rows, self.table)
        try:
            attended(work, meanwhile, stop)
        except DbferryError as error:
            # What ended the stream is the cause of what its taker complains of.
            stream.check()
            if error.of_row and isinstance(rows, Drained):
                attended(rows.drain, meanwhile, rows.stop)
            raise


class Drained:
    """A stream whose rows can be read to their end when its consumer has dropped it."""

    def __init__(self, stream: ArrowStream) -> None:
        import pyarrow as pa

        self._rows = pa.RecordBatchReader.from_stream(stream)
        self._stopped = False

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        import pyarrow as pa

        handed = pa.RecordBatchReader.from_batches(self._rows.schema, (rows for rows in self._rows))
        return handed.__arrow_c_stream__(requested_schema)

    def drain(self) -> None:
        import pyarrow as pa

        # What ends the rows here is met by whoever reads them next.
        with suppress(pa.ArrowException, OSError):
            for _ in self._rows:
                if self._stopped:
                    break

    def stop(self) -> None:
        self._stopped = True


def _count(snapshot: Snapshot, plan: str, read: int) -> int:
    """Rows of the source; those that were read to their end where its session is lost over the question."""
    try:
        return snapshot.count(plan)
    except DbferryError as error:
        if not error.retryable:
            raise
        return read


def halt(snapshot: Snapshot, taker: Taker | TakesStreams) -> None:
    """Ends the moving of rows, from any thread."""
    snapshot.cancel()
    taker.cancel()


def attended(work: Callable[[], T], meanwhile: Callable[[], None], stop: Callable[[], None]) -> T:
    """Does work on a thread of its own; `stop` ends it when what is done meanwhile fails."""
    running: Future[T] = Future()
    try:
        # Whatever interrupts the start knows whether the work has begun.
        Thread(target=_do, args=(work, running)).start()
        return _awaited(running, meanwhile)
    except BaseException:
        running.cancel()
        # It ends one statement, and nothing where the next has not begun yet.
        while not running.done():
            stop()
            wait([running], TURN_SECONDS)
        raise


def _do(work: Callable[[], T], running: Future[T]) -> None:
    if running.set_running_or_notify_cancel():
        try:
            running.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where the work is awaited
            running.set_exception(error)


def _awaited(work: Future[T], meanwhile: Callable[[], None]) -> T:
    while True:
        try:
            done = work.result(timeout=TURN_SECONDS)
        except NotYet:
            if work.done():
                raise
            meanwhile()
        else:
            meanwhile()
            return done
