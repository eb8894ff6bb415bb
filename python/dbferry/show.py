"""Plans and reports as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from dbferry.errors import format_error, printable
from dbferry.report import QUARANTINE

if TYPE_CHECKING:
    from rich.console import Console

    from dbferry.items import Plan
    from dbferry.ledger.status import TaskStatus
    from dbferry.quarantine import BadRow
    from dbferry.report import Report, TableReport
    from dbferry.retry import Retried

STATES = {
    "done": "[green]done[/green]",
    "different": "[red]different[/red]",
    "failed": "[red]failed[/red]",
    "unfinished": "[yellow]unfinished[/yellow]",
}


def report(made: Report, console: Console) -> None:
    """The summary: a line per table, then the totals and what changed on the way."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("table", overflow="fold", min_width=16)
    for heading in ("rows counted", "MB", "seconds", "rows/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for row in made.tables:
        speed = f"{row.rows / row.seconds:,.0f}" if row.seconds > 0 and row.rows else ""
        name = row.source if row.source == row.target else f"{row.source} → {row.target}"
        table.add_row(
            _name(name), _counted(row), f"{row.bytes / 1e6:,.1f}",
            f"{row.seconds:.2f}", speed, STATES[row.state],
        )  # fmt: skip
    console.print(table)
    for row in made.tables:
        for warning in row.warnings:
            touched = f" ({warning.rows:,} rows)" if warning.rows is not None else ""
            console.print(
                f"[yellow]{warning.code}[/yellow] {_name(row.source)}.{_name(warning.column)}: "
                f"{escape(warning.note)}{touched}",
                highlight=False,
            )
    if made.quarantined:
        console.print(
            f"[yellow]{made.quarantined:,} rows don't fit[/yellow] and are in `{QUARANTINE}` of the target: dbferry "
            "quarantine list tells why",
            highlight=False,
        )
    for note in made.notes:
        console.print(escape(note), highlight=False)
    rate = made.rows / made.seconds if made.seconds > 0 else 0
    under = f"; source read under: {escape(made.snapshot)}" if made.snapshot else ""
    console.print(
        f"{len(made.tables)} tables, {made.rows:,} rows, {made.bytes / 1e6:,.1f} MB in "
        f"{made.seconds:.2f} s ({rate:,.0f} rows/s){under}",
        highlight=False,
    )


def plan(made: Plan, console: Console) -> None:
    """Every table and column with its types and verdict, then what stands in the way."""
    content = made.to_dict()
    for item in content["tables"]:
        rows = item["estimated_rows"]
        about = f", about {rows:,} rows" if rows else ""
        console.print(
            f"[bold]{_name(item['name'])}[/bold] → [bold]{_name(item['target'])}[/bold]  "
            f"{item['action']}, {item['transfer']}{about}",
            highlight=False,
        )
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 2))
        for heading in ("column", "source type", "target type", "verdict", "notes"):
            table.add_column(heading, overflow="fold")
        for column in item["columns"]:
            codes = " ".join(column["codes"])
            notes = "; ".join(column["notes"])
            table.add_row(
                _arrow(column["name"], column["target"]), _name(column["source_type"]),
                _name(column["target_type"]), column["verdict"],
                escape(f"{codes}: {notes}" if codes and notes else codes or notes),
            )  # fmt: skip
        console.print(table)
        for line in _besides(item):
            console.print(f"  {escape(printable(line))}", highlight=False)
    for view in content["views"]:
        console.print(f"{escape(printable(view))} is made last", highlight=False)
    for note in content["notes"]:
        console.print(escape(note), highlight=False)
    for fault in made.faults:
        console.print(f"[red]blocked[/red] {escape(format_error(fault))}", highlight=False)


def _besides(item: Mapping[str, Any]) -> list[str]:
    """The lines under a table's columns: its keys and indexes, and what is said about it."""
    counted = [
        f"{len(item[name])} {single if len(item[name]) == 1 else plural}"
        for name, single, plural in (
            ("indexes", "index", "indexes"),
            ("foreign_keys", "foreign key", "foreign keys"),
            ("checks", "check", "checks"),
        )
        if item[name]
    ]
    key = [f"primary key ({', '.join(item['primary_key'])})"] if item["primary_key"] else []
    differs = [f"differs: {found['text']}" for found in item["differences"]]
    return [", ".join([*key, *counted]), *item["notes"], *differs]


def _counted(row: TableReport) -> str:
    """What both sides count after the copy."""
    if row.source_rows is None or row.target_rows is None:
        if row.state == "done":
            return "made"
        return f"{row.rows:,} moved"
    if row.quarantined and row.source_rows == row.target_rows + row.quarantined:
        return f"{row.source_rows:,} = {row.target_rows:,} + {row.quarantined:,} aside"
    if row.source_rows == row.target_rows:
        return f"{row.source_rows:,} = {row.target_rows:,}"
    return f"{row.source_rows:,} ≠ {row.target_rows:,}"


def _arrow(name: str, target: str) -> str:
    return _name(name if name == target else f"{name} → {target}")


def _name(name: str) -> str:
    return escape(printable(name))


def tasks(found: Sequence[TaskStatus], console: Console) -> None:
    """The unfinished tasks of a target, each with its tables."""
    if not found:
        console.print("nothing is unfinished in this target")
    for task in found:
        lease = (
            f"its lease has {task.lease_left} s left"
            if task.lease_left > 0
            else "its lease is over"
        )
        alive = {
            "at work": "at work",
            "hanging": "it hangs: the same command takes it over",
            "broken off": "broken off: the same command goes on with it",
        }.get(task.run, lease)
        console.print(
            f"{task.state}: from {escape(task.source)}, last by {escape(task.holder)} ({alive})",
            highlight=False,
        )
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("table", overflow="fold", min_width=16)
        for heading in ("rows", "ranges done"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("state", no_wrap=True)
        for row in task.tables:
            ranges = f"{row.ranges_done} of {row.ranges}" if row.ranges else ""
            table.add_row(_name(row.table), f"{row.rows:,}", ranges, row.state)
        console.print(table)


def bad_rows(rows: Sequence[BadRow], console: Console) -> None:
    """Rows that were put aside: which, and why."""
    if not rows:
        console.print("no rows are put aside in this target")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("table", "key", "column", "reason"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        key = ", ".join(f"{name}={value}" for name, value in (row.key or {}).items())
        reason = f"{row.reason} [{row.code}]" if row.code else row.reason
        table.add_row(
            _name(row.table), _name(key or "none"), _name(row.column or ""), _name(reason)
        )
    console.print(table)


def retried(tables: Sequence[Retried], console: Console) -> None:
    """What became of rows that were tried again."""
    if not tables:
        console.print("no rows of this task are put aside")
    for table in tables:
        told = [f"{table.moved:,} rows moved"]
        told += [f"{table.changed:,} values changed as asked"] if table.changed else []
        told += [f"{table.unfit:,} still don't fit"] if table.unfit else []
        told += [f"{table.gone:,} are no longer in the source"] if table.gone else []
        again = "were put aside by more than one run and stay: move them by hand"
        told += [f"{table.repeated:,} {again}"] if table.repeated else []
        told += [f"{table.keyless:,} have no key to be found by"] if table.keyless else []
        console.print(f"{_name(table.table)}: {', '.join(told)}", highlight=False)
