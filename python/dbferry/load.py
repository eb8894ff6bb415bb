"""Loads targets that take Arrow streams themselves: the engine reads, the target's own library writes.

A table is moved in one transaction, with its entry in the ledger: after any death it is there as a whole, and known
to be, or not at all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from dbferry.errors import DbferryError
from dbferry.ledger.streamed import begin_table, mark_table
from dbferry.progress import Reading

if TYPE_CHECKING:
    from dbferry._native import ArrowStream, Snapshot
    from dbferry.items import TableItem
    from dbferry.ledger.book import TableEntry
    from dbferry.rounds import Rounds
    from dbferry.sessions import TakesStreams

TURN_SECONDS = 0.1
Enter = Callable[[int, int], None]


def load(rounds: Rounds, session: TakesStreams) -> None:
    """Copies table after table, and puts what came of it into `rounds.moved`."""
    tables, keeping = rounds.plan.tables, rounds.keeping
    readings: list[Reading] = [(0, 0, 0, 0)] * len(tables)
    entries = keeping.tables if keeping is not None else [None] * len(tables)
    for index, (table, entry) in enumerate(zip(tables, entries, strict=True)):

        def turn(reading: Reading, index: int = index) -> None:
            readings[index] = reading
            rounds.watch(readings)

        before = rounds.before[index] if rounds.before else 0
        if keeping is None or entry is None:
            outcome, lost = load_table(rounds.here, session, table, before, turn)
        elif entry.whole:
            outcome, lost = _moved_before(entry), []
            turn((outcome["rows"], outcome["bytes"], 1, 1))
        else:
            begin_table(keeping.book, entry, before)
            enter = partial(mark_table, keeping.book, entry, rounds.here.token or "")
            before = before or entry.rows_before
            outcome, lost = load_table(rounds.here, session, table, before, turn, enter)
            if (outcome["error"] or {}).get("kind") == "lost":
                # Of the failure of an earlier table: the others are read under another snapshot.
                rounds.snapshot = None
                outcome, lost = load_table(rounds.here, session, table, before, turn, enter)
        rounds.moved.outcomes.append(outcome)
        rounds.moved.losses += lost
        if outcome["state"] == "failed" and not rounds.goes_on(outcome["error"]):
            break


def _moved_before(entry: TableEntry) -> dict[str, Any]:
    rows = sum(part.rows for part in entry.done)
    size = sum(part.moved_bytes for part in entry.done)
    return {
        "table": entry.name, "state": "done", "error": None, "seconds": 0.0,
        "rows": rows, "bytes": size, "source_rows": rows, "target_rows": rows,
    }  # fmt: skip


def load_table(
    snapshot: Snapshot,
    session: TakesStreams,
    table: TableItem,
    before: int,
    turn: Callable[[Reading], None],
    enter: Enter | None = None,
) -> tuple[dict[str, Any], list[list[Any]]]:
    """Copies one table; `enter` notes its rows and bytes in the transaction that commits them."""
    started = time.monotonic()
    plan = json.dumps(table.native())
    outcome: dict[str, Any] = {"table": table.name, "state": "failed", "error": None}
    stream: ArrowStream | None = None
    try:
        stream = snapshot.stream(plan)
        if enter is None:
            _insert(session, stream, table, turn)
        else:
            _transact(session, stream, table, turn, enter)
        source = snapshot.count(plan)
        count = session.query(f"SELECT count(*) FROM {table.target}")[0][0]
        rows, size, _, _ = stream.progress()
        target = int(count or 0) - before
        equal = source == target == rows
        outcome |= {
            "state": "done" if equal else "different", "rows": rows, "bytes": size,
            "source_rows": source, "target_rows": target,
        }  # fmt: skip
    except DbferryError as error:
        error.table = error.table or table.name
        outcome["error"] = error.fields()
    outcome["seconds"] = time.monotonic() - started
    return outcome, [list(loss) for loss in stream.losses()] if stream else []


def _transact(
    session: TakesStreams,
    stream: ArrowStream,
    table: TableItem,
    turn: Callable[[Reading], None],
    enter: Enter,
) -> None:
    session.begin()
    try:
        _insert(session, stream, table, turn)
        rows, size, _, _ = stream.progress()
        enter(rows, size)
    except BaseException:
        with suppress(DbferryError):
            session.rollback()
        raise
    session.commit()


def _insert(
    session: TakesStreams,
    stream: ArrowStream,
    table: TableItem,
    turn: Callable[[Reading], None],
) -> None:
    try:
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(session.insert, stream, table)
            try:
                _wait(work, lambda: turn(stream.progress()))
            except BaseException:
                session.cancel()
                raise
    except DbferryError:
        # What ended the stream is the cause of what its taker complains of.
        stream.check()
        raise


def _wait(work: Future[Any], meanwhile: Callable[[], None]) -> None:
    while True:
        try:
            work.result(timeout=TURN_SECONDS)
        except NotYet:
            if work.done():
                raise
            meanwhile()
        else:
            meanwhile()
            return
