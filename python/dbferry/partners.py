"""The rows that rows which are tried again refer to: whether they are in the target, or may come along.

Asked where its writing sessions don't mind foreign keys, so that no row arrives whose partner isn't there, and of rows
that only fit together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbferry.engines import engine
from dbferry.errors import DataError
from dbferry.types import Kind

if TYPE_CHECKING:
    from dbferry.catalog import Catalog, ForeignKey, Table
    from dbferry.items import ColumnItem, TableItem
    from dbferry.ledger.room import Room
    from dbferry.opening import Ends

NUMBERS = (Kind.INT, Kind.UINT, Kind.DECIMAL, Kind.NUMERIC, Kind.FLOAT, Kind.YEAR)
BYTES = (Kind.BINARY, Kind.BITS)
NUMBER = re.compile(r"-?\d+(\.\d+)?")
Values = tuple[str | None, ...]


def literal(room: Room, kind: Kind, value: str) -> str:
    """A value that was told as text, as an engine compares it with a column of this kind."""
    if kind in BYTES:
        return room.binary(value)
    if kind in NUMBERS and NUMBER.fullmatch(value):
        return room.number(value)
    return room.literal(value)


@dataclass(frozen=True)
class _Link:
    """A foreign key that stands in the target, by the columns that move."""

    key: ForeignKey
    relation: str
    ours: Sequence[ColumnItem]
    own: Sequence[ColumnItem]
    """What it refers to, where that is in the same table."""


@dataclass
class Partners:
    ends: Ends
    item: TableItem
    source: Room
    target: Room
    links: Sequence[_Link] = ()
    _known: dict[tuple[int, Values], bool] = field(default_factory=dict)
    _own: dict[tuple[int, str], Values | None] = field(default_factory=dict)

    @classmethod
    def of(cls, ends: Ends, item: TableItem, other: Catalog) -> Partners:
        """Of a table's rows."""
        rooms = engine(ends.source.engine).ledger(), engine(ends.target.engine).ledger()
        source, target = (room for room in rooms if room is not None)
        place = item.destination
        standing = other.table(place.schema or other.default_schema or "", place.name)
        links = _links(ends, item, standing) if standing is not None else ()
        return cls(ends, item, source, target, links)

    def are_there(self, row: str) -> bool:
        """True when a row of the source, which a condition finds, lacks none of the rows that it refers to.

        Nothing is asked where the server itself minds.
        """
        return self.target.refuses_orphans or self._lacking(row) == []

    def circle(self, row: str, others: Sequence[str]) -> list[str]:
        """A row with those of the same table that it can only be moved with; none where it still lacks another."""
        found = [row]
        for one in found:
            lacking = self._lacking(one)
            for number, values in lacking or ():
                partner = next((o for o in others if self._is(number, o, values)), None)
                if partner is None:
                    return []
                found += [partner] if partner not in found else []
            if lacking is None:
                return []
        return found

    def _lacking(self, row: str) -> list[tuple[int, Values]] | None:
        """The links whose partner isn't there, and what it would have; nothing where that can't be told."""
        found = []
        for number, link in enumerate(self.links):
            told = self._told([*link.ours, *link.own], row)
            if told is None:
                return None
            values, own = told[: len(link.ours)], told[len(link.ours) :]
            if None in values or values == own:
                continue
            if (number, values) not in self._known:
                self._known[number, values] = self._ask(link, values)
            if not self._known[number, values]:
                found.append((number, values))
        return found

    def _is(self, number: int, row: str, values: Values) -> bool:
        """True when a row of the same table has what a link asks for."""
        own = self.links[number].own
        if own and (number, row) not in self._own:
            self._own[number, row] = self._told(own, row)
        return bool(own) and self._own[number, row] == values

    def _told(self, columns: Sequence[ColumnItem], row: str) -> Values | None:
        """The source's values as texts; nothing where one is none, or too large to be told."""
        one = engine(self.ends.source.engine)
        by_name = {column.name: column for column in self.item.source.columns}
        asked = [self.source.as_json(by_name[c.name], one.quote(c.name)) for c in columns]
        rows = self.ends.reading.query(
            f"SELECT {', '.join(asked)} FROM {self.item.relation} WHERE {row}"
        )
        values = [json.loads(value or "null") for value in rows[0]] if rows else []
        return None if any(isinstance(value, dict) for value in values) else tuple(values)

    def _ask(self, link: _Link, values: Values) -> bool:
        other = engine(self.ends.target.engine)
        met = " AND ".join(
            f"{other.quote(name)} = {literal(self.target, column.canonical.kind, value or '')}"
            for name, column, value in zip(link.key.references, link.ours, values, strict=True)
        )
        query = f"SELECT 1 FROM {link.relation} WHERE {met} LIMIT 1"
        try:
            return bool(self.ends.session.query(query))
        except DataError:
            # It is no value of that column in the target.
            return False


def _links(ends: Ends, item: TableItem, standing: Table) -> list[_Link]:
    other = engine(ends.target.engine)
    moved = {other.fold_column(c.target): c for c in item.columns if not c.generated}
    found = []
    for key in standing.foreign_keys:
        ours = [moved.get(other.fold_column(name)) for name in key.columns]
        within = (key.schema, key.table) == (standing.schema, standing.name)
        references = key.references or standing.primary_key
        own = [moved.get(other.fold_column(name)) for name in references] if within else []
        known = [column for column in ours if column is not None]
        if len(known) == len(ours):
            relation = other.relation(key.schema, key.table)
            told = replace(key, references=references)
            found.append(_Link(told, relation, known, [c for c in own if c is not None]))
    return found
