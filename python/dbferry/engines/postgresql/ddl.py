"""Writes PostgreSQL's DDL. Every name goes through `quote`."""

from __future__ import annotations

from collections.abc import Sequence

from dbferry.catalog import ForeignKey, Identity, IdentityKind, Index, Part, UserType
from dbferry.engines import NewColumn, NewTable, Step, Trial

TRIAL = "dbferry_trial"
SAVEPOINT = "SAVEPOINT dbferry_trial"


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string constant that reads the same whatever standard_conforming_strings says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def relation(schema: str | None, name: str) -> str:
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def create_schema(schema: str) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}"


def create_type(wanted: UserType) -> str:
    labels = ", ".join(map(literal, wanted.labels))
    return f"CREATE TYPE {relation(wanted.schema, wanted.name)} AS ENUM ({labels})"


def _column(column: NewColumn) -> str:
    parts = [quote(column.name), column.native.domain or column.native.text]
    if column.native.collation is not None:
        parts.append(f"COLLATE {column.native.collation}")
    if column.identity is not None:
        always = column.identity.kind is IdentityKind.ALWAYS
        step = column.identity.increment
        options = f" (INCREMENT BY {step})" if step != 1 else ""
        parts.append(f"GENERATED {'ALWAYS' if always else 'BY DEFAULT'} AS IDENTITY{options}")
    if column.generated is not None:
        kept = "STORED" if column.stored else "VIRTUAL"
        parts.append(f"GENERATED ALWAYS AS ({column.generated}) {kept}")
    elif column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    if not column.nullable:
        parts.append("NOT NULL")
    return " ".join(parts)


def create_table(table: NewTable) -> str:
    columns = ",\n    ".join(_column(column) for column in table.columns)
    return f"CREATE TABLE {relation(table.schema, table.name)} (\n    {columns}\n)"


def describe_table(table: NewTable) -> Sequence[str]:
    place = relation(table.schema, table.name)
    told = [f"COMMENT ON TABLE {place} IS {literal(table.comment)}"] if table.comment else []
    return told + [
        f"COMMENT ON COLUMN {place}.{quote(column.name)} IS {literal(column.comment)}"
        for column in table.columns
        if column.comment
    ]


def try_table(table: NewTable) -> Trial:
    """In a transaction that is rolled back."""
    lines = [_column(column) for column in table.columns]
    lines += [f"CHECK ({check.expression})" for check in table.checks]
    body = ",\n    ".join(lines)
    return Trial(
        f"CREATE TEMPORARY TABLE {TRIAL} (\n    {body}\n)", SAVEPOINT, f"ROLLBACK TO {SAVEPOINT}"
    )


def finish_checks(table: NewTable) -> Sequence[Step]:
    """As foreign keys: added without a look at the rows, and then proved."""
    place = relation(table.schema, table.name)
    return [
        Step(
            what=f"check `{check.name}`",
            sql=f"ALTER TABLE {place} ADD CONSTRAINT {quote(check.name or '')} "
            f"CHECK ({check.expression}){'' if check.inherited else ' NO INHERIT'} NOT VALID",
            then=f"ALTER TABLE {place} VALIDATE CONSTRAINT {quote(check.name or '')}"
            if check.valid
            else None,
        )
        for check in table.checks
    ]


def _part(part: Part) -> str:
    words = [quote(part.column), "DESC" if part.descending else ""]
    if part.nulls_first is not None:
        words.append(f"NULLS {'FIRST' if part.nulls_first else 'LAST'}")
    return " ".join(word for word in words if word)


def _waiting(thing: Index | ForeignKey) -> str:
    if not thing.deferrable:
        return ""
    return " DEFERRABLE" + (" INITIALLY DEFERRED" if thing.deferred else "")


def finish_table(table: NewTable) -> Sequence[Step]:
    """Keys are attached from finished indexes: unlike ALTER TABLE, several are built side by side."""
    place = relation(table.schema, table.name)
    steps = []
    if table.primary_key:
        name = quote(table.primary_key_name or "")
        columns = ", ".join(map(quote, table.primary_key))
        steps.append(
            Step(
                what="primary key",
                sql=f"CREATE UNIQUE INDEX {name} ON {place} ({columns})",
                then=f"ALTER TABLE {place} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {name}",
            )
        )
    for index in table.indexes:
        name = quote(index.name or "")
        unique = "UNIQUE " if index.unique else ""
        attach = f"ALTER TABLE {place} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}"
        # A constraint can only stand on an index in the order that is the default.
        plain = all(not p.descending and p.nulls_first is None for p in index.parts)
        steps.append(
            Step(
                what=f"index `{index.name}`",
                sql=f"CREATE {unique}INDEX {name} ON {place} ({', '.join(map(_part, index.parts))})",
                then=attach + _waiting(index) if index.constraint and plain else None,
            )
        )
    return steps


def finish_references(table: NewTable) -> Sequence[Step]:
    """Added without a look at the rows, for which tables are locked, and then proved beside others."""
    place = relation(table.schema, table.name)
    return [
        Step(
            what=f"foreign key `{key.name}`",
            sql=f"ALTER TABLE {place} ADD CONSTRAINT {quote(key.name or '')} {_reference(key)} NOT VALID",
            then=f"ALTER TABLE {place} VALIDATE CONSTRAINT {quote(key.name or '')}",
        )
        for key in table.foreign_keys
    ]


def _reference(key: ForeignKey) -> str:
    columns, others = (", ".join(map(quote, names)) for names in (key.columns, key.references))
    parts = [f"FOREIGN KEY ({columns}) REFERENCES {relation(key.schema, key.table)} ({others})"]
    parts += ["MATCH FULL"] if key.full else []
    parts += [f"ON UPDATE {key.on_update}"] if key.on_update != "NO ACTION" else []
    parts += [f"ON DELETE {key.on_delete}"] if key.on_delete != "NO ACTION" else []
    return " ".join(parts) + _waiting(key)


def drop_foreign_key(schema: str | None, table: str, name: str) -> str | None:
    return f"ALTER TABLE {relation(schema, table)} DROP CONSTRAINT {quote(name)}"


def analyze_table(schema: str | None, name: str) -> str | None:
    return f"ANALYZE {relation(schema, name)}"


def drop_table(schema: str | None, name: str) -> str:
    return f"DROP TABLE IF EXISTS {relation(schema, name)}"


def truncate_table(schema: str | None, name: str) -> str:
    return f"TRUNCATE TABLE {relation(schema, name)}"


def empty_table(schema: str | None, name: str) -> str:
    """As part of a transaction: rolled back with it."""
    return f"TRUNCATE TABLE {relation(schema, name)}"


def swap_table(schema: str | None, fresh: str, name: str) -> Sequence[str]:
    """A new table in the place of an old one. Statements that are sent as one are one transaction."""
    key = f"ALTER INDEX IF EXISTS {relation(schema, f'{fresh}_pkey')} RENAME TO {quote(f'{name}_pkey')}"
    return (
        f"DROP TABLE {relation(schema, name)}; "
        f"ALTER TABLE {relation(schema, fresh)} RENAME TO {quote(name)}; {key}",
    )


def set_next(schema: str | None, table: str, column: str, identity: Identity) -> Sequence[str]:
    """The next value: the source's own, or past every row, whichever is further along."""
    place, name, step = relation(schema, table), quote(column), identity.increment
    sequence = f"pg_get_serial_sequence({literal(place)}, {literal(column)})"
    edge, furthest = ("max", "greatest") if step > 0 else ("min", "least")
    known = [f"{edge}({name}) + {step}"]
    if identity.next_value is not None:
        known.append(f"{identity.next_value}")
    return (
        f"SELECT setval({sequence}, coalesce({furthest}({', '.join(known)}), 1), false) "
        f"FROM {place} HAVING {sequence} IS NOT NULL",
    )
