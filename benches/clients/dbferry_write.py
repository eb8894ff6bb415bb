"""Loads a Parquet file by dbferry: `dbferry_write.py URL TABLE FILE PARALLEL (table|stream)`.

A table is read before the clock starts; a stream is read while rows are written.
"""

import json
import sys
import time
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import parquet

from dbferry import write
from dbferry.engines import engine

url, table, path, parallel, what = sys.argv[1:]
# A module of its own, as DuckDB's extension and ADBC's driver are.
engine(urlsplit(url).scheme)
rows: pa.Table | pa.RecordBatchReader
if what == "table":
    rows = parquet.read_table(path)
else:
    file = parquet.ParquetFile(path)
    rows = pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches())
start = time.perf_counter()
write(rows, url, table, mode="append", parallel=int(parallel))
print(json.dumps({"seconds": time.perf_counter() - start}))
