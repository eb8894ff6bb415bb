"""Writes DuckDB's DDL. Every name goes through `quote`."""

from __future__ import annotations

from collections.abc import Sequence

from dbferry.catalog import Check, View
from dbferry.engines import NewColumn, NewTable, Step, Trial

TRIAL = "dbferry_trial"
NAME = r'(?:"(?:[^"]|"")*"|\w+)'
VIEW_QUERY = rf"nullif(regexp_extract(sql, '^CREATE (?:TEMP )?VIEW (?:{NAME}\.)?{NAME} AS (.*);$', 1, 's'), '')"
"""Of a view as it is printed; nothing where its columns have names of their own."""


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def relation(schema: str | None, name: str) -> str:
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def create_schema(schema: str) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}"


def _column(column: NewColumn) -> str:
    parts = [quote(column.name), column.native.text]
    parts += ["NOT NULL"] if not column.nullable else []
    parts += [f"DEFAULT {column.default}"] if column.default is not None else []
    return " ".join(parts)


def _check(check: Check) -> str:
    name = f"CONSTRAINT {quote(check.name)} " if check.name else ""
    return f"{name}CHECK ({check.expression})"


def create_table(table: NewTable) -> str:
    """With its checks: it takes none later."""
    lines = [*map(_column, table.columns), *map(_check, table.checks)]
    if table.primary_key:
        lines.append(f"PRIMARY KEY ({', '.join(map(quote, table.primary_key))})")
    body = ",\n    ".join(lines)
    return f"CREATE TABLE {relation(table.schema, table.name)} (\n    {body}\n)"


def try_table(table: NewTable) -> Trial:
    """As a table of this session only."""
    lines = [*map(_column, table.columns), *map(_check, table.checks)]
    body = ",\n    ".join(lines)
    drop = f"DROP TABLE IF EXISTS temp.{TRIAL}"
    return Trial(f"CREATE TEMPORARY TABLE {TRIAL} (\n    {body}\n)", drop, drop)


def describe_table(table: NewTable) -> Sequence[str]:
    name = relation(table.schema, table.name)
    told = [f"COMMENT ON TABLE {name} IS {literal(table.comment)}"] if table.comment else []
    return told + [
        f"COMMENT ON COLUMN {name}.{quote(column.name)} IS {literal(column.comment)}"
        for column in table.columns
        if column.comment
    ]


def create_view(view: View) -> Sequence[str]:
    return [f"CREATE VIEW {relation(view.schema, view.name)} AS {view.query}"]


def print_view(view: View) -> Sequence[str]:
    """Of a view that only this session has."""
    return (
        f"CREATE OR REPLACE TEMPORARY VIEW {TRIAL}_view AS {view.query}",
        f"SELECT {VIEW_QUERY} FROM duckdb_views() WHERE temporary AND view_name = '{TRIAL}_view'",
    )


def drop_view(view: View) -> str:
    return f"DROP VIEW IF EXISTS {relation(view.schema, view.name)}"


def finish_table(table: NewTable) -> Sequence[Step]:
    return [
        Step(
            what=f"index `{index.name}`",
            sql=f"CREATE UNIQUE INDEX {quote(index.name or '')} ON "
            f"{relation(table.schema, table.name)} ({', '.join(map(quote, index.columns))})",
        )
        for index in table.indexes
    ]


def drop_table(schema: str | None, name: str) -> str:
    return f"DROP TABLE IF EXISTS {relation(schema, name)}"


def truncate_table(relation: str) -> str:
    return f"DELETE FROM {relation}"


def swap_table(schema: str | None, fresh: str, name: str) -> Sequence[str]:
    """A new table in the place of an old one; the caller's transaction holds it together."""
    return (
        f"DROP TABLE {relation(schema, name)}",
        f"ALTER TABLE {relation(schema, fresh)} RENAME TO {quote(name)}",
    )
