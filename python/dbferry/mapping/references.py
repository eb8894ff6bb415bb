"""What becomes of keys, indexes and foreign keys when rules take columns away, mask them, or give another key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dbferry.catalog import ForeignKey, Table
from dbferry.mapping.work import Work, called
from dbferry.pair import Pair

Place = tuple[str, str]


def settle(pair: Pair, works: Sequence[Work]) -> None:
    """Gives every table the keys that are left; what isn't is named in `left_out`."""
    by_place = {(work.table.schema, work.table.name): work for work in works}
    # All of them look at the keys that tables had.
    settled = [_settled(pair, work, by_place) for work in works]
    for work, table in zip(works, settled, strict=True):
        work.table = table


def _settled(pair: Pair, work: Work, by_place: Mapping[Place, Work]) -> Table:
    table = work.table
    key, name = _primary(work)
    indexes = []
    for index in table.indexes:
        why = work.gone(index.columns)
        if why:
            work.left_out.append(f"index {called(index)} of {table.label} ({why})")
        elif not (index.is_key and index.columns == key):
            indexes.append(index)
    checks = []
    for check in table.checks:
        why = _unsaid(work, check.expression)
        if why:
            named = f"check {check.name}" if check.name else "check"
            work.left_out.append(f"{named} of {table.label} ({why}): {check.expression}")
        else:
            checks.append(check)
    foreign = [_foreign(pair, work, key, by_place) for key in table.foreign_keys]
    return replace(
        table,
        primary_key=key,
        primary_key_name=name,
        primary_index=table.primary_index if key == table.primary_key else None,
        indexes=(*indexes, *work.uniques),
        foreign_keys=tuple(key for key in foreign if key is not None),
        checks=tuple(checks),
        left_out=(*table.left_out, *work.left_out),
    )


def _unsaid(work: Work, expression: str) -> str | None:
    """Why a condition is none on what the target holds: it may name a column that has other values, or none."""
    for name, cell in work.cells.items():
        if not cell.added and (cell.removed or cell.sql is not None) and names(expression, name):
            return (
                f"{cell.removed} removes `{name}`" if cell.removed else f"a rule changes `{name}`"
            )
    return None


def names(expression: str, column: str) -> bool:
    """True when a column's name stands in an expression, however it is quoted."""
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", expression, re.IGNORECASE) is not None


def _primary(work: Work) -> tuple[tuple[str, ...], str | None]:
    table = work.table
    if work.key is not None:
        return work.key, work.key_name
    why = work.gone(table.primary_key)
    if why:
        work.left_out.append(f"primary key of {table.label} ({why})")
        return (), None
    return table.primary_key, table.primary_key_name


def _foreign(
    pair: Pair, work: Work, key: ForeignKey, by_place: Mapping[Place, Work]
) -> ForeignKey | None:
    parent = by_place.get((key.schema, key.table))
    named = key.name or f"({', '.join(key.columns)})"
    why = work.gone(key.columns)
    if parent is not None and not why:
        key = replace(key, references=key.references or parent.table.primary_key)
        why = parent.gone(key.references) or _unkeyed(parent, key.references)
        for ours, theirs in zip(key.columns, key.references, strict=False):
            one, other = work.cells[ours], parent.cells[theirs]
            if not why and one.mask != other.mask:
                pair.source_fault(
                    f"`{ours}` refers to `{parent.table.label}.{theirs}`, and their masks differ",
                    table=work.table.label,
                    column=ours,
                    hint="mask both by one rule with one key, or remove one of them",
                )
    if why:
        work.left_out.append(f"foreign key {named} of {work.table.label} ({why})")
        return None
    return key


def _unkeyed(parent: Work, references: Sequence[str]) -> str | None:
    """Why these columns are no key any more."""
    table = parent.table
    if parent.key is None or set(references) == set(parent.key):
        return None
    if any(i.unique and set(i.columns) == set(references) for i in table.indexes):
        return None
    return f"a rule gives {table.label} another key"
