"""A stream can't be read twice: a write whose server goes away ends at once, and waits for none."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import DbferryError
from faults.proxy import Proxy
from servers.database import Database, ServerDatabase

Make = Callable[[str], Database]
SCHEMA = pa.schema([("id", pa.int64())])


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql"])
@pytest.mark.parametrize("parallel", [1, 2])
def test_it_ends_at_once(database: Make, engine: str, parallel: int) -> None:
    target = database(engine)
    assert isinstance(target, ServerDatabase)
    target.sql("CREATE TABLE t (id BIGINT PRIMARY KEY)")
    network = ExitStack()
    proxy = network.enter_context(Proxy(target.server.port))
    gone: list[float] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(40):
            if number == 20:
                network.close()
                gone.append(time.monotonic())
            first = number * 10_000
            yield pa.record_batch([range(first, first + 10_000)], schema=SCHEMA)

    url = target.url.replace(f":{target.server.port}/", f":{proxy.port}/")
    rows = pa.RecordBatchReader.from_batches(SCHEMA, batches())
    with network, pytest.raises(DbferryError) as told:
        dbferry.write(rows, url, "t", parallel=parallel)
    assert told.value.kind in ("lost", "connect")
    assert time.monotonic() - gone[0] < 10
    assert target.rows("SELECT count(*) FROM t") == [(0,)]
