"""The little SQL that dbferry writes itself for a database behind a driver: plain standard SQL."""

from __future__ import annotations


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def relation(schema: str | None, name: str) -> str:
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def create_schema(schema: str) -> str:
    return f"CREATE SCHEMA {quote(schema)}"


def drop_table(schema: str | None, name: str) -> str:
    return f"DROP TABLE IF EXISTS {relation(schema, name)}"


def truncate_table(schema: str | None, name: str) -> str:
    return f"DELETE FROM {relation(schema, name)}"
