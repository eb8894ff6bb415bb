"""The statements that make PostgreSQL's tables: their columns, what they inherit, their partitions, their checks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from dbferry.catalog import Check, IdentityKind, NotNull
from dbferry.engines import NewColumn, NewTable, Step, Trial
from dbferry.engines.postgresql.ddl import TRIAL, commented, quote, relation, sequence_options

NAMED = "^dbferry_[0-9a-f]{16}$"
"""The names of what tables are made of that will inherit."""
MARK = "dbferry has made a table of this, and drops it once that inherits"
"""The comment that tells it from a table which is only called so."""


def _column(column: NewColumn, table: str) -> str:
    parts = [quote(column.name), column.native.domain or column.native.text]
    if column.native.collation is not None:
        parts.append(f"COLLATE {column.native.collation}")
    if column.identity is not None and column.default is None:
        always = column.identity.kind is IdentityKind.ALWAYS
        step, sequence = column.identity.increment, column.identity.sequence
        told = [f"INCREMENT BY {step}"] if step != 1 else []
        if sequence is not None and column.identity.kind is not IdentityKind.SERIAL:
            named = sequence.name != f"{table}_{column.name}_seq"
            name = relation(sequence.schema, sequence.name)
            told = [f"SEQUENCE NAME {name}"] * named + sequence_options(sequence)
        options = f" ({' '.join(told)})" if told else ""
        parts.append(f"GENERATED {'ALWAYS' if always else 'BY DEFAULT'} AS IDENTITY{options}")
    if column.generated is not None:
        kept = "STORED" if column.stored else "VIRTUAL"
        parts.append(f"GENERATED ALWAYS AS ({column.generated}) {kept}")
    elif column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    if not column.nullable:
        own = column.not_null
        parts += [f"CONSTRAINT {quote(own.name)}"] if own else []
        parts += ["NOT NULL", *(["NO INHERIT"] if own and not own.inherited else [])]
    return " ".join(parts)


def create_table(table: NewTable, version: tuple[int, ...]) -> str:
    kept = _whole(table, version)
    # A partition takes over how its table is kept.
    kept += _settings(table, relation(table.schema, table.name))
    if version >= (15,):
        kept += _persistence(table)
    for part in table.partitions:
        kept += _partition(part, table.columns, version)
    # Statements that are sent as one are one transaction.
    return ";\n".join(kept)


def _whole(table: NewTable, version: tuple[int, ...]) -> list[str]:
    """With what it will inherit it is made of a table that holds nothing else, as long as rows are loaded."""
    if all(column.local for column in table.columns if column.inherited):
        return [_table(table, table.columns, version)]
    meanwhile, first = _meanwhile(table), _together(table.columns)
    columns = [column for column in first if column.inherited]
    lines = [_column(_unless_inherited(column), table.name) for column in first if column.local]
    body = ",\n    ".join([*lines, *_never_null(first)])
    made = relation(meanwhile.schema, meanwhile.name)
    return [
        _drop(meanwhile),
        _table(meanwhile, columns, version),
        *commented(f"TABLE {made}", MARK),
        f"{_create(table, version)} (\n    {body}\n) INHERITS ({made})",
        *(s for column in table.columns[len(first) :] for s in _added(column, table, made)),
    ]


def _together(columns: Sequence[NewColumn]) -> Sequence[NewColumn]:
    """As many as have the order of a table that is made at once: what it inherits, and then its own."""
    inherited = [column.inherited for column in columns]
    own = inherited.index(False) if False in inherited else len(columns)
    return columns[: inherited.index(True, own) if True in inherited[own:] else len(columns)]


def _added(column: NewColumn, table: NewTable, meanwhile: str) -> list[str]:
    """One that comes after columns of the table's own, though it may be inherited."""
    alter = f"ALTER TABLE {relation(table.schema, table.name)}"
    own = _column(_unless_inherited(column), table.name)
    made = [f"{alter} ADD COLUMN {own}"] if column.local else []
    if column.inherited:
        made.append(f"ALTER TABLE {meanwhile} ADD COLUMN {_column(column, table.name)}")
    return [*made, *(f"{alter} ADD {text}" for text in _never_null([column]))]


def _never_null(columns: Sequence[NewColumn]) -> list[str]:
    """What forbids NULL here, whatever is inherited."""
    return [
        f"CONSTRAINT {quote(c.not_null.name)} NOT NULL {quote(c.name)}"
        for c in columns
        if not c.local and c.not_null and c.not_null.local
    ]


def _unless_inherited(column: NewColumn) -> NewColumn:
    alone = column.not_null is None or column.not_null.local
    return column if alone else replace(column, nullable=True)


def _meanwhile(table: NewTable) -> NewTable:
    """What it is made of, which no catalog tells of; its name is as short for every table."""
    digest = hashlib.sha256(table.name.encode()).hexdigest()[:16]
    return NewTable(schema=table.schema, name=f"dbferry_{digest}", columns=())


def _drop(*tables: NewTable) -> str:
    return f"DROP TABLE IF EXISTS {', '.join(relation(t.schema, t.name) for t in tables)}"


def _inherit(table: NewTable) -> list[Step]:
    if not table.ancestors:
        return []
    meanwhile = _meanwhile(table)
    changes = [f"INHERIT {relation(*place)}" for place in table.ancestors]
    then = []
    if not all(column.local for column in table.columns if column.inherited):
        changes.append(f"NO INHERIT {relation(meanwhile.schema, meanwhile.name)}")
        then = [_drop(meanwhile)]
    alter = f"ALTER TABLE {relation(table.schema, table.name)} {', '.join(changes)}"
    # Statements that are sent as one are one transaction.
    return [Step(what="inheritance", sql=";\n".join([alter, *then]))]


def _create(table: NewTable, version: tuple[int, ...]) -> str:
    """The statement's beginning. That a partitioned table is unlogged means nothing, and is refused since 18."""
    unlogged = table.unlogged and not (table.partitioning and version >= (18,))
    return f"CREATE {'UNLOGGED ' if unlogged else ''}TABLE {relation(table.schema, table.name)}"


def _table(table: NewTable, columns: Sequence[NewColumn], version: tuple[int, ...]) -> str:
    lines = ",\n    ".join(_column(column, table.name) for column in columns)
    return f"{_create(table, version)} (\n    {lines}\n){_parted(table)}"


def _persistence(table: NewTable) -> list[str]:
    """What is behind an identity is kept as its table is, unless it is said."""
    behind = [
        column.identity.sequence
        for column in table.columns
        if column.identity and column.identity.kind is not IdentityKind.SERIAL
    ]
    return [
        f"ALTER SEQUENCE {relation(sequence.schema, sequence.name)} SET {'UN' if sequence.unlogged else ''}LOGGED"
        for sequence in behind
        if sequence is not None and sequence.unlogged != table.unlogged
    ]


def _settings(table: NewTable, place: str) -> list[str]:
    return [
        f"ALTER TABLE {place} {f'ALTER COLUMN {quote(column)} ' if column else ''}{text}"
        for column, text in table.settings
    ]


def _parted(table: NewTable) -> str:
    return f" PARTITION BY {table.partitioning}" if table.partitioning else ""


def _partition(part: NewTable, columns: Sequence[NewColumn], version: tuple[int, ...]) -> list[str]:
    """With the columns of its parent; one with an order of its own is made alone, and attached."""
    place, parent = relation(part.schema, part.name), relation(*(part.parent or (None, "")))
    kept = _settings(part, place)
    kept += [
        f"ALTER TABLE {place} ALTER COLUMN {quote(column)} SET EXPRESSION AS ({text})"
        for column, text in part.expressions
    ]
    if not part.order:
        made = f"{_create(part, version)} PARTITION OF {parent} {part.bound}{_parted(part)}"
        return [made, *kept]
    names = dict(part.order)
    # What counts is given it when it is attached.
    own = [replace(_named(c, names.get(c.name)), identity=None) for c in columns]
    places = {name: place for place, name in enumerate(names)}
    own.sort(key=lambda column: places.get(column.name, len(places)))
    attach = f"ALTER TABLE {parent} ATTACH PARTITION {place} {part.bound}"
    return [_table(part, own, version), *kept, attach]


def _named(column: NewColumn, never_null: str | None) -> NewColumn:
    own = NotNull(name=never_null) if never_null else None
    return replace(column, nullable=column.nullable and own is None, not_null=own)


def describe_table(table: NewTable) -> Sequence[str]:
    place = relation(table.schema, table.name)
    told = commented(f"TABLE {place}", table.comment)
    for part in table.partitions:
        own = relation(part.schema, part.name)
        told += commented(f"TABLE {own}", part.comment)
        for name, text in part.comments:
            told += commented(f"COLUMN {own}.{quote(name)}", text)
    for column in table.columns:
        told += commented(f"COLUMN {place}.{quote(column.name)}", column.comment)
        if column.not_null:
            what = f"CONSTRAINT {quote(column.not_null.name)} ON {place}"
            told += commented(what, column.not_null.comment)
        identity = column.identity
        if identity and identity.sequence and identity.kind is not IdentityKind.SERIAL:
            name = relation(identity.sequence.schema, identity.sequence.name)
            told += commented(f"SEQUENCE {name}", identity.sequence.comment)
    return told


def try_table(table: NewTable) -> Trial:
    """In a transaction that is rolled back."""
    lines = [_column(column, table.name) for column in table.columns]
    lines += [f"CHECK ({check.expression})" for check in table.checks]
    body = ",\n    ".join(lines)
    made = [f"CREATE TEMPORARY TABLE {TRIAL} (\n    {body}\n)", *_settings(table, TRIAL)]
    return Trial(";\n".join(made), f"SAVEPOINT {TRIAL}", f"ROLLBACK TO {TRIAL}")


def finish_checks(table: NewTable) -> Sequence[Step]:
    """As foreign keys: added without a look at the rows, and then proved."""
    place = relation(table.schema, table.name)
    steps = [*_inherit(table), *(_check(check, place) for check in table.checks)]
    return [*steps, *(step for part in table.partitions for step in finish_checks(part))]


def _check(check: Check, place: str) -> Step:
    name, column = quote(check.name or ""), check.forbids_null
    words = [f"NOT NULL {quote(column)}" if column else f"CHECK ({check.expression})"]
    words += [] if check.inherited else ["NO INHERIT"]
    words.append("NOT VALID" if check.enforced else "NOT ENFORCED")
    then = [f"ALTER TABLE {place} VALIDATE CONSTRAINT {name}"] if check.valid else []
    return Step(
        what=f"check `{check.name}`",
        sql=f"ALTER TABLE {place} ADD CONSTRAINT {name} {' '.join(words)}",
        then=(*then, *commented(f"CONSTRAINT {name} ON {place}", check.comment)),
    )


def drop_table(schema: str | None, name: str) -> str:
    """With what it was made of, where it hasn't come to inherit."""
    table = NewTable(schema=schema, name=name, columns=())
    return _drop(table, _meanwhile(table))
