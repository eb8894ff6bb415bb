"""Reads the checks of PostgreSQL's tables, and those NOT NULL that are constraints with something of their own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from dbferry.catalog import Check, NotNull, Session
from dbferry.engines.postgresql import ddl

CHECKS = """
SELECT k.conrelid, k.conname, pg_catalog.pg_get_expr(k.conbin, k.conrelid), k.convalidated, k.connoinherit,
       pg_catalog.to_jsonb(k) ->> 'conenforced', pg_catalog.obj_description(k.oid, 'pg_constraint'), k.conislocal
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid AND NOT (c.relispartition AND k.coninhcount > 0)
WHERE k.contype = 'c' ORDER BY k.conrelid, k.conname"""

# With another name than by itself, or one that others inherit, of a column that is inherited, with a comment, or rows that may
# break it; PostgreSQL 18 only.
NOT_NULLS = """
SELECT k.conrelid, a.attname, k.conname, k.convalidated, k.connoinherit,
       pg_catalog.obj_description(k.oid, 'pg_constraint'), k.conislocal
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid AND NOT (c.relispartition AND k.coninhcount > 0)
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE k.contype = 'n' AND (NOT k.convalidated OR k.connoinherit OR c.relhassubclass OR k.coninhcount > 0
      OR NOT a.attislocal OR k.conname <> c.relname || '_' || a.attname || '_not_null'
      OR pg_catalog.obj_description(k.oid, 'pg_constraint') IS NOT NULL)
ORDER BY k.conrelid, k.conname"""


@dataclass
class Checks:
    """What a partition has from its table isn't among them."""

    of: dict[str, list[Check]] = field(default_factory=lambda: defaultdict(list))
    """By the oid of their table."""
    not_null: dict[tuple[str, str], NotNull] = field(default_factory=dict)
    """By the oid of their table and their column."""

    def may_be_null(self, oid: str, column: str) -> bool:
        """True for a column whose NOT NULL old rows may break."""
        return any(check.forbids_null == column for check in self.of.get(oid, ()))


def read(session: Session) -> Checks:
    found = Checks()
    for oid, name, expression, valid, alone, enforced, comment, local in session.query(CHECKS):
        found.of[oid or ""].append(
            Check(
                name=name,
                expression=expression or "",
                valid=valid == "t",
                inherited=alone != "t",
                enforced=enforced != "false",
                local=local == "t",
                comment=comment,
            )
        )
    for oid, column, name, valid, alone, comment, local in session.query(NOT_NULLS):
        inherited = alone != "t"
        if valid == "t":
            found.not_null[oid or "", column or ""] = NotNull(
                name=name or "", inherited=inherited, local=local == "t", comment=comment
            )
            continue
        found.of[oid or ""].append(
            Check(
                name=name,
                expression=f"{ddl.quote(column or '')} IS NOT NULL",
                forbids_null=column,
                valid=False,
                inherited=inherited,
                local=local == "t",
                comment=comment,
            )
        )
    return found
