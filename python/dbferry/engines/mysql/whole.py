"""What keeps a write into a table that stands whole."""

from __future__ import annotations

from dbferry.catalog import Session, Table
from dbferry.engines.mysql.ddl import literal

SETTINGS = (
    "SET SESSION foreign_key_checks = 1, lock_wait_timeout = 10, innodb_lock_wait_timeout = 10"
)
"""Two sessions of one write that hold the same key would wait for each other."""
PATIENT = "/*M!100600 SET STATEMENT lock_wait_timeout = 10, innodb_lock_wait_timeout = 10 FOR */ "
HINT = "/*+ SET_VAR(lock_wait_timeout = 10) */ "
"""MySQL sets no `innodb_lock_wait_timeout` for one statement: locks of rows are waited for as its session is told."""


def begin(table: Table | None, emptied: str | None) -> str | None:
    """One statement: what empties a table brings its settings along, of which each flavour reads its own."""
    return PATIENT + emptied.replace("DELETE ", f"DELETE {HINT}", 1) if emptied else SETTINGS


def fault(session: Session, table: Table, mode: str) -> tuple[str, str] | None:
    schema, name = literal(table.schema), literal(table.name)
    if mode != "replace":
        [(transacts, kind)] = session.query(
            "SELECT e.transactions, t.engine FROM information_schema.tables AS t "
            "LEFT JOIN information_schema.engines AS e ON e.engine = t.engine "
            f"WHERE t.table_schema = {schema} AND t.table_name = {name}"
        )
        if transacts != "YES":
            return (
                f"a table of the engine {kind} can't take all rows or none",
                'choose mode="replace", or give it the engine InnoDB',
            )
    if mode == "append":
        return None
    # What empties a table is a session's only statement before its rows, so nothing can turn the checks on.
    own = f"OR (table_schema = {schema} AND table_name = {name})" if mode == "truncate" else ""
    rows = session.query(
        "SELECT table_name FROM information_schema.key_column_usage WHERE "
        f"referenced_table_schema = {schema} AND referenced_table_name = {name} "
        f"AND NOT (table_schema = {schema} AND table_name = {name}) "
        f"OR referenced_table_name IS NOT NULL AND (FALSE {own}) LIMIT 1"
    )
    if not rows:
        return None
    if mode == "truncate":
        return (
            f"a foreign key of {rows[0][0]} can't be checked while the table is emptied",
            'empty the table yourself, and choose mode="append"',
        )
    return f"a foreign key of {rows[0][0]} depends on the table", "drop the foreign key first"
