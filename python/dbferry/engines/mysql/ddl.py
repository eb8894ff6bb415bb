"""Writes the DDL of MySQL and MariaDB. Every name goes through `quote`."""

from __future__ import annotations

from collections.abc import Sequence

from dbferry.catalog import ForeignKey, Identity, Index, Part
from dbferry.engines import NewColumn, NewTable, Step


def quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A string constant, as every sql_mode but NO_BACKSLASH_ESCAPES reads it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def relation(schema: str | None, name: str) -> str:
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def create_schema(schema: str) -> str:
    return f"CREATE DATABASE IF NOT EXISTS {quote(schema)} CHARACTER SET utf8mb4"


def _column(column: NewColumn, collation: str | None) -> str:
    native = column.native
    parts = [quote(column.name), native.text]
    if native.charset and native.name not in ("json", "uuid", "inet6", "inet4"):
        parts.append(f"CHARACTER SET {native.charset}")
        chosen = native.collation or (collation if native.charset == "utf8mb4" else None)
        if chosen:
            parts.append(f"COLLATE {chosen}")
    # TIMESTAMP is NOT NULL with a default of its own unless it is told otherwise.
    parts.append("NULL" if column.nullable else "NOT NULL")
    if column.identity is not None:
        parts.append("AUTO_INCREMENT")
    return " ".join(parts)


def create_table(table: NewTable, exact_collation: str) -> str:
    collation = exact_collation if table.exact_text else None
    lines = [_column(column, collation) for column in table.columns]
    if table.primary_key:
        sizes = table.key_prefixes
        parts = [quote(n) + (f"({sizes[n]})" if n in sizes else "") for n in table.primary_key]
        lines.append(f"PRIMARY KEY ({', '.join(parts)})")
    # The one AUTO_INCREMENT column must lead a key.
    lead = table.primary_key[:1]
    lines += [f"KEY ({quote(c.name)})" for c in table.columns if c.identity and (c.name,) != lead]
    suffix = f" COLLATE={collation}" if collation else ""
    body = ",\n    ".join(lines)
    return (
        f"CREATE TABLE {relation(table.schema, table.name)} (\n    {body}\n"
        f") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4{suffix}"
    )


def _part(part: Part) -> str:
    size = f"({part.prefix})" if part.prefix else ""
    return quote(part.column) + size + (" DESC" if part.descending else "")


def _index(index: Index) -> str:
    unique = "UNIQUE " if index.unique else ""
    return f"ADD {unique}KEY {quote(index.name or '')} ({', '.join(map(_part, index.parts))})"


def finish_table(table: NewTable) -> Sequence[Step]:
    """All in one statement: the table is read once, and each index is sorted on its own."""
    alter = f"ALTER TABLE {relation(table.schema, table.name)} "
    single = [
        Step(what=f"index `{index.name}`", sql=alter + _index(index)) for index in table.indexes
    ]
    if len(single) < 2:
        return single
    names = ", ".join(f"`{index.name}`" for index in table.indexes)
    together = alter + ", ".join(map(_index, table.indexes))
    return [Step(what=f"indexes {names}", sql=together, singly=tuple(single))]


def finish_references(table: NewTable) -> Sequence[Step]:
    """The server would check the rows by writing the whole table anew; a query proves them as well."""
    return [_reference(table, key) for key in table.foreign_keys]


def _reference(table: NewTable, key: ForeignKey) -> Step:
    place, other = relation(table.schema, table.name), relation(key.schema, key.table)
    columns, others = (", ".join(map(quote, names)) for names in (key.columns, key.references))
    actions = "".join(
        f" ON {event} {action}"
        for event, action in (("UPDATE", key.on_update), ("DELETE", key.on_delete))
        if action != "NO ACTION"
    )
    pairs = list(zip(map(quote, key.columns), map(quote, key.references), strict=True))
    equal = " AND ".join(f"p.{theirs} = c.{ours}" for ours, theirs in pairs)
    given = " AND ".join(f"c.{ours} IS NOT NULL" for ours, _ in pairs)
    return Step(
        what=f"foreign key `{key.name}`",
        sql="SET SESSION foreign_key_checks = 0; "
        f"ALTER TABLE {place} ADD CONSTRAINT {quote(key.name or '')} FOREIGN KEY ({columns}) "
        f"REFERENCES {other} ({others}){actions}; SET SESSION foreign_key_checks = 1",
        proof=f"SELECT concat(count(*), {literal(f' rows refer to no row of `{key.table}`')}) "
        f"FROM {place} AS c LEFT JOIN {other} AS p ON {equal} "
        f"WHERE {given} AND p.{pairs[0][1]} IS NULL HAVING count(*) > 0",
        undo=drop_foreign_key(table.schema, table.name, key.name or ""),
    )


def drop_foreign_key(schema: str | None, table: str, name: str) -> str | None:
    return f"ALTER TABLE {relation(schema, table)} DROP FOREIGN KEY {quote(name)}"


def analyze_table(schema: str | None, name: str) -> str | None:
    return f"ANALYZE TABLE {relation(schema, name)}"


def drop_table(schema: str | None, name: str) -> str:
    return f"DROP TABLE IF EXISTS {relation(schema, name)}"


def truncate_table(schema: str | None, name: str) -> str:
    return f"TRUNCATE TABLE {relation(schema, name)}"


def empty_table(schema: str | None, name: str) -> str:
    """As part of a transaction: TRUNCATE would commit."""
    return f"DELETE FROM {relation(schema, name)}"


def swap_table(schema: str | None, fresh: str, name: str) -> Sequence[str]:
    """A new table in the place of an old one: both are renamed in one step."""
    old = relation(schema, f"{fresh[:56]}_old")
    return (
        f"RENAME TABLE {relation(schema, name)} TO {old}, "
        f"{relation(schema, fresh)} TO {relation(schema, name)}",
        f"DROP TABLE {old}",
    )


def set_next(schema: str | None, table: str, column: str, identity: Identity) -> Sequence[str]:
    """InnoDB raises a value that is below the largest row by itself."""
    if identity.next_value is None or identity.next_value < 1:
        return ()
    return (f"ALTER TABLE {relation(schema, table)} AUTO_INCREMENT = {identity.next_value}",)
