"""The judge: reads a table's declared types and its values as the engine's own text.

It shares no code with dbferry. Bytes are lower-case hex, floats the shortest digits that give the same double
(or single), bit strings their digits; instants are told in UTC.
"""

import contextlib
import re
import sqlite3
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from servers.database import Database, ServerDatabase, SqliteDatabase
from servers.server import Row

Text = str | None


class Column(NamedTuple):
    """A column as its engine's catalog declares it."""

    name: str
    type: str
    nullable: bool


def quote(db: Database, name: str) -> str:
    """An identifier of this engine."""
    mark = "`" if db.engine in ("mysql", "mariadb") else '"'
    return mark + name.replace(mark, mark * 2) + mark


def literal(text: str) -> str:
    """A string constant that every engine but a backslash-loving MySQL reads alike."""
    return "'" + text.replace("'", "''") + "'"


def columns(db: Database, table: str) -> list[Column]:
    """The columns in their order."""
    return CATALOGS[db.engine](db, table)


def types(db: Database, table: str) -> dict[str, str]:
    """Column name to declared type."""
    return {column.name: column.type for column in columns(db, table)}


def primary_key(db: Database, table: str) -> list[str]:
    """The columns of the primary key in their order."""
    name = literal(table)
    if db.engine == "sqlite":
        info = db.rows(f"SELECT name, pk FROM pragma_table_info({name}) WHERE pk > 0 ORDER BY pk")
        return [row[0] for row in info]
    if db.engine == "duckdb":
        found = db.rows(
            "SELECT constraint_column_names FROM duckdb_constraints() "
            f"WHERE constraint_type = 'PRIMARY KEY' AND table_name = {name}"
        )
        return list(found[0][0]) if found else []
    here = "current_schema()" if db.engine == "postgresql" else "database()"
    rows = db.rows(
        "SELECT k.column_name FROM information_schema.table_constraints c "
        "JOIN information_schema.key_column_usage k ON k.constraint_name = c.constraint_name "
        "AND k.table_schema = c.table_schema AND k.table_name = c.table_name "
        f"WHERE c.constraint_type = 'PRIMARY KEY' AND c.table_schema = {here} "
        f"AND c.table_name = {name} ORDER BY k.ordinal_position"
    )
    return [row[0] for row in rows]


def tables(db: Database) -> set[str]:
    """The names of the user's tables in the default schema."""
    if db.engine == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'"
    else:
        here = "database()" if db.engine in ("mysql", "mariadb") else "current_schema()"
        query = f"SELECT table_name FROM information_schema.tables WHERE table_schema = {here}"
    return {row[0] for row in db.rows(query)}


def texts(
    db: Database, table: str, order: str = "id", *, known: list[Column] | None = None
) -> list[tuple[Text, ...]]:
    """All rows, every value as text, ordered by a column (or by the whole row when `order` is empty)."""
    known = known or columns(db, table)
    wanted = ", ".join(_expression(db.engine, quote(db, c.name), c.type) for c in known)
    # Qualified, or PostgreSQL would order by the text that is selected.
    ending = f" ORDER BY {quote(db, table)}.{quote(db, order)}" if order else ""
    query = f"SELECT {wanted} FROM {quote(db, table)}{ending}"
    rows = _sqlite_rows(db, query) if isinstance(db, SqliteDatabase) else db.rows(query)
    finish = [_finisher(db.engine, column.type) for column in known]
    told = [tuple(f(v) for f, v in zip(finish, row, strict=True)) for row in rows]
    return told if order else sorted(told, key=repr)


def classes(db: Database, table: str, column: str) -> set[str]:
    """The storage classes of a column of SQLite, NULL left out."""
    name = quote(db, column)
    rows = db.rows(
        f"SELECT DISTINCT typeof({name}) FROM {quote(db, table)} WHERE {name} IS NOT NULL"
    )
    return {row[0] for row in rows}


class Kept(Database):
    """A database of a server whose queries share one connection."""

    def __init__(self, db: ServerDatabase, connection: Any) -> None:
        self.engine, self.name, self.url = db.engine, db.name, db.url
        self._db, self._connection = db, connection

    def sql(self, text: str) -> None:
        self._db.sql(text)

    def drop(self) -> None:
        self._db.drop()

    def rows(self, query: str) -> list[Row]:
        with contextlib.closing(self._connection.cursor()) as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())


@contextlib.contextmanager
def keeping(db: Database) -> Iterator[Database]:
    """For many small questions to one database of a server: a connection that stays open."""
    if not isinstance(db, ServerDatabase):
        yield db
        return
    with contextlib.closing(db.server.connect(db.name)) as connection:
        yield Kept(db, connection)


# --- the catalogs ---


def _postgresql(db: Database, table: str) -> list[Column]:
    rows = db.rows(
        "SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull FROM pg_attribute "
        "JOIN pg_class ON pg_class.oid = attrelid "
        f"WHERE relname = {literal(table)} AND relnamespace = current_schema()::regnamespace "
        "AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return [Column(*row) for row in rows]


def _mysql(db: Database, table: str) -> list[Column]:
    rows = db.rows(
        "SELECT column_name, column_type, is_nullable = 'YES' FROM information_schema.columns "
        f"WHERE table_schema = database() AND table_name = {literal(table)} ORDER BY ordinal_position"
    )
    return [Column(name, _without_width(native), bool(null)) for name, native, null in rows]


def _without_width(native: str) -> str:
    """MariaDB tells a display width with integers, which is no part of the type."""
    if native.startswith("tinyint(1)"):
        return native
    return re.sub(r"^(tinyint|smallint|mediumint|int|bigint|year)\(\d+\)", r"\1", native)


def _sqlite(db: Database, table: str) -> list[Column]:
    rows = db.rows(f'SELECT name, type, NOT "notnull" FROM pragma_table_info({literal(table)})')
    return [Column(name, native, bool(null)) for name, native, null in rows]


def _duckdb(db: Database, table: str) -> list[Column]:
    rows = db.rows(
        "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
        f"WHERE table_name = {literal(table)} ORDER BY column_index"
    )
    return [Column(*row) for row in rows]


CATALOGS: dict[str, Callable[[Database, str], list[Column]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
    "sqlite": _sqlite,
    "duckdb": _duckdb,
}


# --- the values ---


def _expression(engine: str, column: str, native: str) -> str:
    match engine:
        case "postgresql" if native == "bytea":
            return f"encode({column}, 'hex')"
        case "postgresql":
            return f"{column}::text"
        case "duckdb" if native == "BLOB":
            return f"lower(hex({column}))"
        case "duckdb" if native == "TIMESTAMP WITH TIME ZONE":
            return f"CAST({column} AT TIME ZONE 'UTC' AS VARCHAR) || '+00'"
        case "duckdb":
            return f"CAST({column} AS VARCHAR)"
        case "sqlite":
            return f"{column}, typeof({column})"
        case _:
            return _mysql_expression(column, native)


def _mysql_expression(column: str, native: str) -> str:
    base = native.partition("(")[0]
    if base in ("float", "double"):
        # The text form of FLOAT has six digits; as a double it has all.
        return f"CAST({column} AS DOUBLE)"
    if base in ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"):
        return f"LOWER(HEX({column}))"
    if base in GEOMETRIES:
        return f"LOWER(HEX({column}))"
    if base == "enum":
        # Index 0 is the error value; its text is that of an empty label.
        return f"IF({column} + 0 = 0, '<error value>', CAST({column} AS CHAR))"
    if base == "vector":
        return f"VECTOR_TO_STRING({column})"
    if base == "bit":
        return f"LPAD(CONV(HEX({column}), 16, 2), {native[4:-1]}, '0')"
    return f"CAST({column} AS CHAR)"


GEOMETRIES = {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
              "multipolygon", "geometrycollection"}  # fmt: skip


def _sqlite_rows(db: SqliteDatabase, query: str) -> list[tuple[Text, ...]]:
    with contextlib.closing(sqlite3.connect(db.path)) as connection:
        # Text is read as bytes: it may hold U+0000 and what isn't UTF-8.
        connection.text_factory = bytes
        rows = connection.execute(query).fetchall()
    return [
        tuple(_sqlite_text(row[i], row[i + 1].decode()) for i in range(0, len(row), 2))
        for row in rows
    ]


def _sqlite_text(value: object, storage: str) -> Text:
    match value:
        case None:
            return None
        case bytes() if storage == "blob":
            return value.hex()
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case _:
            return repr(value)


def _finisher(engine: str, native: str) -> Callable[[object], Text]:
    match native.lower():
        case "real" | "float" if engine != "sqlite":
            return _single
        case "double" | "double precision" | "real" | "float":
            return _double
        case _:
            return lambda value: None if value is None else str(value)


def _double(value: object) -> Text:
    return None if value is None else repr(float(str(value)))


def _single(value: object) -> Text:
    """The shortest digits that name the same 32-bit float."""
    if value is None:
        return None
    exact = float(str(value))
    wanted = struct.pack("f", exact)
    tries = (float(f"{exact:.{digits}g}") for digits in range(1, 10))
    return next(repr(short) for short in tries if struct.pack("f", short) == wanted)
