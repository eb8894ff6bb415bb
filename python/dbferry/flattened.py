"""What only single partitions have, and is lost where they become one plain table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dbferry.catalog import Table

FLATTENED = "partitions become one plain table"
OWN = re.compile(r"(?:SET|DROP) (DEFAULT|NOT NULL)")


def lost_with(parts: Sequence[Table]) -> list[str]:
    """One phrase for each thing; how a partition was kept is none."""
    return [
        f"{what} of partition {part.label} ({FLATTENED})" for part in parts for what in _of(part)
    ]


def _of(part: Table) -> Iterator[str]:
    yield from ["comment"] if part.comment else []
    yield from (f"comment of {column}" for column, _ in part.comments)
    for column, text in part.settings:
        own = OWN.match(text)
        if column and own:
            yield f"{own[1].replace('DEFAULT', 'default')} of {column}"
    primary = [part.primary_index] if part.primary_index else []
    yield from (f"index {index.name}" for index in part.indexes if index.parent is None)
    yield from (f"primary key {index.name}" for index in primary if index.parent is None)
    yield from (f"foreign key {key.name}" for key in part.foreign_keys)
    yield from (f"statistics {wanted.name}" for wanted in part.statistics)
    yield from (f"check {check.name}" for check in part.checks)
