"""The two ends of a plan, what the user asks for, and the faults found so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dbferry.catalog import Ability, Catalog, Index, Session, Table
from dbferry.engines import Engine, NewTable, engine
from dbferry.errors import DbferryError, RequestError
from dbferry.mapping.work import Shape
from dbferry.schema.qualified import requalified
from dbferry.selection import Options, Rules, map_schema
from dbferry.types import Canonical


@dataclass
class Pair:
    source: Catalog
    target: Catalog
    options: Options
    source_session: Session
    """Answers the probes."""
    target_session: Session | None
    """Is asked whether tables that stand in the way have rows."""
    rules: Rules = field(default_factory=Rules)
    faults: list[DbferryError] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    """What rules make of tables, by label."""
    notes: list[str] = field(default_factory=list)
    taken: set[tuple[str, ...]] = field(default_factory=set)
    """Trials that the target has taken."""

    @cached_property
    def ends(self) -> tuple[Engine, Engine]:
        return engine(self.source.engine), engine(self.target.engine)

    def shape(self, table: Table) -> Shape:
        return self.shapes.get(table.label) or Shape(table=table)

    def called(self, table: Table, column: str) -> str:
        """What rules want a column to be called in the target."""
        shape = self.shapes.get(table.label)
        return shape.names.get(column, column) if shape else column

    def cast(self, table: Table, column: str) -> Canonical | None:
        """The type that rules want a column to have."""
        shape = self.shapes.get(table.label)
        return shape.types.get(column) if shape else None

    @contextmanager
    def trying(self, objects: Sequence[str]) -> Iterator[Session | None]:
        """A session on the target for trials of which nothing stays; `objects` make what tables need.

        Nothing when there is none, or when the objects can't be made; that is a fault.
        """
        session = self.target_session
        begin, end = self.ends[1].trial_frame
        if session is None or not begin:
            yield session
            return
        session.query(begin)
        try:
            yield session if all(self._makes(session, statement) for statement in objects) else None
        finally:
            session.query(end)

    def _makes(self, session: Session, statement: str) -> bool:
        try:
            session.query(statement)
        except DbferryError as error:
            if error.fatal:
                raise
            can = self.ends[0].name == self.ends[1].name and "functions" in self.ends[1].includes
            include = ", ask for it with --include functions" if can else ""
            self.fault(
                f"the target can't make what tables need: {error.message}, in: {statement}",
                code=error.code,
                hint=f"make in the target what it lacks{include}, or exclude the tables that need it",
            )
            return False
        return True

    def refusal(
        self, session: Session, table: NewTable, indexes: Sequence[Index] = ()
    ) -> str | None:
        """The target's words, when it can't make a table, or these indexes on it."""
        other = self.ends[1]
        # Where there are schemas and none is the session's own, one that is there already.
        rooms = (self.target.default_schema, table.schema, *self.target.schemas)
        room = next((name for name in rooms if name in self.target.schemas), None)
        table = replace(table, schema=room)
        trial = other.try_table(other.fit_rows(table)[0], self.target.numbers)
        then = tuple(made for index in indexes if (made := other.try_index(table, index)))
        # Tables of one form are many.
        if (trial.make, *then) in self.taken:
            return None
        try:
            for statement in (trial.begin, trial.make, *then):
                if statement:
                    session.query(statement)
        except DbferryError as error:
            if error.fatal:
                raise
            return error.message
        finally:
            session.query(trial.end)
        self.taken.add((trial.make, *then))
        return None

    def lacks(self, what: Ability) -> str | None:
        """Why the target can't be given what only newer servers of its engine have; nothing when it can."""
        target = self.target
        if what not in self.ends[1].lacks(target.numbers):
            return None
        return f"{target.engine} {target.numbers[0] if target.numbers else ''} has no {what}"

    def schema(self, schema: str) -> str:
        """The target's schema for a source's."""
        return map_schema(schema, self.source, self.target, self.ends, self.options) or schema

    @cached_property
    def moved_schemas(self) -> dict[str, str]:
        """The target's name of every schema of the source that has another there."""
        names = {schema: self.schema(schema) for schema in self.source.schemas}
        return {old: new for old, new in names.items() if old != new}

    def requalified(self, text: str) -> str:
        """What the source has printed, between two of one engine, with the target's names of schemas."""
        if not self.moved_schemas:
            return text
        return requalified(text, self.moved_schemas, self.ends[1])

    def fault(self, message: str, **place: Any) -> None:
        """A fault of the target's side unless `place` says otherwise."""
        place.setdefault("side", "target")
        place.setdefault("engine", self.target.engine)
        self.faults.append(RequestError(message, **place))

    def source_fault(self, message: str, **place: Any) -> None:
        self.fault(message, side="source", engine=self.source.engine, **place)
