"""What those share who read what stands beside PostgreSQL's tables: whose it is, what it needs, its comment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from dbferry.catalog import Session

NOT_OF_EXTENSION = (
    "NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.deptype IN ('e', 'i') AND x.objid = {alias}.oid"
    " AND x.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass)"
)

# A function is made of a table when its arguments or its result are rows of it, or its body is no text.
NEEDS = """
SELECT DISTINCT d.objid, n.nspname, c.relname
FROM pg_catalog.pg_depend d
LEFT JOIN pg_catalog.pg_type t ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = d.refobjid
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
JOIN pg_catalog.pg_class c ON c.oid = CASE WHEN d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
     THEN d.refobjid ELSE coalesce(e.typrelid, t.typrelid) END
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname <> 'pg_catalog' ORDER BY 1, 2, 3"""

Needs = Mapping[str, tuple[tuple[str, str], ...]]
"""Schema and name of the tables and views that a function is made of, by its oid."""


def needs_of_functions(session: Session) -> Needs:
    needs: dict[str, tuple[tuple[str, str], ...]] = defaultdict(tuple)
    for oid, schema, table in session.query(NEEDS):
        needs[oid or ""] += ((schema or "", table or ""),)
    return needs


def is_free(alias: str, catalog: str) -> str:
    """A condition: what is called so in a query belongs to no extension and to nothing else."""
    return NOT_OF_EXTENSION.format(alias=alias, catalog=catalog)
