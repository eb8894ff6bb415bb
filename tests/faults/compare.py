"""Whether a target holds what its source holds: every row once, every index and foreign key once."""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from faults.sources import FOREIGN_KEYS, INDEXES, TABLES, ForeignKey, Index
from servers.database import Database

OWN = "dbferry_"
"""How the names of the ledger's tables start."""

SHOWN = 5


def differences(source: Database, target: Database) -> list[str]:
    """What is lost, doubled, or left behind; nothing for an exact copy."""
    there = tables(target)
    lost = [f"table {name} is missing" for name in TABLES if name not in there]
    left = [f"table {name} was left behind" for name in sorted(there) if name.startswith(OWN)]
    found = [*lost, *left]
    for name in TABLES:
        if name in there:
            found += _rows(name, rows(source, name), rows(target, name))
    found += _counted("index", Counter(INDEXES), Counter(indexes(target)))
    return found + _counted("foreign key", Counter(FOREIGN_KEYS), Counter(foreign_keys(target)))


def _rows(table: str, theirs: Counter[Any], ours: Counter[Any]) -> list[str]:
    lost, more = theirs - ours, ours - theirs
    said = []
    for what, rows_ in (("lost", lost), ("too many", more)):
        if rows_:
            keys = ", ".join(str(row[:2]) for row in list(rows_)[:SHOWN])
            said.append(f"table {table}: {rows_.total()} of {theirs.total()} rows {what}: {keys}")
    return said


def _counted(what: str, wanted: Counter[Any], held: Counter[Any]) -> list[str]:
    lost = [f"{what} missing: {each}" for each in wanted - held]
    return lost + [f"{what} too many: {each} ({held[each]})" for each in held - wanted]


def rows(db: Database, table: str) -> Counter[tuple[str | None, ...]]:
    """All rows of a table as canonical text, each with how often it is there."""
    return Counter(tuple(map(_text, row)) for row in db.rows(f"SELECT * FROM {table}"))


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bytes() | memoryview():
            return hashlib.sha256(value).hexdigest()
        case float() | Decimal():
            # SQLite tells whole numbers as integers: no exponent.
            return format(Decimal(value).normalize(), "f")
        case dt.datetime():
            return value.isoformat(" ", "microseconds")
        case _:
            return str(value)


def tables(db: Database) -> set[str]:
    """The names of all tables."""
    return {row[0] for row in db.rows(TABLES_SQL[db.engine])}


def indexes(db: Database) -> list[Index]:
    """Every index that is no primary key, of a table of ours."""
    found = INDEXES_OF[db.engine](db)
    return [Index(table, tuple(cols.split(",")), bool(one)) for table, cols, one in found
            if not table.startswith(OWN)]  # fmt: skip


def foreign_keys(db: Database) -> list[ForeignKey]:
    """Every foreign key."""
    return [ForeignKey(*row) for row in FOREIGN_KEYS_OF[db.engine](db)]


# --- the catalogs ---

TABLES_SQL = {
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    "mysql": "SELECT table_name FROM information_schema.tables WHERE table_schema = database()",
    "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'table'",
}
TABLES_SQL["mariadb"] = TABLES_SQL["mysql"]


def _asking(query: str) -> Callable[[Database], list[Any]]:
    return lambda db: db.rows(query)


_postgresql_indexes = _asking(
    "SELECT r.relname, string_agg(a.attname, ',' ORDER BY k.place), i.indisunique FROM pg_index i "
    "JOIN pg_class r ON r.oid = i.indrelid AND r.relnamespace = 'public'::regnamespace "
    "CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(number, place) "
    "JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.number "
    "WHERE NOT i.indisprimary AND i.indisvalid GROUP BY i.indexrelid, r.relname, i.indisunique"
)
_postgresql_foreign_keys = _asking(
    "SELECT r.relname, a.attname, o.relname FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid "
    "JOIN pg_class o ON o.oid = c.confrelid "
    "JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = c.conkey[1] "
    "WHERE c.contype = 'f' AND c.convalidated"
)
_mysql_indexes = _asking(
    "SELECT table_name, GROUP_CONCAT(column_name ORDER BY seq_in_index), NOT MIN(non_unique) "
    "FROM information_schema.statistics WHERE table_schema = database() AND index_name <> 'PRIMARY' "
    "GROUP BY table_name, index_name"
)
_mysql_foreign_keys = _asking(
    "SELECT table_name, column_name, referenced_table_name FROM information_schema.key_column_usage "
    "WHERE table_schema = database() AND referenced_table_name IS NOT NULL"
)
_sqlite_indexes = _asking(
    'SELECT t.name, (SELECT group_concat(name) FROM pragma_index_info(i.name)), i."unique" '
    "FROM sqlite_schema t JOIN pragma_index_list(t.name) i WHERE t.type = 'table' AND i.origin <> 'pk'"
)
_sqlite_foreign_keys = _asking(
    'SELECT t.name, f."from", f."table" FROM sqlite_schema t '
    "JOIN pragma_foreign_key_list(t.name) f WHERE t.type = 'table'"
)
INDEXES_OF = {
    "postgresql": _postgresql_indexes,
    "mysql": _mysql_indexes,
    "mariadb": _mysql_indexes,
    "sqlite": _sqlite_indexes,
}
FOREIGN_KEYS_OF = {
    "postgresql": _postgresql_foreign_keys,
    "mysql": _mysql_foreign_keys,
    "mariadb": _mysql_foreign_keys,
    "sqlite": _sqlite_foreign_keys,
}
