"""What of an earlier run still holds: the task and the source it was made for, and the ranges that it has moved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dbferry.errors import DbferryError, RequestError, RequestErrors

if TYPE_CHECKING:
    from dbferry.catalog import Catalog, Table
    from dbferry.items import Plan, TableItem
    from dbferry.ledger.book import Entry, TableEntry
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


def gone_on_with(entry: Entry, entries: Sequence[TableEntry], *, moves: bool) -> str:
    ranges = [part for table in entries for part in table.ranges]
    done = sum(part.done for part in ranges)
    whole = sum(table.whole for table in entries)
    told = f"{whole} of {len(entries)} tables and {done} of {len(ranges)} ranges were done"
    begun = "gone on with" if moves else "to be gone on with by dbferry migrate"
    return f"a run that was broken off is {begun}: {told}"


def asked(task: Task) -> dict[str, Any]:
    """What is asked for, as a ledger keeps it; of rules, which may hold secrets, only a digest."""
    told: dict[str, Any] = task.model_dump(mode="json", exclude=set(HOW) | {"rules"})
    rules = [rule.model_dump_json() for rule in task.rules]
    told["rules"] = hashlib.sha256(json.dumps(rules).encode()).hexdigest()[:12] if rules else ""
    return told


def shapes(tables: Iterable[Table]) -> dict[str, Any]:
    """The columns and the key of each table."""
    return {
        table.label: {
            "columns": {
                c.name: f"{c.native.text}{'' if c.nullable else ' not null'}" for c in table.columns
            },
            "key": list(table.primary_key),
        }
        for table in tables
    }


def check(entry: Entry, asked: Mapping[str, Any], shapes: Mapping[str, Any]) -> None:
    """Raises a RequestError that names everything that isn't as it was; of the source only where it is asked for the same."""
    faults = _task_faults(entry.asked, asked) or _source_faults(entry.shapes, shapes)
    if faults:
        raise faults[0] if len(faults) == 1 else RequestErrors(faults)


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


def _source_faults(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[DbferryError]:
    faults: list[DbferryError] = []
    for name in dict.fromkeys((*before, *now)):
        told = _changes(before.get(name), now.get(name))
        faults += [
            RequestError(
                f"the source isn't as it was when the run was broken off: {change}",
                table=name, side="source", hint=HINT,
            )
            for change in told
        ]  # fmt: skip
    return faults


def _changes(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Sequence[str]:
    if before is None:
        return ["the table is new"]
    if now is None:
        return ["the table is gone"]
    old, new = before["columns"], now["columns"]
    told = [f"column `{name}` is new" for name in new if name not in old]
    told += [f"column `{name}` is gone" for name in old if name not in new]
    told += [
        f"column `{name}` was {old[name]} and is {new[name]}"
        for name in old
        if name in new and old[name] != new[name]
    ]
    if before["key"] != now["key"]:
        told.append("the primary key is another")
    return told
