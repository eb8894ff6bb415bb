"""What SQLite tells of one query: names, and the declarations of columns that come from tables as they are."""

from __future__ import annotations

import json

from dbferry.catalog import Catalog, Column, Session, Table
from dbferry.engines.sqlite.catalog import native


def query(session: Session, sql: str) -> Catalog:
    columns = tuple(
        Column(name=told["name"], position=place, native=native(told["declared"] or ""))
        for place, told in enumerate(json.loads(session.describe(sql)), start=1)
    )
    return Catalog(
        engine="sqlite",
        version=session.version,
        schemas=("",),
        default_schema="main",
        tables=(Table(schema="", name="query", columns=columns, kind="query", query=sql),),
        folds_tables=True,
    )
