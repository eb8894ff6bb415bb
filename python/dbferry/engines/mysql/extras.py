"""Reads what stands beside the tables and views of MySQL and MariaDB: triggers, routines and events."""

from __future__ import annotations

from collections.abc import Collection

from dbferry.catalog import Extra, Session
from dbferry.engines.mysql import ddl

TRIGGERS = """
SELECT trigger_schema, trigger_name, event_object_table, event_manipulation FROM information_schema.triggers
WHERE trigger_schema {within} ORDER BY 1, 3, 2"""

ROUTINES = """
SELECT routine_schema, routine_name, lower(routine_type) FROM information_schema.routines
WHERE routine_schema {within} ORDER BY 1, 3, 2"""

EVENTS = """
SELECT event_schema, event_name FROM information_schema.events
WHERE event_schema {within} ORDER BY 1, 2"""


def read(session: Session, schemas: Collection[str], *, inside: bool) -> tuple[Extra, ...]:
    """Those in these schemas, or in all but these; they are only named."""
    names = ", ".join(map(ddl.literal, schemas))
    within = f"{'IN' if inside else 'NOT IN'} ({names})"
    found = [
        Extra(
            kind="trigger",
            name=name or "",
            group="triggers",
            table=(schema or "", table or ""),
            fires=event == "INSERT",
        )
        for schema, name, table, event in session.query(TRIGGERS.format(within=within))
    ]
    found += [
        Extra(kind=kind or "", name=name or "", group="functions", schema=schema)
        for schema, name, kind in session.query(ROUTINES.format(within=within))
    ]
    found += [
        Extra(kind="event", name=name or "", group="triggers", schema=schema)
        for schema, name in session.query(EVENTS.format(within=within))
    ]
    return tuple(found)
