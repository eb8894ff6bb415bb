"""Catalogs and rules → a Plan: every decision made, every fault found, before a row moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dbferry.catalog import Catalog, Column, NativeType, Session, Table, UserType
from dbferry.engines import Engine, NewColumn, NewTable, engine
from dbferry.errors import DbferryError, RequestError, TargetNotEmptyError
from dbferry.items import ColumnItem, Ddl, Plan, TableItem
from dbferry.selection import (
    Destination,
    Options,
    Prepare,
    Rules,
    collisions,
    destination,
    map_schema,
    read_rules,
    select,
)
from dbferry.types import (
    CHECK_CODES,
    Context,
    Declared,
    Facts,
    Flight,
    Kind,
    Reading,
    Verdict,
    Writing,
)

__all__ = ["ColumnItem", "Ddl", "Plan", "TableItem", "make_plan"]

# What a probe has found and a reader would refuse row by row.
FOUND: Mapping[str, tuple[str, str]] = {
    "zero_dates": ("T-ZERO", "zero dates or dates with a zero part"),
    "error_labels": ("E-BADENUM", "values that are none of the labels"),
}


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
    return _Planner(source, target, options, source_session, target_session).plan()


class _Planner:
    def __init__(
        self,
        source: Catalog,
        target: Catalog,
        options: Options,
        source_session: Session,
        target_session: Session | None,
    ) -> None:
        self.source, self.target, self.options = source, target, options
        self.source_session, self.target_session = source_session, target_session
        self.ends: tuple[Engine, Engine] = (engine(source.engine), engine(target.engine))
        self.rules = Rules()
        self.faults: list[DbferryError] = []
        self.types: dict[tuple[str, str], UserType] = {}

    def fault(self, message: str, **place: Any) -> None:
        place.setdefault("side", "target")
        place.setdefault("engine", self.target.engine)
        self.faults.append(RequestError(message, **place))

    def plan(self) -> Plan:
        self.rules, faults = read_rules(self.options.on_loss)
        tables, more = select(self.source, self.options)
        self.faults += [*faults, *more]
        if not tables and not self.faults:
            self.fault("the source has no tables to move", side="source", engine=self.source.engine)
        places = {
            table.label: destination(table, self.source, self.target, self.ends, self.options)
            for table in tables
        }
        self._check_tables(tables, places)
        items = [self._table(table, places[table.label]) for table in tables]
        notes = tuple(f"not moved: {what}" for what in self.source.skipped)
        return Plan(
            source_engine=self.source.engine,
            target_engine=self.target.engine,
            tables=tuple(items),
            faults=tuple(self.faults),
            notes=notes,
            objects=tuple(self._objects(items)),
        )

    def _objects(self, items: list[TableItem]) -> list[str]:
        other = self.ends[1]
        schemas = [item.destination.schema for item in items] + [schema for schema, _ in self.types]
        missing = [s for s in dict.fromkeys(schemas) if s and s not in self.target.schemas]
        known = {(t.schema, t.name) for t in self.target.types}
        statements = (
            [other.create_schema(schema) for schema in missing] if other.has_schemas else []
        )
        return statements + [
            other.create_type(wanted) for key, wanted in self.types.items() if key not in known
        ]

    def _check_tables(self, tables: list[Table], places: Mapping[str, Destination]) -> None:
        other = self.ends[1]
        fold = other.fold_column if self.target.folds_tables else str
        named = [
            (t.label, f"{places[t.label].schema}.{fold(places[t.label].name)}") for t in tables
        ]
        for folded, originals in collisions(named):
            self.fault(
                f"tables {' and '.join(f'`{o}`' for o in originals)} meet in one name of the "
                f"target: `{folded}`",
                code="M-NAME",
                hint="rename one in the source, map its schema elsewhere, or exclude it",
            )
        for table in tables:
            place = places[table.label]
            wrong = other.name_fault(place.name, "table")
            if wrong:
                self.fault(wrong[0], hint=wrong[1], table=table.label, code="M-NAME")
            if place.schema is None and other.has_schemas:
                self.fault(
                    "the target URL names no database",
                    table=table.label,
                    hint="write it after the host, as in mysql://host/database",
                )
            if not table.columns:
                self.fault(
                    "a table without columns can't be moved",
                    table=table.label,
                    side="source",
                    engine=self.source.engine,
                    hint="exclude it",
                )
            if len(table.columns) > other.columns_limit:
                self.fault(
                    f"the table has {len(table.columns)} columns, and {other.name} holds "
                    f"{other.columns_limit}",
                    table=table.label,
                    hint="exclude it",
                )

    def _action(self, table: Table, existing: Table | None) -> str:
        prepare = self.options.prepare
        if existing is None:
            return "create"
        if prepare is not Prepare.CREATE:
            return str(prepare)
        relation = self.ends[1].relation(existing.schema, existing.name)
        if self.target_session and self.target_session.query(f"SELECT 1 FROM {relation} LIMIT 1"):
            self.faults.append(
                TargetNotEmptyError(
                    f"the target table {relation} has rows",
                    table=table.label,
                    side="target",
                    engine=self.target.engine,
                    hint="choose --prepare truncate, drop or append, or exclude the table",
                )
            )
        return "keep"

    def _table(self, table: Table, place: Destination) -> TableItem:
        one, other = self.ends
        existing = self.target.table(place.schema or "", place.name)
        action = self._action(table, existing)
        standing = None if action in ("create", "drop") else existing
        self._check_columns(table, standing)
        raw = one.name == other.name and (standing is None or self._same(table, standing))
        if raw:
            columns = [self._verbatim(table, column) for column in table.columns]
            transfer = one.raw_transfer(table)
        else:
            facts = one.probe(self.source_session, table, other.name)
            columns = [
                self._column(table, column, place, facts.get(column.name, {}), standing)
                for column in table.columns
            ]
            transfer = "arrow"
        columns, before, after = self._prepare(table, place, action, columns, standing)
        notes = list(place.notes)
        if table.kind == "partitioned":
            notes.append("partitions become one plain table")
        if not table.primary_key:
            notes.append("no primary key")
        return TableItem(
            source=table,
            destination=place,
            relation=one.source_relation(table),
            target=other.relation(place.schema, existing.name if existing else place.name),
            action=action,
            columns=tuple(columns),
            transfer=transfer,
            notes=tuple(notes),
            leaves=tuple(one.relation(*leaf) for leaf in table.leaves),
            cut_by_place=one.cut_by_place(table),
            before=tuple(before),
            after=tuple(after),
        )

    def _same(self, table: Table, standing: Table) -> bool:
        theirs = {column.name: column.native.text for column in standing.columns}
        return all(theirs.get(column.name) == column.native.text for column in table.columns)

    def _check_columns(self, table: Table, standing: Table | None) -> None:
        other = self.ends[1]
        named = [(c.name, other.fold_column(other.fit_name(c.name))) for c in table.columns]
        for folded, originals in collisions(named):
            self.fault(
                f"columns {' and '.join(f'`{o}`' for o in originals)} meet in one name of the "
                f"target: `{folded}`",
                code="M-NAME",
                table=table.label,
                hint="rename one in the source, or exclude the table",
            )
        for column in table.columns:
            wrong = other.name_fault(column.name, "column")
            if wrong:
                self.fault(
                    wrong[0], hint=wrong[1], table=table.label, column=column.name, code="M-NAME"
                )
        if standing is None:
            return
        moved = {folded for _, folded in named}
        for column in standing.columns:
            if other.fold_column(column.name) not in moved and not (
                column.nullable or column.default is not None or column.identity or column.generated
            ):
                self.fault(
                    "the target column must have a value, and the source has no such column",
                    table=table.label,
                    column=column.name,
                    hint="give it a default, or choose --prepare drop",
                )

    def _prepare(
        self,
        table: Table,
        place: Destination,
        action: str,
        columns: list[ColumnItem],
        standing: Table | None,
    ) -> tuple[list[ColumnItem], list[str], list[str]]:
        other = self.ends[1]
        key = tuple(other.fit_name(name) for name in table.primary_key)
        columns = [
            item
            if item.identity is None or other.keeps_identity(item.target, key)
            else _plain(item)
            for item in columns
        ]
        if standing is not None:
            names = {other.fold_column(column.name): column.name for column in standing.columns}
            columns = [
                replace(item, target=names.get(other.fold_column(item.target), item.target))
                for item in columns
            ]
        before: list[str] = []
        after: list[str] = []
        if standing is None:
            targets = {column.name: column.target for column in columns}
            new = NewTable(
                schema=place.schema,
                name=place.name,
                kind=table.kind,
                strict=table.strict,
                primary_key=tuple(targets[name] for name in table.primary_key),
                exact_text=self.ends[0].family != other.family,
                columns=tuple(
                    NewColumn(
                        name=c.target,
                        native=c.target_type,
                        nullable=c.nullable,
                        identity=c.identity,
                    )
                    for c in columns
                ),
            )
            new, notes = other.fit_rows(new)
            columns = [
                _fitted(item, made, notes.get(made.name))
                for item, made in zip(columns, new.columns, strict=True)
            ]
            before += [other.drop_table(place.schema, place.name)] if action == "drop" else []
            before.append(other.create_table(new, self.target.numbers))
            after += other.finish_table(new)
        elif action == "truncate":
            before.append(other.truncate_table(place.schema, standing.name))
        name = standing.name if standing else place.name
        for item in columns:
            there = standing.column(item.target) if standing else None
            if item.identity is not None and (standing is None or (there and there.identity)):
                after += other.set_next(place.schema, name, item.target, item.identity)
        return columns, before, after

    def _schema(self, schema: str) -> str:
        return map_schema(schema, self.source, self.target, self.ends, self.options) or schema

    def _verbatim(self, table: Table, column: Column) -> ColumnItem:
        """A column between two of one engine: its own type, its own bytes."""
        one, other = self.ends
        native = column.native
        if native.schema not in (None, "pg_catalog"):
            native = self._user_type(native)
        declared = one.verbatim(replace(column, native=native), self.target)
        expression, write = one.raw_column(column)
        notes = [declared.note] if declared.note else []
        codes = [declared.code] if declared.code else []
        verdict = declared.verdict
        if column.generated is not None:
            verdict, codes, notes = _generated(verdict, codes, notes)
        item = ColumnItem(
            name=column.name,
            target=other.fit_name(column.name),
            source_type=native.domain or native.text,
            target_type=declared.native,
            nullable=column.nullable,
            verdict=verdict,
            codes=tuple(codes),
            notes=tuple(notes),
            hint=declared.hint,
            expression=expression,
            read="text",
            flight=Flight("text"),
            write=write,
            identity=column.identity,
            never_null_integer=self._is_integer_key(table, column, {}),
        )
        self._refuse(table, item)
        return item

    def _user_type(self, native: NativeType) -> NativeType:
        """Its name in the target's schema; an enum that isn't there is created."""
        old, bare = native.schema or "", native.element or native.name
        new = self._schema(old)
        quote = self.ends[1].quote
        prefix = f"{quote(old)}."
        text = f"{quote(new)}.{native.text.removeprefix(prefix)}"
        wanted = next(
            (
                t
                for t in self.source.types
                if t.schema == old and t.name.lower() == bare.lower() and t.kind == "enum"
            ),
            None,
        )
        if wanted is not None:
            self._want_type(replace(wanted, schema=new))
            native = replace(native, kind="enum")
        return replace(native, schema=new, text=text)

    def _want_type(self, wanted: UserType) -> None:
        key = (wanted.schema, wanted.name)
        standing = self.types.get(key) or next(
            (t for t in self.target.types if (t.schema, t.name) == key), wanted
        )
        if standing.labels != wanted.labels:
            self.fault(
                f"type `{wanted.schema}.{wanted.name}` is in the target with other labels",
                code="X-TYPE",
                hint="drop or rename that type in the target",
            )
        self.types[key] = wanted

    def _is_integer_key(self, table: Table, column: Column, facts: Facts) -> bool:
        one = self.ends[0]
        if column.name not in table.primary_key or (column.nullable and not facts.get("rows")):
            return False
        sure = one.typed or table.strict or bool(column.identity) or bool(facts)
        kind = one.read(column, facts).canonical.kind
        return sure and not facts.get("nulls") and kind in (Kind.INT, Kind.UINT)

    def _column(
        self, table: Table, column: Column, place: Destination, facts: Facts, standing: Table | None
    ) -> ColumnItem:
        """A column between engines, or into a table that stands already."""
        one = self.ends[0]
        if isinstance(policy := self.rules.policy(table, column.name, "N-NAN"), dict) or policy in (
            "null",
            "clamp",
        ):
            facts = {name: value for name, value in facts.items() if name != "not_a_number"}
        context = Context(
            source=self.source.engine,
            schema=place.schema or "",
            table=place.name,
            column=column.name,
            facts=facts,
            version=self.target.numbers,
            identity=column.identity is not None,
            key_columns=len(table.primary_key) if column.name in table.primary_key else 0,
            extensions=self.target.extensions,
        )
        reading = one.read(column, facts)
        declared, writing, flown = self._write(reading, column, context, standing)
        risks = _codes(reading, declared, writing)
        policies = {
            code: policy
            for code in sorted(risks)
            if (policy := self.rules.policy(table, column.name, code)) is not None
        }
        if "text" in policies.values():
            reading = one.read_text(column)
            declared, writing, flown = self._write(reading, column, context, standing)
            declared = replace(
                declared,
                verdict=max(declared.verdict, Verdict.WARNING, key=_weight),
                note="moved as text, as asked",
            )
        native = declared.native
        if standing is None and native.kind == "enum" and native.schema is not None:
            self._want_type(
                UserType(schema=native.schema, name=native.name, kind="enum", labels=native.labels)
            )
        if policies.get(declared.code or "") == "binary":
            declared = replace(declared, verdict=Verdict.WARNING)
        item = self._item(table, column, reading, declared, writing, flown, policies)
        item = self._found(item, facts, policies, key=column.name in table.primary_key)
        if facts.get("nulls") and column.name in table.primary_key:
            item = replace(
                item,
                verdict=Verdict.ERROR,
                codes=(*item.codes, "K-NULL"),
                notes=("NULL in a primary key",),
                hint="give those rows a key in the source, or exclude the table",
            )
        item = _nullable(table, item, facts)
        self._refuse(table, item)
        return replace(item, never_null_integer=self._is_integer_key(table, column, facts))

    def _write(
        self, reading: Reading, column: Column, context: Context, standing: Table | None
    ) -> tuple[Declared, Writing, Flight]:
        """What the target declares, or has; its encoder; the flight between."""
        other = self.ends[1]
        fold = other.fold_column
        if standing is not None:
            theirs = next(
                (c for c in standing.columns if fold(c.name) == fold(other.fit_name(column.name))),
                None,
            )
            if theirs is None:
                return (
                    Declared(
                        native=NativeType(name="", text=""),
                        verdict=Verdict.ERROR,
                        code="M-MISSING",
                        note="the target table has no such column",
                        hint="add the column, or choose --prepare drop",
                    ),
                    Writing(write=""),
                    reading.flight,
                )
            return self._into(reading, theirs.native)
        declared = other.declare(reading, context)
        if declared.native.kind == "enum" and declared.native.schema is None:
            text = other.relation(context.schema, declared.native.name)
            native = replace(declared.native, schema=context.schema, text=text)
            declared = replace(declared, native=native)
        flight = declared.flight or reading.flight
        writing = other.accept(declared.native, flight)
        if writing is None or reading.flown_as(flight) is None:
            return (
                replace(
                    declared,
                    verdict=Verdict.ERROR,
                    code=declared.code or "X-TYPE",
                    note=declared.note
                    or f"{reading.canonical} can't go into {declared.native.text}",
                    hint=declared.hint or "choose --on-loss '{column}:X-TYPE=text'",
                ),
                Writing(write=""),
                flight,
            )
        return declared, writing, flight

    def _into(self, reading: Reading, native: NativeType) -> tuple[Declared, Writing, Flight]:
        """Into a column that stands: by the reading's own flight, or another that it can give."""
        other = self.ends[1]
        offers = [reading.flight]
        if "decimal" in reading.options and native.precision:
            offers.append(Flight("decimal", min(native.precision, 76), native.scale or 0))
        offers += [Flight(name) for name in reading.options if name not in ("decimal", "text")]
        for flight in offers:
            writing = other.accept(native, flight)
            if writing is not None and _rounds(reading, native):
                declared = Declared(
                    native=native,
                    verdict=Verdict.ERROR,
                    code="T-SCALE",
                    note=f"the target's {native.text} would round fractions of seconds",
                    hint="choose --prepare drop, or widen the column in the target",
                )
                return declared, writing, flight
            if writing is not None:
                return Declared(native=native), writing, flight
        declared = Declared(
            native=native,
            verdict=Verdict.ERROR,
            code="X-TYPE",
            note=f"{reading.canonical} can't go into the target's {native.text}",
            hint="choose --prepare drop, or change the column in the target",
        )
        return declared, Writing(write=""), reading.flight

    def _item(
        self,
        table: Table,
        column: Column,
        reading: Reading,
        declared: Declared,
        writing: Writing,
        flight: Flight,
        policies: Mapping[str, Any],
    ) -> ColumnItem:
        one, other = self.ends
        read, expression = reading.flown_as(flight) or (reading.read, reading.expression)
        verdict = max(reading.verdict, declared.verdict, key=_weight)
        notes = [note for note in (reading.note, declared.note) if note]
        codes = [code for code in dict.fromkeys((reading.code, declared.code)) if code]
        if column.generated is not None:
            verdict, codes, notes = _generated(verdict, codes, notes)
        in_key = column.name in table.primary_key
        return ColumnItem(
            name=column.name,
            target=other.fit_name(column.name),
            source_type=column.native.text,
            target_type=declared.native,
            nullable=column.nullable and not in_key,
            verdict=verdict,
            codes=tuple(codes),
            notes=tuple(notes),
            hint=declared.hint,
            policies=policies,
            expression=expression.replace("{c}", one.quote(column.name)),
            read=read,
            flight=flight,
            write=writing.write,
            checks=_merged(reading.checks, writing.checks),
            extension=declared.extension,
            identity=column.identity,
        )

    def _found(
        self, item: ColumnItem, facts: Facts, policies: Mapping[str, Any], *, key: bool
    ) -> ColumnItem:
        for fact, (code, what) in FOUND.items():
            count = facts.get(fact)
            if not count:
                continue
            note = f"{count} {what}"
            policy = policies.get(code, "error")
            if policy == "error" or (policy == "null" and key):
                item = replace(
                    item,
                    verdict=Verdict.ERROR,
                    codes=(*item.codes, code),
                    notes=(*item.notes, note),
                    hint=f"choose --on-loss '{{column}}:{code}=null' or =text",
                )
            else:
                item = replace(
                    item,
                    verdict=max(item.verdict, Verdict.WARNING, key=_weight),
                    codes=(*item.codes, code),
                    notes=(*item.notes, note),
                )
        return item

    def _refuse(self, table: Table, item: ColumnItem) -> None:
        if item.verdict is not Verdict.ERROR:
            return
        name = f"{table.name}.{item.name}"
        hint = item.hint or f"choose --on-loss '{name}:{item.codes[0] if item.codes else '*'}=text'"
        self.fault(
            "; ".join(item.notes) or f"type {item.source_type} can't be moved",
            code=item.codes[-1] if item.codes else None,
            table=table.label,
            column=item.name,
            side="source",
            engine=self.source.engine,
            hint=hint.replace("{column}", name),
        )


def _rounds(reading: Reading, native: NativeType) -> bool:
    """Servers round fractions that a column has no digits for, and say nothing."""
    if reading.canonical.kind not in (Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT, Kind.SPAN):
        return False
    wanted = 6 if reading.canonical.precision is None else reading.canonical.precision
    return native.precision is not None and native.precision < wanted


def _weight(verdict: Verdict) -> int:
    return verdict.weight


def _codes(reading: Reading, declared: Declared, writing: Writing) -> set[str]:
    checks = (*reading.checks, *writing.checks)
    codes = {code for check in checks for code in CHECK_CODES[check["rule"]]}
    return codes | set(reading.risks) | {c for c in (reading.code, declared.code) if c}


def _merged(*groups: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    merged: list[dict[str, Any]] = []
    for check in (check for group in groups for check in group):
        if check not in merged:
            merged.append(check)
    return tuple(merged)


def _generated(
    verdict: Verdict, codes: list[str], notes: list[str]
) -> tuple[Verdict, list[str], list[str]]:
    """A generated column becomes a plain one that holds the values."""
    return (
        max(verdict, Verdict.NOTE, key=_weight),
        [*codes, "X-GEN"],
        [*notes, "a generated column becomes a plain one"],
    )


def _nullable(table: Table, item: ColumnItem, facts: Facts) -> ColumnItem:
    """Makes room for the NULLs that a policy asks for; a key has none."""
    asked = [code for code, policy in item.policies.items() if policy == "null"]
    if not asked or item.nullable:
        return item
    if item.name in table.primary_key:
        kept = {code: policy for code, policy in item.policies.items() if policy != "null"}
        return replace(
            item, policies=kept, notes=(*item.notes, "a key has no NULL: such a value is an error")
        )
    # A probe that found none leaves NOT NULL alone: what comes later is refused by the target.
    clean = {code for fact, (code, _) in FOUND.items() if facts.get("rows") and not facts.get(fact)}
    if set(asked) <= clean:
        return item
    return replace(
        item, nullable=True, notes=(*item.notes, "NOT NULL is dropped for policy `null`")
    )


def _plain(item: ColumnItem) -> ColumnItem:
    """An identity that the target has no place for."""
    return replace(
        item,
        identity=None,
        codes=(*item.codes, "K-IDENTITY"),
        verdict=max(item.verdict, Verdict.NOTE, key=_weight),
        notes=(*item.notes, "the target gives no next value to this column"),
    )


def _fitted(item: ColumnItem, made: NewColumn, note: str | None) -> ColumnItem:
    """A column redeclared to fit the row; its checks no longer bound its length."""
    if note is None:
        return item
    checks = tuple(c for c in item.checks if c["rule"] not in ("characters", "bytes"))
    return replace(
        item,
        target_type=made.native,
        checks=checks,
        notes=(*item.notes, note),
        verdict=max(item.verdict, Verdict.NOTE, key=_weight),
    )
