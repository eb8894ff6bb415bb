"""Rows that were put aside are tried again: read from the source by their keys, and moved as the task now says.

What still doesn't fit goes back to where it was, in the same transaction. Tables that others refer to come first; where
they refer to each other in a circle all are tried again as long as that moves any row. Rows of one table that refer to
each other in a circle are moved together, by one statement.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dbferry.counts import rows_of
from dbferry.engines import engine
from dbferry.errors import BusyError, DataError, DbferryError, RequestError, from_fields
from dbferry.ledger.keeping import book_in, made
from dbferry.ledger.resume import task_id
from dbferry.load import Look, attended, closer, halt
from dbferry.mapping.task import withholding
from dbferry.opening import Ends, hidden, options_of, read_ends
from dbferry.partners import Partners, literal
from dbferry.patience import Contact, opened
from dbferry.planner import make_plan
from dbferry.quarantine import BadRow, Quarantine, told
from dbferry.report import QUARANTINE
from dbferry.selection import Prepare
from dbferry.sessions import TakesStreams, check_file, open_session, open_snapshot
from dbferry.types import Kind
from dbferry.urls import Endpoint, parse

if TYPE_CHECKING:
    from dbferry import _native
    from dbferry.catalog import Catalog
    from dbferry.items import Plan, TableItem
    from dbferry.ledger.book import Book
    from dbferry.ledger.room import Room
    from dbferry.sessions import OpenSession
    from dbferry.task import Task

AT_ONCE = 200
"""Rows of one statement and one transaction."""
ONE_FORM = (Kind.INT, Kind.UINT, Kind.DECIMAL, Kind.NUMERIC, Kind.TEXT)
"""Kinds that every engine writes alike, or compares by their value."""


@dataclass
class Retried:
    """What became of the rows of one table that had been put aside."""

    table: str
    moved: int = 0
    unfit: int = 0
    """Put aside again."""
    gone: int = 0
    """No longer in the source, and forgotten."""
    keyless: int = 0
    """Without a key by which they could be found again."""
    repeated: int = 0
    """Put aside by several runs that appended: how often each belongs into the target isn't known."""
    changed: int = 0
    """Values that were changed as the task's policies say."""

    def to_dict(self) -> dict[str, Any]:
        """The form that `--json` prints."""
        return asdict(self)


@dataclass(frozen=True)
class Copied:
    """What became of some rows."""

    rows: int
    unfit: int
    losses: Sequence[Sequence[Any]]
    """Values that were changed, with their number last."""


def retry_task(task: Task) -> list[Retried]:
    """Tries all rows of a task again that are in its target's quarantine."""
    with withholding(task.rules), ExitStack() as stack:
        source, target = parse(task.source), parse(task.target)
        check_file(target)
        reading, writing = opened(task.retry_seconds, partial(_met, source, target, stack))
        one, other, _ = read_ends(task, source, target, reading, writing)
        book = book_in(other, writing, target)
        if book is None or not made(other, QUARANTINE):
            return []
        book.id = task_id(source, target, task.name)
        _take(book, target, stack)
        if made(other) and book.entry(book.id) is not None:
            raise BusyError(
                "the task's run is not finished", side="target", engine=target.engine,
                hint="let it finish, or run dbferry migrate again to go on with it",
            )  # fmt: skip
        quarantine = Quarantine.beside(book)
        known = quarantine.rows()
        rows = [row for row in known if row.task == book.id]
        if known and not rows:
            raise RequestError(
                "no rows of this task are put aside, but rows of others are", side="target",
                hint="give the URLs and the --name that the run was given; dbferry quarantine list tells the rows",
            )  # fmt: skip
        # What doesn't fit yet is no fault of the others.
        options = replace(
            options_of(task, sample=False),
            prepare=Prepare.APPEND,
            puts_aside=True,
            alone={row.table for row in rows},
        )
        plan = make_plan(one, hidden(other), options, reading, writing)
        plan.check()
        again = _Again(task, source, target, reading, writing, book.id, quarantine, other)
        retried = again.all(plan, rows)
        quarantine.close(book)
        return retried


def _met(
    source: Endpoint, target: Endpoint, stack: ExitStack, contact: Contact
) -> tuple[OpenSession, OpenSession]:
    """Sessions on both ends."""
    contact.begin(source, target)
    with ExitStack() as met:
        reading = met.enter_context(open_session(source, side="source"))
        contact.let_in("source")
        writing = met.enter_context(open_session(target, side="target"))
        stack.push(met.pop_all())
        return reading, writing


def _take(book: Book, target: Endpoint, stack: ExitStack) -> None:
    """Holds the task: what two would try at once could be moved twice."""
    stack.callback(book.room.release)
    if not book.room.claim(book.session, target, book.id):
        raise BusyError(
            "another run or retry of this task is at work", side="target", engine=target.engine,
            hint="let it finish, and try again",
        )  # fmt: skip


@dataclass
class _Again(Ends):
    id: str
    quarantine: Quarantine
    other: Catalog
    """The target's."""

    def all(self, plan: Plan, rows: Sequence[BadRow]) -> list[Retried]:
        by_name = {item.name: item for item in plan.tables}
        names = list(dict.fromkeys(row.table for row in rows))
        for name in names:
            if name not in by_name:
                raise RequestError(
                    f"{name} has rows that were put aside, and is not part of the task",
                    table=name,
                    hint="give the options that the run was given",
                )
        order, circular = _parents_first(plan.tables)
        found = {item.name: Retried(item.name) for item in order}
        before = -1
        while before < (before := sum(table.moved for table in found.values())):
            for item in order:
                self._table(item, _of(item, rows), found[item.name])
            if not (circular and any(table.unfit for table in found.values())):
                break
            rows = self._aside()
            for item in order:
                self._circles(item, _of(item, rows), found[item.name])
            rows = self._aside()
        return [found[name] for name in names]

    def _aside(self) -> list[BadRow]:
        return [row for row in self.quarantine.rows() if row.task == self.id]

    def _table(self, item: TableItem, rows: Sequence[BadRow], found: Retried) -> None:
        once = _once(rows)
        keyed = list(self._findable(item, once))
        found.repeated, found.keyless = len(rows) - len(once), len(once) - len(keyed)
        found.unfit = 0
        partners = Partners.of(self, item, self.other)
        for some in _batched(keyed):
            ready = [row for row in some if partners.are_there(self._found(item, [row]))]
            found.unfit += len(some) - len(ready)
            if not ready:
                continue
            session = self.session
            if isinstance(session, TakesStreams):
                copied = self._load(item, ready, session)
            else:
                copied = self._copy(item, ready, len(ready))
            found.moved += copied.rows
            found.changed += sum(count for *_, count in copied.losses)
            found.unfit += copied.unfit
            found.gone += len(ready) - copied.rows - copied.unfit

    def _circles(self, item: TableItem, rows: Sequence[BadRow], found: Retried) -> None:
        """Moves rows that fit together alone, which a library's session can't be asked for."""
        partners = Partners.of(self, item, self.other)
        if isinstance(self.session, TakesStreams) or not any(link.own for link in partners.links):
            return
        left = {self._found(item, [row]): row for row in _once(rows) if _has_key(row)}
        for one in list(left):
            circle = partners.circle(one, list(left)) if one in left else []
            if not 1 < len(circle) <= AT_ONCE:
                continue
            copied = self._together(item, [left[other] for other in circle])
            if copied.rows:
                found.moved += copied.rows
                found.changed += sum(count for *_, count in copied.losses)
                left = {other: row for other, row in left.items() if other not in circle}

    def _together(self, item: TableItem, rows: Sequence[BadRow]) -> Copied:
        """Moves all of some rows, or none."""
        try:
            return self._copy(item, rows, 0)
        except DbferryError as error:
            if not error.of_row:
                raise
            return Copied(0, len(rows), ())

    def _findable(self, item: TableItem, rows: Sequence[BadRow]) -> Iterator[BadRow]:
        """Those that are found by their keys, or are gone for certain: what is only not found isn't forgotten."""
        keyed = [row for row in rows if _has_key(row)]
        for some in _batched(keyed):
            if self._count(item, self._found(item, some)) == len(some):
                yield from some
                continue
            counts = [(row, self._count(item, self._found(item, [row]))) for row in some]
            yield from (row for row, count in counts if count == 1)
            missing = [row for row, count in counts if count == 0 and _is_sure(item, row)]
            if missing and self._count(item, self._told(item, missing)) == 0:
                yield from missing

    def _count(self, item: TableItem, condition: str) -> int:
        return rows_of(self.reading, f"{item.relation} WHERE {condition}")

    def _copy(self, item: TableItem, rows: Sequence[BadRow], most: int) -> Copied:
        """Moves some rows, or puts them aside again, so many at most."""
        native = item.native()
        native.update(told(self.source, item, native))
        native["opening"] = self.quarantine.forgetting(self.id, item.name, rows)
        before = rows_of(self.session, item.target)
        # Not all the source's rows are moved: no count of it says what there should be.
        work = [{"ranges": [self._part(item, rows)], "rows_before": before, "mixed": True}]
        terms = {
            "quarantine": self.quarantine.terms(self.id, most),
            "retry": {"attempts": self.task.retries, "seconds": self.task.retry_seconds},
        }
        answer = self._snapshot().copy(
            json.dumps(self.target.native()), json.dumps([native]), json.dumps(work), None, json.dumps(terms)
        )  # fmt: skip
        copied = json.loads(answer)
        if copied["lost"] is not None:
            raise from_fields(copied["lost"])
        [outcome] = copied["outcomes"]
        if outcome["error"] is not None:
            raise from_fields(outcome["error"])
        return Copied(outcome["rows"], outcome["unfit"], outcome["losses"])

    def _load(self, item: TableItem, rows: Sequence[BadRow], session: TakesStreams) -> Copied:
        """The same through the target's own library."""
        native = item.native()
        native.update(told(self.source, item, native))
        part, terms = self._part(item, rows), self.quarantine.terms(self.id, len(rows))
        manner = "sifted"
        while True:
            look, snapshot = Look(manner, terms), self._snapshot()
            some = look.open(snapshot, native, part)
            try:
                with session.sifting(item) as taker:
                    work = partial(self._sift, item, rows, partial(look.sift, some, taker))
                    moved, unfit = attended(work, lambda: None, partial(halt, snapshot, taker))
                return Copied(moved, unfit, some.losses())
            except DbferryError as error:
                nearer = closer(manner, error)
                if nearer is None:
                    raise
                manner = nearer

    def _sift(
        self, item: TableItem, rows: Sequence[BadRow], sift: Callable[[], tuple[int, int]]
    ) -> tuple[int, int]:
        """Inside a transaction: what goes out of the quarantine, and doesn't come back, has arrived or is gone."""
        self.quarantine.take(self.id, item.name, rows)
        before = 0 if item.action == "create" else rows_of(self.session, item.counted)
        moved, unfit = sift()
        added = rows_of(self.session, item.counted) - before
        if added != moved or moved + unfit > len(rows):
            raise DataError(
                f"{moved} rows were written, and the table has {added} more", table=item.name,
                side="target", engine=self.target.engine,
                hint="a trigger or a constraint of the target may skip rows, or something else writes to it: "
                "see to it that none does, and try again",
            )  # fmt: skip
        return moved, unfit

    def _snapshot(self) -> _native.Snapshot:
        sizes = json.dumps({**self.task.sizes(), "workers": 1})
        return open_snapshot(self.source, self.reading, sizes)

    def _part(self, item: TableItem, rows: Sequence[BadRow]) -> dict[str, Any]:
        return {"number": 0, "relation": None, "predicate": self._found(item, rows), "bytes": 0}

    def _found(self, item: TableItem, rows: Sequence[BadRow]) -> str:
        """The condition by which the source finds the rows."""
        one, room = engine(self.source.engine), self._room
        kinds = {column.name: column.canonical.kind for column in item.columns}

        def met(name: str, value: str) -> str:
            return f"{one.quote(name)} = {literal(room, kinds[name], value)}"

        return _any(rows, met)

    def _told(self, item: TableItem, rows: Sequence[BadRow]) -> str:
        """The same by what is told of the keys, for which the source is read from end to end."""
        one, room = engine(self.source.engine), self._room
        columns = {column.name: column for column in item.source.columns}

        def met(name: str, value: str) -> str:
            expression, _ = room.as_bytes(columns[name])
            return f"{expression.replace('{c}', one.quote(name))} = {room.told(value)}"

        return _any(rows, met)

    @property
    def _room(self) -> Room:
        room = engine(self.source.engine).ledger()
        if room is None or not room.by_row:
            raise RequestError(f"rows can't be read one by one from {self.source.engine}")
        return room


def _of(item: TableItem, rows: Sequence[BadRow]) -> list[BadRow]:
    return [row for row in rows if row.table == item.name]


def _once(rows: Sequence[BadRow]) -> list[BadRow]:
    """Without those that several runs have put aside."""
    times = Counter(row.told_key for row in rows)
    return [row for row in rows if times[row.told_key] == 1 or not _has_key(row)]


def _batched(rows: Sequence[BadRow]) -> Iterator[Sequence[BadRow]]:
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))


def _parents_first(items: Sequence[TableItem]) -> tuple[list[TableItem], bool]:
    """The tables after those that they refer to, as far as they don't do so in a circle; and whether any do."""
    places = {(item.source.schema, item.source.name): item for item in items}
    order: dict[str, TableItem] = {}
    circular = False

    def visit(item: TableItem, above: tuple[str, ...]) -> None:
        nonlocal circular
        if item.name in above:
            circular = True
        elif item.name not in order:
            for key in item.source.foreign_keys:
                if (parent := places.get((key.schema, key.table))) is not None:
                    visit(parent, (*above, item.name))
            order[item.name] = item

    for item in items:
        visit(item, ())
    return list(order.values()), circular


def _is_sure(item: TableItem, row: BadRow) -> bool:
    """False where the target has told a key that the source may write otherwise."""
    kinds = {column.name: column.canonical.kind for column in item.columns}
    return not row.by_target or all(kinds[name] in ONE_FORM for name in row.key or ())


def _has_key(row: BadRow) -> bool:
    """False also where a part of it is NULL, no text, or too large to be told."""
    return bool(row.key) and all(isinstance(value, str) for value in (row.key or {}).values())


def _any(rows: Sequence[BadRow], met: Callable[[str, str], str]) -> str:
    keys = (" AND ".join(met(*part) for part in (row.key or {}).items()) for row in rows)
    return f"({' OR '.join(f'({key})' for key in keys)})"
