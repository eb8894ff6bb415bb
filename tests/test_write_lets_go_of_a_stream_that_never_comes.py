"""Ctrl-C ends a write whose stream never gives its next rows, and the target is as it was."""

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from servers.database import Database

PROGRAM = """
import sys, threading
import pyarrow as pa
import dbferry

def batches():
    yield pa.record_batch({"id": pa.array([1, 2], pa.int32())})
    print("waiting", flush=True)
    threading.Event().wait(60)

schema = pa.schema({"id": pa.int32()})
try:
    dbferry.write(pa.RecordBatchReader.from_batches(schema, batches()), sys.argv[1], "t", mode="create")
except dbferry.DbferryError as error:
    print(error.message)
"""


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "sqlite"])
def test_the_write_is_interrupted(database: Callable[[str], Database], engine: str) -> None:
    db = database(engine)
    command = [sys.executable, "-c", PROGRAM, db.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "the write was interrupted\n")
    # Nothing of it is left.
    db.sql("CREATE TABLE t (id integer)")
