"""What is made once rows are in: keys and indexes as each table gets whole, then foreign keys and statistics.

A table is loaded bare and its indexes are built from the finished rows: a sort instead of a walk per row. Builds
begin when the table's last range has landed, beside the copy of the others where the engine can do both. Foreign
keys wait for every table. What fails is kept aside while the rest is made, and raised as one error at the end; where
the task wants it, the rows that are in the way are put aside first, and it is made after all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock

from dbferry.engines import Step
from dbferry.errors import ConstraintError, DataError, DbferryError, PermissionError_, SchemaError
from dbferry.items import TableItem
from dbferry.ledger.steps import Steps
from dbferry.pool import Pool
from dbferry.sessions import OpenSession
from dbferry.sieve import Sieve

NAMED = 5
"""Failures that a message names; the report has them all."""


@dataclass(frozen=True, eq=False)
class Failure:
    item: TableItem
    what: str
    statement: str
    error: DbferryError
    step: Step | None = None
    """What is to be made, where other rows than there are would allow it."""

    @property
    def of_rows(self) -> bool:
        """True when rows are in the way that are known, and all of the table's rows are this task's."""
        blamed = self.step is not None and bool(self.step.misfits)
        return blamed and isinstance(self.error, ConstraintError) and self.item.action != "append"

    def __str__(self) -> str:
        return f"{self.what} of `{self.item.name}`: {self.error.message}"


@dataclass
class _Building:
    """A table whose indexes are being built."""

    item: TableItem
    left: int
    built: list[Step] = field(default_factory=list)


class Finish:
    def __init__(
        self,
        items: Sequence[TableItem],
        pool: Pool,
        views: Sequence[Step] = (),
        *,
        beside: bool,
        rows: bool = True,
        strict: bool = False,
        steps: Steps | None = None,
        sieve: Sieve | None = None,
    ) -> None:
        self.items = items
        self._steps, self._sieve = steps, sieve
        self._numbers = {item.name: number for number, item in enumerate(items)}
        self._rows = rows
        """False when the tables are made and no row is moved."""
        self._strict = strict
        """True when what the target refuses is a failure."""
        self.views = views
        self.left_out: list[str] = []
        """Views that the target has refused, with its words."""
        self.failures: list[Failure] = []
        self._pool = pool
        self._beside = beside
        self._begun: set[int] = set()
        self._refer = False
        """True once every table is whole."""
        self._lock = Lock()
        self._phase, self._all, self._done = "indexes", sum(len(item.builds) for item in items), 0

    @property
    def phase(self) -> str:
        """Such as `indexes 3/12`; empty when there is nothing to make."""
        return f"{self._phase} {self._done}/{self._all}" if self._all else ""

    def landed(self, readings: Sequence[tuple[int, int, int, int]]) -> None:
        """Begins the builds of tables whose ranges have all landed."""
        if not self._beside:
            return
        for index, (_, _, ranges, done) in enumerate(readings):
            if ranges and ranges == done:
                self._build(index)

    def complete(self, whole: Collection[int], meanwhile: Callable[[], None]) -> None:
        """Makes everything that is left for the tables that are whole. Raises a SchemaError at the end."""
        for index in sorted(whole):
            self._build(index)
        self._pool.wait(meanwhile)
        ready = [self.items[index] for index in sorted(whole)]
        self._sift(ready, meanwhile)
        self._refer = len(ready) == len(self.items)
        self._turn("foreign keys", sum(len(item.references) for item in ready))
        if any(self._declared(item) for item in self.items):
            # One after another: each locks two tables for a moment, and two in turn could wait for each other.
            self._pool.submit(0, self._declare)
            self._pool.wait(meanwhile)
        ending = [
            item for item in ready if self._declared(item) or item.next_values or item.analyze
        ]
        self._turn("tables analyzed", len(ending))
        for item in ending:
            self._pool.submit(_weight(item), partial(self._end, item=item))
        self._pool.wait(meanwhile)
        self._sift(ready, meanwhile)
        if self._refer and self.views:
            self._turn("views", len(self.views))
            self._pool.submit(0, self._make_views)
            self._pool.wait(meanwhile)
        if self.failures:
            raise self._error()

    def close(self, *, cancel: bool = False) -> None:
        self._pool.close(cancel=cancel)

    def _turn(self, phase: str, count: int) -> None:
        self._phase, self._all, self._done = phase, count, 0

    def _build(self, index: int) -> None:
        if index in self._begun:
            return
        self._begun.add(index)
        item = self.items[index]
        building = _Building(item, len(item.builds))
        for step in item.builds:
            self._pool.submit(_weight(item), partial(self._step, building=building, step=step))

    def _step(self, session: OpenSession, building: _Building, step: Step) -> None:
        """One index; whoever builds a table's last one attaches its keys: that needs the table alone."""
        built = self._make(session, building.item, step)
        with self._lock:
            building.built += [step] * built
            building.left -= 1
            self._done += 1
            last = building.left == 0
        for made in building.built if last else ():
            self._complete(session, building.item, made)

    def _make(self, session: OpenSession, item: TableItem, step: Step) -> bool:
        if not step.singly:
            return self._try(session, item, step.what, step.sql, step)
        try:
            self._run(session, item, step.sql)
        except DbferryError as error:
            if error.fatal:
                raise
            made = [self._make(session, item, single) for single in step.singly]
            return all(made)
        return True

    def _complete(self, session: OpenSession, item: TableItem, step: Step) -> None:
        for statement in step.then:
            if not self._try(session, item, step.what, statement, step):
                return

    def _try(
        self,
        session: OpenSession,
        item: TableItem,
        what: str,
        statement: str,
        step: Step | None = None,
    ) -> bool:
        try:
            self._run(session, item, statement)
        except DbferryError as error:
            if error.fatal or error.retryable:
                error.table = error.table or item.name
                raise
            self._fail(Failure(item, what, statement, error, step))
            return False
        return True

    def _run(self, session: OpenSession, item: TableItem, statement: str) -> None:
        if self._steps is None:
            session.execute(statement)
        else:
            self._steps.run(session, self._numbers[item.name], statement)

    def _fail(self, failure: Failure) -> None:
        with self._lock:
            self.failures.append(failure)

    def _sift(self, whole: Sequence[TableItem], meanwhile: Callable[[], None]) -> None:
        """Makes what rows were in the way of, once these are put aside."""
        sieve = self._sieve
        if sieve is None:
            return
        blamed = [failure for failure in self.failures if failure.of_rows]
        refused = [(failure.item, failure.step) for failure in blamed if failure.step]
        if not refused:
            return
        self.failures = [failure for failure in self.failures if failure not in blamed]

        def work(session: OpenSession) -> None:
            try:
                touched = sieve.sift(session, refused, whole)
            except DbferryError as error:
                if error.fatal or error.retryable:
                    raise
                self.failures += [replace(failure, error=error) for failure in blamed]
                return
            told = {id(step) for _, step in refused}
            for item, step in [*refused, *(made for made in touched if id(made[1]) not in told)]:
                self._again(session, item, step)

        self._turn("rows put aside", len(refused))
        self._pool.submit(0, work)
        self._pool.wait(meanwhile)

    def _again(self, session: OpenSession, item: TableItem, step: Step) -> None:
        if step.sql and not self._make(session, item, step):
            return
        self._complete(session, item, step)
        if step.proof:
            self._prove(session, item, step)

    def _declared(self, item: TableItem) -> Sequence[Step]:
        """Foreign keys: what stood before the run stands again, whatever came of the rows."""
        return item.references if self._refer else item.put_back

    def _declare(self, session: OpenSession) -> None:
        for item in self.items:
            for step in self._declared(item):
                if step.sql:
                    self._clear(session, item, step)
                    self._try(session, item, step.what, step.sql, step)
                self._done += 1

    def _clear(self, session: OpenSession, item: TableItem, step: Step) -> None:
        """Takes away what a run that was broken off may have made and not noted."""
        steps = self._steps
        if steps is None or not steps.unsure or step.undo is None:
            return
        if not steps.is_done(self._numbers[item.name], step.sql):
            with suppress(DbferryError):
                session.execute(step.undo)

    def _end(self, session: OpenSession, item: TableItem) -> None:
        failed = {failure.statement for failure in self.failures}
        for step in item.references if self._refer else ():
            if step.sql and step.sql in failed:
                continue
            self._complete(session, item, step)
            if step.proof:
                self._prove(session, item, step)
        for statement in item.next_values:
            self._try(session, item, "next value", statement)
        if item.analyze:
            self._try(session, item, "statistics", item.analyze)
        with self._lock:
            self._done += 1

    def _make_views(self, session: OpenSession) -> None:
        """One after another: they read each other."""
        for step in self.views:
            try:
                self._run(session, self.items[0], step.sql)
                self._read(session, step)
            except DbferryError as error:
                if error.fatal:
                    raise
                if self._strict:
                    self._fail(Failure(self.items[0], step.what, step.sql, error))
                    continue
                text = " ".join(step.sql.split())
                told = f"; hint: mend and make it: {text}" if step.told else ""
                shown = text if step.told is None else step.told
                called = f"{step.what}: {shown}" if shown else step.what
                self.left_out.append(f"{called} (the target refuses it: {error.message}){told}")
            self._done += 1

    def _read(self, session: OpenSession, step: Step) -> None:
        """A view that can't be read is taken away again."""
        try:
            if step.proof:
                session.query(step.proof)
        except DbferryError:
            session.execute(step.undo or "")
            raise

    def _prove(self, session: OpenSession, item: TableItem, step: Step) -> None:
        found = session.query(step.proof or "")
        if not found:
            return
        message = "; ".join(row[0] or "" for row in found)
        self._fail(Failure(item, step.what, step.sql, ConstraintError(message), step))
        if step.undo:
            # Noted first: one that stands and isn't noted is made anew, one that is noted and gone never would be.
            if self._steps is not None:
                self._steps.forget(session, self._numbers[item.name], step.sql)
            session.execute(step.undo)

    def _error(self) -> SchemaError:
        failures = self.failures
        named = "; ".join(map(str, failures[:NAMED]))
        more = f"; and {len(failures) - NAMED} more" if len(failures) > NAMED else ""
        count = f"{len(failures)} objects were" if len(failures) > 1 else "one object was"
        first = next((f.statement for f in failures if f.statement), None)
        forbidden = all(isinstance(f.error, PermissionError_) for f in failures)
        mend = "mend the rows in the target, and make" if self._rows else "make"
        mend = "grant the right for it in the target, or make" if forbidden else mend
        how = f"{mend} what is missing by hand" + (f", as with: {first}" if first else "")
        cause = "grant it" if forbidden else "mend the source"
        again = f"{cause} and run again with --prepare truncate"
        whole = "every row is" if self._rows else "the tables are"
        too_many = [
            f.error.hint for f in failures if isinstance(f.error, DataError) and f.error.hint
        ]
        ways = [*too_many[:1], how, again if self._rows else "mend the cause and run again"]
        return SchemaError(
            f"{whole} in the target, and {count} not made: {named}{more}",
            code=failures[0].error.code,
            side="target",
            engine=failures[0].error.engine,
            hint="; or ".join(ways),
        )


def _weight(item: TableItem) -> int:
    return item.source.estimated_bytes or item.source.estimated_rows
