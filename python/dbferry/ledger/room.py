"""How an engine keeps a ledger; each folder of an engine that can has one in `ledger.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dbferry.catalog import Column
    from dbferry.ledger.book import RangeEntry
    from dbferry.sessions import OpenSession
    from dbferry.urls import Endpoint


LARGE = 1 << 20
"""Bytes of the longest value that is told of a row; as in the engine."""


@dataclass(frozen=True)
class Leftover:
    """A table that is called like one of dbferry's own which a run that was killed leaves."""

    name: str
    drop: str
    """The statement that takes it away; empty where it may be somebody's."""


class Room(Protocol):
    @property
    def now(self) -> str:
        """The server's time as whole seconds, in SQL."""

    @property
    def long_text(self) -> str:
        """The type of a text of any length."""

    @property
    def table_options(self) -> str: ...
    @property
    def by_row(self) -> bool:
        """Of a source: true where single rows can be told, and asked for again."""

    @property
    def cuts_by_key(self) -> bool:
        """Of a source: true when a row stays in its range whatever becomes of its other columns."""

    @property
    def drops_many(self) -> bool:
        """True when one statement drops several tables, and nothing else would do it as a whole."""

    @property
    def refuses_orphans(self) -> bool:
        """Of a target: true when the sessions that write rows mind foreign keys that stand."""

    def literal(self, text: str) -> str: ...
    def binary(self, text: str) -> str:
        """Of a source: a literal of bytes that `as_bytes` has told."""

    def number(self, text: str) -> str:
        """Of a source: a literal that is equal to a number of the column's own type."""

    def told(self, text: str) -> str:
        """Of a source: a literal that is equal to what `as_bytes` tells."""

    def as_bytes(self, column: Column) -> tuple[str, str]:
        """Of a source: an expression of `{c}` that tells any value as text, and its decoder into bytes."""

    def as_json(self, column: Column, value: str) -> str:
        """Of a target: what stands in a column as JSON, as the engine tells the values of a row that is put aside."""

    def deleting(self, relation: str, where: str) -> str:
        """Of a target: the statement that deletes rows, which are called `c` in the condition."""

    def concat(self, texts: Sequence[str]) -> str: ...
    @property
    def sifting(self) -> tuple[str, str, str]:
        """Of a target: how a transaction begins whose deletes set nothing off, how it is committed, and rolled back."""

    def joined(self, statements: Iterable[str]) -> str | None:
        """Statements as one that is carried out as a whole or not at all; nothing where DDL can't be a part of that."""

    def alone(self, session: OpenSession) -> AbstractContextManager[None]:
        """Nobody else makes or drops the ledger's tables meanwhile."""

    def claim(self, session: OpenSession, endpoint: Endpoint, task: str) -> bool:
        """True when the session now holds the task, for as long as it lives; false when another does."""

    def held(self, session: OpenSession, endpoint: Endpoint, task: str) -> bool | None:
        """True when somebody holds the task, nothing where that can't be known; nothing is taken by asking."""

    def break_claim(self, session: OpenSession, task: str) -> None:
        """Ends the session that holds a task, where that is possible."""

    def release(self) -> None:
        """What of a claim doesn't go with its session."""

    def places(self, session: OpenSession, relations: Sequence[str]) -> str:
        """Of a source: what changes when its server moves the rows of relations about; empty where nothing tells."""

    def kept(
        self, session: OpenSession, relation: str, ranges: Sequence[RangeEntry], places: str
    ) -> bool:
        """Of a source: true when it is sure that these ranges hold the rows that were read from them."""

    def leftovers(self, session: OpenSession) -> Sequence[Leftover]:
        """Of a target: what is left of tables that were not made to their end. Raises a BusyError while one may be."""

    def end_sessions(self, session: OpenSession, label: str) -> int:
        """Ends all sessions of a label but one's own; how many there were."""


def takes_ddl_whole(room: Room) -> bool:
    """True where statements that make and drop things can be a part of a transaction."""
    return room.joined([]) is not None


class Plain:
    """A target that says these in the words of the standard."""

    def deleting(self, relation: str, where: str) -> str:
        return f"DELETE FROM {relation} AS c WHERE {where}"

    def concat(self, texts: Sequence[str]) -> str:
        """By halves: a chain of many would be nested too deep."""
        if len(texts) == 1:
            return texts[0]
        middle = len(texts) // 2
        return f"({self.concat(texts[:middle])} || {self.concat(texts[middle:])})"


class Untold:
    """A source whose rows don't tell who wrote them, nor where they lie; a target whose tables are made by one statement."""

    def leftovers(self, session: OpenSession) -> Sequence[Leftover]:
        return ()

    def places(self, session: OpenSession, relations: Sequence[str]) -> str:
        return ""

    def kept(
        self, session: OpenSession, relation: str, ranges: Sequence[RangeEntry], places: str
    ) -> bool:
        return False
