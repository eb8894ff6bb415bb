"""Rows counted beside the copy, which counts its own: before a run that finds the target full, and after rows were put aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbferry.errors import DbferryError, TargetNotEmptyError
from dbferry.report import Report, TableReport

if TYPE_CHECKING:
    from dbferry.catalog import Session
    from dbferry.items import Plan, TableItem
    from dbferry.ledger.book import TableEntry
    from dbferry.ledger.keeping import Keeping
    from dbferry.opening import Ends

COUNTED_ROWS = 20_000_000
"""A few seconds' work on each side."""


def rows_of(session: Session, rows: str) -> int:
    """How many there are of what a FROM says."""
    return int(session.query(f"SELECT count(*) FROM {rows}")[0][0] or 0)


def is_there(session: Session, relation: str) -> bool:
    """True when something is called so that can be read: a table, a view."""
    try:
        session.query(f"SELECT 1 FROM {relation} WHERE 1 = 0")
    except DbferryError as error:
        if error.retryable:
            raise
        return False
    return True


def recounted(ends: Ends, plan: Plan, report: Report, aside: Mapping[int, int]) -> Report:
    """The report with the rows that the ledger has as put aside, by the number of their table."""
    pairs = enumerate(zip(plan.tables, report.tables, strict=True))
    tables = [
        table
        if table.state != "done" or aside.get(number, 0) == table.quarantined
        else _recounted(ends, item, table, aside.get(number, 0))
        for number, (item, table) in pairs
    ]
    return replace(report, tables=tuple(tables))


def _recounted(ends: Ends, item: TableItem, table: TableReport, aside: int) -> TableReport:
    # Nothing is put aside of tables that had rows before.
    target = rows_of(ends.session, item.counted)
    return replace(
        table,
        state="done" if table.source_rows == target + aside else "different",
        quarantined=aside,
        target_rows=target,
        rows=table.rows + table.quarantined - aside,
    )


def emptied(ends: Ends, plan: Plan, report: Report) -> Report:
    """The report with what a crash of the target since the copy has left of tables that it empties."""
    pairs = zip(plan.tables, report.tables, strict=True)
    tables = [
        _left(ends, item, table)
        if item.unlogged and table.target_rows and table.state == "done"
        else table
        for item, table in pairs
    ]
    return replace(report, tables=tuple(tables))


def _left(ends: Ends, item: TableItem, table: TableReport) -> TableReport:
    target = rows_of(ends.session, item.counted)
    if target >= (table.target_rows or 0):
        return table
    return replace(table, state="different", target_rows=target)


def apart(
    session: Session, plan: Plan, outcomes: Sequence[dict[str, Any]], before: Sequence[int]
) -> list[dict[str, Any]]:
    """The outcomes with the rows that are a table's own: the copy has counted those that inherit from it as well."""
    told = {item.name: (item, number) for number, item in enumerate(plan.tables)}
    made = []
    for outcome in outcomes:
        item, number = told[outcome["table"]]
        if item.counted == item.target or outcome["state"] not in ("done", "different"):
            made.append(outcome)
            continue
        rows = rows_of(session, item.counted) - (before[number] if before else 0)
        unfit, source = outcome["unfit"], outcome["source_rows"]
        equal = source == rows + unfit == outcome["rows"] + unfit
        made.append({**outcome, "target_rows": rows, "state": "done" if equal else "different"})
    return made


def reached(report: Report, entries: Sequence[TableEntry]) -> Report:
    """The report with what the ledger has of tables of which the copy has told nothing."""
    known = {entry.name: entry.done for entry in entries}
    tables = [
        replace(
            table,
            rows=sum(part.rows for part in known.get(table.source, ())),
            bytes=sum(part.moved_bytes for part in known.get(table.source, ())),
            quarantined=sum(part.unfit for part in known.get(table.source, ())),
        )
        if table.state == "unfinished" and not table.rows
        else table
        for table in report.tables
    ]
    return replace(report, tables=tuple(tables))


def check_full(ends: Ends, plan: Plan, keeping: Keeping | None) -> None:
    """Raises a TargetNotEmptyError where nothing but rows blocks a plan, and they are as many as the source's."""
    faults = plan.faults
    if not faults or not all(isinstance(fault, TargetNotEmptyError) for fault in faults):
        return
    # What a run that has ended has moved stands.
    if any(item.action == "create" for item in plan.tables):
        return
    # Large tables aren't counted for a message.
    if sum(item.source.estimated_rows for item in plan.tables) > COUNTED_ROWS:
        return
    aside: Counter[str] = Counter()
    if keeping is not None and keeping.quarantine is not None:
        mine = (row for row in keeping.quarantine.rows() if row.task == keeping.book.id)
        aside = Counter(row.table for row in mine)
    if all(
        rows_of(ends.reading, item.relation)
        == rows_of(ends.session, item.counted) + aside[item.name]
        for item in plan.tables
    ):
        raise TargetNotEmptyError(
            "the target has rows already, and every table as many as the source", side="target",
            engine=ends.target.engine,
            hint="a run that has ended, or was killed after its end, has moved them: nothing is left to do unless "
            "the source has changed since; to move them again choose --prepare truncate, drop or append",
        )  # fmt: skip
