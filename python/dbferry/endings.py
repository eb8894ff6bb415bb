"""What a run ends with when its tables weren't moved, or aren't equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dbferry.errors import MismatchError, from_fields

if TYPE_CHECKING:
    from dbferry.errors import DbferryError
    from dbferry.items import Plan
    from dbferry.report import Report


def differences(plan: Plan) -> list[str]:
    return [f"differs: {item.name}: {found}" for item in plan.tables for found in item.differences]


def failure_of(failed: Sequence[dict[str, Any]]) -> DbferryError:
    """The error of the first table that has failed, which names the others."""
    error = from_fields(failed[0]["error"])
    if len(failed) > 1:
        others = "; ".join(f"{o['table']}: {o['error']['message']}" for o in failed[1:])
        error.detail = "; ".join(filter(None, [error.detail, f"failed too: {others}"]))
    return error


def mismatch(plan: Plan, report: Report) -> MismatchError:
    """What a run ends with after which the counts differ."""
    pairs = zip(plan.tables, report.tables, strict=True)
    different = [(item, table) for item, table in pairs if table.state != "done"]
    named = ", ".join(
        f"`{t.source}` ({t.source_rows} rows in the source, {t.target_rows} in the target)"
        for _, t in different
    )
    crash = any(item.unlogged and not table.target_rows for item, table in different)
    why = (
        "a crash of the target's server has emptied what is UNLOGGED"
        if crash
        else "something else wrote to the target during the run"
    )
    # What is emptied would be gone where rows of others are added to.
    added = any(item.action == "append" for item, _ in different)
    then = "" if added else "; run again with --prepare truncate"
    error = MismatchError(f"the counts differ: {named}", hint=f"{why}{then}")
    error.report = report
    return error
