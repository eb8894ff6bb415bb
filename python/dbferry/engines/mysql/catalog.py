"""Reads the catalogs of MySQL and MariaDB, from information_schema."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from dbferry.catalog import (
    Catalog,
    Column,
    Identity,
    IdentityKind,
    NativeType,
    NumberSequence,
    Session,
    Table,
)
from dbferry.engines.mysql import clauses, ddl, declaration, extras, sequences, views
from dbferry.engines.mysql import keys as keys_of_tables
from dbferry.engines.mysql.types import BLOBS
from dbferry.errors import DbferryError

SYSTEM = ("mysql", "information_schema", "performance_schema", "sys")

TABLES = """
SELECT table_schema, table_name, table_type, table_rows, coalesce(data_length, 0), auto_increment,
       table_comment, table_collation, create_options LIKE '%partitioned%'
FROM information_schema.tables WHERE {where} ORDER BY table_schema, table_name"""

COLUMNS = """
SELECT table_schema, table_name, column_name, ordinal_position, column_default, is_nullable,
       data_type, column_type, character_maximum_length, numeric_precision, numeric_scale,
       datetime_precision, character_set_name, collation_name, extra, generation_expression, {srid}, column_comment
FROM information_schema.columns WHERE {where}
ORDER BY table_schema, table_name, ordinal_position"""

# MariaDB's JSON is LONGTEXT with this check; nothing else tells it apart.
JSON_CHECKS = """
SELECT constraint_schema, table_name, check_clause FROM information_schema.check_constraints
WHERE {where} AND check_clause LIKE 'json_valid(%'"""

PAST = "system versioning of {} (rows of the past aren't read)"
BYTES = frozenset(BLOBS)
LITERAL = re.compile(rf"(0x[0-9A-Fa-f]*)?|{ddl.LITERAL}", re.DOTALL)

Origin = tuple[str, str, str]
"""Schema, table and column."""


def read(session: Session, schemas: Collection[str] = (), only: str | None = None) -> Catalog:
    """The tables of some schemas; with `only` those of one name, views among them."""
    mariadb = "mariadb" in session.version.lower()
    if not mariadb:
        # Otherwise the next AUTO_INCREMENT may be a day old.
        session.query("SET SESSION information_schema_stats_expiry = 0")
    ((default, folding),) = session.query("SELECT database(), @@lower_case_table_names")
    wanted = set(schemas) | ({default} if default else set())
    names = ", ".join(ddl.literal(name) for name in (wanted or SYSTEM))
    where = f"table_schema {'IN' if wanted else 'NOT IN'} ({names})"
    where += f" AND table_name = {ddl.literal(only)}" if only else ""
    json = json_columns(session, where) if mariadb else set()
    columns = read_columns(session, where, mariadb=mariadb, json=json)
    checks = clauses.read_checks(session, where, json)
    others = keys_of_tables.read(session, where, mariadb=mariadb)
    _true_labels(session, columns)
    if mariadb:
        declaration.restore(session, columns, checks)
    _true_defaults(session, columns)
    tables: list[Table] = []
    skipped: list[str] = []
    listed = session.query(TABLES.format(where=where))
    numbers = _sequences(session, listed)
    for row in listed:
        schema, name, kind = row[0] or "", row[1] or "", row[2] or ""
        if (schema, name) in numbers:
            continue
        view = kind not in ("BASE TABLE", "SYSTEM VERSIONED")
        if view and not only:
            if kind != "VIEW":
                skipped.append(f"{kind.lower()} {schema}.{name}")
            continue
        primary = others.primary.get((schema, name))
        found = [
            sequences.drawing(_with_next(column, row[5]), numbers)
            for column in columns[schema, name]
        ]
        tables.append(
            Table(
                schema=schema,
                name=name,
                kind="view" if view else "partitioned" if row[8] == "1" else "table",
                columns=tuple(found),
                primary_key=primary.columns if primary else (),
                primary_index=primary,
                estimated_rows=int(row[3] or 0),
                estimated_bytes=int(row[4] or 0),
                comment=row[6] or None,
                charset=(row[7] or "").partition("_")[0] or None,
                collation=row[7],
                checks=tuple(checks[schema, name]),
                indexes=tuple(others.indexes[schema, name]),
                foreign_keys=tuple(others.foreign_keys[schema, name]),
                left_out=(PAST.format(f"{schema}.{name}"),) if kind == "SYSTEM VERSIONED" else (),
            )
        )
    if mariadb:
        tables = [declaration.with_periods(session, table) for table in tables]
    databases = session.query(
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN "
        f"({', '.join(map(ddl.literal, SYSTEM))}) ORDER BY 1"
    )
    return Catalog(
        engine="mariadb" if mariadb else "mysql",
        version=session.version,
        default_schema=default,
        schemas=tuple(row[0] or "" for row in databases),
        tables=tuple(tables),
        folds_tables=folding != "0",
        views=tuple(views.read(session, where)),
        sequences=tuple(numbers.values()),
        skipped=tuple(skipped),
        extras=() if only else extras.read(session, wanted or SYSTEM, inside=bool(wanted)),
        collations=_collations(session),
    )


def _sequences(
    session: Session, listed: Sequence[tuple[str | None, ...]]
) -> dict[tuple[str, str], NumberSequence]:
    """By schema and name, of all that are listed as tables."""
    return {
        (row[0] or "", row[1] or ""): sequences.read(session, row[0] or "", row[1] or "", row[6])
        for row in listed
        if row[2] == "SEQUENCE"
    }


def _collations(session: Session) -> frozenset[str]:
    """Names as columns have them: MariaDB lists those of UCA 14 without their character set."""
    rows = session.query("SELECT collation_name FROM information_schema.collations")
    names = [row[0] or "" for row in rows]
    return frozenset(f"utf8mb4_{n}" if n.startswith("uca1400") else n for n in names)


def _true_labels(session: Session, columns: dict[tuple[str, str], list[Column]]) -> None:
    """The catalog tells `?` for characters above U+FFFF; the rows tell the labels that they use."""
    for (schema, table), found in columns.items():
        for place, column in enumerate(found):
            if column.native.name != "enum" or not any(
                "?" in label for label in column.native.labels
            ):
                continue
            name = ddl.quote(column.name)
            used = session.query(
                f"SELECT DISTINCT {name} + 0, {name} FROM {ddl.relation(schema, table)} "
                f"WHERE {name} + 0 > 0"
            )
            told = {int(index or 0): label or "" for index, label in used}
            labels = tuple(
                told.get(index, label) for index, label in enumerate(column.native.labels, start=1)
            )
            text = f"enum({', '.join(map(ddl.literal, labels))})"
            native = replace(column.native, labels=labels, text=text)
            found[place] = replace(column, native=native)


def _true_defaults(session: Session, columns: dict[tuple[str, str], list[Column]]) -> None:
    """The catalog cuts bytes that are a default at the first zero, and tells `?` for what is beyond its own characters;
    the table itself knows them.
    """
    for (schema, table), found in columns.items():
        places = [place for place, column in enumerate(found) if _is_spoilt(column)]
        if not places:
            continue
        asked = ", ".join(_asked(found[place]) for place in places)
        relation = ddl.relation(schema, table)
        try:
            [told] = session.query(
                f"SELECT {asked} FROM (SELECT 1) AS one LEFT JOIN {relation} AS t ON FALSE"
            )
        except DbferryError as error:
            if error.fatal:
                raise
            # A table that this user may not read; its rows aren't moved either.
            continue
        for place, value in zip(places, told, strict=True):
            found[place] = replace(found[place], default=_default(found[place], value or ""))


def _is_spoilt(column: Column) -> bool:
    """True when its default is a literal that the catalog may not tell as it is."""
    if column.default is None or not LITERAL.fullmatch(column.default):
        return False
    # MariaDB prints the default of a BLOB as it was given.
    return "?" in column.default or column.native.name in ("binary", "varbinary")


def _asked(column: Column) -> str:
    value = f"default(t.{ddl.quote(column.name)})"
    return f"hex({value})" if column.native.name in BYTES else f"CONVERT({value} USING utf8mb4)"


def _default(column: Column, told: str) -> str:
    if column.native.name in BYTES:
        return f"0x{told}" if told else "x''"
    return ddl.literal(told)


def _with_next(column: Column, following: str | None) -> Column:
    if column.identity is None:
        return column
    identity = replace(column.identity, next_value=int(following) if following else None)
    return replace(column, identity=identity)


def json_columns(session: Session, where: str) -> set[Origin]:
    where = where.replace("table_schema", "constraint_schema")
    found = set()
    for schema, table, clause in session.query(JSON_CHECKS.format(where=where)):
        match = re.fullmatch(r"json_valid\(`((?:[^`]|``)*)`\)", clause or "")
        if match:
            found.add((schema or "", table or "", ddl.unquoted(match[1])))
    return found


def read_columns(
    session: Session, where: str, *, mariadb: bool, json: Collection[Origin] | None = None
) -> dict[tuple[str, str], list[Column]]:
    """`json` are the columns that a check makes JSON, where they are known already."""
    if json is None:
        json = json_columns(session, where) if mariadb else ()
    columns: dict[tuple[str, str], list[Column]] = defaultdict(list)
    srid = "NULL" if mariadb else "srs_id"
    for row in session.query(COLUMNS.format(where=where, srid=srid)):
        schema, table, name = row[0] or "", row[1] or "", row[2] or ""
        extra = (row[14] or "").lower()
        identity = Identity(kind=IdentityKind.AUTO_INCREMENT) if "auto_increment" in extra else None
        is_json = (schema, table, name) in json
        text = (row[7] or "") + (f" SRID {row[16]}" if row[16] else "")
        columns[schema, table].append(
            Column(
                name=name,
                position=int(row[3] or 0),
                nullable=row[5] == "YES",
                identity=identity,
                native=native(row[6] or "", text, row[8:14], is_json=is_json),
                default=None
                if row[15]
                else clauses.default(row[4], (row[6] or "").lower(), extra, mariadb=mariadb),
                generated=clauses.generated(row[15], mariadb=mariadb),
                stored="stored" in extra or "persistent" in extra,
                on_update=clauses.on_update(extra),
                hidden=bool({"invisible"} & set(extra.split())),
                comment=row[17] or None,
            )
        )
    return columns


def native(
    name: str, text: str, sizes: tuple[str | None, ...], *, is_json: bool = False
) -> NativeType:
    length, precision, scale, fraction, charset, collation = sizes
    name = name.lower()
    numeric = name in ("decimal", "float", "double")
    width = re.match(r"\w+\((\d+)\)", text)
    sized = (
        length
        if length is not None
        else (width[1] if width and name in ("bit", "tinyint", "year", "vector") else None)
    )
    if is_json:
        return NativeType(name="json", text="json", charset=charset, collation=collation)
    return NativeType(
        name=name,
        text=text,
        unsigned=" unsigned" in text or " zerofill" in text,
        precision=int(precision) if numeric and precision else int(fraction) if fraction else None,
        scale=int(scale) if numeric and scale else None,
        length=int(sized) if sized else None,
        labels=labels(text) if name in ("enum", "set") else (),
        charset=charset,
        collation=collation,
    )


def labels(text: str) -> tuple[str, ...]:
    """The labels of `enum('a','it''s')`."""
    found = re.findall(r"'((?:[^'\\]|''|\\.)*)'", text, re.DOTALL)
    return tuple(label.replace("''", "'").replace("\\\\", "\\") for label in found)
