"""Reads a table by dbferry: `dbferry_read.py URL TABLE PARALLEL (drop|keep)`."""

import json
import sys
import time

import pyarrow as pa

from dbferry import read

url, table, parallel, what = sys.argv[1:]
start = time.perf_counter()
reader = pa.RecordBatchReader.from_stream(read(url, table, parallel=int(parallel)))
rows = reader.read_all().num_rows if what == "keep" else sum(batch.num_rows for batch in reader)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": rows}))
