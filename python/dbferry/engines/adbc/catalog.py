"""What a driver tells of tables: GetObjects for names and keys, a query's schema for types."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from dbferry.catalog import Catalog, Column, Session, Table
from dbferry.engines.adbc import ddl, trial, types
from dbferry.engines.adbc.session import AdbcSession

Told = Mapping[str, Any]
"""A part of what GetObjects tells."""

TABLES = ("table", "base table", "partitioned table")
VIEWS = ("view", "materialized view", "foreign table")
SYSTEM = frozenset({"information_schema", "mysql", "performance_schema", "sys"})

# A driver tells of a partition as of any other table.
PARTITIONS = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relispartition"""

# What a driver tells nothing of: by vendor, the schema, table and column, and the declared type or its modifier.
DECLARED: Mapping[str, str] = {
    "PostgreSQL": """
SELECT n.nspname, c.relname, a.attname, a.atttypmod FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE a.atttypmod >= 0 AND a.atttypid = ANY ('{varchar,bpchar,time,timestamp,timestamptz}'::regtype[])
AND a.attnum > 0 AND c.relkind IN ('r', 'p')""",
    "SQLite": """
SELECT NULL AS s, t.name AS t, c.name AS c, c.type AS d FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c
WHERE t.type = 'table'""",
}
Declarations = Mapping[tuple[str | None, str, str], str]


def read(session: Session, schemas: Collection[str] = ()) -> Catalog:
    found = cast("AdbcSession", session)
    return _catalog(found, _tables(found, TABLES))


def find(session: Session, schema: str | None, name: str) -> Catalog:
    """Tables and views of a name."""
    found = cast("AdbcSession", session)
    # SQLite's tables are in `main`, and its driver says they are in none.
    main = schema == "main" and found.vendor == "SQLite"
    named = _tables(found, (*TABLES, *VIEWS), db_schema=None if main else schema, table_name=name)
    # The driver takes both for patterns.
    exact = [(s, t) for s, t in named if t["table_name"] == name and (main or schema in (None, s))]
    if main:
        exact = [("main", told) for _, told in exact]
    return _catalog(found, exact)


def query(session: Session, sql: str) -> Catalog:
    found = cast("AdbcSession", session)
    columns = _columns(found, sql, {})
    table = Table(schema="", name="query", columns=columns, kind="query", query=sql)
    return replace(_catalog(found, ()), tables=(table,))


def _catalog(session: AdbcSession, tables: Iterable[tuple[str, Told]]) -> Catalog:
    declared = _declared(session) if session.side == "target" else None
    named = _schemas(session, session.objects(depth="DB_SCHEMAS"))
    names = [name for name, _ in named if not _is_system(name)]
    default = session.option("adbc.connection.db_schema")
    if default is None:
        default = next((name for name in ("", "main", *names) if name in names), "")
    return Catalog(
        engine="adbc",
        version=session.version,
        default_schema=default,
        schemas=tuple(dict.fromkeys([default, *names])),
        tables=tuple(_table(session, schema, table, declared) for schema, table in tables),
        extensions=trial.carried(session) if session.side == "target" else frozenset(),
        folds_tables=session.vendor == "SQLite",
    )


def _schemas(session: AdbcSession, catalogs: Sequence[Told]) -> list[tuple[str, Told]]:
    """The schemas of the catalog that the connection is in, by name."""
    here = session.option("adbc.connection.catalog")
    chosen = [each for each in catalogs if here in (None, each["catalog_name"])] or catalogs
    if here is None:
        chosen = [each for each in chosen if each["catalog_name"] in ("main", None)] or chosen[:1]
    return [
        (str(schema["db_schema_name"] or ""), schema)
        for each in chosen
        for schema in each["catalog_db_schemas"] or ()
    ]


def _is_system(schema: str) -> bool:
    return schema.lower() in SYSTEM or schema.startswith("pg_")


def _tables(session: AdbcSession, kinds: Collection[str], **only: Any) -> list[tuple[str, Told]]:
    found = [
        (schema, table)
        for schema, told in _schemas(session, session.objects(**only))
        for table in told["db_schema_tables"] or ()
        if not _is_system(schema)
        and not str(table["table_name"]).startswith("sqlite_")
        and str(table["table_type"] or "table").lower().replace("_", " ") in kinds
    ]
    if session.vendor != "PostgreSQL" or only:
        return found
    partitions = set(session.query(PARTITIONS))
    return [(s, table) for s, table in found if (s, table["table_name"]) not in partitions]


def _declared(session: AdbcSession) -> Declarations:
    """What columns that stand do to values, where more is known of it than types."""
    sql = DECLARED.get(session.vendor)
    return {(s, t or "", c or ""): d or "" for s, t, c, d in session.query(sql)} if sql else {}


def _table(session: AdbcSession, schema: str, told: Told, declared: Declarations | None) -> Table:
    """`declared` is of a target, whose columns take rows."""
    name = str(told["table_name"])
    known = {str(column["column_name"]): column for column in told["table_columns"] or ()}
    keys = [
        tuple(constraint["constraint_column_names"] or ())
        for constraint in told["table_constraints"] or ()
        if constraint["constraint_type"] == "PRIMARY KEY"
    ]
    columns = _columns(session, f"SELECT * FROM {ddl.relation(schema, name)}", known)
    if declared is not None:
        home = schema if session.vendor != "SQLite" else None
        columns = tuple(
            replace(c, native=types.standing(c.native, declared.get((home, name, c.name))))
            for c in columns
        )
    return Table(schema=schema, name=name, primary_key=keys[0] if keys else (), columns=columns)


def _columns(session: AdbcSession, sql: str, known: Mapping[str, Told]) -> tuple[Column, ...]:
    return tuple(
        Column(
            name=str(field["name"]),
            position=position,
            native=types.native(field, session.vendor),
            nullable=_nullable(known.get(field["name"], {})),
        )
        for position, field in enumerate(json.loads(session.describe(sql)), start=1)
    )


def _nullable(told: Told) -> bool:
    return told.get("xdbc_is_nullable") != "NO" and told.get("xdbc_nullable") != 0
