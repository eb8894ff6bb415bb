"""The tables of a ledger and their entries, in SQL that every engine takes.

The book is opened and every entry made by the run that holds the task. A range's entry is set to done by the
writer, in the transaction that commits its rows; all else is written here.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbferry.counts import rows_of
from dbferry.errors import DbferryError, FencedError, MissingError, RequestError
from dbferry.sessions import TakesStreams, transaction

if TYPE_CHECKING:
    from dbferry.engines import Engine
    from dbferry.ledger.room import Room
    from dbferry.sessions import OpenSession

TABLES = ("dbferry_task", "dbferry_table", "dbferry_range", "dbferry_step")
FORMAT = 2
STATEMENT_CHARACTERS = 250_000
"""Of a statement with many entries: a server may take no longer ones."""

COLUMNS = {
    "dbferry_task": "id varchar(40) PRIMARY KEY, format integer NOT NULL, version varchar(40) NOT NULL, "
    "run varchar(40) NOT NULL, holder {text} NOT NULL, fence bigint NOT NULL, lease_until bigint NOT NULL, "
    "started bigint NOT NULL, state varchar(20) NOT NULL, source {text} NOT NULL, "
    "asked {text} NOT NULL, shape {text} NOT NULL, plan {text} NOT NULL",
    "dbferry_table": "task varchar(40) NOT NULL, number integer NOT NULL, name {text} NOT NULL, "
    "state varchar(20) NOT NULL, rows_before bigint NOT NULL, place {text} NOT NULL, plan {text} NOT NULL, "
    "PRIMARY KEY (task, number)",
    "dbferry_range": "task varchar(40) NOT NULL, table_number integer NOT NULL, number integer NOT NULL, "
    "relation {text}, predicate {text}, bytes bigint NOT NULL, state varchar(20) NOT NULL, fence bigint NOT NULL, "
    "token {text} NOT NULL, moved_rows bigint NOT NULL, moved_bytes bigint NOT NULL, "
    "unfit_rows bigint NOT NULL, PRIMARY KEY (task, table_number, number)",
    "dbferry_step": "task varchar(40) NOT NULL, table_number integer NOT NULL, name varchar(40) NOT NULL, "
    "PRIMARY KEY (task, table_number, name)",
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A task as its ledger has it."""

    id: str
    version: str
    run: str
    holder: str
    fence: int
    lease_left: int
    """Seconds until another may take it over though it isn't dead."""
    started: int
    """Seconds since 1970."""
    state: str
    """`preparing`, `copying`, `finishing`."""
    source: str
    """Its URL without the password."""
    asked: Mapping[str, Any]
    shape: Mapping[str, Any]
    plan: str


@dataclass(kw_only=True)
class RangeEntry:
    number: int
    relation: str | None
    predicate: str | None
    bytes: int
    done: bool = False
    token: str = ""
    rows: int = 0
    moved_bytes: int = 0
    unfit: int = 0
    """Rows that were put aside."""

    def native(self) -> dict[str, Any]:
        """As the engine's Range reads it."""
        return {
            "number": self.number, "relation": self.relation,
            "predicate": self.predicate, "bytes": self.bytes,
        }  # fmt: skip


@dataclass(kw_only=True)
class TableEntry:
    number: int
    name: str
    state: str
    """`new`, or `cut` once its ranges are known."""
    rows_before: int
    place: str
    """What tells that the source's rows lie where they lay; empty where nothing does."""
    plan: str
    ranges: list[RangeEntry] = field(default_factory=list)
    steps: set[str] = field(default_factory=set)

    @property
    def whole(self) -> bool:
        """True when all its rows are in the target."""
        return self.state == "cut" and all(part.done for part in self.ranges)

    @property
    def begun(self) -> bool:
        return any(part.done for part in self.ranges)

    @property
    def has_moved(self) -> bool:
        """True when rows of it are in the target."""
        return any(part.done and (part.rows or part.unfit) for part in self.ranges)

    @property
    def done(self) -> list[RangeEntry]:
        return [part for part in self.ranges if part.done]

    @property
    def left(self) -> list[RangeEntry]:
        return [part for part in self.ranges if not part.done]


class Book:
    """The ledger of one task in one target, as one session sees it."""

    def __init__(self, session: OpenSession, other: Engine, room: Room, schema: str | None) -> None:
        self.session = session
        self.room = room
        self.schema, self.other = schema, other
        self.id = ""
        self.fence = 0
        self.run = uuid.uuid4().hex[:8]

    def relation(self, name: str) -> str:
        return self.other.relation(self.schema, name)

    @property
    def label(self) -> str:
        return label(self.id, self.run)

    # What stands in it

    def tasks(self) -> list[Entry]:
        """Raises a RequestError where another version has written what this one doesn't know."""
        for version, number in self.session.query(
            f"SELECT version, format FROM {self.relation('dbferry_task')}"
        ):
            if _int(number) != FORMAT:
                raise other_version(_text(version), self.other.name)
        rows = self.session.query(
            f"SELECT id, version, run, holder, fence, lease_until - {self.room.now}, started, state, "
            f"source, asked, shape, plan FROM {self.relation('dbferry_task')} ORDER BY started, id"
        )
        return [
            Entry(
                id=_text(r[0]), version=_text(r[1]), run=_text(r[2]), holder=_text(r[3]), fence=_int(r[4]),
                lease_left=_int(r[5]), started=_int(r[6]), state=_text(r[7]), source=_text(r[8]),
                asked=json.loads(_text(r[9])), shape=json.loads(_text(r[10])), plan=_text(r[11]),
            )
            for r in rows
        ]  # fmt: skip

    def entry(self, task: str) -> Entry | None:
        return next((entry for entry in self.tasks() if entry.id == task), None)

    def tables(self, task: str) -> list[TableEntry]:
        """With their ranges and steps, in the order of the plan."""
        mine = f"WHERE task = {self.room.literal(task)}"
        found = [
            TableEntry(
                number=_int(r[0]), name=_text(r[1]), state=_text(r[2]), rows_before=_int(r[3]),
                place=_text(r[4]), plan=_text(r[5]),
            )
            for r in self.session.query(
                f"SELECT number, name, state, rows_before, place, plan FROM {self.relation('dbferry_table')} "
                f"{mine} ORDER BY number"
            )
        ]  # fmt: skip
        by_number = {table.number: table for table in found}
        for r in self.session.query(
            "SELECT table_number, number, relation, predicate, bytes, state, token, moved_rows, moved_bytes, "
            "unfit_rows "
            f"FROM {self.relation('dbferry_range')} {mine} ORDER BY table_number, number"
        ):
            by_number[_int(r[0])].ranges.append(
                RangeEntry(
                    number=_int(r[1]), relation=r[2], predicate=r[3], bytes=_int(r[4]),
                    done=r[5] == "done", token=_text(r[6]), rows=_int(r[7]), moved_bytes=_int(r[8]),
                    unfit=_int(r[9]),
                )
            )  # fmt: skip
        for r in self.session.query(
            f"SELECT table_number, name FROM {self.relation('dbferry_step')} {mine}"
        ):
            by_number[_int(r[0])].steps.add(_text(r[1]))
        return found

    # What is written into it

    def make(self) -> None:
        """The tables, where they aren't there."""
        text, options = self.room.long_text, self.room.table_options
        self.run_all(
            [
                f"CREATE TABLE IF NOT EXISTS {self.relation(name)} ({columns.replace('{text}', text)}){options}"
                for name, columns in COLUMNS.items()
            ]
        )

    def begin(self, values: Mapping[str, object], lease: int) -> None:
        """The entry of a new task."""
        self.fence = 1
        told = {
            "id": self.id, "format": FORMAT, "run": self.run, "fence": 1, "state": "preparing", **values,
        }  # fmt: skip
        names = ", ".join([*told, "lease_until", "started"])
        wanted = ", ".join(
            [*map(self._value, told.values()), f"{self.room.now} + {lease}", self.room.now]
        )
        entry = f"INSERT INTO {self.relation('dbferry_task')} ({names}) VALUES ({wanted})"
        # One that was killed over its end may have left something; of one that stands nothing may go.
        self.run_all([*self._without_task(self._value(self.id)), entry])

    def take_over(self, entry: Entry, holder: str, lease: int) -> None:
        """Raises the fence: from its commit on no earlier run can commit a range."""
        self.fence = entry.fence + 1
        self._update_task(
            {"fence": self.fence, "run": self.run, "holder": holder},
            f" AND fence = {entry.fence}",
            lease,
        )

    def renew(self, lease: int) -> None:
        self._update_task({}, f" AND fence = {self.fence}", lease)

    def _update_task(self, values: Mapping[str, object], more: str, lease: int) -> None:
        told = [f"{name} = {self._value(value)}" for name, value in values.items()]
        told.append(f"lease_until = {self.room.now} + {lease}")
        mine = f"WHERE id = {self._value(self.id)}"
        relation = self.relation("dbferry_task")
        self.session.execute(f"UPDATE {relation} SET {', '.join(told)} {mine}{more}")
        self.check()

    def check(self) -> None:
        """Raises a FencedError unless the task is still this run's."""
        query = f"SELECT fence, run FROM {self.relation('dbferry_task')} WHERE id = {self._value(self.id)}"
        try:
            rows = self.session.query(query)
        except DbferryError as error:
            if error.retryable or self.is_there():
                raise
            rows = []
        if not rows:
            raise FencedError(
                "the task's ledger is gone: another run has finished the task, or dbferry cleanup has forgotten it",
                side="target",
                engine=self.other.name,
                hint="look at what is in the target; the same command again begins anew",
            )
        if rows != [(str(self.fence), self.run)]:
            raise FencedError(
                "another run has taken this task over",
                side="target",
                engine=self.other.name,
                hint="let the other run finish; dbferry status tells how far it is",
            )

    def is_there(self) -> bool:
        """False when its tables are gone; SQLite tells that as it tells any statement that it doesn't take."""
        return bool(self.other.find_table(self.session, self.schema, TABLES[0]).tables)

    def set_state(self, state: str) -> None:
        self._set("dbferry_task", {"state": state}, f"id = {self._value(self.id)}")

    def add_tables(self, tables: Iterable[tuple[int, str, str]]) -> None:
        """Number, name and plan of each."""
        self._insert(
            "dbferry_table",
            ("task", "number", "name", "state", "rows_before", "place", "plan"),
            ((self.id, number, name, "new", 0, "", plan) for number, name, plan in tables),
        )

    def add_ranges(self, cuts: Mapping[int, Cut]) -> None:
        """The ranges of tables by their numbers."""
        names = (
            "task", "table_number", "number", "relation", "predicate", "bytes", "state", "fence", "token",
            "moved_rows", "moved_bytes", "unfit_rows",
        )  # fmt: skip
        self._insert(
            "dbferry_range",
            names,
            (
                (
                    self.id, number, part["number"], part["relation"], part["predicate"], part["bytes"],
                    "left", self.fence, "", 0, 0, 0,
                )
                for number, cut in cuts.items()
                for part in cut.ranges
            ),
        )  # fmt: skip
        for number, cut in cuts.items():
            values = {"state": "cut", "place": cut.place, "rows_before": cut.rows_before}
            self._set("dbferry_table", values, self._of(number, "number"))

    def table_done(self, number: int, token: str, rows: int, size: int, unfit: int) -> str:
        """The statement that sets the one range of a table to done, once."""
        values = {
            "state": "done", "fence": self.fence, "token": token, "moved_rows": rows, "moved_bytes": size,
            "unfit_rows": unfit,
        }  # fmt: skip
        return self._setting("dbferry_range", values, f"{self._of(number)} AND state <> 'done'")

    def unfit(self) -> Counter[int]:
        """Rows that are put aside, by the number of their table."""
        rows = self.session.query(
            f"SELECT table_number, sum(unfit_rows) FROM {self.relation('dbferry_range')} "
            f"WHERE task = {self._value(self.id)} GROUP BY table_number"
        )
        return Counter({_int(number): _int(count) for number, count in rows})

    def fullest(self, number: int) -> str:
        """The query of the range of a table that has brought the most rows, and of all that are put aside of it."""
        return (
            f"SELECT number, (SELECT sum(unfit_rows) FROM {self.relation('dbferry_range')} "
            f"WHERE {self._of(number)}) FROM {self.relation('dbferry_range')} "
            f"WHERE {self._of(number)} AND state = 'done' ORDER BY moved_rows DESC, number LIMIT 1"
        )

    def put_aside(self, number: int, part: int, rows: int) -> str:
        """The statement that notes rows of a table that were moved and are put aside; which range has brought them isn't known."""
        return (
            f"UPDATE {self.relation('dbferry_range')} SET moved_rows = moved_rows - {rows}, "
            f"unfit_rows = unfit_rows + {rows} WHERE {self._of(number)} AND number = {part}"
        )

    def is_mine(self, number: int) -> bool:
        """True when this run has set the one range of a table last."""
        rows = self.session.query(
            f"SELECT fence FROM {self.relation('dbferry_range')} WHERE {self._of(number)}"
        )
        return rows == [(str(self.fence),)]

    def restart(self, number: int) -> None:
        """A table is begun again; what is left of its ranges means nothing from the first statement on."""
        self._set("dbferry_table", {"state": "new"}, self._of(number, "number"))
        self.session.execute(
            f"DELETE FROM {self.relation('dbferry_range')} WHERE {self._of(number)}"
        )
        self.session.execute(
            f"DELETE FROM {self.relation('dbferry_step')} WHERE {self._of(number)}"
        )

    def step_done(self, number: int, name: str) -> str:
        """The statement that notes a step."""
        values = ", ".join(map(self._value, (self.id, number, name)))
        return f"INSERT INTO {self.relation('dbferry_step')} (task, table_number, name) VALUES ({values})"

    def step_noted(self, number: int, name: str) -> str:
        """The query of a row that is there once a step is noted."""
        step = f"{self._of(number)} AND name = {self._value(name)}"
        return f"SELECT 1 FROM {self.relation('dbferry_step')} WHERE {step}"

    def step_undone(self, number: int, name: str) -> str:
        step = f"{self._of(number)} AND name = {self._value(name)}"
        return f"DELETE FROM {self.relation('dbferry_step')} WHERE {step}"

    def others(self, task: str) -> int:
        """Tasks beside one."""
        rows = f"{self.relation(TABLES[0])} WHERE id <> {self._value(task)}"
        return rows_of(self.session, rows)

    def close(self, task: str) -> None:
        """Removes a task, and the tables with the last; fine if it is gone.

        The task goes first, or with all at once: a run that is killed over it leaves a whole ledger or none.
        """
        mine = self._value(task)
        with self.room.alone(self.session):
            try:
                others = self.others(task)
            except MissingError:
                return
            if not others:
                self.drop()
                return
            removing = [f"DELETE FROM {self.relation(TABLES[0])} WHERE id = {mine}"]
            self.run_all([*removing, *self._without_task(mine)])

    def _without_task(self, task: str) -> list[str]:
        return [f"DELETE FROM {self.relation(name)} WHERE task = {task}" for name in TABLES[1:]]

    def drop(self) -> None:
        """The tables, all at once."""
        relations = [self.relation(name) for name in TABLES]
        if self.room.drops_many:
            self.session.execute(f"DROP TABLE IF EXISTS {', '.join(relations)}")
        else:
            self.run_all([f"DROP TABLE IF EXISTS {relation}" for relation in relations])

    def run_all(self, statements: Sequence[str]) -> None:
        """As a whole where the engine can, else one after the other."""
        joined = self.room.joined(statements)
        if joined is not None:
            run_joined(self.session, joined)
        elif isinstance(self.session, TakesStreams):
            run_in_turn(self.session, statements)
        else:
            for statement in statements:
                self.session.execute(statement)

    def _of(self, number: int, column: str = "table_number") -> str:
        return f"task = {self._value(self.id)} AND {column} = {number}"

    def _set(self, name: str, values: Mapping[str, object], where: str) -> None:
        self.session.execute(self._setting(name, values, where))

    def _setting(self, name: str, values: Mapping[str, object], where: str) -> str:
        told = ", ".join(f"{column} = {self._value(value)}" for column, value in values.items())
        return f"UPDATE {self.relation(name)} SET {told} WHERE {where}"

    def _insert(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        head = f"INSERT INTO {self.relation(name)} ({', '.join(columns)}) VALUES "
        waiting: list[str] = []
        size = 0
        for row in rows:
            told = f"({', '.join(map(self._value, row))})"
            if waiting and size + len(told) > STATEMENT_CHARACTERS:
                self.session.execute(head + ", ".join(waiting))
                waiting, size = [], 0
            waiting.append(told)
            size += len(told)
        if waiting:
            self.session.execute(head + ", ".join(waiting))

    def _value(self, value: object) -> str:
        if value is None:
            return "NULL"
        return str(value) if isinstance(value, int) else self.room.literal(str(value))


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How a table is cut."""

    ranges: Sequence[Mapping[str, Any]]
    place: str
    rows_before: int


def run_joined(session: OpenSession, joined: str) -> None:
    """Runs what is carried out as a whole; what a failure leaves open is closed."""
    try:
        session.execute(joined)
    except DbferryError as error:
        if not error.fatal:
            with suppress(DbferryError):
                session.execute("ROLLBACK")
        raise


def run_in_turn(session: TakesStreams, statements: Sequence[str]) -> None:
    """Runs statements in one transaction of a session that takes them one by one."""
    with transaction(session):
        for statement in statements:
            session.execute(statement)


def other_version(version: str, engine: str) -> RequestError:
    """The error for a ledger that can't be read."""
    return RequestError(
        f"a run was broken off that dbferry {version} has begun, and this version can't read what it has noted",
        side="target",
        engine=engine,
        hint=f"go on with dbferry {version}, or let it clean up: dbferry cleanup TARGET",
    )


def label(task: str, run: str) -> str:
    """What the sessions of a run are called."""
    return f"dbferry/{task}/{run}"


def _text(value: str | None) -> str:
    return value or ""


def _int(value: str | None) -> int:
    return int(value or 0)
