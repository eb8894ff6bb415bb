"""Reads a table by dbferry: `dbferry_read.py URL TABLE PARALLEL (drop|keep)`."""

import json
import sys
import time
from urllib.parse import urlsplit

import pyarrow as pa

from dbferry import read
from dbferry.engines import engine

url, table, parallel, what = sys.argv[1:]
# A module of its own, as DuckDB's extension and ADBC's driver are.
engine(urlsplit(url).scheme)
start = time.perf_counter()
reader = pa.RecordBatchReader.from_stream(read(url, table, parallel=int(parallel)))
rows = reader.read_all().num_rows if what == "keep" else sum(batch.num_rows for batch in reader)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": rows}))
