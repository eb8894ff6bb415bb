"""Catalogs and rules → a Plan: every decision made, every fault found, before a row moves.

`pair` holds the two ends; `names` and `prepare` look at tables, `columns` decides how each column
travels, `keys` what indexes and foreign keys come along; `items` is the plan as data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dbferry.catalog import Catalog, Session, Table
from dbferry.columns import Columns
from dbferry.dependents import check_dependents
from dbferry.differences import differences, same_type
from dbferry.errors import DbferryError, at_table
from dbferry.heirs import heirs, room_for
from dbferry.identities import past_rows
from dbferry.indexes import renamed
from dbferry.items import ColumnItem, Ddl, Plan, TableItem
from dbferry.keys import Carried, Draft, Keys
from dbferry.mapping.shape import rename_schemas, shape
from dbferry.names import check_columns, check_tables, in_order
from dbferry.overflow import check_values
from dbferry.pair import Pair
from dbferry.parts import is_told_once
from dbferry.prepare import Preparation, action, filled, own_rows
from dbferry.roles import Roles
from dbferry.schema.clauses import Clauses, ClauseWriter, settle
from dbferry.schema.extras import ExtraWriter
from dbferry.schema.sequences import SequenceWriter, with_schema
from dbferry.schema.trial import try_clauses
from dbferry.schema.views import ViewWriter
from dbferry.selection import (
    Destination,
    Only,
    Options,
    Prepare,
    destination,
    excluding,
    known_names,
    read_rules,
    select,
    told_of,
    unknown_columns,
    unmatched,
    without,
)
from dbferry.types import Facts

__all__ = ["ColumnItem", "Ddl", "Plan", "TableItem", "make_plan"]


def make_plan(
    source: Catalog,
    target: Catalog,
    options: Options,
    source_session: Session,
    target_session: Session | None = None,
) -> Plan:
    """Decides everything; what can't be done is in `Plan.faults`, all of it.

    `source_session` answers the probes. `target_session` is asked whether tables that stand in the
    way have rows.
    """
    pair = Pair(source, target, options, source_session, target_session)
    return _Planner(pair).plan()


CONTINUE = "choose --on-left-out continue, and make by hand what is needed of it"


class _Planner:
    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.columns = Columns(pair, Roles(()))
        self.sample = False
        self._missed: dict[str, DbferryError] = {}
        """Patterns that have excluded nothing yet."""

    def plan(self) -> Plan:
        pair = self.pair
        tables = self._selected()
        if pair.ends[0].family == pair.ends[1].family:
            tables = [pair.ends[0].complete(pair.source_session, table) for table in tables]
        extras = ExtraWriter(pair, tables)
        self.columns.types.target = pair.target
        whole = pair.source.tables
        tables = shape(pair, tables)
        pair.faults += unknown_columns(pair.rules, [*whole, *tables])
        if pair.options.rules and pair.faults:
            # What a rule without sense would make of a table is nothing to go on with.
            return self._blocked()
        if (alone := pair.options.alone) is not None:
            tables = [table for table in tables if table.label in alone]
        places = {table.label: self._place(table) for table in tables}
        check_tables(pair, tables, places)
        self.columns.roles = Roles(tables)
        if pair.options.only is Only.SCHEMA:
            tables = self._without_rows(tables)
        filled = self._filled(list(places.values()))
        # Who has rows to keep can't be emptied when a sample has misled.
        self.sample = pair.options.sample and not filled
        drafts = [self._draft(table, places[table.label], filled) for table in tables]
        drafts = heirs(pair, in_order(pair, drafts))
        writer = ClauseWriter(pair, drafts)
        clauses = [writer.of(draft) for draft in drafts]
        sequences = SequenceWriter(pair, drafts, clauses)
        views = ViewWriter(pair, drafts)
        extras.place(drafts, views, self.columns.types)
        check_dependents(pair, drafts, views.anew)
        rooms = [d.place.schema for draft in drafts for d in (draft, *draft.partitions)]
        schemas = [*rooms, *sequences.schemas, *views.schemas]
        # Rows alone need nothing to be made.
        makes = pair.options.only is not Only.DATA
        objects = [*self._objects(schemas), *sequences.objects] if makes else []
        objects = extras.ordered(objects)
        told = list(zip(drafts, clauses, strict=True))
        told += [(p, c.partitions[p.table.label]) for d, c in told for p in d.partitions]
        try_clauses(pair, told, objects)
        drafts = [settle(pair, d, made) for d, made in zip(drafts, clauses, strict=True)]
        for draft, made in zip(drafts, clauses, strict=True):
            extras.update(draft, made)
        keys = Keys(pair, drafts, objects)
        items = [self._item(d, keys.of(d), made) for d, made in zip(drafts, clauses, strict=True)]
        items = [
            replace(item, next_values=(*item.next_values, *sequences.next_values[item.name]))
            for item in items
        ]
        if makes:
            views.try_out(items, objects, extras.before_views)
        left_out = [*sequences.left_out, *(what for _, made in told for what in made.left_out)]
        left_out = self._unless_excluded(
            [*left_out, *keys.left_out, *views.left_out, *extras.left_out], drafts
        )
        if pair.options.complete and makes:
            self._refuse([*pair.source.skipped, *left_out])
        return Plan(
            source_engine=pair.source.engine,
            target_engine=pair.target.engine,
            tables=tuple(items),
            faults=tuple(pair.faults),
            notes=(*self._notes(), *(f"not moved: {what}" for what in left_out)),
            views=(*extras.before_views, *views.steps, *extras.after_views) if makes else (),
            objects=(
                *(extras.around(views.drops) if makes else ()),
                *keys.drops,
                *room_for(pair, drafts),
                *objects,
            ),
        )

    def _selected(self) -> list[Table]:
        pair = self.pair
        pair.rules, faults = read_rules(pair.options.on_loss)
        rename_schemas(pair)
        missed = unmatched(pair.source, pair.options)
        pair.source = without(pair.source, pair.options)
        tables, more = select(pair.source, pair.options)
        if pair.options.first_wins:
            pair.notes += [fault.message for fault in missed.values()]
            missed = {}
        # What has no counterpart may be excluded by what the plan will call it.
        later = [text for text in missed if text in pair.options.exclude and " " in text]
        self._missed = {text: missed.pop(text) for text in later}
        pair.faults += [*faults, *missed.values(), *more]
        if not tables and not pair.faults:
            pair.source_fault("the source has no tables to move")
        return tables

    def _without_rows(self, tables: list[Table]) -> list[Table]:
        pair = self.pair
        if pair.ends[1].script_opening is None:
            pair.fault(
                "the target's driver makes its tables from the rows: there is no schema without them",
                hint="choose a target that needs no driver",
            )
        return past_rows(pair, tables)

    def _unless_excluded(self, left_out: Sequence[str], drafts: Sequence[Draft]) -> list[str]:
        """What isn't moved and isn't excluded; a fault for whoever excludes what isn't there."""
        options = self.pair.options
        # A table that stands is told less of, and so is a plan of some tables.
        part = options.alone is not None or any(draft.standing for draft in drafts)
        for text, fault in self._missed.items():
            if not (part and is_told_once(text)) and not any(
                told_of(text, said) for said in left_out
            ):
                self.pair.faults.append(fault)
        asked = [text for text in options.exclude if " " in text]
        return [said for said in left_out if not any(told_of(text, said) for text in asked)]

    def _refuse(self, left_out: Sequence[str]) -> None:
        """Makes faults of what doesn't come along."""
        known = known_names(self.pair.source) if left_out else frozenset()
        for what in left_out:
            said, _, hint = what.partition("; hint: ")
            away = excluding(known, said)
            self.pair.source_fault(
                f"not moved: {said}",
                code="M-LEFT",
                hint=f"{hint or CONTINUE}; or leave it out with {away}",
            )

    def _blocked(self) -> Plan:
        pair = self.pair
        return Plan(
            source_engine=pair.source.engine,
            target_engine=pair.target.engine,
            tables=(),
            faults=tuple(pair.faults),
            notes=(*pair.options.notes, *pair.notes),
        )

    def _place(self, table: Table) -> Destination:
        pair, wanted = self.pair, self.pair.shape(table)
        return destination(
            table, pair.source, pair.target, pair.ends, pair.options, (wanted.schema, wanted.name)
        )

    def _notes(self) -> list[str]:
        pair, (one, other) = self.pair, self.pair.ends
        notes = list(one.source_notes(pair.source_session, pair.source, pair.target))
        if pair.target_session is not None:
            notes += other.target_notes(pair.target_session)
        asked = {
            Only.SCHEMA: ["no rows are moved, as asked"],
            Only.DATA: ["nothing but rows is moved, as asked"],
        }
        return [
            *pair.options.notes,
            *notes,
            *(asked[pair.options.only] if pair.options.only else ()),
            *pair.notes,
            *(f"not moved: {what}" for what in pair.source.skipped),
        ]

    def _objects(self, schemas: list[str | None]) -> list[str]:
        """Statements that make the schemas and types which the target lacks."""
        other, target, types = self.pair.ends[1], self.pair.target, self.columns.types.made
        schemas = schemas + [schema for schema, _ in types]
        missing = [s for s in dict.fromkeys(schemas) if s and s not in target.schemas]
        statements = (
            [other.create_schema(schema) for schema in missing] if other.has_schemas else []
        )
        known = {(t.schema, t.name) for t in target.types}
        return statements + [
            other.create_type(wanted) for key, wanted in types.items() if key not in known
        ]

    def _filled(self, places: list[Destination]) -> set[str]:
        """The standing tables that have rows, where it matters."""
        if self.pair.options.prepare not in (Prepare.CREATE, Prepare.APPEND):
            return set()
        met = (self.pair.target.table(place.schema or "", place.name) for place in places)
        return filled(self.pair, [table for table in met if table])

    def _draft(self, table: Table, place: Destination, filled: set[str]) -> Draft:
        existing = self.pair.target.table(place.schema or "", place.name)
        chosen = action(self.pair, table, existing, filled)
        self._filtered(table, None if chosen in ("create", "drop") else existing)
        standing = None if chosen in ("create", "drop") else existing
        check_columns(self.pair, table, standing)
        columns, transfer, sampled, facts = self._transfer(table, place, standing)
        free: list[ColumnItem] = []
        if standing is not None:
            free = self._free(table, place, facts)
            # A run that begins anew where a row isn't as its sample looks at large tables on their rows' way alone;
            # but triggers may leave something elsewhere of rows that are taken back.
            fires = (standing.schema, standing.name) in self.pair.target.firing
            once = bool(sampled) and self.pair.options.begins_anew and not fires
            check_values(self.pair, table, standing, columns, free, nulls_alone=once)
        remarks = self.pair.shape(table).remarks
        columns = [
            replace(item, notes=(*remarks[item.name], *item.notes))
            if item.name in remarks
            else item
            for item in columns
        ]
        draft = Draft(
            table=table,
            place=place,
            action=chosen,
            existing=existing,
            columns=[with_schema(self.pair, item) for item in columns],
            transfer=transfer,
            sampled=sampled,
            free=free,
        )
        if not self._keeps_partitions(draft):
            return draft
        return replace(draft, parted=True, partitions=self._partitions(draft))

    def _filtered(self, table: Table, standing: Table | None) -> None:
        """Rows that policies hide from this user: nobody can count them, and none of them moves."""
        pair, hint = self.pair, "ALTER ROLE … BYPASSRLS for the user of the URL"
        if pair.options.only is Only.SCHEMA:
            return
        if table.filtered:
            pair.notes.append(
                f"row-level policies may hide rows of {table.label} from this user, and what they hide "
                f"is not moved; hint: {hint}"
            )
        if standing is not None and standing.filtered:
            pair.fault(
                "row-level policies hold for this user on the table in the target, which takes no rows so",
                table=table.label,
                hint=f"{hint}, or disable row level security there until the rows are in",
            )

    def _keeps_partitions(self, draft: Draft) -> bool:
        pair, table = self.pair, draft.table
        one, other = pair.ends
        asked = pair.options.partitions
        if table.kind != "partitioned" or draft.standing is not None or asked == "flatten":
            return False
        columns = {column.name: column for column in draft.columns}
        # Other rows or values than the table's own may lie outside of its partitions.
        whole = table.partitioning is not None and table.query is None
        taken = whole and other.takes_partitioning(table, one)
        if taken and not renamed(columns, table.partitioning):
            return True
        if asked == "keep":
            pair.fault(
                f"the partitions can't be kept in {other.name}",
                table=table.label,
                hint="choose --partitions flatten, or say nothing of partitions",
            )
        return False

    def _partitions(self, draft: Draft) -> tuple[Draft, ...]:
        """The partitions as tables that are made with the whole one, and get their rows through it."""
        parts = []
        for table in draft.table.partitions:
            place = Destination(self.pair.schema(table.schema), table.name)
            if self.pair.target.table(place.schema or "", place.name):
                self.pair.fault(
                    f"a table of the target has the name of the partition {table.label}",
                    table=draft.table.label,
                    hint="rename that table, or choose --partitions flatten",
                )
            parts.append(replace(draft, table=table, place=place, existing=None))
        return tuple(parts)

    def _free(
        self, table: Table, place: Destination, facts: Mapping[str, Facts]
    ) -> list[ColumnItem]:
        """The columns as they would be made if the table weren't there; nothing is promised by it."""
        aside = replace(self.pair, faults=[])
        columns = Columns(aside, self.columns.roles)
        cast = bool(aside.shape(table).types)
        if aside.ends[0].family == aside.ends[1].family and not cast:
            items = [columns.verbatim(table, column) for column in table.columns]
        else:
            items = [
                columns.crossing(table, column, place, facts.get(column.name, {}), None)
                for column in table.columns
            ]
        return [with_schema(aside, item) for item in items]

    def _item(self, draft: Draft, carried: Carried, clauses: Clauses) -> TableItem:
        one, other = self.pair.ends
        table, place, existing = draft.table, draft.place, draft.existing
        prepared = Preparation.of(self.pair, draft, carried, clauses)
        shaped = self.pair.shape(table)
        notes = [*shaped.notes, *place.notes, *carried.notes]
        if table.kind == "partitioned" and draft.standing is None:
            notes.append(
                "partitions are kept" if draft.parted else "partitions become one plain table"
            )
        if not table.primary_key:
            notes.append("no primary key")
        if draft.sampled:
            notes.append(
                f"types chosen by a sample of {draft.sampled} rows, and checked on every row"
            )
        return TableItem(
            source=table,
            destination=place,
            relation=one.source_relation(table),
            target=other.relation(place.schema, existing.name if existing else place.name),
            counted=own_rows(other, self._counted(draft)),
            action=draft.action,
            columns=tuple(prepared.columns),
            transfer=draft.transfer,
            unlogged=self._is_unlogged(draft),
            sampled=draft.sampled,
            notes=tuple(notes),
            leaves=shaped.parts or tuple(one.relation(*leaf) for leaf in table.leaves),
            cut_by_key=not shaped.whole,
            cut_by_place=one.cut_by_place(table),
            indexes=tuple(carried.indexes),
            foreign_keys=tuple(carried.foreign_keys),
            checks=tuple(clauses.checks),
            differences=tuple(differences(self.pair, draft)),
            before=tuple(prepared.before),
            builds=tuple(prepared.builds),
            references=(*prepared.checks, *prepared.references, *prepared.put_back),
            put_back=tuple(prepared.put_back),
            next_values=tuple(prepared.next_values),
            # Whoever appends a few rows doesn't want a large table to be looked through.
            analyze=other.analyze_table(place.schema, draft.name)
            if draft.action != "append"
            else None,
        )

    def _counted(self, draft: Draft) -> Table:
        """The table of the target, as far as its rows are counted."""
        one, other = self.pair.ends
        made = draft.table.kind if one.name == other.name and draft.table.query is None else "table"
        name = draft.existing.name if draft.existing else draft.place.name
        kind = draft.standing.kind if draft.standing else made
        return Table(schema=draft.place.schema or "", name=name, columns=(), kind=kind)

    def _is_unlogged(self, draft: Draft) -> bool:
        there, (one, other) = draft.standing, self.pair.ends
        made = (draft.table, *(part.table for part in draft.partitions))
        tables = (there, *there.partitions) if there else made if one.name == other.name else ()
        return any(table.unlogged for table in tables)

    def _transfer(
        self, table: Table, place: Destination, standing: Table | None
    ) -> tuple[list[ColumnItem], str, int, Mapping[str, Facts]]:
        """The engine's own bytes between two of one family where they mean the same; else Arrow.

        The number is that of the rows in the sample that the types were chosen by, or 0.
        """
        one, other = self.pair.ends
        session = self.pair.source_session
        raw = None
        cast = bool(self.pair.shape(table).types)
        if (
            one.family == other.family
            and not cast
            and (standing is None or self._same(table, standing))
        ):
            raw = one.raw_transfer(session, table)
        if raw is not None:
            return [self.columns.verbatim(table, column) for column in table.columns], raw, 0, {}
        with at_table(table.label):
            facts = one.probe(session, table, other.name, sample=self.sample)
        columns = [
            self.columns.crossing(table, column, place, facts.get(column.name, {}), standing)
            for column in table.columns
        ]
        sampled = max((f.get("sampled", 0) for f in facts.values()), default=0)
        return columns, "arrow", sampled, facts

    def _same(self, table: Table, standing: Table) -> bool:
        """True when the engine's own bytes fit the columns that stand."""
        (one, other), called = self.pair.ends, self.pair.called
        theirs = {column.name: column.native for column in standing.columns}
        met = [(column, theirs.get(called(table, column.name))) for column in table.columns]
        if one.name == other.name:
            return all(there and there.text == column.native.text for column, there in met)
        ends = (self.pair.source, self.pair.target)
        return all(
            there and same_type(other.verbatim(column, *ends).declared.native, there)
            for column, there in met
        )
