"""Reads who may do what in PostgreSQL, as far as it isn't so by itself.

Every list of rights is compared with what a new object of its kind would have. Of the owner's own only those count that
are taken away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from dbferry.catalog import Ability, Extra, Session
from dbferry.engines.postgresql import ddl

# Everything that has an owner: what ALTER calls it; what GRANT does, where there are rights on it; whether it is owned for
# itself, and not with a table; the table or view that it is or goes with; those that it is made of; what must come along first.
OBJECTS = """
WITH space AS (
    SELECT n.oid, n.nspname, pg_catalog.quote_ident(n.nspname) || '.' AS prefix, n.nspowner, n.nspacl
    FROM pg_catalog.pg_namespace n WHERE {where}
), object (catalog, oid, schema, kind, name, given, given_name, rights, owner, acl, alone, tschema, tname, nschema, nname, made, made_name) AS (
    SELECT 'pg_class', c.oid, n.nspname,
           CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
           n.prefix || pg_catalog.quote_ident(c.relname), CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
           n.prefix || pg_catalog.quote_ident(c.relname), CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END, c.relowner, c.relacl,
           d.objid IS NULL, coalesce(os.nspname, n.nspname),
           coalesce(o.relname, CASE WHEN c.relkind <> 'S' THEN c.relname END), NULL::name, NULL::name, NULL, NULL
    FROM pg_catalog.pg_class c JOIN space n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_depend d ON c.relkind = 'S' AND d.objid = c.oid AND d.deptype IN ('a', 'i')
         AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
         AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    LEFT JOIN pg_catalog.pg_class o ON o.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_namespace os ON os.oid = o.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relpersistence <> 't'
  UNION ALL
    SELECT 'pg_proc', p.oid, n.nspname,
           CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END,
           n.prefix || pg_catalog.quote_ident(p.proname)
           || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '(*)' ELSE f.arguments END,
           CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
           n.prefix || pg_catalog.quote_ident(p.proname) || f.arguments, 'f', p.proowner, p.proacl, true, NULL, NULL, NULL, NULL,
           CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
           p.proname || f.arguments
    FROM pg_catalog.pg_proc p JOIN space n ON n.oid = p.pronamespace
    CROSS JOIN LATERAL (SELECT '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')') AS f (arguments)
  UNION ALL
    SELECT 'pg_type', t.oid, n.nspname, CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END,
           n.prefix || pg_catalog.quote_ident(t.typname), 'TYPE', n.prefix || pg_catalog.quote_ident(t.typname), 'T',
           t.typowner, t.typacl, coalesce(t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c', false), NULL, NULL, NULL, NULL, NULL, NULL
    FROM pg_catalog.pg_type t JOIN space n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
  UNION ALL
    SELECT 'pg_namespace', n.oid, n.nspname, 'SCHEMA', q.name, 'SCHEMA', q.name, 'n', n.nspowner, n.nspacl,
           n.nspname <> 'public', NULL, NULL, NULL, NULL, NULL, NULL
    FROM space n CROSS JOIN LATERAL (SELECT '"' || replace(n.nspname, '"', '""') || '"') AS q (name)
  UNION ALL
    SELECT t.catalog, t.oid, n.nspname, t.kind, n.prefix || t.name, NULL, NULL, NULL, t.owner, NULL, true, NULL, NULL, t.nschema, t.nname,
           t.made, t.made_name
    FROM (
        SELECT 'pg_statistic_ext', s.oid, s.stxnamespace, s.stxowner, 'STATISTICS', pg_catalog.quote_ident(s.stxname), NULL, NULL, n.nspname,
               c.relname
        FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_class c ON c.oid = s.stxrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      UNION ALL
        SELECT 'pg_collation', c.oid, c.collnamespace, c.collowner, 'COLLATION', pg_catalog.quote_ident(c.collname), NULL, NULL, NULL, NULL
        FROM pg_catalog.pg_collation c
      UNION ALL
        SELECT 'pg_conversion', c.oid, c.connamespace, c.conowner, 'CONVERSION', pg_catalog.quote_ident(c.conname), 'conversion',
               c.conname, NULL, NULL
        FROM pg_catalog.pg_conversion c
      UNION ALL
        SELECT 'pg_operator', o.oid, o.oprnamespace, o.oprowner, 'OPERATOR',
               o.oprname || ' (' || coalesce(a.one, 'NONE') || ', ' || coalesce(a.other, 'NONE') || ')', 'operator',
               o.oprname || ' (' || concat_ws(', ', a.one, a.other) || ')', NULL, NULL
        FROM pg_catalog.pg_operator o CROSS JOIN LATERAL (
            SELECT CASE WHEN o.oprleft <> 0 THEN pg_catalog.format_type(o.oprleft, NULL) END,
                   CASE WHEN o.oprright <> 0 THEN pg_catalog.format_type(o.oprright, NULL) END) AS a (one, other)
        WHERE o.oprcode <> 0
      UNION ALL
        SELECT 'pg_opclass', o.oid, o.opcnamespace, o.opcowner, 'OPERATOR CLASS',
               pg_catalog.quote_ident(o.opcname) || ' USING ' || pg_catalog.quote_ident(m.amname), 'operator class',
               o.opcname || ' of ' || pg_catalog.quote_ident(m.amname), NULL, NULL
        FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
      UNION ALL
        SELECT 'pg_opfamily', o.oid, o.opfnamespace, o.opfowner, 'OPERATOR FAMILY',
               pg_catalog.quote_ident(o.opfname) || ' USING ' || pg_catalog.quote_ident(m.amname), 'operator family',
               o.opfname || ' of ' || pg_catalog.quote_ident(m.amname), NULL, NULL
        FROM pg_catalog.pg_opfamily o JOIN pg_catalog.pg_am m ON m.oid = o.opfmethod
      UNION ALL
        SELECT 'pg_ts_dict', d.oid, d.dictnamespace, d.dictowner, 'TEXT SEARCH DICTIONARY', pg_catalog.quote_ident(d.dictname),
               'text search dictionary', d.dictname, NULL, NULL
        FROM pg_catalog.pg_ts_dict d
      UNION ALL
        SELECT 'pg_ts_config', c.oid, c.cfgnamespace, c.cfgowner, 'TEXT SEARCH CONFIGURATION', pg_catalog.quote_ident(c.cfgname),
               'text search configuration', c.cfgname, NULL, NULL
        FROM pg_catalog.pg_ts_config c
    ) AS t (catalog, oid, namespace, owner, kind, name, made, made_name, nschema, nname)
    JOIN space n ON n.oid = t.namespace
)"""

# What an extension has made has its first rights from there.
GRANTS = """, known AS (
    SELECT o.*, 0 AS sub, NULL AS col, pg_catalog.acldefault(o.rights::"char", o.owner) AS base
    FROM object o WHERE o.acl IS NOT NULL
  UNION ALL
    SELECT o.catalog, o.oid, o.schema, o.kind, o.name, o.given, o.given_name, o.rights, o.owner, a.attacl, o.alone, o.tschema,
           o.tname, o.nschema, o.nname, o.made, o.made_name, a.attnum, pg_catalog.quote_ident(a.attname), pg_catalog.acldefault('c', o.owner)
    FROM object o JOIN pg_catalog.pg_attribute a ON a.attrelid = o.oid
    WHERE o.given = 'TABLE' AND a.attacl IS NOT NULL AND NOT a.attisdropped
)
SELECT k.given AS kind, k.schema, k.given_name AS name,
       CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.objid = k.oid AND x.deptype = 'e'
                             AND x.classid = ('pg_catalog.' || k.catalog)::pg_catalog.regclass) THEN k.made END AS made,
       k.made_name, k.tschema, k.tname, r.rolname AS role, k.col, x.privilege_type AS granted, x.is_grantable AS grantable, x.gone
FROM known k
LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = k.oid AND i.objsubid = k.sub
     AND i.classoid = ('pg_catalog.' || k.catalog)::pg_catalog.regclass
CROSS JOIN LATERAL (
    (SELECT grantee, privilege_type, is_grantable, false AS gone FROM pg_catalog.aclexplode(k.acl)
     EXCEPT
     SELECT grantee, privilege_type, is_grantable, false
     FROM pg_catalog.aclexplode(coalesce(i.initprivs, k.base)))
  UNION ALL
    (SELECT grantee, privilege_type, is_grantable, true
     FROM pg_catalog.aclexplode(coalesce(i.initprivs, k.base))
     EXCEPT
     SELECT grantee, privilege_type, is_grantable, true FROM pg_catalog.aclexplode(k.acl))
) x LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
WHERE (x.grantee <> k.owner OR x.gone) AND (x.grantee = 0 OR r.rolname IS NOT NULL)
ORDER BY kind, k.schema, name, k.col NULLS FIRST, role NULLS FIRST, granted"""

# Those of objects that don't exist yet; in a schema they are added to those by themselves.
DEFAULTS = """
SELECT pg_catalog.pg_get_userbyid(d.defaclrole), n.nspname, d.defaclobjtype, r.rolname, x.privilege_type,
       x.is_grantable, x.gone
FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL (
    SELECT CASE WHEN d.defaclnamespace = 0 THEN pg_catalog.acldefault(
        CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole) END
) b (acl)
CROSS JOIN LATERAL (
    (SELECT grantee, privilege_type, is_grantable, false AS gone FROM pg_catalog.aclexplode(d.defaclacl)
     EXCEPT
     SELECT grantee, privilege_type, is_grantable, false FROM pg_catalog.aclexplode(b.acl))
  UNION ALL
    (SELECT grantee, privilege_type, is_grantable, true FROM pg_catalog.aclexplode(b.acl)
     EXCEPT
     SELECT grantee, privilege_type, is_grantable, true FROM pg_catalog.aclexplode(d.defaclacl))
) x LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
WHERE x.grantee <> d.defaclrole AND (x.grantee = 0 OR r.rolname IS NOT NULL)
ORDER BY 1, 2 NULLS FIRST, 3, 4 NULLS FIRST, 5"""

# Those of whole databases stay; what goes with a table or a column is owned with it.
OWNERS = """
SELECT o.kind, o.schema, o.name, o.tname, o.nschema, o.nname, r.rolname AS role, o.made, o.made_name
FROM object o JOIN pg_catalog.pg_roles r ON r.oid = o.owner
WHERE o.alone AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                  WHERE x.objid = o.oid AND (x.deptype = 'e' OR x.deptype = 'i' AND o.catalog = 'pg_proc')
                  AND x.classid = ('pg_catalog.' || o.catalog)::pg_catalog.regclass)
ORDER BY o.kind, o.schema, o.name"""

KINDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES", "n": "SCHEMAS"}
EVERYBODY = "PUBLIC"
YOUNG: tuple[Ability, ...] = ("MAINTAIN",)
"""Rights that not every server knows, which are given by statements of their own."""


class _Granted(NamedTuple):
    """A row of GRANTS."""

    kind: str | None
    schema: str | None
    name: str | None
    made: str | None
    made_name: str | None
    tschema: str | None
    tname: str | None
    role: str | None
    col: str | None
    granted: str | None
    grantable: str | None
    gone: str | None


class _Default(NamedTuple):
    """A row of DEFAULTS."""

    owner: str | None
    schema: str | None
    kind: str | None
    role: str | None
    granted: str | None
    grantable: str | None
    gone: str | None


class _Owned(NamedTuple):
    """A row of OWNERS."""

    kind: str | None
    schema: str | None
    name: str | None
    tname: str | None
    nschema: str | None
    nname: str | None
    role: str | None
    made: str | None
    made_name: str | None


@dataclass
class _Rights:
    """What one role is given, and is not given, on one object."""

    given: list[str] = field(default_factory=list)
    given_on: list[str] = field(default_factory=list)
    """Those that it may give to others."""
    taken: list[str] = field(default_factory=list)

    def add(self, right: str, *, grantable: bool, gone: bool) -> None:
        kept = self.given_on if grantable else self.given
        (self.taken if gone else kept).append(right)

    def statements(self, on: str, role: str) -> list[str]:
        said = [f"REVOKE {', '.join(self.taken)} ON {on} FROM {role}"] if self.taken else []
        said += [f"GRANT {', '.join(self.given)} ON {on} TO {role}"] if self.given else []
        if self.given_on:
            said.append(f"GRANT {', '.join(self.given_on)} ON {on} TO {role} WITH GRANT OPTION")
        return said


def read(session: Session, where: str) -> Iterator[Extra]:
    """One for each object and each role; owners first, who may have fewer rights than by themselves.

    A new owner must have a right on the schema, so that what is said of schemas goes before all.
    """
    objects = OBJECTS.format(where=where)
    owners = [_ownership(_Owned(*row)) for row in session.query(objects + OWNERS)]
    granted = (_Granted(*row) for row in session.query(objects + GRANTS))
    grants = list(_grants(granted))
    for of_schemas in (True, False):
        for extra in (*owners, *grants):
            if (extra.home is not None) is of_schemas:
                yield extra
    yield from _defaults(_Default(*row) for row in session.query(DEFAULTS))


def _grants(rows: Iterable[_Granted]) -> Iterator[Extra]:
    rights: dict[_Granted, _Rights] = defaultdict(_Rights)
    for row in rows:
        right = row.granted or ""
        said = f"{right} ({row.col})" if row.col else right
        # Of all that is given to one role on one object, what is young stands apart.
        key = row._replace(col=None, granted=_ability(right), grantable=None, gone=None)
        rights[key].add(said, grantable=row.grantable == "t", gone=row.gone == "t")
    for row, found in rights.items():
        young = _ability(row.granted)
        yield Extra(
            kind="grants",
            name=f"{_alone(young)}on {(row.kind or '').lower()} {row.name}",
            ability=young,
            group="grants",
            home=row.schema if row.kind == "SCHEMA" else None,
            table=(row.tschema or "", row.tname) if row.tname else None,
            role=row.role or EVERYBODY,
            of=(row.made, row.schema, row.made_name or "") if row.made else None,
            sql=tuple(found.statements(f"{row.kind} {row.name}", _quoted(row.role))),
        )


def _ownership(row: _Owned) -> Extra:
    return Extra(
        kind="ownership",
        name=f"of {(row.kind or '').lower()} {row.name}",
        group="grants",
        home=row.schema if row.kind == "SCHEMA" else None,
        table=(row.schema or "", row.tname) if row.tname else None,
        needs=((row.nschema or "", row.nname),) if row.nname else (),
        role=row.role,
        of=(row.made, row.schema, row.made_name or "") if row.made else None,
        sql=(f"ALTER {row.kind} {row.name} OWNER TO {_quoted(row.role)}",),
    )


def _defaults(rows: Iterable[_Default]) -> Iterator[Extra]:
    rights: dict[_Default, _Rights] = defaultdict(_Rights)
    for row in rows:
        right = row.granted or ""
        key = row._replace(granted=_ability(right), grantable=None, gone=None)
        rights[key].add(right, grantable=row.grantable == "t", gone=row.gone == "t")
    for row, found in rights.items():
        young, kinds = _ability(row.granted), KINDS[row.kind or ""]
        whose = f"ALTER DEFAULT PRIVILEGES FOR ROLE {_quoted(row.owner)}"
        within = f" IN SCHEMA {ddl.quote(row.schema)}" if row.schema else ""
        said = found.statements(kinds, _quoted(row.role))
        yield Extra(
            kind="grants",
            ability=young,
            name=f"{_alone(young)}on new {kinds.lower()} of {row.owner}{within.lower()}",
            group="grants",
            home=row.schema,
            role=row.role or EVERYBODY,
            sql=tuple(f"{whose}{within} {statement}" for statement in said),
        )


def _alone(young: str | None) -> str:
    return f"of {young} " if young else ""


def _ability(young: str | None) -> Ability | None:
    return next((right for right in YOUNG if right == young), None)


def _quoted(role: str | None) -> str:
    return ddl.quote(role) if role else EVERYBODY
