"""Loads targets that take Arrow streams themselves: the engine reads, the target's own library writes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TYPE_CHECKING, Any

from dbferry.errors import DbferryError
from dbferry.progress import Reading

if TYPE_CHECKING:
    from dbferry._native import ArrowStream, Snapshot
    from dbferry.items import TableItem
    from dbferry.sessions import TakesStreams

TURN_SECONDS = 0.1


def load(
    snapshot: Snapshot,
    session: TakesStreams,
    tables: Sequence[TableItem],
    rows_before: Sequence[int],
    watch: Callable[[Sequence[Reading]], None],
) -> tuple[list[dict[str, Any]], list[list[Any]]]:
    """Copies table after table, each in one transaction; stops at the first failure."""
    outcomes: list[dict[str, Any]] = []
    losses: list[list[Any]] = []
    readings: list[Reading] = [(0, 0, 0, 0)] * len(tables)
    for index, (table, before) in enumerate(zip(tables, rows_before, strict=True)):

        def turn(reading: Reading, index: int = index) -> None:
            readings[index] = reading
            watch(readings)

        outcome, lost = _load_table(snapshot, session, table, before, turn)
        outcomes.append(outcome)
        losses += lost
        if outcome["state"] == "failed":
            break
    return outcomes, losses


def _load_table(
    snapshot: Snapshot,
    session: TakesStreams,
    table: TableItem,
    before: int,
    turn: Callable[[Reading], None],
) -> tuple[dict[str, Any], list[list[Any]]]:
    started = time.monotonic()
    plan = json.dumps(table.native())
    outcome: dict[str, Any] = {"table": table.name, "state": "failed", "error": None}
    stream: ArrowStream | None = None
    try:
        stream = snapshot.stream(plan)
        _insert(session, stream, table, turn)
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
