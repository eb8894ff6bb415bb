"""Small words of those who read what stands beside tables."""

from __future__ import annotations

from dbferry.engines.postgresql import ddl

NOT_OF_EXTENSION = (
    "NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.deptype IN ('e', 'i') AND x.objid = {alias}.oid"
    " AND x.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass)"
)


def is_free(alias: str, catalog: str) -> str:
    """A condition: what is called so in a query belongs to no extension and to nothing else."""
    return NOT_OF_EXTENSION.format(alias=alias, catalog=catalog)


def commented(what: str, text: str | None) -> list[str]:
    return [f"COMMENT ON {what} IS {ddl.literal(text)}"] if text else []
