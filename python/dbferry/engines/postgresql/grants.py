"""Reads who may do what in PostgreSQL, as far as it isn't so by itself.

Every list of rights is compared with what a new object of its kind would have. Of the owner's own only those count that
are taken away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dbferry.catalog import Ability, Extra, Session
from dbferry.engines.postgresql import ddl

# Of each object: what GRANT calls its kind, schema, name, column, its table, its owner, its rights and those by itself.
# What an extension has made has its first rights from there.
GRANTS = """
WITH object (kind, schema, name, col, tschema, tname, owner, acl, base, oid, catalog, of, of_name) AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname,
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), NULL,
           coalesce(onn.nspname, n.nspname), coalesce(o.relname, CASE WHEN c.relkind <> 'S' THEN c.relname END),
           c.relowner, c.relacl,
           pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner), c.oid,
           'pg_class', NULL, NULL
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_depend d ON c.relkind = 'S' AND d.objid = c.oid AND d.deptype IN ('a', 'i')
         AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
         AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    LEFT JOIN pg_catalog.pg_class o ON o.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_namespace onn ON onn.oid = o.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relpersistence <> 't' AND {where}
  UNION ALL
    SELECT 'TABLE', n.nspname, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
           pg_catalog.quote_ident(a.attname), n.nspname, c.relname, c.relowner, a.attacl,
           pg_catalog.acldefault('c', c.relowner), c.oid,
           'pg_class', NULL, NULL
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm') AND {where}
  UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, n.nspname,
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname) || '('
           || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
           NULL, NULL, NULL, p.proowner, p.proacl, pg_catalog.acldefault('f', p.proowner), p.oid, 'pg_proc',
           CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
           p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')'
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE {where}
  UNION ALL
    SELECT 'TYPE', n.nspname, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname),
           NULL, NULL, NULL, t.typowner, t.typacl, pg_catalog.acldefault('T', t.typowner), t.oid,
           'pg_type', NULL, NULL
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typacl IS NOT NULL AND {where}
  UNION ALL
    SELECT 'SCHEMA', n.nspname, '"' || replace(n.nspname, '"', '""') || '"', NULL, NULL, NULL, n.nspowner, n.nspacl,
           pg_catalog.acldefault('n', n.nspowner), n.oid, 'pg_namespace', NULL, NULL
    FROM pg_catalog.pg_namespace n WHERE {where}
), known AS (
    SELECT o.*, i.initprivs, EXISTS (
        SELECT FROM pg_catalog.pg_depend x WHERE x.objid = o.oid AND x.deptype = 'e'
          AND x.classid = ('pg_catalog.' || o.catalog)::pg_catalog.regclass) AS extends
    FROM object o
    LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = o.oid AND i.objsubid = 0
         AND i.classoid = ('pg_catalog.' || o.catalog)::pg_catalog.regclass
    WHERE o.acl IS NOT NULL
)
SELECT k.kind, k.schema, k.name, CASE WHEN NOT k.extends THEN k.of END, k.of_name, k.tschema, k.tname, r.rolname, k.col, x.privilege_type,
       x.is_grantable, x.gone
FROM known k CROSS JOIN LATERAL (
    (SELECT grantee, privilege_type, is_grantable, false AS gone FROM pg_catalog.aclexplode(k.acl)
     EXCEPT
     SELECT grantee, privilege_type, is_grantable, false
     FROM pg_catalog.aclexplode(coalesce(k.initprivs, k.base)))
  UNION ALL
    (SELECT grantee, privilege_type, is_grantable, true
     FROM pg_catalog.aclexplode(coalesce(k.initprivs, k.base))
     EXCEPT
     SELECT grantee, privilege_type, is_grantable, true FROM pg_catalog.aclexplode(k.acl))
) x LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
WHERE (x.grantee <> k.owner OR x.gone) AND (x.grantee = 0 OR r.rolname IS NOT NULL)
ORDER BY k.kind, k.schema, k.name, k.col NULLS FIRST, r.rolname NULLS FIRST, x.privilege_type"""

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
WITH object (kind, schema, name, tname, owner, oid, catalog, of, of_name) AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                ELSE 'TABLE' END, n.nspname,
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
           CASE WHEN c.relkind <> 'S' THEN c.relname END, c.relowner, c.oid,
           'pg_class', NULL, NULL
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relpersistence <> 't' AND {where}
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i')
                      AND c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
  UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, n.nspname,
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname) || '('
           || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*'
                   ELSE pg_catalog.pg_get_function_identity_arguments(p.oid) END || ')',
           NULL, p.proowner, p.oid, 'pg_proc',
           CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
           p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')'
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE {where}
  UNION ALL
    SELECT CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname,
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname),
           NULL, t.typowner, t.oid,
           'pg_type', NULL, NULL
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
    WHERE {where} AND (t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c')
  UNION ALL
    SELECT 'SCHEMA', n.nspname, '"' || replace(n.nspname, '"', '""') || '"', NULL, n.nspowner, n.oid, 'pg_namespace', NULL, NULL
    FROM pg_catalog.pg_namespace n WHERE {where} AND n.nspname <> 'public'
  UNION ALL
    SELECT t.kind, n.nspname, pg_catalog.quote_ident(n.nspname) || '.' || t.name, NULL, t.owner, t.oid, t.catalog,
           t.of, t.of_name
    FROM (
        SELECT 'STATISTICS', pg_catalog.quote_ident(s.stxname), s.stxnamespace, s.stxowner, s.oid, 'pg_statistic_ext',
               NULL, NULL FROM pg_catalog.pg_statistic_ext s
      UNION ALL
        SELECT 'COLLATION', pg_catalog.quote_ident(c.collname), c.collnamespace, c.collowner, c.oid, 'pg_collation',
               NULL, NULL FROM pg_catalog.pg_collation c
      UNION ALL
        SELECT 'CONVERSION', pg_catalog.quote_ident(c.conname), c.connamespace, c.conowner, c.oid, 'pg_conversion',
               'conversion', c.conname FROM pg_catalog.pg_conversion c
      UNION ALL
        SELECT 'OPERATOR', o.oprname || ' ('
               || CASE WHEN o.oprleft <> 0 THEN pg_catalog.format_type(o.oprleft, NULL) ELSE 'NONE' END || ', '
               || CASE WHEN o.oprright <> 0 THEN pg_catalog.format_type(o.oprright, NULL) ELSE 'NONE' END || ')',
               o.oprnamespace, o.oprowner, o.oid, 'pg_operator', 'operator',
               o.oprname || ' (' || concat_ws(', ', CASE WHEN o.oprleft <> 0 THEN pg_catalog.format_type(o.oprleft, NULL) END,
               CASE WHEN o.oprright <> 0 THEN pg_catalog.format_type(o.oprright, NULL) END) || ')'
        FROM pg_catalog.pg_operator o WHERE o.oprcode <> 0
      UNION ALL
        SELECT 'OPERATOR CLASS', pg_catalog.quote_ident(o.opcname) || ' USING ' || pg_catalog.quote_ident(m.amname),
               o.opcnamespace, o.opcowner, o.oid, 'pg_opclass', 'operator class',
               o.opcname || ' of ' || pg_catalog.quote_ident(m.amname)
        FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
      UNION ALL
        SELECT 'OPERATOR FAMILY', pg_catalog.quote_ident(o.opfname) || ' USING ' || pg_catalog.quote_ident(m.amname),
               o.opfnamespace, o.opfowner, o.oid, 'pg_opfamily', 'operator family',
               o.opfname || ' of ' || pg_catalog.quote_ident(m.amname)
        FROM pg_catalog.pg_opfamily o JOIN pg_catalog.pg_am m ON m.oid = o.opfmethod
      UNION ALL
        SELECT 'TEXT SEARCH DICTIONARY', pg_catalog.quote_ident(d.dictname), d.dictnamespace, d.dictowner, d.oid,
               'pg_ts_dict', 'text search dictionary', d.dictname FROM pg_catalog.pg_ts_dict d
      UNION ALL
        SELECT 'TEXT SEARCH CONFIGURATION', pg_catalog.quote_ident(c.cfgname), c.cfgnamespace, c.cfgowner, c.oid,
               'pg_ts_config', 'text search configuration', c.cfgname FROM pg_catalog.pg_ts_config c
    ) AS t (kind, name, namespace, owner, oid, catalog, of, of_name)
    JOIN pg_catalog.pg_namespace n ON n.oid = t.namespace WHERE {where}
)
SELECT o.kind, o.schema, o.name, o.tname, r.rolname, o.of, o.of_name
FROM object o JOIN pg_catalog.pg_roles r ON r.oid = o.owner
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                  WHERE x.objid = o.oid AND (x.deptype = 'e' OR x.deptype = 'i' AND o.catalog = 'pg_proc')
                  AND x.classid = ('pg_catalog.' || o.catalog)::pg_catalog.regclass)
ORDER BY o.kind, o.schema, o.name"""

KINDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES", "n": "SCHEMAS"}
EVERYBODY = "PUBLIC"
YOUNG: tuple[Ability, ...] = ("MAINTAIN",)
"""Rights that not every server knows, which are given by statements of their own."""


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
    owners = [_ownership(row) for row in session.query(OWNERS.format(where=where))]
    grants = list(_grants(session, where))
    for of_schemas in (True, False):
        for extra in (*owners, *grants):
            if (extra.home is not None) is of_schemas:
                yield extra
    yield from _defaults(session.query(DEFAULTS))


def _grants(session: Session, where: str) -> Iterator[Extra]:
    rights: dict[tuple[str | None, ...], _Rights] = defaultdict(_Rights)
    for row in session.query(GRANTS.format(where=where)):
        column, right, grantable, gone = row[8:]
        said = f"{right} ({column})" if column else right or ""
        key = (*row[:8], right if right in YOUNG else None)
        rights[key].add(said, grantable=grantable == "t", gone=gone == "t")
    for (
        kind,
        schema,
        name,
        of,
        of_name,
        table_schema,
        table,
        role,
        young,
    ), found in rights.items():
        yield Extra(
            kind="grants",
            name=f"{_alone(young)}on {(kind or '').lower()} {name}",
            ability=_ability(young),
            group="grants",
            home=schema if kind == "SCHEMA" else None,
            table=(table_schema or "", table) if table else None,
            role=role or EVERYBODY,
            of=(of, schema, of_name or "") if of else None,
            sql=tuple(found.statements(f"{kind} {name}", _quoted(role))),
        )


def _ownership(row: tuple[str | None, ...]) -> Extra:
    kind, schema, name, table, role, of, of_name = row
    return Extra(
        kind="ownership",
        name=f"of {(kind or '').lower()} {name}",
        group="grants",
        home=schema if kind == "SCHEMA" else None,
        table=(schema or "", table) if table else None,
        role=role,
        of=(of, schema, of_name or "") if of else None,
        sql=(f"ALTER {kind} {name} OWNER TO {_quoted(role)}",),
    )


def _defaults(rows: Sequence[tuple[str | None, ...]]) -> Iterator[Extra]:
    rights: dict[tuple[str | None, ...], _Rights] = defaultdict(_Rights)
    for row in rows:
        key = (*row[:4], row[4] if row[4] in YOUNG else None)
        rights[key].add(row[4] or "", grantable=row[5] == "t", gone=row[6] == "t")
    for (owner, schema, kind, role, young), found in rights.items():
        whose = f"ALTER DEFAULT PRIVILEGES FOR ROLE {_quoted(owner)}"
        within = f" IN SCHEMA {ddl.quote(schema)}" if schema else ""
        said = found.statements(KINDS[kind or ""], _quoted(role))
        yield Extra(
            kind="grants",
            ability=_ability(young),
            name=f"{_alone(young)}on new {KINDS[kind or ''].lower()} of {owner}{within.lower()}",
            group="grants",
            home=schema,
            role=role or EVERYBODY,
            sql=tuple(f"{whose}{within} {statement}" for statement in said),
        )


def _alone(young: str | None) -> str:
    return f"of {young} " if young else ""


def _ability(young: str | None) -> Ability | None:
    return next((right for right in YOUNG if right == young), None)


def _quoted(role: str | None) -> str:
    return ddl.quote(role) if role else EVERYBODY
