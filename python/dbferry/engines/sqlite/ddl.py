"""Writes SQLite's DDL. Every name goes through `quote`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dbferry.catalog import Check, ForeignKey, Identity, IdentityKind, Index, Part, View
from dbferry.engines import NewColumn, NewTable, Step, Trial
from dbferry.engines.misfits import Misfits, Places, duplicates, of_index, of_reference, orphans
from dbferry.engines.sqlite.definition import Definition

TRIAL = "dbferry_trial"
UNIQUE, FOREIGN_KEY = "2067", "787"

SCRIPT_OPENING = (".bail on", "PRAGMA foreign_keys = OFF;")


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def relation(schema: str | None, name: str) -> str:
    return quote(name)


def _column(column: NewColumn, is_rowid: bool) -> str:
    parts = [quote(column.name), column.native.text]
    if is_rowid and column.identity is not None:
        promise = column.identity.kind is not IdentityKind.ROWID
        parts[1:] = ["INTEGER PRIMARY KEY" + (" AUTOINCREMENT" if promise else "")]
    elif not column.nullable:
        parts.append("NOT NULL")
    if column.native.collation is not None:
        parts.append(f"COLLATE {quote(column.native.collation)}")
    if column.generated is not None:
        parts.append(
            f"GENERATED ALWAYS AS ({column.generated}) {'STORED' if column.stored else 'VIRTUAL'}"
        )
    elif column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    return " ".join(part for part in parts if part)


def create_table(table: NewTable) -> str:
    if table.declaration is not None:
        return table.declaration
    rowid = next(
        (
            c.name
            for c in table.columns
            if c.identity and (c.name,) == table.primary_key and table.kind != "without_rowid"
        ),
        None,
    )
    lines = [_column(column, column.name == rowid) for column in table.columns]
    if table.primary_key and rowid is None:
        lines.append(f"PRIMARY KEY ({', '.join(map(quote, table.primary_key))})")
    lines += map(_check, table.checks)
    lines += map(_reference, table.foreign_keys)
    options = [
        word
        for word, wanted in (
            ("WITHOUT ROWID", table.kind == "without_rowid"),
            ("STRICT", table.strict),
        )
        if wanted
    ]
    body = ",\n    ".join(lines)
    return f"CREATE TABLE {quote(table.name)} (\n    {body}\n) {', '.join(options)}".rstrip()


def _check(check: Check) -> str:
    name = f"CONSTRAINT {quote(check.name)} " if check.name else ""
    return f"{name}CHECK ({check.expression})"


def create_on_update(table: NewTable, values: Mapping[str, str]) -> Sequence[str]:
    """One for all columns, and after the row is written: it changes the row, which by default fires it no more."""
    stored = [quote(column.name) for column in table.columns if column.generated is None]
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in stored)
    sets = ",\n        ".join(
        f"{name} = CASE WHEN NEW.{name} IS OLD.{name} THEN {value} ELSE NEW.{name} END"
        for name, value in ((quote(column), value) for column, value in values.items())
    )
    key = [quote(name) for name in table.primary_key or ("rowid",)]
    where = " AND ".join(f"{name} = NEW.{name}" for name in key)
    return [
        f"CREATE TRIGGER {quote(f'{table.name}_on_update')} AFTER UPDATE ON {quote(table.name)}\n"
        f"WHEN {changed}\nBEGIN\n    UPDATE {quote(table.name)} SET {sets}\n    WHERE {where};\nEND"
    ]


def create_view(view: View) -> Sequence[str]:
    return [view.declaration or f"CREATE VIEW {quote(view.name)} AS\n{view.query}"]


def try_view(view: View) -> str:
    """A view of what isn't there can be made, and not be read."""
    return f"SELECT 1 FROM {quote(view.name)} LIMIT 0"


def print_view(view: View) -> Sequence[str]:
    return ()


def drop_view(view: View) -> str:
    return f"DROP VIEW IF EXISTS {quote(view.name)}"


def try_table(table: NewTable) -> Trial:
    """In a transaction that is rolled back."""
    made = create_table(replace(table, name=TRIAL))
    return Trial(made, f"SAVEPOINT {TRIAL}", f"ROLLBACK TO {TRIAL}")


def try_index(table: NewTable, index: Index) -> str:
    return create_index(TRIAL, replace(index, name=f"{TRIAL}_{index.name}"))


def _reference(key: ForeignKey) -> str:
    columns, others = (", ".join(map(quote, names)) for names in (key.columns, key.references))
    parts = [f"CONSTRAINT {quote(key.name)}"] if key.name else []
    parts.append(f"FOREIGN KEY ({columns}) REFERENCES {quote(key.table)} ({others})")
    parts += [f"ON UPDATE {key.on_update}"] if key.on_update != "NO ACTION" else []
    parts += [f"ON DELETE {key.on_delete}"] if key.on_delete != "NO ACTION" else []
    parts += ["DEFERRABLE INITIALLY DEFERRED"] if key.deferred else []
    return " ".join(parts)


def _part(part: Part) -> str:
    whole = quote(part.column) if part.column is not None else f"({part.expression})"
    words = [whole, *([f"COLLATE {quote(part.collation)}"] if part.collation else [])]
    return " ".join([*words, *(["DESC"] if part.descending else [])])


def finish_table(table: NewTable) -> Sequence[Step]:
    """A declaration of its own has its constraints already."""
    indexes = [i for i in table.indexes if not (i.constraint and table.declaration)]
    return [
        Step(
            what=f"index `{index.name}`",
            sql=create_index(table.name, index),
            misfits=_twice(table, index),
        )
        for index in indexes
    ]


def _twice(table: NewTable, index: Index) -> tuple[Misfits, ...]:
    if not index.unique:
        return ()
    key = [quote(name) for name in table.primary_key or table.row_key]
    parts = [
        (quote(part.column) if part.column is not None else f"({part.expression})")
        + (f" COLLATE {quote(part.collation)}" if part.collation else "")
        for part in index.parts
    ]
    rows = [f"{part} IS NOT NULL" for part in parts]
    rows += [f"({index.predicate})"] if index.predicate else []
    row = key if table.kind == "without_rowid" else _place(table)
    if not row:
        return ()
    where = duplicates(Places(relation=quote(table.name), row=row, order=key), parts, rows)
    return (of_index(index.name, where, index.columns, UNIQUE),)


def _place(table: NewTable) -> list[str]:
    """A name of the rowid that no column has taken; none when all have."""
    taken = {column.name.lower() for column in table.columns}
    return [name for name in ("rowid", "_rowid_", "oid") if name not in taken][:1]


def create_index(table: str, index: Index) -> str:
    told = Definition.of(index.own) if index.own is not None else None
    # The letters of a table's name may be of either case there.
    if told and told.name == index.name and told.table.lower() == table.lower():
        return index.own or ""
    where = f" WHERE {index.predicate}" if index.predicate else ""
    rest = told.rest if told else f"({', '.join(map(_part, index.parts))}){where}"
    unique = "UNIQUE " if index.unique else ""
    return f"CREATE {unique}INDEX {quote(index.name or '')} ON {quote(table)} {rest}"


def finish_references(table: NewTable) -> Sequence[Step]:
    """They are declared with the table, and this file's sessions don't enforce them: rows are proved."""
    proved = [key for key in table.foreign_keys if key.valid]
    if not proved:
        return ()
    what = " and ".join(f"`{key.table}`" for key in proved)
    # The pragma counts them backwards.
    unproved = [n for n, key in enumerate(reversed(table.foreign_keys)) if not key.valid]
    but = f"WHERE fkid NOT IN ({', '.join(map(str, unproved))}) " if unproved else ""
    return (
        Step(
            what=f"foreign keys to {what}",
            sql="",
            proof="SELECT count(*) || ' rows refer to no row of `' || parent || '`' || "
            "coalesce(', such as the row with rowid ' || min(rowid), '') "
            f"FROM pragma_foreign_key_check({literal(table.name)}) {but}GROUP BY parent",
            misfits=tuple(_alone(table, key) for key in proved),
        ),
    )


def _alone(table: NewTable, key: ForeignKey) -> Misfits:
    place, other = quote(table.name), quote(key.table)
    return of_reference(key, orphans(key, place, other, quote), other, FOREIGN_KEY)


def analyze_table(schema: str | None, name: str) -> str | None:
    """By a part of each index: enough for the planner."""
    return f"PRAGMA analysis_limit = 1000; ANALYZE {quote(name)}"


def drop_table(schema: str | None, name: str) -> str:
    return f"DROP TABLE IF EXISTS {quote(name)}"


def truncate_table(relation: str) -> str:
    return f"DELETE FROM {relation}"


def swap_table(schema: str | None, fresh: str, name: str) -> Sequence[str]:
    """A new table in the place of an old one, in a transaction; views go on to name it."""
    return (
        # Else the new name is looked for in every view, and one that reads the table, or is broken, is an error.
        "PRAGMA legacy_alter_table = ON",
        "BEGIN IMMEDIATE",
        f"DROP TABLE {relation(schema, name)}",
        f"ALTER TABLE {relation(schema, fresh)} RENAME TO {quote(name)}",
        "COMMIT",
    )


def set_next(schema: str | None, table: str, column: str, identity: Identity) -> Sequence[str]:
    """sqlite_sequence holds the last value given; loading raises it to the largest key."""
    if identity.kind is IdentityKind.ROWID or identity.next_value is None:
        return ()
    name, last = literal(table), identity.next_value - 1
    return (
        f"INSERT INTO sqlite_sequence (name, seq) SELECT {name}, 0 "
        f"WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = {name})",
        f"UPDATE sqlite_sequence SET seq = max(seq, {last}) WHERE name = {name}",
    )
