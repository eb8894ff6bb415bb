"""Writes DuckDB's DDL. Every name goes through `quote`."""

from __future__ import annotations

from collections.abc import Sequence

from dbferry.engines import NewColumn, NewTable, Step


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
    return " ".join(parts if column.nullable else [*parts, "NOT NULL"])


def create_table(table: NewTable) -> str:
    lines = [_column(column) for column in table.columns]
    if table.primary_key:
        lines.append(f"PRIMARY KEY ({', '.join(map(quote, table.primary_key))})")
    body = ",\n    ".join(lines)
    return f"CREATE TABLE {relation(table.schema, table.name)} (\n    {body}\n)"


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


def truncate_table(schema: str | None, name: str) -> str:
    return f"DELETE FROM {relation(schema, name)}"


def empty_table(schema: str | None, name: str) -> str:
    return f"DELETE FROM {relation(schema, name)}"


def swap_table(schema: str | None, fresh: str, name: str) -> Sequence[str]:
    """A new table in the place of an old one; the caller's transaction holds it together."""
    return (
        f"DROP TABLE {relation(schema, name)}",
        f"ALTER TABLE {relation(schema, fresh)} RENAME TO {quote(name)}",
    )
