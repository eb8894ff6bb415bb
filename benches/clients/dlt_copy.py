"""Moves tables of MariaDB to PostgreSQL by dlt: `dlt_copy.py SOURCE TARGET FOLDER TABLE...`; into the schema `out`."""

import json
import os
import sys
import time

source, target, folder, *tables = sys.argv[1:]
os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "WARNING"}
import dlt  # noqa: E402 - reads the environment
from dlt.sources.sql_database import sql_database  # noqa: E402

start = time.perf_counter()
rows = sql_database(
    source,
    table_names=tables,
    backend="connectorx",
    backend_kwargs={"return_type": "arrow"},
    chunk_size=100_000,
    reflection_level="full",
)
pipeline = dlt.pipeline(
    "bench",
    destination=dlt.destinations.postgres(target),
    dataset_name="out",
    pipelines_dir=folder,
    progress=None,
)
done = pipeline.run(rows, write_disposition="replace", loader_file_format="parquet")
done.raise_on_failed_jobs()
print(json.dumps({"seconds": time.perf_counter() - start}))
