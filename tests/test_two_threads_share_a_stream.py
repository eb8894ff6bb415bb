"""Consumers let several threads take batches of one stream: each batch goes to one of them, and none is lost."""

import threading
from collections.abc import Callable

import pyarrow as pa
import pytest

import dbferry
from servers.database import Database
from through import adbc

ROWS = 100_000


@pytest.mark.parametrize("driver", [False, True])
@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_every_row_comes_once(
    database: Callable[[str], Database], engine: str, driver: bool
) -> None:
    held = database(engine)
    held.sql(
        "CREATE TABLE t (id integer PRIMARY KEY);"
        f"INSERT INTO t WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS})"
        " SELECT n FROM s"
    )
    url = adbc(held) if driver else held.url
    for _ in range(3):
        reader = pa.RecordBatchReader.from_stream(dbferry.read(url, "t", batch_rows=100))
        sums: list[tuple[int, int]] = []

        def take(reader: pa.RecordBatchReader = reader, sums: list[tuple[int, int]] = sums) -> None:
            batches = list(reader)
            ids = [sum(batch.column(0).to_pylist()) for batch in batches]
            sums.append((sum(batch.num_rows for batch in batches), sum(ids)))

        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(rows for rows, _ in sums) == ROWS
        assert sum(ids for _, ids in sums) == ROWS * (ROWS + 1) // 2
