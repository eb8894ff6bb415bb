"""What is done to a target table around its rows: made, emptied or kept; keys, indexes; next values."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from dbferry.catalog import Identity, Session, Table, further
from dbferry.engines import Engine, NewColumn, NewTable, Step
from dbferry.errors import PermissionError_, TargetNotEmptyError
from dbferry.items import ColumnItem
from dbferry.keys import Carried, Draft
from dbferry.pair import Pair
from dbferry.schema.clauses import Clauses
from dbferry.selection import Only, Prepare
from dbferry.types import Verdict

ASKED_AT_ONCE = 100
"""Tables in a question. SQLite takes 500 parts of a UNION at most."""
TRUE = ("t", "1", "true")
"""What engines print for true."""


def own_rows(other: Engine, table: Table) -> str:
    """A table of the target without those that inherit from it."""
    if table.kind == "parent":
        return other.source_relation(table)
    return other.relation(table.schema, table.name)


def filled(pair: Pair, tables: Sequence[Table]) -> set[str]:
    """Those of the target's tables, as they are quoted, that have rows; many are asked for at once."""
    session = pair.target_session
    if session is None:
        return set()
    found: set[str] = set()
    relations = {own_rows(pair.ends[1], table): table.label for table in tables}
    names = list(relations)
    for start in range(0, len(names), ASKED_AT_ONCE):
        part = names[start : start + ASKED_AT_ONCE]
        try:
            found |= _filled(session, part)
        except PermissionError_:
            for relation in part:
                found |= _asked_alone(pair, session, relation, relations[relation])
    return found


def _asked_alone(pair: Pair, session: Session, relation: str, label: str) -> set[str]:
    try:
        return _filled(session, [relation])
    except PermissionError_ as error:
        pair.fault(error.message, table=label, code=error.code, hint=error.hint)
        return set()


def _filled(session: Session, relations: Sequence[str]) -> set[str]:
    asked = (f"SELECT {n}, EXISTS (SELECT 1 FROM {name})" for n, name in enumerate(relations))
    rows = session.query(" UNION ALL ".join(asked))
    return {relations[int(n or 0)] for n, has in rows if (has or "").lower() in TRUE}


def action(pair: Pair, table: Table, existing: Table | None, filled: Container[str]) -> str:
    """`TableItem.action` for a table; a fault when rows stand in its way."""
    prepare = pair.options.prepare
    if existing is None:
        if pair.options.only is Only.DATA:
            pair.fault(
                "the table is not in the target, and only rows are to be moved",
                table=table.label,
                hint="make the tables first, as with --schema-only, or exclude this one",
            )
        return "create"
    if prepare is not Prepare.CREATE:
        return str(prepare)
    relation = pair.ends[1].relation(existing.schema, existing.name)
    if own_rows(pair.ends[1], existing) in filled:
        pair.faults.append(
            TargetNotEmptyError(
                f"the target table {relation} has rows",
                table=table.label,
                side="target",
                engine=pair.target.engine,
                hint="choose --prepare truncate, drop or append, or exclude the table",
            )
        )
    return "keep"


@dataclass(frozen=True)
class Preparation:
    """The columns as the target table has them, what is done to it before the load, and made after."""

    columns: Sequence[ColumnItem]
    before: Sequence[str]
    builds: Sequence[Step] = ()
    checks: Sequence[Step] = ()
    references: Sequence[Step] = ()
    put_back: Sequence[Step] = ()
    next_values: Sequence[str] = ()

    @classmethod
    def of(cls, pair: Pair, draft: Draft, carried: Carried, clauses: Clauses) -> Preparation:
        other, standing = pair.ends[1], draft.standing
        draft = with_identities(pair, draft)
        if standing is None:
            made = _created(pair, draft, carried, clauses)
        else:
            made = _standing(pair, draft, carried, standing)
        following: list[str] = []
        for item in made.columns:
            there = standing.column(item.target) if standing else None
            wanted = item.identity
            if standing is not None and wanted is not None:
                wanted = _ahead(wanted, there.identity) if there and there.identity else None
            if wanted is not None:
                following += other.set_next(draft.place.schema, draft.name, item.target, wanted)
        return replace(made, next_values=following)


def _ahead(told: Identity, there: Identity) -> Identity:
    """A column that stands counts on in its own way, and gives nothing again."""
    return replace(there, next_value=further(there.increment, told.next_value, there.next_value))


def with_identities(pair: Pair, draft: Draft) -> Draft:
    """The draft with those identities that the target can keep."""
    other = pair.ends[1]
    targets = {item.name: item.target for item in draft.columns}
    key = tuple(targets[name] for name in draft.table.primary_key)
    identities = [item.target for item in draft.columns if item.identity is not None]
    kept = other.kept_identities(identities, key)
    columns = [_identity(i, i.target in kept, other.has_steps) for i in draft.columns]
    return replace(draft, columns=columns)


def new_table(pair: Pair, draft: Draft, clauses: Clauses) -> NewTable:
    """The table of a draft, without its keys."""
    one, other = pair.ends
    table, place, columns = draft.table, draft.place, draft.columns
    targets = {column.name: column.target for column in columns}
    inherited = [c for c in table.columns if c.inherited] if draft.ancestors else []
    heritage = {column.name: column.local for column in inherited}
    return NewTable(
        schema=place.schema,
        name=place.name,
        kind=table.kind,
        strict=table.strict,
        primary_key=tuple(targets[name] for name in table.primary_key),
        exact_text=one.family != other.family,
        columns=tuple(
            clauses.column(c.name).on(
                NewColumn(
                    name=c.target,
                    native=c.target_type,
                    nullable=c.nullable,
                    identity=c.identity,
                    inherited=c.name in heritage,
                    local=heritage.get(c.name, True),
                )
            )
            for c in columns
        ),
        checks=tuple(clauses.checks),
        comment=clauses.comment,
        settings=tuple((targets[name] if name else None, text) for name, text in clauses.settings),
        charset=table.charset if one.name == other.name else None,
        collation=table.collation if one.name == other.name else None,
        unlogged=table.unlogged and one.name == other.name,
        ancestors=draft.ancestors,
    )


def _declaration(pair: Pair, draft: Draft, carried: Carried, clauses: Clauses) -> str | None:
    """The source's own statement, where the table is the same in the target by name, columns and keys."""
    table = draft.table
    same = pair.source.engine == pair.target.engine and draft.place.name == table.name
    columns = all(
        column is not None
        and (item.target, item.target_type, item.nullable)
        == (column.name, column.native, column.nullable)
        for item in draft.columns
        for column in [table.column(item.name)]
    )
    keys = len(carried.foreign_keys) == len(table.foreign_keys)
    whole = len(draft.columns) == len(table.columns)
    whole = whole and not table.left_out and not clauses.left_out
    return table.declaration if same and columns and keys and whole else None


def _created(pair: Pair, draft: Draft, carried: Carried, clauses: Clauses) -> Preparation:
    (one, other), place, columns = pair.ends, draft.place, draft.columns
    new = replace(
        new_table(pair, draft, clauses),
        primary_key_name=carried.primary_key_name,
        primary_index=carried.primary_index,
        indexes=tuple(carried.indexes),
        foreign_keys=tuple(carried.foreign_keys),
        declaration=_declaration(pair, draft, carried, clauses),
        statistics=tuple(carried.statistics),
        replica_identity=draft.table.replica_identity if one.name == other.name else None,
        partitioning=draft.table.partitioning if draft.parted else None,
        partitions=_partitions(draft, carried, clauses),
    )
    new, notes = other.fit_rows(new)
    columns = [
        _fitted(item, made, notes.get(made.name))
        for item, made in zip(columns, new.columns, strict=True)
    ]
    before = [other.drop_table(place.schema, place.name)] if draft.action == "drop" else []
    before += clauses.before
    # A target that makes its tables from the rows' own schema is told nothing before them.
    before += filter(None, [other.create_table(new, pair.target.numbers)])
    before += [*other.describe_table(new), *clauses.after]
    return Preparation(
        columns,
        before,
        builds=other.finish_table(new),
        checks=other.finish_checks(new),
        references=other.finish_references(new),
    )


def _partitions(root: Draft, carried: Carried, clauses: Clauses) -> tuple[NewTable, ...]:
    drafts = (root, *(part for part, _ in carried.partitions))
    places = {(d.table.schema, d.table.name): (d.place.schema, d.name) for d in drafts}
    targets = {column.name: column.target for column in root.columns}
    return tuple(
        NewTable(
            schema=part.place.schema,
            name=part.name,
            columns=(),
            primary_key=tuple(targets[name] for name in part.table.primary_key),
            primary_key_name=its.primary_key_name,
            primary_index=its.primary_index,
            indexes=tuple(its.indexes),
            foreign_keys=tuple(its.foreign_keys),
            statistics=tuple(its.statistics),
            replica_identity=part.table.replica_identity,
            settings=tuple(
                (targets[name] if name else None, text)
                for name, text in clauses.partitions[part.table.label].settings
            ),
            expressions=tuple(
                (targets[name], clause.generated)
                for name, clause in clauses.partitions[part.table.label].columns.items()
                if clause.generated is not None and clauses.column(name).generated is not None
            ),
            checks=tuple(clauses.partitions[part.table.label].checks),
            comment=part.table.comment,
            comments=tuple((targets[name], text) for name, text in part.table.comments),
            partitioning=part.table.partitioning,
            parent=places.get(part.table.parent or ("", "")),
            bound=part.table.bound,
            order=tuple((targets[name], k) for name, k in part.table.order if name in targets),
            unlogged=part.table.unlogged,
        )
        for part, its in carried.partitions
    )


def _standing(pair: Pair, draft: Draft, carried: Carried, standing: Table) -> Preparation:
    other = pair.ends[1]
    names = {other.fold_column(column.name): column.name for column in standing.columns}
    columns = [
        replace(item, target=names.get(other.fold_column(item.target), item.target))
        for item in draft.columns
    ]
    truncates = draft.action == "truncate"
    stands = replace(standing, schema=draft.place.schema or "")
    before = [other.truncate_table(own_rows(other, stands))] if truncates else []
    targets = {column.name: column.target for column in columns}
    lacking = NewTable(
        schema=draft.place.schema,
        name=standing.name,
        columns=(),
        kind=standing.kind,
        row_key=standing.primary_key,
        primary_key=tuple(targets[name] for name in draft.table.primary_key)
        if carried.primary_key_name
        else (),
        primary_key_name=carried.primary_key_name,
        primary_index=carried.primary_index,
        indexes=tuple(carried.indexes),
        foreign_keys=tuple(carried.foreign_keys),
        statistics=tuple(carried.statistics),
        partitioning=standing.partitioning,
    )
    away = [
        replace(lacking, schema=schema, name=name, foreign_keys=tuple(keys))
        for (schema, name), keys in carried.put_back.items()
    ]
    return Preparation(
        columns,
        before,
        builds=other.finish_table(lacking),
        references=other.finish_references(lacking),
        put_back=[
            step if table.name == standing.name else replace(step, misfits=())
            for table in away
            for step in other.finish_references(table)
        ],
    )


def _identity(item: ColumnItem, kept: bool, steps: bool) -> ColumnItem:
    """The column with what the target can't do about its next values."""
    if item.identity is None or (kept and (steps or item.identity.increment == 1)):
        return item
    note = (
        f"its next values count by 1, and not by {item.identity.increment}"
        if kept
        else "the target gives no next value to this column"
    )
    return replace(
        item,
        identity=item.identity if kept else None,
        codes=(*item.codes, "K-IDENTITY"),
        verdict=max(item.verdict, Verdict.NOTE, key=lambda verdict: verdict.weight),
        notes=(*item.notes, note),
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
        verdict=max(item.verdict, Verdict.NOTE, key=lambda verdict: verdict.weight),
    )
