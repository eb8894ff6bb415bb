"""What of an earlier run still holds: the task and the source it was made for, and the ranges that it has moved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dbferry.errors import DbferryError, RequestError, RequestErrors
from dbferry.ledger.shapes import other_changes, row_changes

if TYPE_CHECKING:
    from dbferry.catalog import Catalog
    from dbferry.items import Plan, TableItem
    from dbferry.ledger.book import Entry, TableEntry
    from dbferry.ledger.shapes import Shape
    from dbferry.task import Task
    from dbferry.urls import Endpoint

HOW = frozenset(
    {
        "source", "target", "name", "workers", "batch_rows", "range_mb", "range_rows", "large_values_mb",
        "unfinished", "retries", "retry_seconds", "on_table_error", "on_left_out", "on_bad_row", "max_bad_rows",
        "max_rate", "max_connections", "max_load", "max_lag", "replicas", "snapshot_minutes",
    }
)  # fmt: skip
"""Fields of a task that say how rows are moved, and not which or into what."""


def task_id(source: Endpoint, target: Endpoint, name: str | None) -> str:
    """The same for the same two databases, whoever connects to them."""
    told = json.dumps([_identity(source), _identity(target), name])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _identity(endpoint: Endpoint) -> list[object]:
    hosts = [[host.name, host.port] for host in endpoint.hosts]
    place = endpoint.driver.shown if endpoint.driver is not None else None
    return [endpoint.engine, hosts, endpoint.socket, endpoint.database, endpoint.path, place]


def gone_on_with(entry: Entry, entries: Sequence[TableEntry], *, moves: bool, held: bool) -> str:
    ranges = [part for table in entries for part in table.ranges]
    done = sum(part.done for part in ranges)
    whole = sum(table.whole for table in entries)
    told = f"{whole} of {len(entries)} tables and {done} of {len(ranges)} ranges were done"
    if held:
        return f"a run of this task is at work ({entry.holder}): {told.replace('were', 'are')}"
    begun = "gone on with" if moves else "to be gone on with by dbferry migrate"
    return f"a run that was broken off is {begun}: {told}"


def asked(task: Task) -> dict[str, Any]:
    """What is asked for, as a ledger keeps it; of rules, which may hold secrets, only a digest."""
    told: dict[str, Any] = task.model_dump(mode="json", exclude=set(HOW) | {"rules"})
    rules = [rule.model_dump_json() for rule in task.rules]
    told["rules"] = hashlib.sha256(json.dumps(rules).encode()).hexdigest()[:12] if rules else ""
    return told


def check(entry: Entry, task: Task, shape: Shape) -> list[str]:
    """Raises a RequestError that names everything that isn't as it was; of the source only where it is asked for the same.

    Gives what has changed around the rows, which is made as it was; where nothing may be left out that is refused as well.
    """
    faults = _task_faults(entry.asked, asked(task))
    faults = faults or [_source_fault(*change) for change in row_changes(entry.shape, shape)]
    changes = other_changes(entry.shape, shape) if not faults else []
    if task.on_left_out == "stop":
        faults += [_source_fault(None, change) for change in changes]
    if faults:
        raise faults[0] if len(faults) == 1 else RequestErrors(faults)
    told = "has changed in the source since the run was begun, and comes as it was then"
    return [f"{told}: {'; '.join(changes)}"] if changes else []


HINT = (
    "undo the change to go on; or begin anew with --prepare truncate or drop; "
    "or let dbferry cleanup forget the run that was broken off"
)


def check_target(plan: Plan, entries: Sequence[TableEntry], target: Catalog) -> None:
    """Raises a RequestError where rows were moved into what isn't there any more."""
    faults = [
        RequestError(
            f"the target isn't as it was when the run was broken off: {change}",
            table=item.name, side="target", engine=target.engine, hint=HINT,
        )
        for item, entry in zip(plan.tables, entries, strict=True)
        if entry.has_moved
        for change in _gone(item, target)
    ]  # fmt: skip
    if faults:
        raise faults[0] if len(faults) == 1 else RequestErrors(faults)


def _gone(item: TableItem, target: Catalog) -> list[str]:
    place = item.destination
    found = target.table(place.schema or "", place.name)
    if found is None:
        return [f"the table {item.target} is gone"]
    there = {column.name.lower() for column in found.columns}
    return [
        f"column `{column.target}` of {item.target} is gone"
        for column in item.columns
        if column.target.lower() not in there
    ]


def _task_faults(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[DbferryError]:
    return [
        RequestError(
            f"the run that was broken off was asked for other {name}: {_told(name, before.get(name))} then, "
            f"and {_told(name, now.get(name))} now",
            side="target",
            hint=HINT,
        )
        for name in dict.fromkeys((*before, *now))
        if before.get(name) != now.get(name)
    ]


def _told(name: str, value: object) -> str:
    if name == "rules":
        return f"those of digest {value}" if value else "none"
    return json.dumps(value, ensure_ascii=False) if value not in (None, [], {}) else "none"


def _source_fault(table: str | None, change: str) -> DbferryError:
    return RequestError(
        f"the source isn't as it was when the run was broken off: {change}",
        table=table, side="source", hint=HINT,
    )  # fmt: skip
