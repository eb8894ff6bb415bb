"""Loads a Parquet file by another client: `load.py (adbc|duckdb) URL TABLE FILE`; read before the clock starts."""

import json
import os
import sys
import time
from urllib.parse import urlsplit

import pyarrow as pa
from extensions import duckdb_with
from pyarrow import parquet

tool, url, table, path = sys.argv[1:]
scheme = urlsplit(url).scheme
rows = parquet.read_table(path)


def plain(field: pa.Field) -> pa.DataType:
    """SQLite's driver takes neither decimals nor dates in every version."""
    if pa.types.is_decimal(field.type):
        return pa.float64()
    return pa.string() if pa.types.is_date(field.type) else field.type


if tool == "adbc":
    if scheme == "sqlite":
        from adbc_driver_sqlite import dbapi

        url = url.removeprefix("sqlite://")
        rows = rows.cast(pa.schema([(field.name, plain(field)) for field in rows.schema]))
    else:
        from adbc_driver_postgresql import dbapi
    start = time.perf_counter()
    connection = dbapi.connect(url)
    connection.cursor().adbc_ingest(table, rows, mode="append")
    connection.commit()
elif tool == "duckdb":
    kind = {"postgresql": "postgres"}.get(scheme, scheme)
    duckdb = duckdb_with(kind)
    place = "target.public" if kind == "postgres" else "target"
    start = time.perf_counter()
    duckdb.execute(f"ATTACH '{url.removeprefix('sqlite://')}' AS target (TYPE {kind})")
    duckdb.execute(f"INSERT INTO {place}.{table} SELECT * FROM rows")
else:
    raise SystemExit(__doc__)
print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
os._exit(0)
