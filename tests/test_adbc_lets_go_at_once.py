"""A session behind a driver ends with its stream, and a write with what interrupts it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import Interrupted
from servers.database import Database
from servers.server import wait_until
from through import adbc

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
SCHEMA = pa.schema([("id", pa.int64())])
SOON = 5


def all_gone(held: Database) -> None:
    wait_until(lambda: held.rows(SESSIONS) == [(0,)], "the end of all sessions")


def test_after_the_last_batch_and_when_it_is_dropped(pg_db: Database) -> None:
    pg_db.sql(
        "CREATE TABLE t AS SELECT g AS id, repeat('x', 100) AS t FROM generate_series(1, 50000) g"
    )
    stream = dbferry.read(adbc(pg_db), "t", batch_rows=100)
    assert pa.table(stream).num_rows == 50_000
    all_gone(pg_db)
    reader = pa.RecordBatchReader.from_stream(stream)
    reader.read_next_batch()
    del reader
    all_gone(pg_db)
    pg_db.sql("DROP TABLE t")


def endless() -> Iterator[pa.RecordBatch]:
    while True:
        yield pa.record_batch({"id": pa.array([1])})
        time.sleep(0.02)


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_ctrl_c_ends_a_write_whose_stream_goes_on(
    database: Callable[[str], Database], engine: str
) -> None:
    target = database(engine)
    rows = pa.RecordBatchReader.from_batches(SCHEMA, endless())
    threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises((Interrupted, KeyboardInterrupt)):
        dbferry.write(rows, adbc(target), "t", mode="create")
    assert time.monotonic() - start < SOON


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_what_progress_raises_ends_it_too(database: Callable[[str], Database], engine: str) -> None:
    def stop(_: dbferry.Progress) -> None:
        raise ValueError("enough")

    target = database(engine)
    rows = pa.RecordBatchReader.from_batches(SCHEMA, endless())
    start = time.monotonic()
    with pytest.raises(ValueError, match="enough"):
        dbferry.write(rows, adbc(target), "t", mode="create", progress=stop)
    assert time.monotonic() - start < SOON
