"""Writes PostgreSQL's DDL. Every name goes through `quote`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dbferry.catalog import (
    ForeignKey,
    Identity,
    Index,
    NumberSequence,
    Part,
    Statistics,
    UserType,
    View,
)
from dbferry.engines import NewTable, Step
from dbferry.engines.misfits import Misfits, Places, duplicates, of_index, of_reference, orphans
from dbferry.errors import InternalError

TRIAL = "dbferry_trial"
PATIENT = "SET LOCAL lock_timeout = '10s'"
"""Two sessions of one write that hold the same key would wait for each other without end, and all for a reader."""
UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION = "23505", "23503"
BOUNDS = {"smallint": (1 << 15) - 1, "integer": (1 << 31) - 1, "bigint": (1 << 63) - 1}

SCRIPT_OPENING = (
    "\\set ON_ERROR_STOP on",
    "SET client_encoding = 'UTF8';",
    "SET standard_conforming_strings = on;",
)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string constant that reads the same whatever standard_conforming_strings says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def relation(schema: str | None, name: str) -> str:
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def own_rows(kind: str, schema: str | None, name: str) -> str:
    """The rows of a relation without those of the tables that inherit from it."""
    return ("ONLY " if kind == "parent" else "") + relation(schema, name)


def create_schema(schema: str) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}"


def commented(what: str, text: str | None) -> list[str]:
    return [f"COMMENT ON {what} IS {literal(text)}"] if text else []


def create_type(wanted: UserType) -> str:
    name = relation(wanted.schema, wanted.name)
    told = commented(f"{'DOMAIN' if wanted.kind == 'domain' else 'TYPE'} {name}", wanted.comment)
    for attribute in wanted.attributes:
        told += commented(f"COLUMN {name}.{quote(attribute.name)}", attribute.comment)
    if wanted.not_null:
        own = f"CONSTRAINT {quote(wanted.not_null.name)} ON DOMAIN {name}"
        told += commented(own, wanted.not_null.comment)
    for check in wanted.checks:
        told += commented(f"CONSTRAINT {quote(check.name or '')} ON DOMAIN {name}", check.comment)
    # Statements that are sent as one are one transaction.
    return ";\n".join([_type(wanted, name), *told])


def _type(wanted: UserType, name: str) -> str:
    match wanted.kind:
        case "domain":
            parts = [f"CREATE DOMAIN {name} AS {wanted.base}"]
            parts += [f"COLLATE {wanted.collation}"] if wanted.collation else []
            parts += [f"DEFAULT {wanted.default}"] if wanted.default is not None else []
            own = wanted.not_null
            parts += [f"CONSTRAINT {quote(own.name)}"] if own else []
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
        case "range":
            options = ", ".join([f"SUBTYPE = {wanted.base}", *wanted.options])
            return f"CREATE TYPE {name} AS RANGE ({options})"
        case "enum":
            return f"CREATE TYPE {name} AS ENUM ({', '.join(map(literal, wanted.labels))})"
        case _:
            raise InternalError(f"a type of the kind `{wanted.kind}` isn't made")


def create_sequence(sequence: NumberSequence) -> str:
    place = relation(sequence.schema, sequence.name)
    options = [f"AS {sequence.type}"] if sequence.type != "bigint" else []
    words = f"CREATE {'UNLOGGED ' if sequence.unlogged else ''}SEQUENCE IF NOT EXISTS {place}"
    made = " ".join([words, *options, *sequence_options(sequence)])
    return ";\n".join([made, *commented(f"SEQUENCE {place}", sequence.comment)])


def sequence_options(sequence: NumberSequence) -> list[str]:
    """What isn't as it is by itself."""
    upwards, whole = sequence.increment > 0, BOUNDS[sequence.type]
    low, high = (1, whole) if upwards else (-whole - 1, -1)
    parts = [f"INCREMENT BY {sequence.increment}"] if sequence.increment != 1 else []
    parts += [f"MINVALUE {sequence.minimum}"] if sequence.minimum != low else []
    parts += [f"MAXVALUE {sequence.maximum}"] if sequence.maximum != high else []
    first = sequence.minimum if upwards else sequence.maximum
    parts += [f"START WITH {sequence.start}"] if sequence.start != first else []
    parts += [f"CACHE {sequence.cache}"] if sequence.cache is not None else []
    return parts + (["CYCLE"] if sequence.cycle else [])


def own_sequence(sequence: NumberSequence, schema: str | None, table: str, column: str) -> str:
    owner = f"{relation(schema, table)}.{quote(column)}"
    return f"ALTER SEQUENCE {relation(sequence.schema, sequence.name)} OWNED BY {owner}"


def draw(sequence: NumberSequence) -> str:
    return f"nextval({literal(relation(sequence.schema, sequence.name))}::regclass)"


def set_sequence(
    sequence: NumberSequence, columns: Sequence[tuple[str | None, str, str]]
) -> Sequence[str]:
    """Past its own last number, what the target has given, and the columns (schema, table, name) that draw from it."""
    if sequence.last is None and not columns and sequence.first == sequence.start:
        return ()
    name = literal(relation(sequence.schema, sequence.name))
    given = f"pg_sequence_last_value({name}::regclass)"
    if sequence.last is None:
        beyond = ">=" if sequence.increment > 0 else "<="
        given = f"(SELECT n FROM {given} AS g (n) WHERE n {beyond} {sequence.first})"
    return (_further(name, columns, [sequence.last, given], sequence),)


def _further(
    name: str,
    columns: Sequence[tuple[str | None, str, str]],
    known: Sequence[int | str | None],
    sequence: NumberSequence | None,
) -> str:
    """Sets a sequence to the furthest number that is known or in the columns; to its first if there is none."""
    first, step = (sequence.first, sequence.increment) if sequence else (1, 1)
    low, high = (sequence.minimum, sequence.maximum) if sequence else (1, BOUNDS["bigint"])
    if sequence and sequence.last is None:
        # Numbers that it would still come by are none that it has given.
        low, high = (first, high) if step > 0 else (low, first)
    edge, furthest = ("max", "greatest") if step > 0 else ("min", "least")
    numbers = [
        f"(SELECT {edge}({quote(c)}) FROM {relation(s, t)} WHERE {quote(c)} BETWEEN {low} AND {high})"
        for s, t, c in columns
    ]
    numbers += [str(n) for n in known if isinstance(n, str) or (n is not None and low <= n <= high)]
    return (
        f"SELECT setval({name}, coalesce(k, {first})::bigint, k IS NOT NULL) "
        f"FROM (SELECT {furthest}({', '.join(numbers)})) AS f (k) WHERE {name} IS NOT NULL"
    )


def create_on_update(table: NewTable, values: Mapping[str, str]) -> Sequence[str]:
    """A row is compared as it is stored: not every type has an equality."""
    name = f"{table.name[:50]}_on_update"
    place, function = relation(table.schema, table.name), relation(table.schema, name)
    sets = "".join(
        f"        IF NEW.{quote(column)} IS NOT DISTINCT FROM OLD.{quote(column)} THEN\n"
        f"            NEW.{quote(column)} := {value};\n        END IF;\n"
        for column, value in values.items()
    )
    body = f"BEGIN\n    IF NEW *<> OLD THEN\n{sets}    END IF;\n    RETURN NEW;\nEND"
    return [
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $dbferry$\n{body}\n$dbferry$",
        f"CREATE TRIGGER {quote(name)} BEFORE UPDATE ON {place} FOR EACH ROW EXECUTE FUNCTION {function}()",
    ]


def create_view(view: View) -> Sequence[str]:
    kind = "MATERIALIZED VIEW" if view.materialized else "VIEW"
    name = relation(view.schema, view.name)
    options = f" WITH ({', '.join(view.options)})" if view.options else ""
    query = view.query.rstrip().removesuffix(";")
    rows = " WITH NO DATA" if view.materialized and not view.filled else ""
    made = [f"CREATE {kind} {name}{options} AS {query}{rows}"]
    made += commented(f"{kind} {name}", view.comment)
    for column, default in view.defaults:
        made.append(f"ALTER VIEW {name} ALTER COLUMN {quote(column)} SET DEFAULT {default}")
    for place, text in view.settings:
        made.append(f"ALTER {kind} {name} ALTER COLUMN {quote(place or '')} {text}")
    for column, comment in view.comments:
        made += commented(f"COLUMN {name}.{quote(column)}", comment)
    indexed = NewTable(
        schema=view.schema,
        name=view.name,
        columns=(),
        indexes=view.indexes,
        statistics=view.statistics,
    )
    return [*made, *(s for step in finish_table(indexed) for s in (step.sql, *step.then))]


def try_view(view: View) -> str | None:
    return None


def print_view(view: View) -> Sequence[str]:
    made = literal(f"pg_temp.{TRIAL}")
    return (
        f"CREATE TEMPORARY VIEW {TRIAL} AS {view.query}",
        # As a catalog is read: every name with its schema.
        "SET LOCAL search_path = ''",
        f"SELECT pg_catalog.pg_get_viewdef({made}::pg_catalog.regclass)",
    )


def drop_view(view: View) -> str:
    kind = "MATERIALIZED VIEW" if view.materialized else "VIEW"
    return f"DROP {kind} IF EXISTS {relation(view.schema, view.name)}"


def try_index(table: NewTable, index: Index) -> str:
    return _index(replace(table, schema=None, name=TRIAL), index, "UNIQUE", "").sql


def _part(part: Part) -> str:
    words = [quote(part.column) if part.column is not None else f"({part.expression})"]
    words += [f"COLLATE {part.collation}"] if part.collation else []
    words += [part.operators] if part.operators else []
    words += ["DESC"] if part.descending else []
    if part.nulls_first is not None:
        words.append(f"NULLS {'FIRST' if part.nulls_first else 'LAST'}")
    return " ".join(words)


def _definition(index: Index) -> str:
    if index.own is not None:
        return index.own
    words = [f"USING {index.method} ({', '.join(map(_part, index.parts))})"]
    words += [f"INCLUDE ({', '.join(map(quote, index.include))})"] if index.include else []
    words += [] if index.nulls_distinct else ["NULLS NOT DISTINCT"]
    words += [f"WHERE {index.predicate}"] if index.predicate else []
    return " ".join(words)


def _waiting(thing: Index | ForeignKey) -> str:
    if not thing.deferrable:
        return ""
    return " DEFERRABLE" + (" INITIALLY DEFERRED" if thing.deferred else "")


def finish_table(table: NewTable) -> Sequence[Step]:
    """Keys are attached from finished indexes: unlike ALTER TABLE, several are built side by side."""
    steps = []
    if table.primary_key:
        key = table.primary_index or Index(
            name=None,
            parts=tuple(Part(column=name) for name in table.primary_key),
            unique=True,
            constraint=True,
        )
        key = replace(key, name=table.primary_key_name)
        if key.parent is None or not _is_whole(key):
            steps.append(_index(table, key, "PRIMARY KEY", "primary key"))
    steps += [
        _index(table, index, "UNIQUE", f"index `{index.name}`")
        for index in table.indexes
        if index.parent is None or not _is_whole(index)
    ]
    steps += [_statistics(table, wanted) for wanted in table.statistics]
    if table.replica_identity:
        place = relation(table.schema, table.name)
        identity = f"ALTER TABLE {place} REPLICA IDENTITY {table.replica_identity}"
        steps.append(Step(what="replica identity", sql=identity))
    return [*steps, *(step for part in table.partitions for step in finish_table(part))]


def _is_whole(index: Index) -> bool:
    """True for one that no server attaches: with the whole table's those of its partitions are made."""
    return index.exclusion or index.period


def _index(table: NewTable, index: Index, kind: str, what: str) -> Step:
    place, name = relation(table.schema, table.name), quote(index.name or "")
    # An index of a whole partitioned table is made of those of its partitions, which are built side by side.
    apart = table.partitioning and (table.partitions or table.parent) and not _is_whole(index)
    only = "ONLY " if apart else ""
    add = f"ALTER TABLE {only}{place} ADD CONSTRAINT {name}"
    # A key can only stand on an index in the order that is the default.
    plain = all(p.column and not p.descending and p.nulls_first is None for p in index.parts)
    whole = index.constraint and table.partitioning is not None
    declared = index.exclusion or index.period or whole
    attached = index.constraint and plain and not declared
    then = [f"{add} {kind} USING INDEX {name}{_waiting(index)}"] if attached else []
    if index.constraint_comment and (attached or declared):
        text = literal(index.constraint_comment)
        then.append(f"COMMENT ON CONSTRAINT {name} ON {place} IS {text}")
    own_name = relation(table.schema, index.name or "")
    then += [f"COMMENT ON INDEX {own_name} IS {literal(index.comment)}"] if index.comment else []
    then += [f"ALTER INDEX {own_name} {change}" for change in index.alterations]
    then += [f"ALTER TABLE {place} CLUSTER ON {name}"] if index.clustered else []
    then += [f"ALTER TABLE {place} REPLICA IDENTITY USING INDEX {name}"] if index.identifies else []
    if index.parent is not None:
        then.append(f"ALTER INDEX {relation(*index.parent)} ATTACH PARTITION {own_name}")
    unique = "UNIQUE " if index.unique else ""
    sql = f"CREATE {unique}INDEX {name} ON {only}{place} {_definition(index)}"
    if declared:
        sql = f"{add} {index.own if index.exclusion else _constraint(index, kind)}"
    return Step(what=what, sql=sql, then=tuple(then), misfits=_twice(table, index, kind))


def _twice(table: NewTable, index: Index, kind: str) -> tuple[Misfits, ...]:
    """Partitions have no rows of their own here: what is put aside is told of the whole table."""
    if not index.unique or index.exclusion or table.parent is not None:
        return ()
    parts = [
        (quote(part.column) if part.column is not None else f"({part.expression})")
        + (f" COLLATE {part.collation}" if part.collation else "")
        for part in index.parts
    ]
    rows = [f"{part} IS NOT NULL" for part in parts] if index.nulls_distinct else []
    rows += [f"({index.predicate})"] if index.predicate else []
    places = Places(
        relation=own_rows(table.kind, table.schema, table.name),
        row=("tableoid", "ctid"),
        order=[quote(name) for name in table.primary_key or table.row_key],
    )
    where = duplicates(places, parts, rows)
    name = index.name if kind != "PRIMARY KEY" else None
    return (of_index(name, where, index.columns, UNIQUE_VIOLATION),)


def _constraint(index: Index, kind: str) -> str:
    words = [kind, *([] if index.nulls_distinct else ["NULLS NOT DISTINCT"])]
    overlaps = " WITHOUT OVERLAPS" if index.period else ""
    words.append(f"({', '.join(map(quote, index.columns))}{overlaps})")
    words += [f"INCLUDE ({', '.join(map(quote, index.include))})"] if index.include else []
    words += [f"WITH ({index.options})"] if index.options else []
    return " ".join(words) + _waiting(index)


def _statistics(table: NewTable, wanted: Statistics) -> Step:
    name = relation(wanted.schema, wanted.name)
    then = (
        [f"ALTER STATISTICS {name} SET STATISTICS {wanted.target}"]
        if wanted.target is not None
        else []
    )
    if wanted.comment:
        then.append(f"COMMENT ON STATISTICS {name} IS {literal(wanted.comment)}")
    return Step(
        what=f"statistics `{wanted.name}`",
        sql=f"CREATE STATISTICS {name}{wanted.own} FROM {relation(table.schema, table.name)}",
        then=tuple(then),
    )


def finish_references(table: NewTable) -> Sequence[Step]:
    """Added without a look at the rows, for which tables are locked, and then proved beside others."""
    place = relation(table.schema, table.name)
    steps = []
    for key in table.foreign_keys:
        name = quote(key.name or "")
        # One of a partitioned table looks at the rows at once.
        late = key.enforced and (table.partitioning is None or not key.valid)
        then = [f"ALTER TABLE {place} VALIDATE CONSTRAINT {name}"] if key.valid and late else []
        if key.comment:
            then.append(f"COMMENT ON CONSTRAINT {name} ON {place} IS {literal(key.comment)}")
        sql = f"ALTER TABLE {place} ADD CONSTRAINT {name} {_reference(key)}{' NOT VALID' if late else ''}"
        steps.append(
            Step(
                what=f"foreign key `{key.name}`",
                sql=sql,
                then=tuple(then),
                undo=drop_foreign_key(table.schema, table.name, key.name or ""),
                misfits=_alone(table, key),
            )
        )
    return [*steps, *(step for part in table.partitions for step in finish_references(part))]


def _alone(table: NewTable, key: ForeignKey) -> tuple[Misfits, ...]:
    if not key.valid or table.parent is not None:
        return ()
    place, other = relation(table.schema, table.name), relation(key.schema, key.table)
    # No row of a table that inherits from it is one that a key refers to.
    where = orphans(key, place, own_rows(key.kind, key.schema, key.table), quote)
    return (of_reference(key, where, other, FOREIGN_KEY_VIOLATION),)


def _reference(key: ForeignKey) -> str:
    columns, others = (_listed(names, key.period) for names in (key.columns, key.references))
    parts = [f"FOREIGN KEY ({columns}) REFERENCES {relation(key.schema, key.table)} ({others})"]
    parts += ["MATCH FULL"] if key.full else []
    parts += [f"ON UPDATE {key.on_update}"] if key.on_update != "NO ACTION" else []
    parts += [f"ON DELETE {key.on_delete}"] if key.on_delete != "NO ACTION" else []
    parts += [f"({', '.join(map(quote, key.set_columns))})"] if key.set_columns else []
    return " ".join(parts) + _waiting(key) + ("" if key.enforced else " NOT ENFORCED")


def _listed(names: Sequence[str], period: bool) -> str:
    quoted = [quote(name) for name in names]
    if period:
        quoted[-1] = f"PERIOD {quoted[-1]}"
    return ", ".join(quoted)


def drop_foreign_key(schema: str | None, table: str, name: str) -> str | None:
    return f"ALTER TABLE {relation(schema, table)} DROP CONSTRAINT {quote(name)}"


def analyze_table(schema: str | None, name: str) -> str | None:
    return f"ANALYZE {relation(schema, name)}"


def truncate_table(relation: str) -> str:
    return f"TRUNCATE TABLE {relation}"


def swap_table(schema: str | None, fresh: str, name: str) -> Sequence[str]:
    """A new table in the place of an old one, whose readers aren't waited for without end.

    Statements that are sent as one are one transaction.
    """
    key = f"ALTER INDEX IF EXISTS {relation(schema, f'{fresh}_pkey')} RENAME TO {quote(f'{name}_pkey')}"
    return (
        f"{PATIENT}; DROP TABLE {relation(schema, name)}; "
        f"ALTER TABLE {relation(schema, fresh)} RENAME TO {quote(name)}; {key}",
    )


def set_next(schema: str | None, table: str, column: str, identity: Identity) -> Sequence[str]:
    """The next value: the one that is wanted, its own, or past every row, whichever is further along."""
    following, place = identity.next_value, literal(relation(schema, table))
    last = following - identity.increment if following is not None else None
    name = f"pg_get_serial_sequence({place}, {literal(column)})"
    given = f"pg_sequence_last_value({name}::regclass)"
    return (_further(name, [(schema, table, column)], [last, given], identity.sequence),)
