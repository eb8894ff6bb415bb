"""Sequences that stand for themselves, and those that defaults draw from, where the target has such too.

One that goes with a column is made beside its table; all others are made before any table. Their next number is
set at the end, past the source's and past every row of the columns that draw from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbferry.catalog import Ability, Column, IdentityKind, NumberSequence, Table, further
from dbferry.items import ColumnItem
from dbferry.keys import Draft
from dbferry.pair import Pair
from dbferry.selection import destination, map_schema, stands_asked
from dbferry.types import Kind

if TYPE_CHECKING:
    from dbferry.schema.clauses import Clauses

Place = tuple[str, str]
UNLOGGED: Ability = "UNLOGGED sequences"
NUMBERS = (Kind.INT, Kind.UINT, Kind.DECIMAL, Kind.NUMERIC, Kind.FLOAT)


class SequenceWriter:
    """Decides for all tables at once: they may share a sequence."""

    def __init__(self, pair: Pair, drafts: list[Draft], clauses: list[Clauses]) -> None:
        self.pair = pair
        self.objects: list[str] = []
        """Statements before any table."""
        self.next_values: dict[str, list[str]] = defaultdict(list)
        """By the label of the table that they come last with."""
        self.schemas: list[str] = []
        self.left_out: list[str] = []
        if not carried(pair):
            self.left_out = [
                f"{s.label} ({pair.target.engine} has none that stands for itself)"
                for s in self._alone(drafts)
            ]
            return
        gone = {
            (d.existing.schema, d.existing.name) for d in drafts if d.existing and not d.standing
        }
        self._standing = {
            (s.schema, s.name): s
            for s in pair.target.sequences
            if s.owner is None or s.owner[:2] not in gone
        }
        self._drawn: dict[Place, list[str]] = defaultdict(list)
        """Labels of the tables."""
        self._counted: dict[Place, list[tuple[str | None, str, str]]] = defaultdict(list)
        """The columns that hold its very numbers."""
        self._made: dict[Place, NumberSequence] = {}
        for draft, made in zip(drafts, clauses, strict=True):
            self._table(draft, made)
        owned: dict[Place, list[NumberSequence]] = defaultdict(list)
        for sequence in pair.source.sequences:
            owned[(sequence.owner or ("", "", ""))[:2]].append(sequence)
        for draft, made in zip(drafts, clauses, strict=True):
            self._beside(draft, made, owned[draft.table.schema, draft.table.name])
        for sequence in self._alone(drafts):
            self._make(sequence)
            if drafts:
                # With the last table, for there is nothing else where rows alone are moved.
                self._go_on(sequence, drafts[-1])
        self._end()

    def _alone(self, drafts: Sequence[Draft]) -> list[NumberSequence]:
        """Those that go with no column; in another engine also those whose column counts by something else."""
        one, other = self.pair.ends
        columns = {
            (draft.table.schema, draft.table.name, column.name): column
            for draft in drafts
            for column in draft.table.columns
        }

        def is_alone(sequence: NumberSequence) -> bool:
            column = columns.get(sequence.owner or ("", "", ""))
            if column is None:
                return sequence.owner is None
            counted = column.identity.sequence if column.identity else None
            return one.name != other.name and counted != sequence

        return [
            sequence
            for sequence in self.pair.source.sequences
            if is_alone(sequence)
            and (sequence.owner is not None or stands_asked(self.pair.options, sequence))
        ]

    def _beside(self, draft: Draft, made: Clauses, owned: Sequence[NumberSequence]) -> None:
        """Those that only go with a column, whose default doesn't draw from them."""
        one, other = self.pair.ends
        columns = {item.name: item.target for item in draft.columns}
        for told in owned if one.name == other.name else ():
            if draft.standing is not None:
                self._go_on(told, draft)
                continue
            sequence, column = mapped(self.pair, told), columns.get((told.owner or ("", "", ""))[2])
            create = other.create_sequence(sequence)
            known = create in made.before or (sequence.schema, sequence.name) in self._made
            if column is None or known:
                continue
            self._compare(told, sequence)
            place = (draft.place.schema, draft.name, column)
            self.schemas.append(sequence.schema)
            made.before.append(create)
            made.after += [
                other.own_sequence(sequence, *place),
                *other.set_sequence(sequence, ()),
            ]

    def _go_on(self, told: NumberSequence, draft: Draft) -> None:
        """One that stands gives nothing that the source has given."""
        sequence = mapped(self.pair, told)
        place = (sequence.schema, sequence.name)
        if place in self._standing:
            self._make(told)
            if self._made[place] is not self._standing[place]:
                self._drawn[place].append(draft.table.label)

    def _table(self, draft: Draft, made: Clauses) -> None:
        if draft.standing is not None:
            self._fill(draft, draft.standing)
            return
        one, other = self.pair.ends
        for item in draft.columns:
            column = draft.table.column(item.name)
            drawn = column.draws if column else None
            if column is None or drawn is None or made.column(item.name).default is None:
                continue
            sequence = mapped(self.pair, drawn)
            place = (draft.place.schema, draft.name, item.target)
            owns = drawn.owner == (draft.table.schema, draft.table.name, item.name)
            if owns and one.name == other.name:
                self._compare(drawn, sequence)
                made.before.append(other.create_sequence(sequence))
                made.after.append(other.own_sequence(sequence, *place))
                if column.identity is None:
                    made.after += other.set_sequence(sequence, ())
                continue
            self._make(drawn)
            self._drawn[sequence.schema, sequence.name].append(draft.table.label)
            if item.canonical.kind in NUMBERS and column.default == one.draw(drawn):
                self._counted[sequence.schema, sequence.name].append(place)

    def _fill(self, draft: Draft, standing: Table) -> None:
        """What a standing table draws from goes on past its new rows; an identity is set with its column."""
        other = self.pair.ends[1]
        columns = {other.fold_column(column.name): column for column in standing.columns}
        for item in draft.columns:
            column = draft.table.column(item.name)
            there = columns.get(other.fold_column(item.target))
            if column is None or there is None or there.draws is None or there.identity is not None:
                continue
            place = (there.draws.schema, there.draws.name)
            if place not in self._standing or not (column.draws or column.identity):
                continue
            told = mapped(self.pair, column.draws) if column.draws else None
            if column.draws and told and (told.schema, told.name) == place:
                self._make(column.draws)
            self._drawn[place].append(draft.table.label)
            numbers = {item.canonical.kind, other.read(there, {}).canonical.kind} <= set(NUMBERS)
            if numbers and there.default == other.draw(there.draws):
                self._counted[place].append((draft.place.schema, draft.name, there.name))

    def _make(self, told: NumberSequence) -> None:
        sequence = mapped(self.pair, told)
        place = (sequence.schema, sequence.name)
        if place not in self._made:
            there = self._standing.get(place)
            self._made[place] = _ahead(sequence, there) if there else sequence
            self._compare(told, sequence)
            if not told.readable:
                what = (
                    "next number"
                    if told.described
                    else "next number, step, bounds, cycle and cache"
                )
                self.left_out.append(
                    f"{what} of {told.label} (this user may not read it); "
                    "hint: grant SELECT on it in the source"
                )
            self.schemas.append(sequence.schema)
            if place not in self._standing:
                self.objects.append(self.pair.ends[1].create_sequence(sequence))

    def _compare(self, told: NumberSequence, made: NumberSequence) -> None:
        """Names what an older server can't keep of it; in another engine nobody knows of that."""
        one, other = self.pair.ends
        if told.unlogged and not made.unlogged and one.name == other.name:
            why = self.pair.lacks(UNLOGGED)
            self.left_out.append(f"UNLOGGED of sequence {told.schema}.{told.name} ({why})")

    def _end(self) -> None:
        other = self.pair.ends[1]
        # In the target a column may draw from another one than in the source.
        made = {
            **{place: self._standing[place] for place in self._drawn if place not in self._made},
            **self._made,
        }
        for place, sequence in made.items():
            drawing = self._drawn[place]
            statements = other.set_sequence(sequence, self._counted[place])
            if drawing:
                self.next_values[drawing[-1]] += statements
            elif place not in self._standing:
                self.objects += statements


def set_anew(pair: Pair, objects: Collection[str]) -> list[str]:
    """What sets those that an earlier run has made to what the source gives now; its rows may hold these numbers."""
    other = pair.ends[1]
    statements: list[str] = []
    for told in pair.source.sequences if objects and carried(pair) else ():
        sequence = mapped(pair, told)
        if other.create_sequence(sequence) in objects:
            statements += other.set_sequence(sequence, ())
    return statements


def _ahead(told: NumberSequence, there: NumberSequence) -> NumberSequence:
    """One that stands counts on in its own way, and gives nothing again."""
    step = there.increment
    if further(step, told.following, there.following) == there.following:
        return there
    return replace(there, last=told.following - step, restart=None)


def carried(pair: Pair) -> bool:
    one, other = pair.ends
    return one.has_sequences and other.has_sequences


def mapped(pair: Pair, sequence: NumberSequence) -> NumberSequence:
    """As the target has it."""
    one, other = pair.ends
    place = Table(schema=sequence.schema, name=sequence.name, columns=())
    made = destination(place, pair.source, pair.target, pair.ends, pair.options)
    return replace(
        sequence,
        schema=made.schema or sequence.schema,
        name=made.name,
        # What is taken at once is a matter of a server, and in another engine of a session.
        cache=sequence.cache if one.name == other.name else None,
        unlogged=sequence.unlogged and one.name == other.name and not pair.lacks(UNLOGGED),
    )


def draws(pair: Pair, column: Column) -> str | None:
    """The target's default that does nothing but draw from the sequence of the source's."""
    one, other = pair.ends
    if column.draws is None or not carried(pair) or column.default != one.draw(column.draws):
        return None
    return other.draw(mapped(pair, column.draws))


def with_schema(pair: Pair, item: ColumnItem) -> ColumnItem:
    """The column whose identity's sequence has the target's schema."""
    identity = item.identity
    if identity is None or identity.sequence is None or identity.kind is IdentityKind.SERIAL:
        return item
    told = identity.sequence
    schema = map_schema(told.schema, pair.source, pair.target, pair.ends, pair.options)
    sequence = replace(told, schema=schema or told.schema)
    return replace(item, identity=replace(identity, sequence=sequence))
