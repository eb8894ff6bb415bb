"""Makes and fills tables of PostgreSQL by DuckDB: `duckdb_copy.py (postgres|mysql|sqlite) SOURCE TARGET TABLE...`."""

import json
import sys
import time

from extensions import duckdb_with

kind, source, target, *tables = sys.argv[1:]
connection = duckdb_with(kind, "postgres")
start = time.perf_counter()
connection.execute("SET threads = 2")
connection.execute(f"ATTACH '{source}' AS source (TYPE {kind}, READ_ONLY)")
connection.execute(f"ATTACH '{target}' AS target (TYPE postgres)")
place = "source.public" if kind == "postgres" else "source"
for table in tables:
    connection.execute(f"CREATE TABLE target.public.{table} AS SELECT * FROM {place}.{table}")
print(json.dumps({"seconds": time.perf_counter() - start}))
