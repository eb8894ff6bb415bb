"""A table with its rules applied → the table that the planner sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from dbferry.catalog import Column
from dbferry.errors import DbferryError
from dbferry.mapping.masks import withheld
from dbferry.mapping.work import Cell, Shape, Work
from dbferry.pair import Pair


def build(pair: Pair, work: Work) -> Shape:
    columns = _columns(pair, work)
    table = replace(work.table, columns=columns, left_out=(*work.table.left_out, *work.lost))
    parts: Sequence[str] = ()
    if table.strict and any(cell.sql is not None for cell in work.kept):
        # An expression has no declared type, and a strict table takes no other column.
        table = replace(table, strict=False)
        work.notes.append("the table is STRICT no more, for columns are computed")
    if work.reshaped:
        table = replace(table, declaration=None)
    if work.recolumned:
        # What is gathered about columns, and what rows are parted by, may be of columns that are others now.
        table = replace(table, statistics=(), partitioning=None, partitions=())
    if work.is_query:
        table = replace(table, query=select(pair, work, work.relation, ()), leaves=())
        parts = _parts(pair, work)
    kept = work.kept
    return Shape(
        table=table,
        names={c.column.name: c.name for c in kept if c.name is not None},
        types={c.column.name: c.type for c in kept if c.type is not None},
        remarks={c.column.name: tuple(c.remarks) for c in kept if c.remarks},
        schema=work.schema,
        name=work.name,
        parts=tuple(parts),
        notes=tuple(work.notes),
    )


def select(pair: Pair, work: Work, relation: str, conditions: Sequence[str]) -> str:
    """The query of the kept columns, in their order and under the source's names."""
    columns = ", ".join(_selected(pair, cell) for cell in work.kept)
    conditions = [*conditions, *(f"(\n{condition}\n)" for condition in work.filters)]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {columns} FROM {relation}{where}"


def _selected(pair: Pair, cell: Cell) -> str:
    name = pair.ends[0].quote(cell.column.name)
    return name if cell.sql is None else f"{cell.sql} AS {name}"


def _parts(pair: Pair, work: Work) -> list[str]:
    """What is read side by side: partitions, or stretches of places; nothing when it is one."""
    one, options = pair.ends[0], pair.options
    relations = [one.relation(*leaf) for leaf in work.table.leaves] or [work.relation]
    found = []
    for relation in relations:
        cuts = one.phrases.cuts(pair.source_session, work.table, relation, options.range_bytes)
        found += [select(pair, work, relation, [cut]) for cut in cuts] or [
            select(pair, work, relation, ())
        ]
    return [f"(\n{query}\n) AS q" for query in found] if len(found) > 1 else []


def _columns(pair: Pair, work: Work) -> tuple[Column, ...]:
    """The columns with the types of their expressions, as the source tells them."""
    kept, key = work.kept, work.table.primary_key
    columns = [cell.column for cell in kept]
    told = _described(pair, work) if kept and work.is_query and not pair.faults else None
    if told is not None:
        columns = [
            replace(cell.column, native=found.native) if cell.described else cell.column
            for cell, found in zip(kept, told, strict=True)
        ]
    return tuple(
        replace(column, nullable=False) if column.name in key and work.key else column
        for column in map(partial(_with_default, work), columns)
    )


def _with_default(work: Work, column: Column) -> Column:
    """A default is one of the column's old type."""
    old = work.table.column(column.name)
    if column.default is None or old is None or old.native == column.native:
        return column
    work.lost.append(
        f"default of {work.table.label}.{column.name} (rules change its type): {column.default}"
    )
    return replace(column, default=None, on_update=None)


def _described(pair: Pair, work: Work) -> Sequence[Column] | None:
    """What the source makes of the whole query, before anything moves."""
    asked = select(pair, work, work.relation, ())
    try:
        return pair.ends[0].describe(pair.source_session, asked).tables[0].columns
    except DbferryError as error:
        if error.fatal:
            raise
        said = withheld(error.message, pair.options.rules)
        pair.source_fault(
            f"the source refuses the query that the rules make of the table: {said}",
            table=work.table.label,
        )
        return None
