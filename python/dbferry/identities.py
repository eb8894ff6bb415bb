"""Next values that hold without the rows: past the largest one that the source has.

A run that moves rows sets them by what has landed; one that moves none must ask the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from dbferry.catalog import Column, Table, further
from dbferry.pair import Pair
from dbferry.prepare import ASKED_AT_ONCE


def past_rows(pair: Pair, tables: Sequence[Table]) -> list[Table]:
    """The tables with the next values of their identities past every row of the source."""
    asked = [(table, column) for table in tables for column in table.columns if column.identity]
    edges: dict[tuple[str, str], int] = {}
    for start in range(0, len(asked), ASKED_AT_ONCE):
        part = asked[start : start + ASKED_AT_ONCE]
        questions = (_question(pair, n, table, column) for n, (table, column) in enumerate(part))
        for place, edge in pair.source_session.query(" UNION ALL ".join(questions)):
            if edge is not None:
                table, column = part[int(place or 0)]
                edges[table.label, column.name] = int(Decimal(edge))
    return [_past(table, edges) for table in tables]


def _question(pair: Pair, number: int, table: Table, column: Column) -> str:
    one = pair.ends[0]
    edge = "max" if column.identity and column.identity.increment > 0 else "min"
    return f"SELECT {number}, {edge}({one.quote(column.name)}) FROM {one.source_relation(table)}"


def _past(table: Table, edges: dict[tuple[str, str], int]) -> Table:
    def past(column: Column) -> Column:
        identity, edge = column.identity, edges.get((table.label, column.name))
        if identity is None or edge is None:
            return column
        step = identity.increment
        following = further(step, edge + step, identity.next_value)
        return replace(column, identity=replace(identity, next_value=following))

    return replace(table, columns=tuple(map(past, table.columns)))
