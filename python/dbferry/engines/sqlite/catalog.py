"""Reads SQLite's catalog through its pragma functions; a declaration only hints at a type."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from dbferry.catalog import (
    Catalog,
    Column,
    Extra,
    Identity,
    IdentityKind,
    NativeType,
    Session,
    Table,
    View,
)
from dbferry.engines.sqlite import ddl, declaration
from dbferry.engines.sqlite import keys as keys_of_tables
from dbferry.errors import DbferryError

Row = tuple[str | None, ...]
TABLES = """
SELECT l.name, l.type, l.wr, l.strict,
       coalesce((SELECT s.sql FROM sqlite_schema s WHERE s.type = 'table' AND s.name = l.name), '')
FROM pragma_table_list AS l
WHERE l.schema = 'main' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND {where} ORDER BY l.name"""

COLUMNS = """
SELECT l.name, c.cid, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM pragma_table_list AS l JOIN pragma_table_xinfo(l.name) AS c
WHERE l.schema = 'main' AND l.type IN ({kinds}) AND c.hidden <> 1 AND {where} ORDER BY l.name, c.cid"""

# Only a key that isn't the rowid itself has an index.
KEY_INDEXES = """
SELECT l.name FROM pragma_table_list AS l JOIN pragma_index_list(l.name) AS i
WHERE l.schema = 'main' AND l.type = 'table' AND i.origin = 'pk' AND {where}"""


NUMBERS = ("user_version", "application_id")
TRIGGERS = "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid"
VIEWS = "SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY name"


def read(session: Session, schemas: Collection[str] = (), only: str | None = None) -> Catalog:
    """Every table of the file; with `only` the table or view of that name."""
    where = "true" if only is None else f"l.name = {ddl.literal(only)} COLLATE NOCASE"
    indexed = {row[0] for row in session.query(KEY_INDEXES.format(where=where))}
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in _columns_of(session, where, only):
        rows[row[0] or ""].append(row)
    sequences = _sequences(session)
    tables: list[Table] = []
    skipped: list[str] = []
    listed = session.query(TABLES.format(where=where))
    others = keys_of_tables.read(
        session, where, {row[0] or "": row[4] or "" for row in listed if row[1] == "table"}
    )
    for name, kind, without_rowid, strict, sql in listed:
        view = kind == "view" and only is not None
        if kind == "virtual":
            skipped.append(f"virtual table {name}")
        if kind != "table" and not view:
            continue
        found = rows[name or ""]
        keys = sorted(
            (int(row[6] or 0), row[2] or "") for row in found if row[6] not in ("0", None)
        )
        key = tuple(column for _, column in keys)
        rowid = not view and without_rowid != "1" and len(key) == 1 and name not in indexed
        autoincrement = rowid and declaration.is_autoincrement(sql or "")
        collations = declaration.collations(sql or "")
        clauses = declaration.clauses(sql or "")
        identity = Identity(
            kind=IdentityKind.AUTO_INCREMENT if autoincrement else IdentityKind.ROWID,
            next_value=sequences.get(name or "", 0) + 1 if autoincrement else None,
        )
        tables.append(
            Table(
                schema="main",
                name=name or "",
                primary_key=key,
                strict=strict == "1",
                indexes=tuple(others.indexes[name or ""]),
                foreign_keys=tuple(others.foreign_keys[name or ""]),
                checks=tuple(clauses.checks),
                declaration=sql if kind == "table" else None,
                kind="view" if view else "without_rowid" if without_rowid == "1" else "table",
                columns=tuple(
                    _column(
                        row,
                        key,
                        identity if rowid and row[2] == key[0] else None,
                        without_rowid == "1" or strict == "1",
                        collations.get(row[2] or ""),
                        clauses.generated.get(row[2] or ""),
                    )
                    for row in found
                ),
            )
        )
    return Catalog(
        engine="sqlite",
        version=session.version,
        schemas=("main",),
        default_schema="main",
        tables=tuple(tables),
        folds_tables=True,
        views=_views(
            session,
            {row[0] or "": rows[row[0] or ""] for row in listed if row[1] in ("table", "view")},
        ),
        skipped=tuple(skipped),
        extras=(*_settings(session), *_triggers(session)),
        settings={"encoding": session.query("PRAGMA encoding")[0][0] or ""},
    )


def _settings(session: Session) -> tuple[Extra, ...]:
    """The numbers that programs know the file by."""
    told = [(name, session.query(f"PRAGMA {name}")[0][0] or "0") for name in NUMBERS]
    return tuple(
        Extra(kind="setting", name=name, group="itself", sql=(f"PRAGMA {name} = {number}",))
        for name, number in told
        if int(number)
    )


def _triggers(session: Session) -> tuple[Extra, ...]:
    return tuple(
        Extra(
            kind="trigger",
            name=name or "",
            group="triggers",
            table=("main", table or ""),
            sql=(sql or "",),
            fires=re.search(r"\bINSERT\s+ON\b", sql or "", re.IGNORECASE) is not None,
        )
        for name, table, sql in session.query(TRIGGERS)
    )


def _columns_of(session: Session, where: str, only: str | None) -> list[Row]:
    """Of tables and views. One that reads what isn't there has no columns, and asking for them is an error."""
    try:
        return session.query(COLUMNS.format(where=where, kinds="'table', 'view'"))
    except DbferryError:
        if only is not None:
            raise
    found = session.query(COLUMNS.format(where=where, kinds="'table'"))
    for name, _ in session.query(VIEWS):
        alone = f"l.name = {ddl.literal(name or '')}"
        with suppress(DbferryError):
            found += session.query(COLUMNS.format(where=alone, kinds="'view'"))
    return found


def _views(session: Session, columns: Mapping[str, Sequence[Row]]) -> tuple[View, ...]:
    """SQLite doesn't tell what a view reads: any name in its text may be it."""
    known = {name.lower(): name for name in columns}
    return tuple(
        View(
            schema="main",
            name=name or "",
            query=declaration.query(sql or ""),
            declaration=sql,
            columns=tuple(row[2] or "" for row in columns.get(name or "", ())),
            needs=tuple(
                ("main", known[word])
                for word in sorted({t.text.lower() for t in declaration.tokens(sql or "")})
                if word in known and word != (name or "").lower()
            ),
        )
        for name, sql in session.query(VIEWS)
    )


def _sequences(session: Session) -> dict[str, int]:
    if not session.query("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"):
        return {}
    rows = session.query(f"SELECT name, seq FROM {ddl.quote('sqlite_sequence')}")
    return {name or "": int(value or 0) for name, value in rows}


def _column(
    row: Row,
    key: tuple[str, ...],
    identity: Identity | None,
    exact_keys: bool,
    collation: str | None,
    generated: str | None,
) -> Column:
    _, position, name, declared, notnull, default, _, hidden = row
    never_null = notnull == "1" or identity is not None or (exact_keys and name in key)
    return Column(
        name=name or "",
        position=int(position or 0) + 1,
        native=replace(native(declared or ""), collation=collation),
        nullable=not never_null,
        default=None if default is None else _default(default),
        identity=identity,
        generated=generated if hidden in ("2", "3") else None,
        stored=hidden == "3",
    )


def _default(text: str) -> str:
    """The pragma tells an expression without the parentheses that it needs."""
    literal = re.fullmatch(
        r"""[+-]?[\w.]+|'(?:[^']|'')*'|"(?:[^"]|"")*"|[xX]'[0-9a-fA-F]*'""", text
    )
    return text if literal else f"({text})"


def native(declared: str) -> NativeType:
    """`VARCHAR(20)` is name `varchar` of length 20; the text stays as it was written."""
    match = re.fullmatch(r"\s*([^()]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\).*)?\s*", declared)
    if match is None:
        return NativeType(name=declared.lower().strip(), text=declared)
    first = int(match[2]) if match[2] else None
    name = match[1].lower()
    exact = any(word in name for word in ("dec", "num", "money"))
    return NativeType(
        name=name,
        text=declared,
        length=None if exact else first,
        precision=first if exact else None,
        scale=(int(match[3]) if match[3] else 0) if exact and first else None,
    )


def affinity(name: str) -> str:
    """SQLite's own rules, in their order."""
    upper = name.upper()
    if "INT" in upper:
        return "integer"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "text"
    if "BLOB" in upper or not upper:
        return "blob"
    if any(word in upper for word in ("REAL", "FLOA", "DOUB")):
        return "real"
    return "numeric"
