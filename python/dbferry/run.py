"""The story of a run: plan, prepare, copy, finish, compare.

What fails before the copy leaves the target as it was. What fails later leaves a ledger and what was moved, for the
next run to go on with; where nothing was moved, or no ledger can be kept, the tables that this run has made are
dropped, and what stays is said.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import dbferry
from dbferry.counts import apart, check_full, emptied, reached, recounted, rows_of
from dbferry.endings import differences, failure_of, mismatch
from dbferry.engines import engine
from dbferry.errors import (
    DbferryError,
    Interrupted,
    RequestError,
    SchemaError,
    from_fields,
)
from dbferry.finish import Finish
from dbferry.guest import Guest
from dbferry.items import Plan
from dbferry.ledger.keeping import Keeping, book_in, keeps, labelled, made
from dbferry.ledger.resume import check_target, gone_on_with, task_id
from dbferry.ledger.rivals import check_rivals
from dbferry.ledger.shapes import shape_of
from dbferry.ledger.steps import Steps
from dbferry.load import check_free, load
from dbferry.mapping.task import withholding
from dbferry.opening import (
    check_pair,
    check_quarantine,
    hidden,
    options_of,
    read_catalog,
    read_ends,
    repeated,
)
from dbferry.patience import Contact, Patience, opened
from dbferry.planner import make_plan
from dbferry.pool import Opens, Pool
from dbferry.progress import Progress, ProgressCallback
from dbferry.remains import Remains
from dbferry.report import Report, TableReport
from dbferry.rounds import Rounds
from dbferry.selection import select
from dbferry.sessions import TakesStreams, lend, open_session, open_steady
from dbferry.sieve import Sieve
from dbferry.urls import parse
from dbferry.watch import Watch

if TYPE_CHECKING:
    from dbferry.catalog import Catalog
    from dbferry.ledger.book import Entry, TableEntry
    from dbferry.ledger.shapes import Shape
    from dbferry.task import Task

REMOVES = ("create", "drop", "truncate")
"""Actions after which what stood in a table is gone."""


def plan_task(task: Task) -> Plan:
    """The plan of a task; opens sessions on both sides, moves nothing."""
    return opened(task.retry_seconds, partial(_planned, task))


def _planned(task: Task, contact: Contact) -> Plan:
    with withholding(task.rules), ExitStack() as stack:
        run = _Run.open(task, stack, contact, make_files=False)
        return replace(
            run.plan,
            notes=(*run.plan.notes, *run.notes),
            source=parse(task.source).safe,
            target=parse(task.target).safe,
        )


def run_task(task: Task, *, progress: ProgressCallback | None = None) -> Report:
    """Runs a task to its end. Raises a DbferryError; once the copy has begun, with a `report`.

    Types may be chosen by a sample at first, where nothing is lost by starting over: when a row turns out
    not to be what the sample has promised, the run begins anew with a look at every row.
    """
    patience = Patience(task.retry_seconds)
    # Nothing checks what a sample has promised without rows on their way, or where a row may be put aside.
    rows = task.only != "schema" and task.on_bad_row == "stop"
    sample = task.prepare in ("create", "append") and rows
    try:
        return _run(task, progress, patience, sample=sample)
    except _Misled as misled:
        note = f"begun anew with a look at every row: a sample had not shown that {misled}"
    report = _run(task, progress, patience, sample=False)
    return replace(report, notes=(*report.notes, note))


def _run(
    task: Task, progress: ProgressCallback | None, patience: Patience, *, sample: bool
) -> Report:
    """One run; begun anew while the world breaks it before a row is on its way."""
    started = time.monotonic()
    contact = Contact()
    prepared = False

    def attempt() -> Report | DbferryError:
        nonlocal prepared
        run = None
        with withholding(task.rules), ExitStack() as stack:
            try:
                run = _Run.open(task, stack, contact, sample=sample)
                return run.run(progress, patience)
            except DbferryError as error:
                prepared = prepared or (run is not None and run.stage == "preparing")
                moving = run is not None and run.stage == "moving"
                if moving or (not prepared and contact.is_final(error)):
                    return error
                if progress is not None:
                    progress(Progress.of([], started=started, current="", warning=str(error)))
                raise

    outcome = patience.persist(attempt)
    if isinstance(outcome, DbferryError):
        raise outcome
    return outcome


LOST_BEFORE = (
    "values that were lost as --on-loss says before the run was broken off are not counted again"
)


class _Misled(Exception):
    """A row isn't what the sample has promised that its types were chosen by."""


@dataclass
class _Run(Remains):
    shape: Shape = field(default_factory=dict)
    """What the source is like, as far as it was selected."""
    notes: list[str] = field(default_factory=list)
    resumed: bool = False
    """True when an earlier run is gone on with."""
    anew: Sequence[str] = ()
    """Statements that such a run repeats."""
    stage: Literal["opening", "preparing", "moving"] = "opening"
    """Nothing is written before the ledger's start, and no row before all tables are made."""

    @classmethod
    def open(
        cls,
        task: Task,
        stack: ExitStack,
        contact: Contact,
        *,
        make_files: bool = True,
        sample: bool = False,
    ) -> _Run:
        source, target = parse(task.source), parse(task.target)
        contact.begin(source, target)
        check_pair(source, target)
        if not make_files and target.path is not None and not Path(target.path).exists():
            target = replace(target, path=":memory:")
        # Looking alone takes nothing over from anyone.
        moves = make_files and keeps(task, target)
        run = uuid.uuid4().hex[:8]
        if moves:
            known = task_id(source, target, task.name)
            source, target = labelled(known, run, source), labelled(known, run, target)
        reading = stack.enter_context(open_steady(source, side="source"))
        contact.let_in("source")
        writing = stack.enter_context(open_steady(target, side="target"))
        contact.let_in("target")
        one, other, reached = read_ends(task, source, target, reading, writing)
        made = cls(
            task,
            source,
            target,
            reading,
            writing,
            Plan(source_engine="", target_engine="", tables=()),
        )
        made.plan = made._opened(stack, (one, other), reached, run, moves=moves, sample=sample)
        return made

    def _opened(
        self,
        stack: ExitStack,
        ends: tuple[Catalog, Catalog],
        reached: list[str],
        run: str,
        *,
        moves: bool,
        sample: bool,
    ) -> Plan:
        """The plan: of the run that was broken off, if one was and it can be gone on with; else a new one."""
        one, other = ends
        options = options_of(self.task, sample=sample, begins_anew=sample)
        look = partial(read_catalog, self.target, self.session, "target", reached, other=one.engine)
        tables, _ = select(one, options)
        self.shape = shape_of(tables, one, options)
        book = book_in(other, self.session, self.target)
        # A plan leaves no trace, and no trial of a driver in the target.
        check_quarantine(self, book, tries=moves)
        there = made(other)
        if book is not None and (moves or there):
            book.id, book.run = task_id(self.source, self.target, self.task.name), run
            self.keeping = keeping = Keeping(self.task, book, self.source, self.target)
            keeping.find_quarantine(other)
            if moves:
                keeping.hold(stack, there=there)
            else:
                keeping.entry = book.entry(book.id)
            if keeping.entry is not None:
                entries = keeping.tables
                if any(entry.has_moved for entry in entries) and not keeping.begins_anew:
                    # Whoever was at it until it was taken over may have made tables since.
                    other = look()
                    changes = keeping.check(keeping.entry, self.shape)
                    self.resumed = True
                    held = not moves and keeping.is_held
                    told = gone_on_with(keeping.entry, entries, moves=moves, held=held)
                    self.notes += [told, *changes]
                    self.notes += [LOST_BEFORE] if options.on_loss else []
                    plan = keeping.plan(keeping.entry, entries)
                    check_target(plan, entries, other)
                    self.anew = repeated(self, one, other, plan)
                    return plan
                if moves:
                    self._forget(keeping, keeping.entry, entries)
                    other = look()
        plan = make_plan(one, hidden(other), options, self.reading, self.session)
        if book is not None and made(other):
            rows = self.task.only != "schema"
            items = [item for item in plan.tables if rows or item.action in REMOVES]
            check_rivals(book, items, folds=other.folds_tables)
        return plan

    def _forget(self, keeping: Keeping, entry: Entry, entries: Sequence[TableEntry]) -> None:
        """A run that was broken off is no more: what it has made goes, if there are no rows in it."""
        before = keeping.plan(entry, entries)
        for item in before.tables:
            if item.action in ("create", "drop"):
                with suppress(DbferryError):
                    if rows_of(self.session, item.counted) == 0 or keeping.begins_anew:
                        self.drop(item)
        self.put_back(before)
        keeping.close()
        keeping.entry = None

    def run(self, progress: ProgressCallback | None, patience: Patience) -> Report:
        if self.task.only is None and not self.resumed:
            check_full(self, self.plan, self.keeping)
        self.plan.check()
        started = time.monotonic()
        rounds = Rounds(
            self.task, self.source, self.target, self.reading, self.session, self.plan, self.keeping,
            patience, watch=lambda _: None, before=[],
            sampled=self._sampled,
        )  # fmt: skip
        guest = self._opened_guest(rounds)
        finish = self._finish()
        watch = rounds.watch = Watch(rounds, progress, started, finish, guest)
        report = self._report(rounds, started)
        try:
            self.stage = "preparing"
            self._begin(rounds)
            finish = watch.finish = self._finish() if self.keeping is None else finish
            rounds.before = self._go_on() if self.resumed else self._prepare()
            self.stage = "moving"
            with guest:
                outcomes = self._copy(rounds)
            report = self._report(rounds, started)
            failed = [outcome for outcome in outcomes if outcome["state"] == "failed"]
            if failed and (rounds.sampled or self.keeping is None):
                raise from_fields(failed[0]["error"])
            whole = {i for i, table in enumerate(report.tables) if table.state == "done"}
            finish = self._complete(finish, whole, watch, patience)
            report = patience.persist(partial(self._sifted, report))
            if failed:
                raise failure_of(failed)
            if any(outcome["state"] == "unfinished" for outcome in outcomes):
                raise self._stopped()
        except (KeyboardInterrupt, DbferryError) as error:
            rounds.cancel()
            finish.close(cancel=True)
            if isinstance(error, DbferryError) and self._is_misled(error) and self.undo(report):
                raise _Misled(str(error)) from None
            with suppress(DbferryError):
                report = self._sifted(self._as_far_as(report))
            raise self._failed(error, self._noted(report, finish, rounds, guest)) from None
        finally:
            rounds.close()
            guest.close()
        if self.keeping is not None:
            patience.persist(self.keeping.close)
        report = self._noted(report, finish, rounds, guest)
        if any(table.state != "done" for table in report.tables):
            raise mismatch(self.plan, report)
        return replace(report, seconds=time.monotonic() - started)

    def _opened_guest(self, rounds: Rounds) -> Guest:
        """Opens the snapshot, and asks what a good guest is to mind."""
        try:
            if self.task.only != "schema":
                rounds.open()
            return Guest.of(self.task, self.source, rounds)
        except DbferryError:
            rounds.close()
            raise

    def _begin(self, rounds: Rounds) -> None:
        """The ledger's entry, and from then on the signs of life."""
        keeping = self.keeping
        if keeping is None:
            return
        if not self.resumed:
            refused = keeping.begin(self.plan, self.shape)
            if refused is not None:
                self.notes.append(
                    f"no ledger can be kept in the target, and a run that is broken off can't be gone on with: {refused.message}"
                )
                if self.task.on_bad_row == "quarantine":
                    refused.hint = f"{refused.hint}; or choose --on-bad-row stop"
                    raise refused
                self.keeping = rounds.keeping = None
                return
        keeping.open_quarantine(self.plan, anew=not self.resumed)
        keeping.claim.lost = rounds.cancel
        keeping.tell()

    def _stopped(self) -> DbferryError:
        failure = self.keeping.claim.failure if self.keeping else None
        return failure or Interrupted("the run was interrupted")

    def _failed(self, error: BaseException, report: Report) -> DbferryError:
        """What a run ends with that has begun: the error, what is left of the run, and how to go on."""
        failure = (
            error if isinstance(error, DbferryError) else Interrupted("the run was interrupted")
        )
        if failure.kind == "cancelled" and self.keeping and self.keeping.claim.failure:
            failure = self.keeping.claim.failure
        if self.stage == "moving" and not isinstance(failure, Interrupted):
            failure = self.fenced() or failure
        failure.side = failure.side or "target"
        failure.range = self.plan.part(failure.table, failure.range)
        left = self.left(failure, report)
        if left:
            failure.hint = f"{failure.hint}; {left}" if failure.hint else left
        failure.report = report
        if failure.exit_code == RequestError.exit_code:
            # That code promises that nothing was touched.
            failure.exit_code = DbferryError.exit_code
        return failure

    def _complete(
        self, finish: Finish, whole: set[int], watch: Watch, patience: Patience
    ) -> Finish:
        """Everything that follows the rows; where a session is lost over it, with new ones."""
        current = finish

        def work() -> None:
            nonlocal current
            if self.keeping is not None:
                self.keeping.book.set_state("finishing")
                if "target" in patience.sides:
                    # It may have become another server, with less in it.
                    current.close()
                    current = watch.finish = self._kept(whole)
            try:
                current.complete(whole, watch.again)
                current.close()
            except DbferryError as error:
                if error.retryable and self.keeping is not None:
                    current.close(cancel=True)
                    patience.sides.add("target")
                raise

        if self.keeping is None:
            work()
        else:
            patience.persist(work)
        return current

    def _kept(self, whole: set[int]) -> Finish:
        """What follows the rows as the ledger knows it. Raises a DbferryError when it knows less of rows than this run."""
        for entry in self.keeping.tables if self.keeping is not None else ():
            if entry.number in whole and not entry.whole:
                raise DbferryError(
                    "the target has lost rows that it had committed", side="target", table=entry.name,
                    engine=self.target.engine, hint="run the same command again: what is missing is moved once more",
                )  # fmt: skip
        return self._finish(again=True)

    def _as_far_as(self, report: Report) -> Report:
        """With the rows that an interrupted copy has moved, which the ledger knows."""
        entries = self.keeping.tables if self.keeping is not None and self.stage == "moving" else []
        return reached(report, entries)

    def _sifted(self, report: Report) -> Report:
        """With what was put aside when all rows were in, and what a crash has emptied meanwhile."""
        report = emptied(self, self.plan, report)
        if self.keeping is None or self.task.on_bad_row != "quarantine":
            return report
        return recounted(self, self.plan, report, self.keeping.book.unfit())

    def _noted(self, report: Report, finish: Finish, rounds: Rounds, guest: Guest) -> Report:
        healed = rounds.patience.healed
        more = [
            *(f"not moved: {what}" for what in finish.left_out),
            *rounds.moved.notes,
            *guest.notes,
            *(f"tried again {times} times: {what}" for what, times in healed.items()),
        ]
        return replace(report, notes=(*report.notes, *more))

    @property
    def _sampled(self) -> bool:
        return any(item.sampled for item in self.plan.tables)

    def _is_misled(self, error: DbferryError) -> bool:
        """True when a sample may be to blame, and not the world."""
        world = isinstance(error, Interrupted | SchemaError)
        return self._sampled and not world and error.of_row

    def _go_on(self) -> list[int]:
        # What the run that was broken off has made goes with what this one moves, if it has to begin anew.
        self.made = [item for item in self.plan.tables if item.action in ("create", "drop")]
        for statement in self.anew:
            self.session.execute(statement)
        return []

    def _prepare(self) -> list[int]:
        """Makes or empties the target's tables; gives the rows that each has and keeps."""
        for statement in self.plan.objects:
            self.session.execute(statement)
        before = []
        for item in self.plan.tables:
            made = [item] if item.action in ("create", "drop") else []
            if isinstance(self.session, TakesStreams):
                check_free(self.session, item)
            try:
                for statement in item.before:
                    self.session.execute(statement)
            except DbferryError as error:
                # A server may have made the table whose answer was lost.
                self.made += made if error.fatal else []
                error.table = error.table or item.name
                raise
            self.made += made
            before.append(rows_of(self.session, item.counted) if item.action == "append" else 0)
        return before

    def _copy(self, rounds: Rounds) -> list[dict[str, Any]]:
        moved = rounds.moved
        if rounds.snapshot is None:
            moved.outcomes = [{"table": item.name, "state": "done"} for item in self.plan.tables]
        elif isinstance(self.session, TakesStreams):
            load(rounds, self.session)
        else:
            rounds.run()
            if any(item.counted != item.target for item in self.plan.tables):
                moved.outcomes = rounds.patience.persist(partial(self._apart, rounds))
        return moved.outcomes

    def _apart(self, rounds: Rounds) -> list[dict[str, Any]]:
        entries = self.keeping.tables if self.keeping else []
        before = [entry.rows_before for entry in entries] or rounds.before
        return apart(self.session, self.plan, rounds.moved.outcomes, before)

    def _finish(self, *, again: bool = False) -> Finish:
        """The stage that follows the copy, with sessions of its own."""
        other = engine(self.target.engine)
        target, size, session = self.target, self.task.finish_sessions, self.session
        opens: Opens = partial(open_session, target, side="target")
        if isinstance(session, TakesStreams):
            # A library may hold the whole database for one session.
            opens = partial(lend, session)
        pool = Pool(opens, size if other.builds_beside else 1, other.finishing)
        rows, steps = self.task.only != "schema", self._steps(again=again)
        return Finish(
            self.plan.tables, pool, self.plan.views, beside=other.builds_beside, rows=rows,
            strict=self.task.on_left_out == "stop", steps=steps, sieve=self._sieve(steps),
        )  # fmt: skip

    def _sieve(self, steps: Steps | None) -> Sieve | None:
        """What puts rows aside that keys refuse; nothing where they end the run."""
        keeping = self.keeping
        if keeping is None or steps is None or self.task.on_bad_row != "quarantine":
            return None
        return Sieve(self.plan.tables, keeping.book_of, steps, self.task.max_bad_rows)

    def _steps(self, *, again: bool) -> Steps | None:
        if self.keeping is None:
            return None
        known = self.resumed or again
        entries = self.keeping.tables if known else []
        return Steps(self.keeping.book, {e.number: e.steps for e in entries}, resumed=known)

    def _report(self, rounds: Rounds, started: float) -> Report:
        by_name = {outcome["table"]: outcome for outcome in rounds.moved.outcomes}
        tables = [
            TableReport.of(
                item.name,
                (item.destination.schema, item.destination.name),
                by_name.get(item.name, {}),
                item.warnings(rounds.moved.losses),
            )
            for item in self.plan.tables
        ]
        return Report(
            version=dbferry.__version__,
            source=self.source.safe,
            target=self.target.safe,
            snapshot=rounds.method,
            seconds=time.monotonic() - started,
            tables=tuple(tables),
            # How the source is read is a forecast in the plan and a fact in the report.
            notes=(*self.plan.lasting_notes, *differences(self.plan), *self.notes),
        )
