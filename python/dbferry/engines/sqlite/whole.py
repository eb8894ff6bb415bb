"""What keeps a write into a table that stands whole."""

from __future__ import annotations

from dbferry.catalog import Session, Table
from dbferry.engines.sqlite.ddl import literal

HELD = "COMMIT; PRAGMA foreign_keys = ON; BEGIN IMMEDIATE"
"""Foreign keys can't be turned on within a transaction, and nothing is done yet in this one."""


def begin(table: Table | None, emptied: str | None) -> str | None:
    """Rows may come before those of the same table that they refer to."""
    statements = [HELD] if table and table.foreign_keys else []
    statements += ["PRAGMA defer_foreign_keys = ON"] if table and _refers_to_itself(table) else []
    return "; ".join([*statements, *([emptied] if emptied else [])]) or None


def _refers_to_itself(table: Table) -> bool:
    return any(key.table.lower() == table.name.lower() for key in table.foreign_keys)


def fault(session: Session, table: Table, mode: str) -> tuple[str, str] | None:
    if mode != "replace" and (missing := _missing(session, table)) is not None:
        return (
            f"a foreign key of the table refers to `{missing}`, which isn't there",
            "create that table first: SQLite takes no row without it",
        )
    if mode == "append":
        return None
    name = f"lower({literal(table.name)})"
    rows = session.query(
        "SELECT m.name FROM sqlite_master AS m JOIN pragma_foreign_key_list(m.name) AS k "
        f"WHERE m.type = 'table' AND lower(k.\"table\") = {name} AND lower(m.name) <> {name} LIMIT 1"
    )
    if not rows:
        return None
    other = 'choose mode="append"' if mode == "truncate" else 'choose mode="truncate"'
    hint = (
        "drop that table first" if mode == "replace" else f"empty the table yourself, and {other}"
    )
    return f"a foreign key of {rows[0][0]} depends on the table", hint


def _missing(session: Session, table: Table) -> str | None:
    rows = session.query(
        f'SELECT k."table" FROM pragma_foreign_key_list({literal(table.name)}) AS k WHERE NOT EXISTS '
        "(SELECT 1 FROM sqlite_master AS m WHERE m.type = 'table' AND lower(m.name) = lower(k.\"table\"))"
    )
    return rows[0][0] if rows else None
