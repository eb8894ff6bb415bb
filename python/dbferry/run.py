"""The story of a run: plan, prepare, copy, finish, compare.

What fails before the copy leaves the target as it was. What fails later drops the tables that this run has
made and could not finish, and says what stays.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dbferry
from dbferry import _native
from dbferry.engines import engine
from dbferry.errors import (
    DbferryError,
    Interrupted,
    MismatchError,
    RequestError,
    SchemaError,
    from_fields,
)
from dbferry.finish import Finish
from dbferry.items import Plan, TableItem
from dbferry.load import load
from dbferry.mapping.task import losses, met_schemas, named_schemas, reached_schemas, withholding
from dbferry.planner import make_plan
from dbferry.pool import Opens, Pool
from dbferry.progress import Progress, ProgressCallback, Reading
from dbferry.report import Report, TableReport, Warning_
from dbferry.selection import Only, Options, Prepare
from dbferry.sessions import OpenSession, TakesStreams, lend, open_session, open_snapshot
from dbferry.types import Verdict
from dbferry.urls import Endpoint, parse

if TYPE_CHECKING:
    from dbferry.catalog import Catalog
    from dbferry.task import Task

DATA_KINDS = ("data", "constraint")
"""Errors that the rows are to blame for."""


def plan_task(task: Task) -> Plan:
    """The plan of a task; opens sessions on both sides, moves nothing."""
    with withholding(task.rules), ExitStack() as stack:
        made = _Run.open(task, stack, make_files=False).plan
        return replace(made, source=parse(task.source).safe, target=parse(task.target).safe)


def run_task(task: Task, *, progress: ProgressCallback | None = None) -> Report:
    """Runs a task to its end. Raises a DbferryError; once the copy has begun, with a `report`.

    Types may be chosen by a sample at first, where nothing is lost by starting over: when a row turns out
    not to be what the sample has promised, the run begins anew with a look at every row.
    """
    try:
        with withholding(task.rules), ExitStack() as stack:
            # Without rows on their way nothing would check what a sample has promised.
            sample = task.prepare in ("create", "append") and task.only != "schema"
            return _Run.open(task, stack, sample=sample).run(progress)
    except _Misled as misled:
        note = f"begun anew with a look at every row: a sample had not shown that {misled}"
    with withholding(task.rules), ExitStack() as stack:
        report = _Run.open(task, stack).run(progress)
    return replace(report, notes=(*report.notes, note))


class _Misled(Exception):
    """A row isn't what the sample has promised that its types were chosen by."""


@dataclass
class _Run:
    task: Task
    source: Endpoint
    target: Endpoint
    reading: OpenSession
    """Plain SQL on the source."""
    session: OpenSession
    """Plain SQL on the target."""
    plan: Plan
    made: list[TableItem] = field(default_factory=list)
    """Tables that this run has created."""

    @classmethod
    def open(
        cls, task: Task, stack: ExitStack, *, make_files: bool = True, sample: bool = False
    ) -> _Run:
        source, target = parse(task.source), parse(task.target)
        check_pair(source, target)
        if not make_files and target.path is not None and not Path(target.path).exists():
            target = replace(target, path=":memory:")
        reading = stack.enter_context(open_session(source, side="source"))
        writing = stack.enter_context(open_session(target, side="target"))
        options = options_of(task, sample=sample)
        one, theirs = read_source(task, source, reading)
        other = read_catalog(target, writing, "target", reached_schemas(task, theirs))
        return cls(
            task, source, target, reading, writing, make_plan(one, other, options, reading, writing)
        )

    def run(self, progress: ProgressCallback | None) -> Report:
        self.plan.check()
        started = time.monotonic()
        snapshot = self._snapshot()
        method = snapshot.method if snapshot else ""
        finish = self._finish()
        watch = _Watch(self.plan, progress, started, finish)
        report = self._report(method, [], [], started)
        try:
            before = self._prepare()
            outcomes, losses = self._copy(snapshot, before, watch)
            report = self._report(method, outcomes, losses, started)
            for outcome in outcomes:
                if outcome["state"] == "failed":
                    raise from_fields(outcome["error"])
            whole = {i for i, table in enumerate(report.tables) if table.state == "done"}
            finish.complete(whole, watch.again)
            finish.close()
        except (KeyboardInterrupt, DbferryError) as error:
            if snapshot:
                snapshot.cancel()
            finish.close(cancel=True)
            if isinstance(error, DbferryError) and self._is_misled(error) and self._undo(report):
                raise _Misled(str(error)) from None
            failure = (
                error if isinstance(error, DbferryError) else Interrupted("the run was interrupted")
            )
            failure.side = failure.side or "target"
            failure.range = self.plan.part(failure.table, failure.range)
            if not isinstance(failure, SchemaError):
                left = self._clean_up(report)
                failure.hint = f"{failure.hint}; {left}" if failure.hint else left
            failure.report = _with_left_out(report, finish)
            if failure.exit_code == RequestError.exit_code:
                # That code promises that nothing was touched.
                failure.exit_code = DbferryError.exit_code
            raise failure from None
        different = [table for table in report.tables if table.state != "done"]
        if different:
            mismatch = _mismatch(different)
            mismatch.report = _with_left_out(report, finish)
            raise mismatch
        return replace(_with_left_out(report, finish), seconds=time.monotonic() - started)

    def _snapshot(self) -> _native.Snapshot | None:
        """Nothing when no row is to be read."""
        if self.task.only == "schema":
            return None
        return open_snapshot(self.source, self.reading, json.dumps(self.task.sizes()))

    def _is_misled(self, error: DbferryError) -> bool:
        """True when a sample may be to blame, and not the world."""
        sampled = any(item.sampled for item in self.plan.tables)
        world = isinstance(error, Interrupted | SchemaError)
        return sampled and not world and error.kind in DATA_KINDS

    def _undo(self, report: Report) -> bool:
        """Leaves the target as it was found: what was made is dropped, what was empty is emptied.

        False when it can't, or when there are rows that this run hasn't written.
        """
        other = engine(self.target.engine)
        empty = [
            (item, table.rows)
            for item, table in zip(self.plan.tables, report.tables, strict=True)
            if item.action in ("keep", "append")
        ]
        try:
            if any(self._count(item) != written for item, written in empty):
                return False
            for item in self.made:
                self.session.execute(
                    other.drop_table(item.destination.schema, item.destination.name)
                )
            for item, written in empty:
                if written:
                    self.session.execute(f"DELETE FROM {item.target}")
        except DbferryError:
            return False
        self._put_back()
        return True

    def _prepare(self) -> list[int]:
        """Makes or empties the target's tables; gives the rows that each has and keeps."""
        for statement in self.plan.objects:
            self.session.execute(statement)
        before = []
        for item in self.plan.tables:
            for statement in item.before:
                self.session.execute(statement)
            if item.action in ("create", "drop"):
                self.made.append(item)
            before.append(self._count(item) if item.action == "append" else 0)
        return before

    def _count(self, item: TableItem) -> int:
        return int(self.session.query(f"SELECT count(*) FROM {item.target}")[0][0] or 0)

    def _copy(
        self, snapshot: _native.Snapshot | None, before: list[int], watch: _Watch
    ) -> tuple[list[dict[str, Any]], list[list[Any]]]:
        if snapshot is None:
            return [{"table": item.name, "state": "done"} for item in self.plan.tables], []
        if isinstance(self.session, TakesStreams):
            return load(snapshot, self.session, self.plan.tables, before, watch)
        tables, target = self.plan.native_tables(), json.dumps(self.target.native())
        outcomes, losses = json.loads(snapshot.copy(target, json.dumps(tables), before, watch))
        return outcomes, losses

    def _finish(self) -> Finish:
        """The stage that follows the copy, with sessions of its own."""
        other = engine(self.target.engine)
        target, size, session = self.target, self.task.workers, self.session
        opens: Opens = partial(open_session, target, side="target")
        if isinstance(session, TakesStreams):
            # A library may hold the whole database for one session.
            opens = partial(lend, session)
        pool = Pool(opens, size if other.builds_beside else 1, other.finishing)
        rows = self.task.only != "schema"
        return Finish(
            self.plan.tables, pool, self.plan.views, beside=other.builds_beside, rows=rows
        )

    def _report(
        self,
        method: str,
        outcomes: Sequence[dict[str, Any]],
        losses: Sequence[Sequence[Any]],
        started: float,
    ) -> Report:
        by_name = {outcome["table"]: outcome for outcome in outcomes}
        tables = [
            TableReport.of(
                item.name,
                (item.destination.schema, item.destination.name),
                by_name.get(item.name, {}),
                warnings_of(item, losses),
            )
            for item in self.plan.tables
        ]
        return Report(
            version=dbferry.__version__,
            source=self.source.safe,
            target=self.target.safe,
            snapshot=method,
            seconds=time.monotonic() - started,
            tables=tuple(tables),
            # How the source is read is a forecast in the plan and a fact in the report.
            notes=(*self.plan.lasting_notes, *_differences(self.plan)),
        )

    def _clean_up(self, report: Report) -> str:
        """Drops what this run has made and not finished; tells what stays and how to go on."""
        whole = {table.source for table in report.tables if table.state == "done"}
        dropped, kept, stuck = [], [], []
        for item in self.made:
            if item.name in whole:
                kept.append(item.name)
                continue
            relation = engine(self.target.engine)
            try:
                self.session.execute(
                    relation.drop_table(item.destination.schema, item.destination.name)
                )
                dropped.append(item.name)
            except DbferryError:
                stuck.append(item.name)
        told = []
        if dropped:
            told.append("what this run had created and not finished was dropped")
        if stuck:
            told.append(f"incomplete and left in the target: {', '.join(stuck)}")
        if kept:
            told.append(f"complete in the target but for keys and indexes: {', '.join(kept)}")
        rows = self.task.only != "schema"
        old = [item.name for item in self.plan.tables if item.action not in ("create", "drop")]
        if old and rows:
            told.append(f"may hold some of the new rows: {', '.join(old)}")
        self._put_back()
        again = "mend the cause and run the same command again"
        if rows and (kept or stuck or (old and self.task.prepare == "create")):
            again = "mend the cause and run again with --prepare truncate"
        return "; ".join([*told, again])

    def _put_back(self) -> None:
        """Foreign keys that were away for the load stand again, unproved; those that do already stay."""
        for step in (step for item in self.plan.tables for step in item.put_back):
            with suppress(DbferryError):
                self.session.execute(step.sql)


def _with_left_out(report: Report, finish: Finish) -> Report:
    more = (f"not moved: {what}" for what in finish.left_out)
    return replace(report, notes=(*report.notes, *more))


def options_of(task: Task, *, sample: bool) -> Options:
    """What a task asks of its plan."""
    return Options(
        tables=task.tables, exclude=task.exclude, schemas=task.schemas,
        prepare=Prepare(task.prepare), only=Only(task.only) if task.only else None,
        on_loss=[*task.on_loss, *losses(task.rules)], sample=sample,
        rules=task.rules, first_wins=task.style == "dms", range_bytes=task.range_mb << 20,
        partitions=task.partitions, notes=task.notes,
    )  # fmt: skip


def _differences(plan: Plan) -> list[str]:
    return [f"differs: {item.name}: {found}" for item in plan.tables for found in item.differences]


def check_pair(source: Endpoint, target: Endpoint) -> None:
    if source.engine == "duckdb":
        raise RequestError("duckdb can't be a source yet", hint="duckdb is a target only")
    if source.path is not None and target.path is not None:
        if Path(source.path).resolve() == Path(target.path).resolve():
            raise RequestError(
                "the source and the target are the same file", hint="name another file as target"
            )
    elif source.safe == target.safe and source.driver == target.driver:
        raise RequestError(
            "the source and the target are the same database", hint="name another database"
        )


def read_source(
    task: Task, source: Endpoint, session: OpenSession
) -> tuple[Catalog, Sequence[str]]:
    """The catalog, and the schemas of it that the task is about by name."""
    named = named_schemas(task)
    one = read_catalog(source, session, "source", named)
    if met := met_schemas(task, one.schemas):
        named += met
        one = read_catalog(source, session, "source", named)
    return one, [*named, *([one.default_schema] if one.default_schema else [])]


def read_catalog(
    endpoint: Endpoint, session: OpenSession, side: str, schemas: Sequence[str]
) -> Catalog:
    try:
        return engine(endpoint.engine).read_catalog(session, schemas)
    except DbferryError as error:
        error.side = error.side or side
        raise


class _Watch:
    """Turns the engine's readings into a `Progress` for whoever asked."""

    def __init__(
        self, plan: Plan, progress: ProgressCallback | None, started: float, finish: Finish
    ) -> None:
        self._names = [item.name for item in plan.tables]
        self._progress = progress
        self._started = started
        self._finish = finish
        self._readings: Sequence[Reading] = [(0, 0, 0, 0)] * len(self._names)

    def again(self) -> None:
        """Once more, with the readings as they were: rows are in, and something else goes on."""
        self._show(self._readings)

    def __call__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings
        self._finish.landed(readings)
        self._show(readings)

    def _show(self, readings: Sequence[Reading]) -> None:
        if self._progress is None:
            return
        running = [
            name
            for name, (rows, _, ranges, done) in zip(self._names, readings, strict=True)
            if rows and done < ranges
        ]
        self._progress(
            Progress.of(
                readings,
                started=self._started,
                current=", ".join(running[:3]),
                phase=self._finish.phase,
            )
        )


def warnings_of(item: TableItem, losses: Sequence[Sequence[Any]]) -> tuple[Warning_, ...]:
    """What the plan warned of and what values were touched in flight."""
    counted = {(column, code): rows for table, column, code, rows in losses
               if table == item.name}  # fmt: skip
    made = []
    for column in item.columns:
        for code in column.codes if column.verdict is Verdict.WARNING else ():
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
