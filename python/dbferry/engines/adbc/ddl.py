"""The little SQL that dbferry writes itself for a database behind a driver: plain standard SQL."""

from __future__ import annotations

from collections.abc import Sequence


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def relation(schema: str | None, name: str) -> str:
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def create_schema(schema: str) -> str:
    return f"CREATE SCHEMA {quote(schema)}"


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
