"""Reads the views of MySQL and MariaDB."""

from __future__ import annotations

import re

from dbferry.catalog import Session, View
from dbferry.engines.mysql import ddl
from dbferry.errors import DbferryError

VIEWS = """
SELECT table_schema, table_name, view_definition, check_option, security_type
FROM information_schema.views WHERE {where} ORDER BY table_schema, table_name"""
NAME = r"`((?:[^`]|``)*)`"
LITERAL = re.compile(ddl.LITERAL, re.DOTALL)
DECLARATION = re.compile(
    rf"CREATE (?:ALGORITHM=(?P<algorithm>\w+) )?DEFINER={NAME}@{NAME} SQL SECURITY \w+ VIEW (?:{NAME}\.)?{NAME} "
    rf"(?:\((?P<columns>{NAME}(?:,{NAME})*)\) )?AS (?P<query>.*)",
    re.DOTALL,
)


def read(session: Session, where: str) -> list[View]:
    """What they read is in their text: every table with the name of its database before it."""
    views = []
    for schema, name, query, check, security in session.query(VIEWS.format(where=where)):
        places = {
            (ddl.unquoted(left), ddl.unquoted(right))
            for left, right in re.findall(rf"(?:from|join) \(*{NAME}\.{NAME}", query or "")
        }
        told = _declaration(session, schema or "", name or "")
        algorithm = told["algorithm"] if told else None
        kept = f"ALGORITHM={algorithm} " if algorithm not in (None, "UNDEFINED") else ""
        views.append(
            View(
                schema=schema or "",
                name=name or "",
                query=_with_literals(query or "", told["query"]) if told else query or "",
                columns=tuple(map(ddl.unquoted, re.findall(NAME, told["columns"] or "")))
                if told
                else (),
                options=(
                    f"{kept}SQL SECURITY {security or 'DEFINER'}",
                    *([f"WITH {check} CHECK OPTION"] if check not in (None, "NONE") else []),
                ),
                needs=tuple(sorted(places)),
            )
        )
    return views


def _declaration(session: Session, schema: str, name: str) -> re.Match[str] | None:
    """What the server prints: the names of its columns and every character, but no names of databases."""
    try:
        [row] = session.query(f"SHOW CREATE VIEW {ddl.relation(schema, name)}")
    except DbferryError as error:
        if error.fatal:
            raise
        # It takes a right of its own.
        return None
    return DECLARATION.fullmatch(row[1] or "")


def _with_literals(query: str, told: str) -> str:
    """The catalog tells `?` for characters above U+FFFF; the server's own text is the same in all else."""
    true = LITERAL.findall(told)
    if "?" not in query or len(true) != len(LITERAL.findall(query)):
        return query
    literals = iter(true)
    return LITERAL.sub(lambda _: next(literals), query)
