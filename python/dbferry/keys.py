"""Which indexes and foreign keys come along, and under what names.

Plain indexes, unique constraints and foreign keys between moved tables come along; what doesn't is named in
`left_out` and never guessed. A table that stands in the target keeps what it has and gets what it lacks, but
with `append` nothing is added to it. Foreign keys between such tables are taken away for the load and put
back, proved, at the end: rows land in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count

from dbferry.abilities import index_fault, reference_fault
from dbferry.catalog import ForeignKey, Index, NativeType, Session, Statistics, Table
from dbferry.engines import NewColumn, NewTable
from dbferry.flattened import lost_with
from dbferry.indexes import doubtful, fit, translation
from dbferry.items import ColumnItem
from dbferry.pair import Pair
from dbferry.schema.translation import Translation
from dbferry.selection import Destination, Only

Place = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A table whose columns are decided."""

    table: Table
    place: Destination
    action: str
    existing: Table | None
    columns: Sequence[ColumnItem]
    transfer: str
    sampled: int = 0
    parted: bool = False
    """True when its partitions are kept."""
    ancestors: tuple[tuple[str | None, str], ...] = ()
    """The target's tables that it inherits from, where it goes on to."""
    partitions: tuple[Draft, ...] = ()
    """Those that are made with it, parents first."""
    free: Sequence[ColumnItem] = ()
    """The columns as they would have been made; of a standing table only."""

    @property
    def standing(self) -> Table | None:
        """The table of the target that gets the rows; nothing when a new one is made."""
        return None if self.action in ("create", "drop") else self.existing

    @property
    def name(self) -> str:
        return self.standing.name if self.standing else self.place.name


@dataclass(kw_only=True)
class Carried:
    """What a table gets besides its columns, in the target's names."""

    primary_key_name: str | None = None
    primary_index: Index | None = None
    indexes: list[Index] = field(default_factory=list)
    statistics: list[Statistics] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    put_back: dict[Place, list[ForeignKey]] = field(default_factory=lambda: defaultdict(list))
    """Foreign keys of a standing table and its partitions that are away while rows are loaded."""
    partitions: list[tuple[Draft, Carried]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Keys:
    """Decides for all tables at once: names and references reach over them."""

    def __init__(self, pair: Pair, drafts: Sequence[Draft], objects: Sequence[str]) -> None:
        """`objects` are the statements for what is made before tables."""
        self.pair = pair
        roots = drafts
        drafts = [d for root in roots for d in (root, *root.partitions)]
        self.drafts = {(d.table.schema, d.table.name): d for d in drafts}
        self.left_out = [what for draft in drafts for what in draft.table.left_out]
        self.left_out += [what for root in roots for what in _of_lost_partitions(root)]
        self.carried: dict[str, Carried] = {d.table.label: Carried() for d in drafts}
        self._made: dict[Place, Place] = {}
        """Indexes of the source and what they became, by schema and name."""
        self._keyless: set[Place] = set()
        """Schema and name of the tables that lack a key which the source has."""
        self.drops: list[str] = []
        self._met = {(d.existing.schema, d.existing.name) for d in drafts if d.existing}
        self._names: dict[tuple[str, ...], set[str]] = defaultdict(set)
        self._reserve(drafts)
        for draft in drafts:
            self._take_away(draft)
        for draft in drafts:
            self._add_indexes(draft)
        self._try_indexes(drafts, objects)
        for draft in drafts:
            self._add_foreign_keys(draft)
        for root in roots:
            self._gather(root)

    def of(self, draft: Draft) -> Carried:
        return self.carried[draft.table.label]

    def _gather(self, root: Draft) -> None:
        carried = self.of(root)
        carried.partitions = [(part, self.of(part)) for part in root.partitions]
        for part, its in carried.partitions:
            carried.notes += [f"partition {part.table.label}: {note}" for note in its.notes]

    def _adds(self, draft: Draft) -> bool:
        return draft.action != "append" and self.pair.options.only is not Only.DATA

    # Names

    def _reserve(self, drafts: Sequence[Draft]) -> None:
        gone = {(d.existing.schema, d.existing.name) for d in drafts
                if d.existing and d.action == "drop"}  # fmt: skip
        for table in self.pair.target.tables:
            if (table.schema, table.name) in gone:
                continue
            self._space("index", table.schema, table.name).update(
                map(self._fold, [table.name, table.primary_key_name or "", *_names(table.indexes)])
            )
            for key in table.foreign_keys:
                self._space("key", table.schema, table.name).add(self._fold(key.name or ""))
        for draft in drafts:
            names = self._space("index", draft.place.schema, draft.name)
            names.add(self._fold(draft.name))

    def _fold(self, name: str) -> str:
        return self.pair.ends[1].fold_column(name)

    def _space(self, kind: str, schema: str | None, table: str) -> set[str]:
        other = self.pair.ends[1]
        scope = other.index_scope if kind == "index" else other.foreign_key_scope
        places = {"database": (), "schema": (schema or "",), "table": (schema or "", table)}
        return self._names[kind, *places[scope]]

    def _named(self, draft: Draft, kind: str, wanted: str, what: str | None = None) -> str:
        """The wanted name, or one like it that is free; said when it is another."""
        other, schema = self.pair.ends[1], draft.place.schema
        taken = self._space(kind, schema, draft.name)
        tries = chain([wanted, f"{draft.name}_{wanted}"], (f"{wanted}_{n}" for n in count(2)))
        fitted = (self._fit(name) for name in tries)
        name = next(
            n
            for n in fitted
            if self._fold(n) not in taken
            and not (other.name_fault(n, "table") or other.name_fault(n, kind))
        )
        taken.add(self._fold(name))
        if what and name != wanted:
            self.of(draft).notes.append(f"{what} `{wanted}` is called `{name}`")
        return name

    def _fit(self, name: str) -> str:
        """Cut in its middle, as the end tells one from another."""
        fit = self.pair.ends[1].fit_name
        if fit(name) == name:
            return name
        tail = name[-12:]
        head = name[:-12]
        while fit(head + tail) != head + tail:
            head = head[:-1]
        return head + tail

    # Indexes

    def _add_indexes(self, draft: Draft) -> None:
        table, standing, carried = draft.table, draft.standing, self.of(draft)
        if not self._adds(draft):
            return
        one, other = self.pair.ends
        columns = {column.name: column for column in draft.columns}
        words = translation(self.pair, table, draft.columns)
        if table.primary_key and not (standing and standing.primary_key):
            wanted = table.primary_key_name or f"{draft.name}_pkey"
            carried.primary_key_name = self._named(draft, "index", wanted)
            self._note_made(draft, table.primary_key_name, carried.primary_key_name)
            carried.notes += self._long(draft, "primary key", table.primary_key)
            self._add_primary_index(draft, columns, words)
        for index in table.indexes:
            called = f"index {index.name or _listed(index.columns)} of {table.label}"
            fitted = fit(self.pair, columns, index, words)
            why = index_fault(self.pair, index, whole=_is_whole(draft))
            if fitted.index is None or why is not None:
                self.left_out.append(f"{called} ({why or '; '.join(fitted.notes)})")
                self._keyless |= {(table.schema, table.name)} if index.is_key else set()
                continue
            if standing is not None and _has(standing, fitted.index, self._fold):
                continue
            ending = "key" if index.unique else "idx"
            wanted = index.name or "_".join((table.name, *index.columns, ending))
            name = self._named(draft, "index", wanted, "index" if index.name else None)
            self._note_made(draft, index.name, name)
            carried.indexes.append(self._of_parent(replace(fitted.index, name=name)))
            carried.notes += [f"index `{name}`: {note}" for note in fitted.notes]
            if fitted.index.method == "btree" and one.name != other.name:
                carried.notes += self._long(draft, f"index `{name}`", fitted.index.columns)
        carried.statistics = self._statistics(draft)

    def _long(self, draft: Draft, what: str, columns: Sequence[str]) -> list[str]:
        """A warning of what is refused only when an index is built: longer entries than it holds."""
        one, other = self.pair.ends
        octets = {name: item.octets for item in draft.columns for name in (item.name, item.target)}
        size = sum(octets[name] for name in columns)
        if other.entry_bytes is None or size <= other.entry_bytes or one.name == other.name:
            return []
        return [
            f"{what}: its longest entry may have up to {size} bytes, and one that is still longer than "
            f"{other.entry_bytes} when {other.name} has compressed it is refused"
        ]

    def _note_made(self, draft: Draft, old: str | None, new: str) -> None:
        if old is not None:
            self._made[draft.table.schema, old] = (draft.place.schema or "", new)

    def _of_parent(self, index: Index) -> Index:
        """With the target's name of the whole table's index that it belongs to."""
        return replace(index, parent=self._made.get(index.parent) if index.parent else None)

    def _add_primary_index(
        self, draft: Draft, columns: Mapping[str, ColumnItem], words: Translation
    ) -> None:
        index, carried = draft.table.primary_index, self.of(draft)
        if index is None:
            return
        one, other = self.pair.ends
        if one.name == other.name or (one.family == other.family and not index.period):
            made = fit(self.pair, columns, index, words).index
            why = index_fault(self.pair, index, whole=_is_whole(draft))
            if why:
                self._plain_key(draft, index, why)
            elif made:
                made = replace(made, name=carried.primary_key_name)
                carried.primary_index = self._of_parent(made)
            return
        if index.period:
            carried.notes.append("primary key: periods that overlap are not refused")
        if index.include:
            carried.notes.append(f"primary key: without its columns {_listed(index.include)}")
        if index.deferrable:
            carried.notes.append("primary key: checked at once")

    def _plain_key(self, draft: Draft, index: Index, why: str) -> None:
        """A primary key becomes one without a word about its index."""
        label = f"primary key {draft.table.primary_key_name} of {draft.table.label}"
        if not index.period:
            self.left_out.append(f"index of {label} ({why}; the key has a plain one)")
            return
        targets = {item.name: self.pair.ends[1].quote(item.target) for item in draft.columns}
        parts = [f"{targets[name]} WITH =" for name in draft.table.primary_key]
        parts[-1] = parts[-1].removesuffix("=") + "&&"
        self._keyless.add((draft.table.schema, draft.table.name))
        self.left_out.append(
            f"WITHOUT OVERLAPS of {label} ({why}; only equal keys are refused); "
            f"hint: EXCLUDE USING gist ({', '.join(parts)}), with the extension btree_gist"
        )

    def _statistics(self, draft: Draft) -> list[Statistics]:
        pair, table = self.pair, draft.table
        one, other = pair.ends
        if one.name != other.name:
            self.left_out += [
                f"statistics {s.name} of {table.label} ({other.name} has none)"
                for s in table.statistics
            ]
            return []
        known = {s.name for s in draft.standing.statistics} if draft.standing else set()
        schemas = {table.schema: draft.place.schema or ""}
        why = pair.lacks("statistics of expressions")
        away = [s for s in table.statistics if why and s.expressions]
        self.left_out += [f"statistics {s.name} of {table.label} ({why})" for s in away]
        flat = pair.lacks("targets of extended statistics")
        self.left_out += [
            f"target of statistics {s.name} of {table.label} ({flat})"
            for s in table.statistics
            if flat and s.target is not None and s not in away
        ]
        return [
            replace(
                s,
                schema=schemas.get(s.schema) or pair.schema(s.schema),
                target=s.target if flat is None else None,
            )
            for s in table.statistics
            if s.name not in known and s not in away
        ]

    def _try_indexes(self, drafts: Sequence[Draft], objects: Sequence[str]) -> None:
        """Leaves out what the target itself says no to."""
        tried = [
            (draft, made)
            for draft in drafts
            if (made := [index for index in self._indexes(draft) if doubtful(index)])
        ]
        if not tried or self.pair.faults:
            return
        with self.pair.trying(objects) as session:
            if session is None:
                return
            for draft, made in tried:
                for index, why in self._refused(session, draft, made):
                    self._leave_out(draft, index, why)

    def _indexes(self, draft: Draft) -> list[Index]:
        primary = self.of(draft).primary_index
        return [*([primary] if primary else []), *self.of(draft).indexes]

    def _refused(
        self, session: Session, draft: Draft, made: Sequence[Index]
    ) -> list[tuple[Index, str]]:
        refusal = self.pair.refusal
        table = NewTable(
            schema=draft.place.schema,
            name=draft.name,
            columns=tuple(
                NewColumn(name=c.target, native=c.target_type, nullable=c.nullable)
                for c in draft.columns
            ),
        )
        # A table that can't be made without them either tells nothing about its indexes.
        if refusal(session, table, made) is None or refusal(session, table) is not None:
            return []
        return [(i, why) for i in made if (why := refusal(session, table, [i])) is not None]

    def _leave_out(self, draft: Draft, index: Index, why: str) -> None:
        """Indexes of partitions that belong to it stand alone."""
        carried = self.of(draft)
        if index is carried.primary_index:
            carried.primary_index = None
            self._plain_key(draft, index, why)
            return
        self.left_out.append(f"index {index.name} of {draft.table.label} ({why})")
        self._keyless |= {(draft.table.schema, draft.table.name)} if index.is_key else set()
        carried.indexes = [made for made in carried.indexes if made.name != index.name]
        place = (draft.place.schema or "", index.name or "")
        for part in draft.partitions:
            its = self.of(part)
            its.indexes = [replace(i, parent=None) if i.parent == place else i for i in its.indexes]

    # Foreign keys

    def _take_away(self, draft: Draft) -> None:
        """Foreign keys between tables that stand and get rows, and all that nothing else would hold."""
        existing = draft.existing
        if existing is None:
            return
        other, away = self.pair.ends[1], self.of(draft).put_back
        for table in (existing, *existing.partitions):
            for key in table.foreign_keys:
                met = (key.schema, key.table) in self._met
                if not met and (other.checks_references or draft.standing is None):
                    continue
                drop = other.drop_foreign_key(table.schema, table.name, key.name or "")
                self.drops += [drop] if drop is not None else []
                # One that can't be away is proved by the end, unless rows may break it that were there before.
                stays = drop is None and draft.action == "append"
                if draft.standing is not None and not stays:
                    valid = key.valid or self._is_proved(draft, key)
                    parent = self.pair.target.table(key.schema, key.table)
                    kind = parent.kind if parent else key.kind
                    away[table.schema, table.name].append(replace(key, valid=valid, kind=kind))

    def _is_proved(self, draft: Draft, key: ForeignKey) -> bool:
        """True when all rows are the source's, which has proved them: an earlier run may have left the key unproved."""
        targets = {column.name: column.target for column in draft.columns}
        return draft.action != "append" and any(
            theirs.valid and tuple(targets.get(name) for name in theirs.columns) == key.columns
            for theirs in draft.table.foreign_keys
        )

    def _add_foreign_keys(self, draft: Draft) -> None:
        standing, carried = draft.standing, self.of(draft)
        if not self._adds(draft):
            return
        for told in draft.table.foreign_keys:
            called = f"foreign key {told.name or _listed(told.columns)} of {draft.table.label}"
            parent = self.drafts.get((told.schema, told.table))
            if parent is None:
                self.left_out.append(f"{called} ({told.schema}.{told.table} is not moved)")
                continue
            key = replace(told, references=told.references or parent.table.primary_key)
            why = self._reference_fault(draft, parent, key)
            if why:
                self.left_out.append(f"{called} ({why})")
                continue
            renamed, notes = self._acting(self._pointed(draft, parent, key))
            if standing is not None and _refers(standing, renamed, self._fold):
                continue
            if standing is not None and not self.pair.ends[1].drop_foreign_key(None, "", ""):
                self.left_out.append(f"{called} (the table stands, and can't be given one)")
                continue
            wanted = key.name or "_".join((draft.table.name, *key.columns, "fkey"))
            what = "foreign key" if key.name else None
            name = self._named(draft, "key", wanted, what)
            carried.foreign_keys.append(replace(renamed, name=name))
            carried.notes += [f"foreign key `{name}` {note}" for note in notes]

    def _acting(self, key: ForeignKey) -> tuple[ForeignKey, list[str]]:
        """With the actions that the target has: without one it refuses what would have set something off."""
        one, other = self.pair.ends
        notes = []
        if key.deferrable and not other.defers:
            notes.append("is checked at once")
        if key.on_update not in other.actions:
            notes.append(f"refuses updates, where the source does {key.on_update}")
            key = replace(key, on_update="NO ACTION")
        some = one.name != other.name or self.pair.lacks("SET NULL of some columns")
        if key.on_delete not in other.actions or (key.set_columns and some):
            of = f" of some columns ({', '.join(key.set_columns)})" if key.set_columns else ""
            notes.append(f"refuses deletes, where the source does {key.on_delete}{of}")
            key = replace(key, on_delete="NO ACTION", set_columns=())
        if not key.enforced:
            notes.append("is not enforced, as it isn't in the source")
        elif not key.valid:
            notes.append("is not proved by the rows, as it isn't in the source")
        return key, notes

    def _reference_fault(self, draft: Draft, parent: Draft, key: ForeignKey) -> str | None:
        one, other = self.pair.ends
        if len(key.references) != len(key.columns):
            return f"{parent.table.label} has no such key"
        for end, names in ((draft, key.columns), (parent, key.references)):
            moved = {column.name for column in end.columns}
            missing = next((name for name in names if name not in moved), None)
            if missing is not None:
                return f"column {missing} of {end.table.label} is not moved"
        why = reference_fault(self.pair, key, whole=_is_whole(draft))
        if why:
            return why
        if one.family != other.family and key.full and len(key.columns) > 1:
            return "MATCH FULL"
        lost = (parent.table.schema, parent.table.name) in self._keyless
        if (lost or one.family != other.family) and not self._is_key(parent, key):
            return f"it refers to columns of {parent.table.label} that are no key"
        return other.reference_fault(
            key, _types(draft, key.columns), _types(parent, key.references)
        )

    def _is_key(self, parent: Draft, key: ForeignKey) -> bool:
        """True when the target's table has a key of the columns that another refers to."""
        targets = {column.name: column.target for column in parent.columns}
        wanted = {self._fold(targets[name]) for name in key.references}
        standing, carried = parent.standing, self.of(parent)
        met = [i for i in (carried.primary_index, *carried.indexes) if i and i.is_key]
        if standing is not None:
            met += [i for i in (standing.primary_index, *standing.indexes) if i and i.is_key]
        keys = [i.columns for i in met if i.period >= key.period]
        if not key.period:
            whole = standing.primary_key if standing else parent.table.primary_key
            keys.append(whole if standing else tuple(targets[name] for name in whole))
        return any({self._fold(name) for name in columns} == wanted for columns in keys)

    def _pointed(self, draft: Draft, parent: Draft, key: ForeignKey) -> ForeignKey:
        """The key in the target's names."""
        ours = {column.name: column.target for column in draft.columns}
        theirs = {column.name: column.target for column in parent.columns}
        return replace(
            key,
            schema=parent.place.schema or "",
            table=parent.name,
            kind=(parent.standing or parent.table).kind,
            columns=tuple(ours[name] for name in key.columns),
            references=tuple(theirs[name] for name in key.references),
            set_columns=tuple(ours[name] for name in key.set_columns),
        )


def _of_lost_partitions(draft: Draft) -> list[str]:
    kept = draft.parted or draft.standing is not None
    return [] if kept else lost_with(draft.table.partitions)


def _is_whole(draft: Draft) -> bool:
    """True for a table whose partitions are kept."""
    return draft.parted and draft.table.partitioning is not None


def _names(indexes: Sequence[Index]) -> list[str]:
    return [index.name for index in indexes if index.name]


def _listed(names: Sequence[str]) -> str:
    return f"({', '.join(names)})"


def _types(draft: Draft, columns: Sequence[str]) -> list[NativeType]:
    types = {column.name: column.target_type for column in draft.columns}
    return [types[name] for name in columns]


def _has(standing: Table, index: Index, fold: Callable[[str], str]) -> bool:
    """True when a table has this index, or a key of the same columns."""
    wanted = [fold(name) for name in index.columns]
    if index.is_key and [fold(name) for name in standing.primary_key] == wanted:
        return True
    return any(
        theirs.name == index.name
        or (
            _plain(theirs)
            and _plain(index)
            and [fold(n) for n in theirs.columns] == wanted
            and theirs.unique >= index.unique
        )
        for theirs in standing.indexes
    )


def _plain(index: Index) -> bool:
    """True when its columns tell all that matters about it."""
    return not doubtful(index) and all(part.prefix is None for part in index.parts)


def _refers(standing: Table, key: ForeignKey, fold: Callable[[str], str]) -> bool:
    wanted = [fold(name) for name in key.columns]
    return any(
        [fold(n) for n in theirs.columns] == wanted and fold(theirs.table) == fold(key.table)
        for theirs in standing.foreign_keys
    )
