"""Several tables that become one: the union of their rows, read as one table and counted as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dbferry.catalog import Column, ForeignKey, Identity, Index, Table
from dbferry.mapping.build import select
from dbferry.mapping.rules import Merge
from dbferry.mapping.work import Shape, Work, called
from dbferry.pair import Pair

Place = tuple[str, str]
Made = tuple[Work, Shape]


def merged(
    pair: Pair, made: Sequence[Made], merges: Sequence[tuple[str, Merge, Sequence[Work]]]
) -> list[Shape]:
    """The shapes, with one for each merge in the place of its first table."""
    of_table = {shape.table.label: (work, shape) for work, shape in made}
    groups = {
        works[0].table.label: (label, rule, [of_table[w.table.label] for w in works])
        for label, rule, works in merges
    }
    others = {w.table.label for _, _, works in merges for w in works[1:]}
    stands_for = {
        (w.table.schema, w.table.name): (works[0].table.schema, works[0].table.name)
        for _, _, works in merges
        for w in works
    }
    shapes = []
    for work, shape in made:
        label = work.table.label
        if label in groups:
            shapes.append(_merge(pair, *groups[label], stands_for))
        elif label not in others:
            shapes.append(shape)
    return [_pointed(shape, stands_for) for shape in shapes]


def _merge(
    pair: Pair, label: str, rule: Merge, made: Sequence[Made], stands_for: Mapping[Place, Place]
) -> Shape:
    (first, shape), rest = made[0], made[1:]
    schema, _, name = rule.into.rpartition(".")
    for work, other in rest:
        why = _difference(shape, other)
        if why:
            pair.source_fault(
                f"{label} can't merge `{work.table.label}` into `{first.table.label}`: {why}",
                table=work.table.label,
                hint="rules that rename, remove or add columns can make them alike",
            )
    if pair.faults:
        return replace(shape, schema=schema or shape.schema, name=name)
    tables = [_pointed(other, stands_for).table for _, other in made]
    wholes = [f"(\n{select(pair, work, work.relation, ())}\n) AS m" for work, _ in made]
    union = "\nUNION ALL\n".join(
        _query(pair, shape, other, whole) for whole, (_, other) in zip(wholes, made, strict=True)
    )
    parts = [
        f"(\n{_query(pair, shape, other, part)}\n) AS q"
        for whole, (_, other) in zip(wholes, made, strict=True)
        for part in other.parts or [whole]
    ]
    return replace(
        shape,
        table=_united(tables, union),
        schema=schema or shape.schema,
        name=name,
        parts=tuple(parts),
        whole=True,
        notes=(
            *(note for _, s in made for note in s.notes),
            f"{label}: the rows of {', '.join(table.label for table in tables)}",
        ),
    )


def _query(pair: Pair, first: Shape, other: Shape, relation: str) -> str:
    """Rows with their columns in the order, and under the names, of the first table's."""
    quote, theirs = pair.ends[0].quote, _targets(other)
    columns = ", ".join(
        f"{quote(theirs[name].name)} AS {quote(column.name)}"
        for name, column in _targets(first).items()
    )
    return f"SELECT {columns} FROM {relation}"


def _targets(shape: Shape) -> dict[str, Column]:
    return {shape.names.get(c.name, c.name): c for c in shape.table.columns}


def _difference(first: Shape, other: Shape) -> str | None:
    """What makes two tables unlike."""
    ours, theirs = _targets(first), _targets(other)
    for name in ours:
        if name not in theirs:
            return f"it has no column `{name}`"
    for name in theirs:
        if name not in ours:
            return f"only it has a column `{name}`"
    for name, column in ours.items():
        if column.native != theirs[name].native:
            return f"its `{name}` is {theirs[name].native.text}, and the other {column.native.text}"
    return None


def _united(tables: Sequence[Table], union: str) -> Table:
    first, rest = tables[0], tables[1:]
    left_out = [what for table in tables for what in table.left_out]
    key = first.primary_key
    if any(table.primary_key != key for table in rest):
        left_out.append(f"primary key of {first.label} (the merged tables have other ones)")
        key = ()
    indexes = []
    for index in first.indexes:
        if all(any(_alike(index, other) for other in table.indexes) for table in rest):
            indexes.append(index)
        else:
            left_out.append(
                f"index {called(index)} of {first.label} (not all merged tables have it)"
            )
    foreign = []
    for reference in first.foreign_keys:
        if all(any(_refers(reference, other) for other in table.foreign_keys) for table in rest):
            foreign.append(reference)
        else:
            what = reference.name or f"({', '.join(reference.columns)})"
            left_out.append(f"foreign key {what} of {first.label} (not all merged tables have it)")
    return replace(
        first,
        foreign_keys=tuple(foreign),
        columns=tuple(_column(column, rest) for column in first.columns),
        primary_key=key,
        primary_key_name=first.primary_key_name if key else None,
        query=union,
        leaves=(),
        partitioning=None,
        partitions=(),
        statistics=(),
        declaration=None,
        kind="table",
        indexes=tuple(indexes),
        estimated_rows=sum(table.estimated_rows for table in tables),
        estimated_bytes=sum(table.estimated_bytes for table in tables),
        left_out=tuple(dict.fromkeys(left_out)),
    )


def _column(column: Column, rest: Sequence[Table]) -> Column:
    others = [found for table in rest if (found := table.column(column.name))]
    return replace(
        column,
        nullable=column.nullable or any(other.nullable for other in others),
        identity=_identity([column, *others]),
    )


def _identity(columns: Sequence[Column]) -> Identity | None:
    """The next value is above those of all."""
    found = [column.identity for column in columns if column.identity is not None]
    if len(found) < len(columns):
        return None
    values = [identity.next_value for identity in found if identity.next_value is not None]
    return replace(found[0], next_value=max(values) if len(values) == len(found) else None)


def _alike(one: Index, other: Index) -> bool:
    shapes = [(i.parts, i.unique, i.predicate, i.method, i.include) for i in (one, other)]
    return shapes[0] == shapes[1]


def _refers(one: ForeignKey, other: ForeignKey) -> bool:
    return replace(one, name=None) == replace(other, name=None)


def _pointed(shape: Shape, stands_for: Mapping[Place, Place]) -> Shape:
    """A shape whose foreign keys refer to the tables that others are merged into."""
    keys = []
    for key in shape.table.foreign_keys:
        schema, table = stands_for.get((key.schema, key.table), (key.schema, key.table))
        keys.append(replace(key, schema=schema, table=table))
    return replace(shape, table=replace(shape.table, foreign_keys=tuple(keys)))
