"""Writes the DDL of MySQL and MariaDB. Every name goes through `quote`."""

from __future__ import annotations

from collections.abc import Sequence

from dbferry.catalog import Identity
from dbferry.engines import NewColumn, NewTable


def quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A string constant, as every sql_mode but NO_BACKSLASH_ESCAPES reads it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def relation(schema: str | None, name: str) -> str:
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def create_schema(schema: str) -> str:
    return f"CREATE DATABASE IF NOT EXISTS {quote(schema)} CHARACTER SET utf8mb4"


def _column(column: NewColumn, collation: str | None) -> str:
    native = column.native
    parts = [quote(column.name), native.text]
    if native.charset and native.name not in ("json", "uuid", "inet6", "inet4"):
        parts.append(f"CHARACTER SET {native.charset}")
        chosen = native.collation or (collation if native.charset == "utf8mb4" else None)
        if chosen:
            parts.append(f"COLLATE {chosen}")
    # TIMESTAMP is NOT NULL with a default of its own unless it is told otherwise.
    parts.append("NULL" if column.nullable else "NOT NULL")
    if column.identity is not None:
        parts.append("AUTO_INCREMENT")
    return " ".join(parts)


def create_table(table: NewTable, exact_collation: str) -> str:
    collation = exact_collation if table.exact_text else None
    lines = [_column(column, collation) for column in table.columns]
    if table.primary_key:
        sizes = table.key_prefixes
        parts = [quote(n) + (f"({sizes[n]})" if n in sizes else "") for n in table.primary_key]
        lines.append(f"PRIMARY KEY ({', '.join(parts)})")
    # The one AUTO_INCREMENT column must lead a key.
    lead = table.primary_key[:1]
    lines += [f"KEY ({quote(c.name)})" for c in table.columns if c.identity and (c.name,) != lead]
    suffix = f" COLLATE={collation}" if collation else ""
    body = ",\n    ".join(lines)
    return (
        f"CREATE TABLE {relation(table.schema, table.name)} (\n    {body}\n"
        f") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4{suffix}"
    )


def drop_table(schema: str | None, name: str) -> str:
    return f"DROP TABLE IF EXISTS {relation(schema, name)}"


def truncate_table(schema: str | None, name: str) -> str:
    return f"TRUNCATE TABLE {relation(schema, name)}"


def set_next(schema: str | None, table: str, column: str, identity: Identity) -> Sequence[str]:
    """InnoDB raises a value that is below the largest row by itself."""
    if identity.next_value is None or identity.next_value < 1:
        return ()
    return (f"ALTER TABLE {relation(schema, table)} AUTO_INCREMENT = {identity.next_value}",)
