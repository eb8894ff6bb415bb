"""Writes the DDL of MySQL and MariaDB. Every name goes through `quote`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dbferry.catalog import Check, ForeignKey, Identity, Index, Part, View
from dbferry.engines import NewColumn, NewTable, Step, Trial
from dbferry.engines.misfits import Misfits, Places, duplicates, of_index, of_reference, orphans

TRIAL = "dbferry_trial"
DUPLICATE, NO_PARTNER = "1062", "1452"
NO_PLAIN_DEFAULT = frozenset(
    {"json", "geometry"}
    | {f"{size}{kind}" for size in ("tiny", "", "medium", "long") for kind in ("text", "blob")}
)

PERIOD = "PERIOD FOR "
LITERAL = r"'(?:[^'\\]|''|\\.)*'"
"""A string constant, as the server prints it."""
SEARCHES = ("fulltext", "spatial", "vector")
SCRIPT_OPENING = (
    "SET NAMES utf8mb4;",
    "SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO';",
)


def quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def unquoted(name: str) -> str:
    """What stands between the quotes of a name, as it is."""
    return name.replace("``", "`")


def literal(text: str) -> str:
    """A string constant, as every sql_mode but NO_BACKSLASH_ESCAPES reads it."""
    text = text.replace("\\", "\\\\").replace("'", "''")
    # The server's own client ends a file of statements there.
    return "'" + text.replace("\0", "\\0") + "'"


def relation(schema: str | None, name: str) -> str:
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def create_schema(schema: str) -> str:
    return f"CREATE DATABASE IF NOT EXISTS {quote(schema)} CHARACTER SET utf8mb4"


def _column(table: NewTable, column: NewColumn, collation: str | None) -> str:
    native = column.native
    parts = [quote(column.name), native.text]
    if native.charset and native.name not in ("json", "uuid", "inet6", "inet4"):
        chosen = native.collation or (collation if native.charset == "utf8mb4" else None)
        # A column that is as its table says declares nothing.
        if native.charset != table.charset:
            parts.append(f"CHARACTER SET {native.charset}")
        if chosen and chosen != table.collation:
            parts.append(f"COLLATE {chosen}")
    if column.generated is not None:
        # MariaDB takes no NOT NULL here.
        parts.append(
            f"GENERATED ALWAYS AS ({column.generated}) {'STORED' if column.stored else 'VIRTUAL'}"
            + ("" if column.nullable else " /*!80000 NOT NULL */")
        )
    else:
        # TIMESTAMP is NOT NULL with a default of its own unless it is told otherwise.
        parts.append("NULL" if column.nullable else "NOT NULL")
    if column.hidden:
        parts.append("INVISIBLE")
    if column.default is not None and column.generated is None:
        parts.append(f"DEFAULT {_default(native.name, column.default)}")
    if column.on_update is not None:
        parts.append(f"ON UPDATE {column.on_update}")
    if column.identity is not None:
        parts.append("AUTO_INCREMENT")
    if column.comment:
        parts.append(f"COMMENT {literal(column.comment)}")
    return " ".join(parts)


def _default(type_name: str, text: str) -> str:
    """Some types take no literal, and an expression that is one."""
    return f"({text})" if type_name in NO_PLAIN_DEFAULT and not text.startswith("(") else text


def create_table(table: NewTable, exact_collation: str) -> str:
    return _create("TABLE " + relation(table.schema, table.name), table, exact_collation, ())


def create_view(view: View) -> Sequence[str]:
    """Whoever makes it is its definer."""
    security, *ending = view.options or ("SQL SECURITY DEFINER",)
    name = relation(view.schema, view.name)
    columns = f" ({', '.join(map(quote, view.columns))})" if view.columns else ""
    return [" ".join([f"CREATE {security} VIEW {name}{columns} AS", view.query, *ending])]


def try_view(view: View) -> str | None:
    return None


def print_view(view: View) -> Sequence[str]:
    return ()


def drop_view(view: View) -> str:
    return f"DROP VIEW IF EXISTS {relation(view.schema, view.name)}"


def try_table(table: NewTable, exact_collation: str) -> Trial:
    """What is made here commits at once: so it is a table of this session only."""
    checks = [f"CHECK ({check.expression})" for check in table.checks if check.column is None]
    made = _create(
        f"TEMPORARY TABLE {relation(table.schema, TRIAL)}",
        # Some ways to be kept aren't for temporary ones.
        replace(table, comment=None, settings=()),
        exact_collation,
        checks,
    )
    drop = f"DROP TEMPORARY TABLE IF EXISTS {relation(table.schema, TRIAL)}"
    return Trial(made, end=drop)


def try_index(table: NewTable, made: Index) -> str | None:
    """A temporary table takes no full-text index."""
    name = relation(table.schema, TRIAL)
    return f"ALTER TABLE {name} {index(made)}" if made.method != "fulltext" else None


def _create(what: str, table: NewTable, exact_collation: str, checks: Sequence[str]) -> str:
    collation = exact_collation if table.exact_text else None
    inline = {check.column: check.expression for check in table.checks if check.column}
    lines = [
        _column(table, column, collation)
        + (f" CHECK ({inline[column.name]})" if column.name in inline else "")
        for column in table.columns
    ]
    if table.primary_key:
        parts = tuple(Part(column=name) for name in table.primary_key)
        lines.append(
            f"PRIMARY KEY {_definition(table.primary_index or Index(name=None, parts=parts))}"
        )
    lead = _leading(table)
    keys = [f"KEY ({quote(name)})" for name in _counting(table)]
    lines += [index(lead).removeprefix("ADD ")] if lead else keys
    collation = table.collation or collation
    suffix = f" COLLATE={collation}" if collation else ""
    suffix += f" COMMENT={literal(table.comment)}" if table.comment else ""
    settings = [text for _, text in table.settings]
    periods = [text for text in settings if text.startswith(PERIOD)]
    suffix += "".join(f" {text}" for text in settings if text not in periods)
    body = ",\n    ".join([*lines, *periods, *checks])
    charset = table.charset or "utf8mb4"
    parted = f"\n{table.partitioning}" if table.partitioning else ""
    return f"CREATE {what} (\n    {body}\n) ENGINE=InnoDB DEFAULT CHARSET={charset}{suffix}{parted}"


def _counting(table: NewTable) -> list[str]:
    """The one AUTO_INCREMENT column, which must lead a key, where that isn't the primary one."""
    lead = table.primary_key[:1]
    return [c.name for c in table.columns if c.identity is not None and (c.name,) != lead]


def _leading(table: NewTable) -> Index | None:
    """The index that it leads, which is made with the table."""
    counted = _counting(table)
    trees = [index for index in table.indexes if index.method == "btree"]
    return next((index for index in trees if index.parts[0].column in counted), None)


def finish_checks(table: NewTable) -> Sequence[Step]:
    alter = f"ALTER TABLE {relation(table.schema, table.name)} "
    return [
        Step(
            what=f"check `{check.name}`",
            sql=f"{alter}ADD CONSTRAINT {quote(check.name or '')} CHECK ({check.expression})"
            + ("" if check.enforced else " NOT ENFORCED"),
        )
        for check in table.checks
        if check.column is None and not _of_period(table, check)
    ]


def _of_period(table: NewTable, check: Check) -> bool:
    """True for what a period brings along, by its own name."""
    opening = f"{PERIOD}{quote(check.name or '')} "
    return any(text.startswith(opening) for _, text in table.settings)


def _part(part: Part) -> str:
    size = f"({part.prefix})" if part.prefix else ""
    whole = quote(part.column) + size if part.column is not None else f"({part.expression})"
    return whole + (" DESC" if part.descending else "")


def _definition(index: Index) -> str:
    if index.own is not None:
        return index.own
    words = [f"({', '.join(map(_part, index.parts))})"]
    words += [f"WITH PARSER {quote(index.parser)}"] if index.parser else []
    words += [f"COMMENT {literal(index.comment)}"] if index.comment else []
    # Each server reads its own word, and passes over the other's.
    words += ["/*!80000 INVISIBLE */ /*M!100600 IGNORED */"] if index.hidden else []
    return " ".join(words)


def index(made: Index) -> str:
    """What ALTER TABLE is told."""
    kind = (
        "UNIQUE " if made.unique else f"{made.method.upper()} " if made.method in SEARCHES else ""
    )
    return f"ADD {kind}KEY {quote(made.name or '')} {_definition(made)}"


def finish_table(table: NewTable) -> Sequence[Step]:
    """All in one statement: the table is read once, and each index is sorted on its own."""
    alter = f"ALTER TABLE {relation(table.schema, table.name)} "
    indexes = [made for made in table.indexes if made is not _leading(table)]
    single = [
        Step(what=f"index `{made.name}`", sql=alter + index(made), misfits=_twice(table, made))
        for made in indexes
    ]
    if len(single) < 2:
        return single
    names = ", ".join(f"`{made.name}`" for made in indexes)
    together = alter + ", ".join(map(index, indexes))
    return [Step(what=f"indexes {names}", sql=together, singly=tuple(single))]


def _twice(table: NewTable, made: Index) -> tuple[Misfits, ...]:
    """Rows of a table without a key have nothing that tells one from another."""
    key = [quote(name) for name in table.primary_key or table.row_key]
    if not made.unique or not key:
        return ()
    parts = [_counted(part) for part in made.parts]
    places = Places(relation=relation(table.schema, table.name), row=key)
    where = duplicates(places, parts, [f"{part} IS NOT NULL" for part in parts])
    return (of_index(made.name, where, made.columns, DUPLICATE),)


def _counted(part: Part) -> str:
    """As much of a column as an index looks at."""
    if part.column is None:
        return f"({part.expression})"
    name = quote(part.column)
    return f"LEFT({name}, {part.prefix})" if part.prefix else name


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
        proof=None
        if not key.valid
        else f"SELECT concat(count(*), {literal(f' rows refer to no row of `{key.table}`')}) "
        f"FROM {place} AS c LEFT JOIN {other} AS p ON {equal} "
        f"WHERE {given} AND p.{pairs[0][1]} IS NULL HAVING count(*) > 0",
        undo=drop_foreign_key(table.schema, table.name, key.name or ""),
        misfits=(of_reference(key, orphans(key, place, other, quote), other, NO_PARTNER),)
        if key.valid
        else (),
    )


def drop_foreign_key(schema: str | None, table: str, name: str) -> str | None:
    return f"ALTER TABLE {relation(schema, table)} DROP FOREIGN KEY {quote(name)}"


def analyze_table(schema: str | None, name: str) -> str | None:
    return f"ANALYZE TABLE {relation(schema, name)}"


def drop_table(schema: str | None, name: str) -> str:
    return f"DROP TABLE IF EXISTS {relation(schema, name)}"


def truncate_table(relation: str) -> str:
    return f"TRUNCATE TABLE {relation}"


def empty_table(relation: str) -> str:
    """As part of a transaction: TRUNCATE would commit."""
    return f"DELETE FROM {relation}"


def swap_table(schema: str | None, fresh: str, name: str) -> Sequence[str]:
    """A new table in the place of an old one: both are renamed in one step, that waits for no reader without end."""
    old = relation(schema, f"{fresh[:56]}_old")
    return (
        "SET SESSION lock_wait_timeout = 10",
        f"RENAME TABLE {relation(schema, name)} TO {old}, "
        f"{relation(schema, fresh)} TO {relation(schema, name)}",
        f"DROP TABLE {old}",
    )


def set_next(schema: str | None, table: str, column: str, identity: Identity) -> Sequence[str]:
    """InnoDB raises a value that is below the largest row by itself."""
    if identity.next_value is None or identity.next_value < 1:
        return ()
    return (f"ALTER TABLE {relation(schema, table)} AUTO_INCREMENT = {identity.next_value}",)
