"""The story of a run: plan, prepare, copy, finish, compare.

What fails before the copy leaves the target as it was. What fails later drops the tables that this run has
made and could not finish, and says what stays.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dbferry
from dbferry import _native
from dbferry.engines import engine
from dbferry.errors import (
    DbferryError,
    Interrupted,
    MismatchError,
    RequestErrors,
    from_fields,
)
from dbferry.plan import Plan, make_plan
from dbferry.progress import Progress, ProgressCallback
from dbferry.report import Report, State, TableReport, Warning_
from dbferry.sessions import OpenSession, open_session
from dbferry.urls import Endpoint, parse

if TYPE_CHECKING:
    from dbferry.task import Task

Reading = tuple[int, int, int, int]
"""Rows, bytes, ranges and ranges done of a table."""


def plan_task(task: Task) -> Plan:
    """The plan of a task; opens sessions on both sides, moves nothing."""
    with ExitStack() as stack:
        return _Run.open(task, stack).plan


def run_task(task: Task, *, progress: ProgressCallback | None = None) -> Report:
    """Runs a task to its end. Raises a DbferryError; once the copy has begun, with a `report`."""
    with ExitStack() as stack:
        return _Run.open(task, stack).run(progress)


@dataclass
class _Run:
    task: Task
    source: Endpoint
    target: Endpoint
    target_session: OpenSession
    plan: Plan
    stack: ExitStack

    @classmethod
    def open(cls, task: Task, stack: ExitStack) -> _Run:
        source, target = parse(task.source), parse(task.target)
        source_session = stack.enter_context(open_session(source, side="source"))
        target_session = stack.enter_context(open_session(target, side="target"))
        plan = make_plan(source, source_session, target, target_session, task)
        return cls(task, source, target, target_session, plan, stack)

    def run(self, progress: ProgressCallback | None) -> Report:
        if self.plan.faults:
            raise RequestErrors(self.plan.faults)
        started = time.monotonic()
        snapshot = _native.open_snapshot(
            json.dumps(self.source.native()), json.dumps(self.task.sizes())
        )
        watch = _Watch(self.plan, progress, started)
        made: list[str] = []
        try:
            self._prepare(made)
            outcomes, losses = self._copy(snapshot, watch)
            report = self._report(snapshot.method, outcomes, losses, started)
            failure = next((o["error"] for o in outcomes if o["state"] == "failed"), None)
            if failure is not None:
                raise _with_report(from_fields(failure), report)
            self._finish(report)
        except KeyboardInterrupt:
            snapshot.cancel()
            error = Interrupted("interrupted", hint=self._leftovers(made, frozenset()))
            raise _with_report(error, self._report(snapshot.method, [], [], started)) from None
        except DbferryError as error:
            snapshot.cancel()
            done = {t.target for t in error.report.tables if t.state == "done"} if (
                isinstance(getattr(error, "report", None), Report)
            ) else set()
            left = self._leftovers(made, frozenset(done))
            error.hint = f"{error.hint}; {left}" if error.hint else left
            raise
        different = [table for table in report.tables if table.state != "done"]
        if different:
            raise _with_report(_mismatch(different), report)
        return replace(report, seconds=time.monotonic() - started)

    def _prepare(self, made: list[str]) -> None:
        """Runs the statements that come before the rows; notes the tables that are new."""
        for statement in self.plan.before():
            self.target_session.execute(statement.sql)
            if statement.makes is not None:
                made.append(statement.makes)

    def _copy(
        self, snapshot: _native.Snapshot, watch: _Watch
    ) -> tuple[list[dict[str, Any]], list[list[Any]]]:
        tables = self.plan.native_tables()
        before = self.plan.rows_before()
        if self.target.engine == "duckdb":
            from dbferry.engines.duckdb.load import load

            return load(snapshot, self.target_session, tables, before, watch)
        target = json.dumps(self.target.native())
        outcome = snapshot.copy(target, json.dumps(tables), before, watch)
        outcomes, losses = json.loads(outcome)
        return outcomes, losses

    def _finish(self, report: Report) -> None:
        """Keys and next values, for tables that are whole."""
        done = {table.target for table in report.tables if table.state == "done"}
        for statement in self.plan.after():
            if statement.table in done:
                self.target_session.execute(statement.sql)

    def _report(
        self,
        method: str,
        outcomes: Sequence[dict[str, Any]],
        losses: Sequence[Sequence[Any]],
        started: float,
    ) -> Report:
        by_name = {outcome["table"]: outcome for outcome in outcomes}
        tables = []
        for item in self.plan.tables:
            outcome = by_name.get(item.source_name, {})
            state: State = outcome.get("state", "unfinished")
            tables.append(
                TableReport(
                    source=item.source_name,
                    target=item.target_name,
                    state=state,
                    rows=outcome.get("rows", 0),
                    bytes=outcome.get("bytes", 0),
                    seconds=outcome.get("seconds", 0.0),
                    source_rows=outcome.get("source_rows"),
                    target_rows=outcome.get("target_rows"),
                    warnings=_warnings(item, losses),
                )
            )
        return Report(
            version=dbferry.__version__,
            source=self.source.safe,
            target=self.target.safe,
            snapshot=method,
            seconds=time.monotonic() - started,
            tables=tuple(tables),
            notes=tuple(self.plan.notes),
        )

    def _leftovers(self, made: Sequence[str], done: frozenset[str]) -> str:
        """Drops what this run has made and not finished; tells what stays and how to go on."""
        target = engine(self.target.engine)
        names = {item.target_name: item for item in self.plan.tables}
        stuck = []
        for name in made:
            if name in done:
                continue
            item = names[name]
            try:
                self.target_session.execute(target.drop_table(item.target_schema, item.target))
            except DbferryError:
                stuck.append(name)
        kept = [name for name in made if name in done]
        parts = []
        if stuck:
            parts.append(f"incomplete tables are left: {', '.join(stuck)}")
        elif len(kept) < len(made):
            parts.append("tables made by this run and not finished were dropped")
        if self.task.prepare != "create" or len(made) < len(self.plan.tables):
            parts.append("tables that were there before may hold some of the new rows")
        again = "run the same command again"
        if kept or stuck or len(made) < len(self.plan.tables):
            again = "run again with --prepare truncate"
        return "; ".join([*parts, again])


class _Watch:
    """Turns the engine's readings into a `Progress` for whoever asked."""

    def __init__(self, plan: Plan, progress: ProgressCallback | None, started: float) -> None:
        self._names = [item.source_name for item in plan.tables]
        self._progress = progress
        self._started = started

    def __call__(self, readings: Sequence[Reading]) -> None:
        if self._progress is None:
            return
        running = [
            name
            for name, (rows, _, ranges, done) in zip(self._names, readings, strict=True)
            if rows and done < ranges
        ]
        self._progress(
            Progress(
                tables=len(readings),
                tables_done=sum(1 for r in readings if r[2] and r[3] == r[2]),
                rows=sum(r[0] for r in readings),
                bytes=sum(r[1] for r in readings),
                ranges=sum(r[2] for r in readings),
                ranges_done=sum(r[3] for r in readings),
                seconds=time.monotonic() - self._started,
                current=", ".join(running[:3]),
            )
        )


Watcher = Callable[[Sequence[Reading]], None]


def _warnings(item: Any, losses: Sequence[Sequence[Any]]) -> tuple[Warning_, ...]:
    """What the plan warned of and what values were touched in flight."""
    counted = {(column, code): rows for table, column, code, rows in losses
               if table == item.source_name}  # fmt: skip
    made = []
    for column in item.columns:
        codes = [code for code in column.codes if column.verdict == "W"]
        for code in codes:
            rows = counted.pop((column.name, code), None)
            made.append(Warning_(column.name, code, "; ".join(column.notes), rows))
    made += [
        Warning_(column, code, "values were changed as the policy says", rows)
        for (column, code), rows in counted.items()
    ]
    return tuple(made)


def _mismatch(different: Sequence[TableReport]) -> MismatchError:
    named = ", ".join(
        f"`{t.source}` ({t.source_rows} rows in the source, {t.target_rows} in the target)"
        for t in different
    )
    return MismatchError(
        f"the counts differ: {named}",
        hint="something else wrote to the target during the run; run again with --prepare truncate",
    )


def _with_report(error: DbferryError, report: Report) -> DbferryError:
    error.report = report
    return error
