"""The catalog of Arrow streams: what `_native.arrow_schema` tells of their fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dbferry.catalog import Catalog, Column, Table
from dbferry.engines.arrow.types import native

SCHEMA = "arrow"

Field = Mapping[str, Any]
"""A field as `_native.arrow_schema` gives it."""


def table(name: str, fields: Iterable[Field]) -> Table:
    """A stream of these fields as a table without a key."""
    return Table(
        schema=SCHEMA,
        name=name,
        columns=tuple(
            Column(
                name=field["name"],
                position=position,
                native=native(field),
                nullable=field.get("nullable", True),
            )
            for position, field in enumerate(fields, start=1)
        ),
    )


def of_streams(tables: Iterable[Table]) -> Catalog:
    return Catalog(
        engine="arrow",
        version="1",
        default_schema=SCHEMA,
        schemas=(SCHEMA,),
        tables=tuple(tables),
    )
