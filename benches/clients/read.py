"""Reads a table by another client: `read.py (adbc|adbc_drop|connectorx|duckdb|mysqlclient) URL TABLE [PARALLEL]`."""

import json
import os
import sys
import time
from urllib.parse import urlsplit

from extensions import duckdb_with

tool, url, table, *more = sys.argv[1:]
parallel = int(more[0]) if more else 1
scheme = urlsplit(url).scheme
query = f"SELECT * FROM {table}"

if tool.startswith("adbc"):
    if scheme == "sqlite":
        from adbc_driver_sqlite import dbapi

        url = url.removeprefix("sqlite://")
    else:
        from adbc_driver_postgresql import dbapi
    start = time.perf_counter()
    cursor = dbapi.connect(url).cursor()
    cursor.execute(query)
    if tool == "adbc_drop":
        rows = sum(batch.num_rows for batch in cursor.fetch_record_batch())
    else:
        rows = cursor.fetch_arrow_table().num_rows
elif tool == "connectorx":
    import connectorx

    options = {} if scheme == "sqlite" else {"protocol": "binary"}
    if parallel > 1:
        options |= {"partition_on": "l_orderkey", "partition_num": parallel}
    start = time.perf_counter()
    rows = connectorx.read_sql(url, query, return_type="arrow", **options).num_rows
elif tool == "duckdb":
    kind = {"postgresql": "postgres"}.get(scheme, scheme)
    connection = duckdb_with(kind)
    connection.execute(f"SET threads = {parallel}")
    where = {"sqlite": url.removeprefix("sqlite://"), "postgresql": url}.get(scheme, "")
    if scheme == "mysql":
        part = urlsplit(url)
        where = f"host={part.hostname} port={part.port} user={part.username} password={part.password} database={part.path[1:]}"
    start = time.perf_counter()
    connection.execute(f"ATTACH '{where}' AS source (TYPE {kind}, READ_ONLY)")
    place = "source.public" if kind == "postgres" else "source"
    result = connection.execute(f"SELECT * FROM {place}.{table}")
    rows = result.fetch_arrow_table().num_rows
elif tool == "mysqlclient":
    import MySQLdb
    from MySQLdb.cursors import SSCursor

    part = urlsplit(url)
    start = time.perf_counter()
    cursor = MySQLdb.connect(
        host=part.hostname,
        port=part.port,
        user=part.username,
        password=part.password,
        database=part.path[1:],
        cursorclass=SSCursor,
    ).cursor()
    cursor.execute(query)
    rows = 0
    while some := cursor.fetchmany(5000):
        rows += len(some)
else:
    raise SystemExit(__doc__)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": rows}), flush=True)
# Giving back what was read isn't part of the work.
os._exit(0)
