"""What tables have besides columns, rows and primary keys, and how a plan calls it: each such part may be excluded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from dbferry.catalog import Catalog, Column, Index, Table

Excludes = Callable[[str], bool]
"""True for the name of a part that isn't wanted."""
LESS = frozenset(
    {
        "comments",
        "constraint",
        "next",
        "primary",
        "setting",
        "tablespace",
        "target",
        "UNLOGGED",
        "WITHOUT",
    }
)
"""How the names of what is less than such a part begin."""


def is_told_once(text: str) -> bool:
    """True for a name that only the plan which makes the table and leaves it behind tells."""
    return text.partition(" ")[0] in LESS or " of partition " in text


def labels(source: Catalog) -> list[str]:
    found: list[str] = []

    def excludes(label: str) -> bool:
        found.append(label)
        return False

    for table in source.tables:
        without(table, excludes)
    return found


def without(table: Table, excludes: Excludes) -> Table:
    """The table as it is without those parts, and so its partitions."""
    label = table.label
    indexes = tuple(i for i in table.indexes if not excludes(f"index {_called(i)} of {label}"))
    made = replace(
        table,
        columns=tuple(_column(column, label, excludes) for column in table.columns),
        indexes=indexes,
        foreign_keys=tuple(
            key
            for key in table.foreign_keys
            if not excludes(f"foreign key {key.name or _listed(key.columns)} of {label}")
        ),
        checks=tuple(
            check
            for check in table.checks
            if not excludes(f"check {check.name} of {label}" if check.name else f"check of {label}")
        ),
        statistics=tuple(
            s for s in table.statistics if not excludes(f"statistics {s.name} of {label}")
        ),
        comment=None if table.comment and excludes(f"comment of {label}") else table.comment,
        partitions=_partitions(table, indexes, excludes),
    )
    # Its own statement tells of all of it.
    return table if made == table else replace(made, declaration=None)


def _column(column: Column, table: str, excludes: Excludes) -> Column:
    label = f"{table}.{column.name}"
    if column.default is not None and excludes(f"default of {label}"):
        column = replace(column, default=None, draws=None)
    if column.generated is not None and excludes(f"generated column {label}"):
        column = replace(column, generated=None, stored=False)
    if column.on_update is not None and excludes(f"ON UPDATE {column.on_update} of {label}"):
        column = replace(column, on_update=None)
    if column.hidden and excludes(f"INVISIBLE of {label}"):
        column = replace(column, hidden=False)
    if column.comment and excludes(f"comment of {label}"):
        column = replace(column, comment=None)
    return column


def _partitions(table: Table, kept: Sequence[Index], excludes: Excludes) -> tuple[Table, ...]:
    """What belongs to an index of the whole table goes with it."""
    gone = {(table.schema, i.name) for i in table.indexes if i not in kept}
    made = []
    for part in table.partitions:
        gone |= {(part.schema, i.name) for i in part.indexes if i.parent in gone}
        own = tuple(i for i in part.indexes if i.parent not in gone)
        made.append(without(replace(part, indexes=own), partial(_in_either_way, part, excludes)))
    return tuple(made)


def _in_either_way(part: Table, excludes: Excludes, label: str) -> bool:
    """As it is called where partitions are kept, and where they become one plain table."""
    flat = label.replace(f" of {part.label}", f" of partition {part.label}")
    return excludes(label) or excludes(flat)


def _called(index: Index) -> str:
    return index.name or _listed(index.columns)


def _listed(names: Sequence[str]) -> str:
    return f"({', '.join(names)})"
