"""Reads the views of MySQL and MariaDB."""

from __future__ import annotations

import re

from dbferry.catalog import Session, View

VIEWS = """
SELECT table_schema, table_name, view_definition, check_option, security_type
FROM information_schema.views WHERE {where} ORDER BY table_schema, table_name"""
NAME = r"`((?:[^`]|``)*)`"


def read(session: Session, where: str) -> list[View]:
    """What they read is in their text: every table with the name of its database before it."""
    views = []
    for schema, name, query, check, security in session.query(VIEWS.format(where=where)):
        places = {
            (left.replace("``", "`"), right.replace("``", "`"))
            for left, right in re.findall(rf"(?:from|join) \(*{NAME}\.{NAME}", query or "")
        }
        views.append(
            View(
                schema=schema or "",
                name=name or "",
                query=query or "",
                options=(
                    f"SQL SECURITY {security or 'DEFINER'}",
                    *([f"WITH {check} CHECK OPTION"] if check not in (None, "NONE") else []),
                ),
                needs=tuple(sorted(places)),
            )
        )
    return views
