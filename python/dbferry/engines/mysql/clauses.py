"""Reads what stands in CREATE TABLE of MySQL and MariaDB besides names and types: defaults and checks.

The two tell them in different ways. MySQL gives a literal bare, without quotes, and an expression with its own
backslashes before every quote; MariaDB gives SQL.
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict

from dbferry.catalog import Check, Session
from dbferry.engines.mysql import ddl

# Types whose bare literal is SQL as it is.
BARE = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "year", "bit",
     "binary", "varbinary"}
)  # fmt: skip
MOMENTS = ("datetime", "timestamp")
MOMENT = re.compile(r"(?i)current_timestamp(\([0-6]?\))?")

CHECKS = {
    "mariadb": """
SELECT constraint_schema, table_name, constraint_name, check_clause, level, 'YES'
FROM information_schema.check_constraints WHERE {where}""",
    "mysql": """
SELECT t.table_schema, t.table_name, t.constraint_name, c.check_clause, 'Table', t.enforced
FROM information_schema.table_constraints t JOIN information_schema.check_constraints c
  ON c.constraint_schema = t.constraint_schema AND c.constraint_name = t.constraint_name
WHERE t.constraint_type = 'CHECK' AND {where}
ORDER BY t.table_schema, t.table_name, t.constraint_name""",
}
CHECKS_SINCE = (8, 0, 16)
Place = tuple[str, str]


def default(text: str | None, type_name: str, extra: str, *, mariadb: bool) -> str | None:
    """What follows the word DEFAULT."""
    if text is None or (mariadb and text.upper() == "NULL"):
        return None
    if mariadb:
        return text
    if "default_generated" in extra:
        text = plain(text)
        return text if MOMENT.fullmatch(text) else f"({text})"
    moment = type_name in MOMENTS and MOMENT.fullmatch(text)
    if type_name in BARE or moment:
        return text
    return ddl.literal(text)


def generated(text: str | None, *, mariadb: bool) -> str | None:
    return None if not text else text if mariadb else plain(text)


def on_update(extra: str) -> str | None:
    found = re.search(r"on update (current_timestamp(\([0-6]?\))?)", extra)
    return found[1].upper() if found else None


def plain(text: str) -> str:
    """An expression of MySQL, which puts a backslash before every quote and backslash, and tells each byte beyond
    ASCII as a character of its own.
    """
    with contextlib.suppress(UnicodeError):
        text = text.encode("latin-1").decode()
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def read_checks(
    session: Session, where: str, json: set[tuple[str, str, str]]
) -> dict[Place, list[Check]]:
    """By schema and name of their table, without those that make a column JSON."""
    mariadb = "mariadb" in session.version.lower()
    found: dict[Place, list[Check]] = defaultdict(list)
    numbers = tuple(int(n) for n in re.findall(r"\d+", session.version)[:3])
    if not mariadb and numbers < CHECKS_SINCE:
        return found
    if mariadb:
        where = where.replace("table_schema", "constraint_schema")
    rows = session.query(CHECKS["mariadb" if mariadb else "mysql"].format(where=where))
    for schema, table, name, clause, level, enforced in rows:
        place = (schema or "", table or "")
        inline = level == "Column"
        if inline and (*place, name or "") in json:
            continue
        text = (clause or "") if mariadb else plain(clause or "")
        found[place].append(
            Check(
                name=name,
                expression=text,
                column=name if inline else None,
                enforced=enforced != "NO",
            )
        )
    return found
