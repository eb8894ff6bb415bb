"""What keeps a write into a table that stands whole."""

from __future__ import annotations

from dbferry.catalog import Session, Table
from dbferry.engines.postgresql.ddl import PATIENT, literal, relation

LEANING = (
    "SELECT 'foreign key of ' || conrelid::regclass, 'drop it' FROM pg_catalog.pg_constraint "
    "WHERE contype = 'f' AND confrelid = {0}::regclass AND conrelid <> confrelid AND conparentid = 0 UNION "
    "SELECT 'inheritance of ' || i.inhrelid::regclass, format('ALTER TABLE %s NO INHERIT %s', i.inhrelid::regclass, "
    "i.inhparent::regclass) FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent "
    "WHERE p.relkind = 'r' AND {0}::regclass IN (i.inhrelid, i.inhparent) AND {1} UNION "
    "SELECT 'view ' || r.ev_class::regclass, 'drop it' FROM pg_catalog.pg_rewrite AS r "
    "JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid "
    "WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = {0}::regclass "
    "AND r.ev_class <> d.refobjid AND {1} ORDER BY 1 LIMIT 1"
)


def begin(table: Table | None, emptied: str | None) -> str | None:
    return f"{PATIENT}; {emptied}" if emptied else PATIENT


def fault(session: Session, table: Table, mode: str) -> tuple[str, str] | None:
    if mode not in ("replace", "truncate"):
        return None
    place = literal(relation(table.schema, table.name))
    # Views and heirs don't mind who fills their table.
    rows = session.query(LEANING.format(place, "true" if mode == "replace" else "false"))
    if not rows:
        return None
    what, how = rows[0]
    return (f"the {what} depends on the table", f'{how} first, or choose mode="{OTHER[mode]}"')


OTHER = {"replace": "truncate", "truncate": "append"}
