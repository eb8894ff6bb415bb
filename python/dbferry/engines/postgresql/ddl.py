"""Writes PostgreSQL's DDL. Every name goes through `quote`."""

from __future__ import annotations

from collections.abc import Sequence

from dbferry.catalog import (
    ForeignKey,
    Identity,
    IdentityKind,
    Index,
    NumberSequence,
    Part,
    UserType,
    View,
)
from dbferry.engines import NewColumn, NewTable, Step, Trial

TRIAL = "dbferry_trial"
BOUNDS = {"smallint": (1 << 15) - 1, "integer": (1 << 31) - 1, "bigint": (1 << 63) - 1}
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
    name = relation(wanted.schema, wanted.name)
    match wanted.kind:
        case "domain":
            parts = [f"CREATE DOMAIN {name} AS {wanted.base}"]
            parts += [f"COLLATE {wanted.collation}"] if wanted.collation else []
            parts += [f"DEFAULT {wanted.default}"] if wanted.default is not None else []
            parts += [] if wanted.nullable else ["NOT NULL"]
            parts += [
                f"CONSTRAINT {quote(c.name or '')} {c.expression}" for c in wanted.checks if c.valid
            ]
            later = [
                f"; ALTER DOMAIN {name} ADD CONSTRAINT {quote(c.name or '')} {c.expression}"
                for c in wanted.checks
                if not c.valid
            ]
            return " ".join(parts) + "".join(later)
        case "composite":
            attributes = ", ".join(
                f"{quote(a.name)} {a.type}" + (f" COLLATE {a.collation}" if a.collation else "")
                for a in wanted.attributes
            )
            return f"CREATE TYPE {name} AS ({attributes})"
        case _:
            return f"CREATE TYPE {name} AS ENUM ({', '.join(map(literal, wanted.labels))})"


def create_sequence(sequence: NumberSequence) -> str:
    place = relation(sequence.schema, sequence.name)
    options = [f"AS {sequence.type}"] if sequence.type != "bigint" else []
    return " ".join([f"CREATE SEQUENCE IF NOT EXISTS {place}", *options, *_options(sequence)])


def _options(sequence: NumberSequence) -> list[str]:
    """What isn't as it is by itself."""
    upwards, whole = sequence.increment > 0, BOUNDS[sequence.type]
    low, high = (1, whole) if upwards else (-whole - 1, -1)
    parts = [f"INCREMENT BY {sequence.increment}"] if sequence.increment != 1 else []
    parts += [f"MINVALUE {sequence.minimum}"] if sequence.minimum != low else []
    parts += [f"MAXVALUE {sequence.maximum}"] if sequence.maximum != high else []
    first = sequence.minimum if upwards else sequence.maximum
    parts += [f"START WITH {sequence.start}"] if sequence.start != first else []
    parts += [f"CACHE {sequence.cache}"] if sequence.cache != 1 else []
    return parts + (["CYCLE"] if sequence.cycle else [])


def own_sequence(sequence: NumberSequence, schema: str | None, table: str, column: str) -> str:
    owner = f"{relation(schema, table)}.{quote(column)}"
    return f"ALTER SEQUENCE {relation(sequence.schema, sequence.name)} OWNED BY {owner}"


def draw(sequence: NumberSequence) -> str:
    return f"nextval({literal(relation(sequence.schema, sequence.name))}::regclass)"


def set_sequence(
    sequence: NumberSequence, columns: Sequence[tuple[str | None, str, str]]
) -> Sequence[str]:
    """Past its own last number, and past those of the columns (schema, table, name) that draw from it."""
    edge = "max" if sequence.increment > 0 else "min"
    known = [f"(SELECT {edge}({quote(c)}) FROM {relation(s, t)})" for s, t, c in columns]
    if sequence.last is not None:
        known.append(str(sequence.last))
    if not known:
        return ()
    name = literal(relation(sequence.schema, sequence.name))
    return (_further(name, known, sequence),)


def _further(name: str, known: Sequence[str], sequence: NumberSequence | None) -> str:
    """Sets a sequence to the furthest of the known numbers that it may hold; to its start if there is none."""
    start, step = (sequence.start, sequence.increment) if sequence else (1, 1)
    low, high = (sequence.minimum, sequence.maximum) if sequence else (1, BOUNDS["bigint"])
    furthest = "greatest" if step > 0 else "least"
    return (
        f"SELECT setval({name}, coalesce(k, {start}), k IS NOT NULL) FROM (SELECT CASE WHEN m "
        f"BETWEEN {low} AND {high} THEN m END FROM (SELECT {furthest}({', '.join(known)})) AS f (m)) AS g (k) "
        f"WHERE {name} IS NOT NULL"
    )


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
            told = [f"SEQUENCE NAME {name}"] * named + _options(sequence)
        options = f" ({' '.join(told)})" if told else ""
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
    columns = ",\n    ".join(_column(column, table.name) for column in table.columns)
    return f"CREATE TABLE {relation(table.schema, table.name)} (\n    {columns}\n)"


def describe_table(table: NewTable) -> Sequence[str]:
    place = relation(table.schema, table.name)
    told = [f"COMMENT ON TABLE {place} IS {literal(table.comment)}"] if table.comment else []
    return told + [
        f"COMMENT ON COLUMN {place}.{quote(column.name)} IS {literal(column.comment)}"
        for column in table.columns
        if column.comment
    ]


def create_view(view: View) -> Sequence[str]:
    kind = "MATERIALIZED VIEW" if view.materialized else "VIEW"
    name = relation(view.schema, view.name)
    options = f" WITH ({', '.join(view.options)})" if view.options else ""
    query = view.query.rstrip().removesuffix(";")
    rows = " WITH NO DATA" if view.materialized and not view.filled else ""
    made = [f"CREATE {kind} {name}{options} AS {query}{rows}"]
    return made + ([f"COMMENT ON {kind} {name} IS {literal(view.comment)}"] if view.comment else [])


def drop_view(view: View) -> str:
    kind = "MATERIALIZED VIEW" if view.materialized else "VIEW"
    return f"DROP {kind} IF EXISTS {relation(view.schema, view.name)}"


def try_table(table: NewTable) -> Trial:
    """In a transaction that is rolled back."""
    lines = [_column(column, table.name) for column in table.columns]
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
    place, step = relation(schema, table), identity.increment
    edge = "max" if step > 0 else "min"
    known = [f"(SELECT {edge}({quote(column)}) FROM {place})"]
    if identity.next_value is not None:
        known.append(str(identity.next_value - step))
    name = f"pg_get_serial_sequence({literal(place)}, {literal(column)})"
    return (_further(name, known, identity.sequence),)
