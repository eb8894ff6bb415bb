"""Writes PostgreSQL's DDL. Every name goes through `quote`."""

from __future__ import annotations

from collections.abc import Sequence

from dbferry.catalog import Identity, IdentityKind, UserType
from dbferry.engines import NewColumn, NewTable


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string constant that reads the same whatever standard_conforming_strings says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def relation(schema: str | None, name: str) -> str:
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def create_schema(schema: str) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}"


def create_type(wanted: UserType) -> str:
    labels = ", ".join(map(literal, wanted.labels))
    return f"CREATE TYPE {relation(wanted.schema, wanted.name)} AS ENUM ({labels})"


def _column(column: NewColumn) -> str:
    parts = [quote(column.name), column.native.domain or column.native.text]
    if column.identity is not None:
        always = column.identity.kind is IdentityKind.ALWAYS
        step = column.identity.increment
        options = f" (INCREMENT BY {step})" if step != 1 else ""
        parts.append(f"GENERATED {'ALWAYS' if always else 'BY DEFAULT'} AS IDENTITY{options}")
    if not column.nullable:
        parts.append("NOT NULL")
    return " ".join(parts)


def create_table(table: NewTable) -> str:
    columns = ",\n    ".join(_column(column) for column in table.columns)
    return f"CREATE TABLE {relation(table.schema, table.name)} (\n    {columns}\n)"


def finish_table(table: NewTable) -> Sequence[str]:
    """The primary key, added once the rows are in: a sort instead of a walk per row."""
    if not table.primary_key:
        return ()
    columns = ", ".join(map(quote, table.primary_key))
    return (f"ALTER TABLE {relation(table.schema, table.name)} ADD PRIMARY KEY ({columns})",)


def drop_table(schema: str | None, name: str) -> str:
    return f"DROP TABLE IF EXISTS {relation(schema, name)}"


def truncate_table(schema: str | None, name: str) -> str:
    return f"TRUNCATE TABLE {relation(schema, name)}"


def set_next(schema: str | None, table: str, column: str, identity: Identity) -> Sequence[str]:
    """The next value: the source's own, or past every row, whichever is further along."""
    place, name, step = relation(schema, table), quote(column), identity.increment
    sequence = f"pg_get_serial_sequence({literal(place)}, {literal(column)})"
    edge, furthest = ("max", "greatest") if step > 0 else ("min", "least")
    known = [f"{edge}({name}) + {step}"]
    if identity.next_value is not None:
        known.append(f"{identity.next_value}")
    return (
        f"SELECT setval({sequence}, coalesce({furthest}({', '.join(known)}), 1), false) "
        f"FROM {place} HAVING {sequence} IS NOT NULL",
    )
