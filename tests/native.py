"""A table as the native reader gives it, with no target behind."""

import json

import pyarrow as pa

from dbferry import _native
from dbferry.engines import engine
from dbferry.engines.arrow.catalog import of_streams
from dbferry.planner import make_plan
from dbferry.selection import Options
from dbferry.sessions import open_session
from dbferry.urls import parse
from servers.database import Database


def table_of(db: Database, name: str) -> pa.Table:
    """All rows of a table."""
    endpoint = parse(db.url)
    with open_session(endpoint, side="source") as session:
        held = engine(endpoint.engine).read_catalog(session)
        plan = make_plan(held, of_streams(()), Options(tables=[name]), session)
        plan.check()
        snapshot = _native.open_snapshot(json.dumps(endpoint.native()), "{}")
        stream = snapshot.stream(json.dumps(plan.tables[0].native()))
        return pa.RecordBatchReader.from_stream(stream).read_all()
