"""Names that the target can't have: that meet in one, break its rules, or are too many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbferry.catalog import Table
from dbferry.keys import Draft
from dbferry.pair import Pair
from dbferry.selection import Destination, collisions

SEQUENCE = "_seq"


def check_tables(pair: Pair, tables: Sequence[Table], places: Mapping[str, Destination]) -> None:
    other = pair.ends[1]
    fold = other.fold_column if pair.target.folds_tables else str
    named = [(t.label, f"{places[t.label].schema}.{fold(places[t.label].name)}") for t in tables]
    for folded, originals in collisions(named):
        pair.fault(
            f"tables {' and '.join(f'`{o}`' for o in originals)} meet in one name of the "
            f"target: `{folded}`",
            code="M-NAME",
            hint="give one another name by a rule `rename_table`, map its schema elsewhere, or exclude it",
        )
    for table in tables:
        place = places[table.label]
        wrong = other.name_fault(place.name, "table")
        if wrong:
            pair.fault(wrong[0], hint=wrong[1], table=table.label, code="M-NAME")
        if place.schema is None and other.has_schemas:
            pair.fault(
                "the target URL names no database",
                table=table.label,
                hint="write it after the host, as in mysql://host/database",
            )
        if not table.columns:
            pair.source_fault(
                "a table without columns can't be moved", table=table.label, hint="exclude it"
            )
        if len(table.columns) > other.columns_limit:
            pair.fault(
                f"the table has {len(table.columns)} columns, and {other.name} holds "
                f"{other.columns_limit}",
                table=table.label,
                code="R-WIDE",
                hint="exclude it",
            )


def in_order(pair: Pair, drafts: list[Draft]) -> list[Draft]:
    """Tables first that are called as a server would call what another's identity counts by, were that name free."""
    if pair.source.engine == pair.target.engine or not pair.ends[1].has_sequences:
        return drafts
    return sorted(drafts, key=lambda d: -len(d.name) if d.name.endswith(SEQUENCE) else 0)


def check_columns(pair: Pair, table: Table, standing: Table | None) -> None:
    other = pair.ends[1]
    for column in table.columns:
        called = pair.called(table, column.name)
        if other.fit_name(called) != called:
            pair.notes.append(
                f"{table.label}: the name of the column `{called}` is cut to `{other.fit_name(called)}`"
            )
    named = [
        (c.name, other.fold_column(other.fit_name(pair.called(table, c.name))))
        for c in table.columns
    ]
    for folded, originals in collisions(named):
        pair.fault(
            f"columns {' and '.join(f'`{o}`' for o in originals)} meet in one name of the "
            f"target: `{folded}`",
            code="M-NAME",
            table=table.label,
            hint="give one another name by a rule `rename_column`, or exclude the table",
        )
    for column in table.columns:
        wrong = other.name_fault(pair.called(table, column.name), "column")
        if wrong:
            pair.fault(
                wrong[0], hint=wrong[1], table=table.label, column=column.name, code="M-NAME"
            )
    if standing is None:
        return
    moved = {folded for _, folded in named}
    for column in standing.columns:
        if other.fold_column(column.name) not in moved and not (
            standing.takes_null(column)
            or column.default is not None
            or column.identity
            or column.generated
        ):
            pair.fault(
                "the target column must have a value, and the source has no such column",
                table=table.label,
                column=column.name,
                hint="give it a default, or choose --prepare drop",
            )
