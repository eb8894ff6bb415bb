"""Reads what a DuckDB file already holds: a target only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from dbferry.catalog import Catalog, Check, Column, Index, NativeType, Session, Table, View
from dbferry.engines.duckdb.ddl import VIEW_QUERY

COLUMNS = """
SELECT c.schema_name, c.table_name, c.column_name, c.column_index, c.data_type, c.is_nullable,
       c.column_default, c.comment
FROM duckdb_columns() AS c JOIN duckdb_tables() AS t USING (database_oid, schema_oid, table_oid)
WHERE c.database_name = current_database() AND NOT c.internal
ORDER BY c.schema_name, c.table_name, c.column_index"""

INDEXES = """
SELECT schema_name, table_name, index_name, is_unique FROM duckdb_indexes()
WHERE database_name = current_database() ORDER BY index_name"""

PRIMARY_KEYS = """
SELECT schema_name, table_name, unnest(constraint_column_names) FROM duckdb_constraints()
WHERE database_name = current_database() AND constraint_type = 'PRIMARY KEY'"""


CHECKS = """
SELECT schema_name, table_name, expression FROM duckdb_constraints()
WHERE database_name = current_database() AND constraint_type = 'CHECK' ORDER BY constraint_index"""

COMMENTS = """
SELECT schema_name, table_name, comment FROM duckdb_tables()
WHERE database_name = current_database() AND comment IS NOT NULL"""

VIEWS = f"""
SELECT schema_name, view_name, {VIEW_QUERY} FROM duckdb_views()
WHERE database_name = current_database() AND NOT internal ORDER BY schema_name, view_name"""


def read(session: Session, schemas: Collection[str] = ()) -> Catalog:
    columns: dict[tuple[str, str], list[Column]] = defaultdict(list)
    for schema, table, name, position, declared, nullable, default, comment in session.query(
        COLUMNS
    ):
        columns[schema or "", table or ""].append(
            Column(
                name=name or "",
                position=int(position or 0),
                native=native(declared or ""),
                nullable=(nullable or "").lower() == "true",
                default=default,
                comment=comment,
            )
        )
    indexes: dict[tuple[str, str], list[Index]] = defaultdict(list)
    for schema, table, name, unique in session.query(INDEXES):
        # Their columns are told as text only; a name is enough to not make one twice.
        known = Index(name=name, parts=(), unique=(unique or "").lower() == "true")
        indexes[schema or "", table or ""].append(known)
    checks: dict[tuple[str, str], list[Check]] = defaultdict(list)
    for schema, table, expression in session.query(CHECKS):
        # It makes up names of its own.
        checks[schema or "", table or ""].append(Check(name=None, expression=expression or ""))
    comments = {(schema, table): text for schema, table, text in session.query(COMMENTS)}
    keys: dict[tuple[str, str], list[str]] = defaultdict(list)
    for schema, table, column in session.query(PRIMARY_KEYS):
        keys[schema or "", table or ""].append(column or "")
    return Catalog(
        engine="duckdb",
        version=session.version,
        default_schema="main",
        folds_tables=True,
        schemas=tuple(dict.fromkeys(["main", *(schema for schema, _ in columns)])),
        tables=tuple(
            Table(
                schema=schema,
                name=name,
                columns=tuple(found),
                primary_key=tuple(keys[schema, name]),
                indexes=tuple(indexes[schema, name]),
                checks=tuple(checks[schema, name]),
                comment=comments.get((schema, name)),
            )
            for (schema, name), found in columns.items()
        ),
        views=tuple(
            View(schema=schema or "", name=name or "", query=query or "")
            for schema, name, query in session.query(VIEWS)
        ),
    )


def native(declared: str) -> NativeType:
    bare, _, sizes = declared.partition("(")
    numbers = sizes.rstrip(")").split(",")
    sized = bare.upper() == "DECIMAL" and len(numbers) == 2
    return NativeType(
        name=bare.lower() if not declared.endswith("[]") else declared.lower(),
        text=declared,
        precision=int(numbers[0]) if sized else None,
        scale=int(numbers[1]) if sized else None,
    )
