"""Loads DuckDB: the engine reads, DuckDB itself takes the Arrow stream."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TYPE_CHECKING, Any

from dbferry.engines.duckdb.session import translate
from dbferry.errors import DbferryError

if TYPE_CHECKING:
    from dbferry._native import ArrowStream, Snapshot

Reading = tuple[int, int, int, int]
TURN_SECONDS = 0.1


def load(
    snapshot: Snapshot,
    session: Any,
    tables: Sequence[dict[str, Any]],
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
    session: Any,
    table: dict[str, Any],
    before: int,
    turn: Callable[[Reading], None],
) -> tuple[dict[str, Any], list[list[Any]]]:
    started = time.monotonic()
    outcome: dict[str, Any] = {"table": table["name"], "state": "failed", "error": None}
    stream: ArrowStream | None = None
    try:
        stream = snapshot.stream(json.dumps(table))
        _insert(session.connection, stream, table, turn)
        source = snapshot.count(json.dumps(table))
        count = session.query(f"SELECT count(*) FROM {table['target']}")[0][0]
        rows, size, _, _ = stream.progress()
        target = int(count) - before
        equal = source == target == rows
        outcome |= {
            "state": "done" if equal else "different", "rows": rows, "bytes": size,
            "source_rows": source, "target_rows": target,
        }  # fmt: skip
    except DbferryError as error:
        error.table = error.table or table["name"]
        outcome["error"] = error.fields()
    outcome["seconds"] = time.monotonic() - started
    return outcome, [list(loss) for loss in stream.losses()] if stream else []


def _insert(
    connection: Any, stream: ArrowStream, table: dict[str, Any], turn: Callable[[Reading], None]
) -> None:
    import duckdb
    import pyarrow as pa

    names = ", ".join('"' + c["target"].replace('"', '""') + '"' for c in table["columns"])
    reader = pa.RecordBatchReader.from_stream(stream)
    connection.register("dbferry_stream", reader)
    statement = f"INSERT INTO {table['target']} ({names}) SELECT * FROM dbferry_stream"
    try:
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(connection.execute, statement)
            try:
                _wait(work, lambda: turn(stream.progress()))
            except BaseException:
                connection.interrupt()
                raise
    except duckdb.Error as error:
        stream.check()
        raise translate(error) from None
    finally:
        connection.unregister("dbferry_stream")


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
