"""Reads what stands beside PostgreSQL's tables and views: extensions, functions, triggers, rules and policies.

Definitions are the server's own, printed with nothing on the search path. What its words can't be had of, or
what needs more than this database, is only named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dbferry.catalog import Extra, Session
from dbferry.engines.postgresql import beyond, ddl, grants, operators, search
from dbferry.engines.postgresql.beside import Needs, is_free, needs_of_functions
from dbferry.engines.postgresql.ddl import commented

# This one is there already, with a comment that nobody has made.
PUBLIC = """
SELECT c.text FROM (SELECT pg_catalog.obj_description(n.oid, 'pg_namespace') FROM pg_catalog.pg_namespace n
                    WHERE n.nspname = 'public') c (text) WHERE c.text <> 'standard public schema'"""

SCHEMAS = """
SELECT n.nspname, pg_catalog.obj_description(n.oid, 'pg_namespace') FROM pg_catalog.pg_namespace n
WHERE {where} AND n.nspname <> 'public' AND {free} ORDER BY n.nspname"""

# Their fields differ by the server's age.
COLLATIONS = """
SELECT n.nspname, o.collname, pg_catalog.to_jsonb(o), pg_catalog.obj_description(o.oid, 'pg_collation')
FROM pg_catalog.pg_collation o JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace
WHERE {where} AND {free} ORDER BY o.oid"""

EXTENSIONS = """
SELECT e.extname, n.nspname, (
    SELECT m.text FROM (SELECT pg_catalog.obj_description(e.oid, 'pg_extension')) AS m (text)
    WHERE m.text IS DISTINCT FROM (SELECT a.comment FROM pg_catalog.pg_available_extensions a WHERE a.name = e.extname))
FROM pg_catalog.pg_extension e
JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql' ORDER BY e.oid"""

# In the order of their making: one may be made of another.
FUNCTIONS = """
SELECT p.oid, n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid), p.prokind,
       pg_catalog.pg_get_functiondef(p.oid),
       pg_catalog.obj_description(p.oid, 'pg_proc')
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.prokind <> 'a' AND {where} AND {free} ORDER BY p.oid"""

DEPENDENCIES = """
SELECT o.type, o.identity, pg_catalog.quote_ident(e.extname)
FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) o
WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'x' ORDER BY 1, 2, 3"""

# One of a whole partitioned table is on every partition as well.
TRIGGERS = """
SELECT n.nspname, c.relname, t.tgname, pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled,
       pg_catalog.obj_description(t.oid, 'pg_trigger'), (t.tgtype & 4) <> 0
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND coalesce(pg_catalog.to_jsonb(t) ->> 'tgparentid', '0') = '0'
  AND {where} AND {free} ORDER BY n.nspname, c.relname, t.tgname"""

# They fire, or don't, in another way than the one of the whole table.
CLONES = """
SELECT n.nspname, c.relname, t.tgname, t.tgenabled
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_depend d ON d.objid = t.oid AND d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
     AND d.refclassid = d.classid AND d.deptype = 'P'
JOIN pg_catalog.pg_trigger p ON p.oid = d.refobjid AND p.tgenabled <> t.tgenabled
WHERE {where} ORDER BY n.nspname, c.relname, t.tgname"""

RULES = """
SELECT n.nspname, c.relname, r.rulename, pg_catalog.pg_get_ruledef(r.oid), r.ev_enabled,
       pg_catalog.obj_description(r.oid, 'pg_rewrite'), false
FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND {where} AND {free} ORDER BY n.nspname, c.relname, r.rulename"""

POLICIES = """
SELECT n.nspname, c.relname, p.polname, p.polcmd, p.polpermissive,
       pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid),
       (SELECT string_agg(CASE WHEN role = 0 THEN 'PUBLIC'
                               ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(role)) END, ', ' ORDER BY place)
        FROM unnest(p.polroles) WITH ORDINALITY AS u (role, place)),
       pg_catalog.obj_description(p.oid, 'pg_policy')
FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {where} AND {free} ORDER BY n.nspname, c.relname, p.polname"""

ROW_SECURITY = """
SELECT n.nspname, c.relname, c.relrowsecurity, c.relforcerowsecurity
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (c.relrowsecurity OR c.relforcerowsecurity) AND {where} ORDER BY n.nspname, c.relname"""

TYPED = """
SELECT n.nspname, c.relname, tn.nspname, t.typname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = c.reloftype JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
WHERE c.relkind IN ('r', 'p') AND {where} ORDER BY n.nspname, c.relname"""

INHERITANCE = """
SELECT n.nspname, c.relname, pn.nspname, p.relname
FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE c.relkind = 'r' AND NOT c.relispartition AND {where} ORDER BY n.nspname, c.relname, i.inhseqno"""

EVENT_TRIGGERS = """
SELECT t.evtname, t.evtevent, n.nspname, p.proname, t.evtenabled,
       (SELECT string_agg(pg_catalog.quote_literal(tag), ', ') FROM unnest(t.evttags) AS u (tag)),
       pg_catalog.obj_description(t.oid, 'pg_event_trigger')
FROM pg_catalog.pg_event_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.evtfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE {free} ORDER BY t.evtname"""

LARGE_OBJECTS = "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata"

PROVIDERS = {"b": "builtin", "c": "libc", "d": "default", "i": "icu"}
COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "ALL"}
FIRES = {"D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
"""Where it isn't as it is by itself."""
FIRING = {**FIRES, "O": "ENABLE"}
UNCHECKED = "SET check_function_bodies = off"
"""A body may name what is made after it."""


def read(session: Session, where: str) -> tuple[Extra, ...]:
    """In an order in which they can be made, as far as that doesn't depend on what is in them."""
    needs = needs_of_functions(session)
    return (
        *_schemas(session, where),
        *_collations(session, where),
        *_extensions(session),
        *_functions(session, where, needs),
        *operators.read(session, where, needs),
        *search.read(session, where),
        *_triggers(session, where),
        *_clones(session, where),
        *_policies(session, where),
        *_dependencies(session),
        *grants.read(session, where),
        *_event_triggers(session),
        *_relations(session, where),
        *beyond.places(session, where),
        *beyond.read(session, where),
    )


def common(session: Session, where: str) -> tuple[Extra, ...]:
    """What other engines have as well."""
    needs = needs_of_functions(session)
    return (*_functions(session, where, needs), *_triggers(session, where))


def large_objects(session: Session) -> list[str]:
    """A phrase for what isn't moved, if there are any."""
    ((count,),) = session.query(LARGE_OBJECTS)
    if count == "0":
        return []
    many = f"{count} large objects" if count != "1" else "1 large object"
    return [
        f"large objects of the database ({many}, which dbferry doesn't read); hint: move them with "
        "pg_dump --blobs --data-only --exclude-table='*.*', or put their bytes into a bytea column first"
    ]


def _schemas(session: Session, where: str) -> Iterator[Extra]:
    for (comment,) in session.query(PUBLIC):
        told = commented('SCHEMA "public"', comment)
        yield Extra(
            kind="comment",
            name="of the schema public",
            group="itself",
            home="public",
            sql=tuple(told),
        )
    for name, comment in session.query(
        SCHEMAS.format(where=where, free=is_free("n", "pg_namespace"))
    ):
        made = [
            ddl.create_schema(name or ""),
            *commented(f"SCHEMA {ddl.quote(name or '')}", comment),
        ]
        yield Extra(kind="schema", name=name or "", group="itself", home=name, sql=tuple(made))


def _collations(session: Session, where: str) -> Iterator[Extra]:
    for schema, name, told, comment in session.query(
        COLLATIONS.format(where=where, free=is_free("o", "pg_collation"))
    ):
        place = ddl.relation(schema, name or "")
        options = ", ".join(_collation(json.loads(told or "{}")))
        made = [f"CREATE COLLATION {place} ({options})", *commented(f"COLLATION {place}", comment)]
        yield Extra(
            kind="collation", name=name or "", schema=schema, group="itself", sql=tuple(made)
        )


def _collation(told: Mapping[str, Any]) -> list[str]:
    provider = PROVIDERS[told["collprovider"]]
    locale = told.get("colllocale") or told.get("colliculocale") or told.get("collcollate")
    said = {"provider": provider, "locale": ddl.literal(locale or "")}
    if provider == "libc":
        said = {"lc_collate": told["collcollate"], "lc_ctype": told["collctype"]}
        said = {name: ddl.literal(value) for name, value in said.items()}
    said |= {"deterministic": "false"} if not told["collisdeterministic"] else {}
    said |= {"rules": ddl.literal(told["collicurules"])} if told.get("collicurules") else {}
    return [f"{name} = {value}" for name, value in said.items()]


def _extensions(session: Session) -> Iterator[Extra]:
    for name, schema, comment in session.query(EXTENSIONS):
        quoted, own = ddl.quote(schema or ""), (schema or "").startswith("pg_")
        yield Extra(
            kind="extension",
            name=name or "",
            group="extensions",
            home=None if own else schema,
            sql=(
                f"CREATE EXTENSION IF NOT EXISTS {ddl.quote(name or '')} WITH SCHEMA {quoted}",
                *commented(f"EXTENSION {ddl.quote(name or '')}", comment),
            ),
        )


def _functions(session: Session, where: str, needs: Needs) -> Iterator[Extra]:
    for oid, schema, name, arguments, kind, text, comment in session.query(
        FUNCTIONS.format(where=where, free=is_free("p", "pg_proc"))
    ):
        called = "procedure" if kind == "p" else "function"
        place = f"{ddl.relation(schema, name or '')}({arguments})"
        made = [UNCHECKED, (text or "").rstrip(), *commented(f"{called.upper()} {place}", comment)]
        yield Extra(
            kind=called,
            name=f"{name}({arguments})",
            group="functions",
            schema=schema,
            sql=tuple(made),
            drop=f"DROP {called.upper()} IF EXISTS {place}",
            needs=needs.get(oid or "", ()),
        )


def _dependencies(session: Session) -> Iterator[Extra]:
    """What goes when an extension goes, and isn't of it."""
    for kind, name, extension in session.query(DEPENDENCIES):
        alter = f"ALTER {(kind or '').upper()} {name} DEPENDS ON EXTENSION {extension}"
        yield Extra(
            kind="dependency",
            name=f"of {kind} {name} on {extension}",
            group="extensions",
            sql=(alter,),
        )


def _triggers(session: Session, where: str) -> Iterator[Extra]:
    for kind, asked, catalog, alias in (
        ("trigger", TRIGGERS, "pg_trigger", "t"),
        ("rule", RULES, "pg_rewrite", "r"),
    ):
        free = is_free(alias, catalog)
        for row in session.query(asked.format(where=where, free=free)):
            schema, table, name, text, fires, comment, on_insert = row
            relation, quoted = ddl.relation(schema, table or ""), ddl.quote(name or "")
            made = [(text or "").rstrip().removesuffix(";")]
            if fires in FIRES:
                made.append(f"ALTER TABLE {relation} {FIRES[fires]} {kind.upper()} {quoted}")
            made += commented(f"{kind.upper()} {quoted} ON {relation}", comment)
            yield Extra(
                kind=kind,
                name=name or "",
                group="triggers",
                fires=on_insert == "t" and fires in ("O", "A"),
                table=(schema or "", table or ""),
                sql=tuple(made),
            )


def _clones(session: Session, where: str) -> Iterator[Extra]:
    for schema, table, name, fires in session.query(CLONES.format(where=where)):
        relation, how = ddl.relation(schema, table or ""), FIRING[fires or "O"]
        yield Extra(
            kind="trigger",
            name=f"state of {name}",
            group="triggers",
            table=(schema or "", table or ""),
            sql=(f"ALTER TABLE {relation} {how} TRIGGER {ddl.quote(name or '')}",),
        )


def _policies(session: Session, where: str) -> Iterator[Extra]:
    free = is_free("p", "pg_policy")
    for row in session.query(POLICIES.format(where=where, free=free)):
        schema, table, name, command, permissive, using, check, roles, comment = row
        relation, quoted = ddl.relation(schema, table or ""), ddl.quote(name or "")
        words = [f"CREATE POLICY {quoted} ON {relation}"]
        words += [] if permissive == "t" else ["AS RESTRICTIVE"]
        words += [f"FOR {COMMANDS[command or '*']} TO {roles}"]
        words += [f"USING ({using})"] if using else []
        words += [f"WITH CHECK ({check})"] if check else []
        yield Extra(
            kind="policy",
            name=name or "",
            group="policies",
            table=(schema or "", table or ""),
            sql=(" ".join(words), *commented(f"POLICY {quoted} ON {relation}", comment)),
        )
    for schema, table, enabled, forced in session.query(ROW_SECURITY.format(where=where)):
        words = ["ENABLE"] * (enabled == "t") + ["FORCE"] * (forced == "t")
        alter = f"ALTER TABLE {ddl.relation(schema, table or '')}"
        yield Extra(
            kind="row security",
            group="policies",
            table=(schema or "", table or ""),
            sql=tuple(f"{alter} {word} ROW LEVEL SECURITY" for word in words),
        )


def _relations(session: Session, where: str) -> Iterator[Extra]:
    """What a parent shows of the rows of others matters to a load: it is only named."""
    for schema, name, type_schema, of in session.query(TYPED.format(where=where)):
        alter = f"ALTER TABLE {ddl.relation(schema, name or '')}"
        yield Extra(
            kind="type",
            name=f"{type_schema}.{of}",
            table=(schema or "", name or ""),
            group="itself",
            sql=(f"{alter} OF {ddl.relation(type_schema, of or '')}",),
        )
    for schema, name, parent_schema, parent in session.query(INHERITANCE.format(where=where)):
        alter = f"ALTER TABLE {ddl.relation(schema, name or '')}"
        yield Extra(
            kind="inheritance",
            name=f"from {parent_schema}.{parent}",
            table=(schema or "", name or ""),
            sql=(f"{alter} INHERIT {ddl.relation(parent_schema, parent or '')}",),
        )


def _event_triggers(session: Session) -> Iterator[Extra]:
    """Made last: they look at every statement that makes something."""
    free = is_free("t", "pg_event_trigger")
    for name, event, schema, function, fires, tags, comment in session.query(
        EVENT_TRIGGERS.format(free=free)
    ):
        quoted = ddl.quote(name or "")
        when = f" WHEN TAG IN ({tags})" if tags else ""
        runs = f"EXECUTE FUNCTION {ddl.relation(schema, function or '')}()"
        made = [f"CREATE EVENT TRIGGER {quoted} ON {event}{when} {runs}"]
        if fires in FIRES:
            made.append(f"ALTER EVENT TRIGGER {quoted} {FIRES[fires]}")
        made += commented(f"EVENT TRIGGER {quoted}", comment)
        yield Extra(
            kind="event trigger",
            name=name or "",
            group="triggers",
            sql=tuple(made),
            drop=f"DROP EVENT TRIGGER IF EXISTS {ddl.quote(name or '')}",
        )
