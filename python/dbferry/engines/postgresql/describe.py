"""What PostgreSQL tells of one table or one query, without a look at any other.

Both are described by the server itself: it prepares the query and names the type of every column by number
and modifier, which the catalog's own code turns into types. So views and foreign tables are read as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dbferry.catalog import Catalog, Column, Session, Table
from dbferry.engines.postgresql import ddl
from dbferry.engines.postgresql.catalog import LEAVES, money_digits, native
from dbferry.engines.postgresql.objects import user_types

NAMED = """
SELECT c.oid, n.nspname, c.relname, c.relkind,
       EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid),
       greatest(c.reltuples, 0)::bigint,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_table_size(c.oid) ELSE 0 END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relname = {name} AND {schema}
ORDER BY n.nspname"""

NEVER_NULL = """
SELECT a.attname FROM pg_catalog.pg_attribute a
WHERE a.attrelid = {oid} AND a.attnum > 0 AND a.attnotnull AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_constraint k
    WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey[1] = a.attnum AND NOT k.convalidated)"""

# The columns that `catalog.native` reads, for types given by number and modifier.
TYPES = """
WITH RECURSIVE base (place, typid, typmod) AS (
    SELECT a.place, a.typid::oid, a.typmod FROM (VALUES {asked}) AS a (place, typid, typmod)
  UNION ALL
    SELECT b.place, t.typbasetype, t.typtypmod
    FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typid WHERE t.typtype = 'd'
)
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       t.typname, tn.nspname, t.oid, t.typtype, t.typelem, e.typname, e.oid, e.typtype,
       b.typmod, pg_catalog.format_type(t.oid, b.typmod), NULL, en.nspname, t.typcategory
FROM base b
JOIN pg_catalog.pg_type t ON t.oid = b.typid AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN pg_catalog.pg_namespace en ON en.oid = e.typnamespace
ORDER BY b.place"""

KINDS = {"p": "partitioned", "v": "view", "f": "view"}


def find(session: Session, schema: str | None, name: str) -> Catalog:
    within = (
        f"n.nspname = {ddl.literal(schema)}"
        if schema
        else "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp_)'"
    )
    rows = session.query(NAMED.format(name=ddl.literal(name), schema=within))
    return _catalog(session, [_table(session, row) for row in rows])


def _table(session: Session, row: Sequence[str | None]) -> Table:
    oid, schema, name, relkind, has_children, rows, size = row
    kind = KINDS.get(relkind or "", "parent" if has_children == "t" else "table")
    leaves: list[tuple[str | None, ...]] = []
    if kind == "partitioned":
        leaves = session.query(LEAVES.replace("WHERE", f"WHERE c.oid = {oid} AND"))
    relation = ddl.relation(schema, name or "")
    described = json.loads(session.describe(f"SELECT * FROM {relation}"))
    # Other servers keep the promise of a foreign table, or don't.
    certain = relkind != "f" and not any(leaf[3] == "f" for leaf in leaves)
    filled = {row[0] for row in session.query(NEVER_NULL.format(oid=oid))} if certain else set()
    return Table(
        schema=schema or "",
        name=name or "",
        columns=tuple(
            replace(column, nullable=column.name not in filled)
            for column in _columns(session, described)
        ),
        kind=kind,
        # A foreign leaf has no places to cut by: such a table is read as one.
        leaves=()
        if any(leaf[3] == "f" for leaf in leaves)
        else tuple((leaf[1] or "", leaf[2] or "") for leaf in leaves),
        estimated_rows=int(rows or 0) + sum(int(leaf[4] or 0) for leaf in leaves),
        estimated_bytes=int(size or 0) + sum(int(leaf[5] or 0) for leaf in leaves),
    )


def query(session: Session, sql: str) -> Catalog:
    described = json.loads(session.describe(sql))
    columns = _columns(session, described)
    return _catalog(
        session, [Table(schema="", name="query", columns=columns, kind="query", query=sql)]
    )


def _catalog(session: Session, tables: Sequence[Table]) -> Catalog:
    return Catalog(
        engine="postgresql",
        version=session.version,
        default_schema="public",
        schemas=tuple(dict.fromkeys(table.schema for table in tables)),
        tables=tuple(tables),
    )


def _columns(session: Session, described: Sequence[dict[str, Any]]) -> tuple[Column, ...]:
    if not described:
        return ()
    asked = ", ".join(f"({at}, {d['number']}, {d['size']})" for at, d in enumerate(described))
    rows = session.query(TYPES.format(asked=asked))
    enums = any("e" in (row[10], row[14]) for row in rows)
    labels = {(t.schema, t.name): t.labels for t in user_types(session)} if enums else {}
    money = any("money" in (row[7], row[12]) for row in rows)
    digits = money_digits(session) if money else None
    columns = []
    for place, (told, row) in enumerate(zip(described, rows, strict=True), start=1):
        made = native(row, labels)
        if "money" in (made.name, made.element):
            made = replace(made, scale=digits)
        columns.append(Column(name=told["name"], position=place, native=made))
    return tuple(columns)
