"""Reads PostgreSQL's text search: parsers, templates, dictionaries and configurations of the user's own."""

from __future__ import annotations

import json
from collections.abc import Iterator

from dbferry.catalog import Extra, Session
from dbferry.engines.postgresql import ddl
from dbferry.engines.postgresql.beside import is_free
from dbferry.engines.postgresql.ddl import commented

# Of each its schema, name, what stands in its parentheses, comment and what is added to it.
PARSERS = """
SELECT n.nspname, p.prsname, concat_ws(', ', 'START = ' || p.prsstart, 'GETTOKEN = ' || p.prstoken,
       'END = ' || p.prsend, CASE WHEN p.prsheadline <> 0 THEN 'HEADLINE = ' || p.prsheadline END,
       'LEXTYPES = ' || p.prslextype), pg_catalog.obj_description(p.oid, 'pg_ts_parser'), NULL
FROM pg_catalog.pg_ts_parser p JOIN pg_catalog.pg_namespace n ON n.oid = p.prsnamespace
WHERE {where} AND {free} ORDER BY p.oid"""

TEMPLATES = """
SELECT n.nspname, p.tmplname, concat_ws(', ', CASE WHEN p.tmplinit <> 0 THEN 'INIT = ' || p.tmplinit END,
       'LEXIZE = ' || p.tmpllexize), pg_catalog.obj_description(p.oid, 'pg_ts_template'), NULL
FROM pg_catalog.pg_ts_template p JOIN pg_catalog.pg_namespace n ON n.oid = p.tmplnamespace
WHERE {where} AND {free} ORDER BY p.oid"""

DICTIONARIES = """
SELECT n.nspname, p.dictname, concat_ws(', ', 'TEMPLATE = ' || pg_catalog.quote_ident(tn.nspname) || '.'
       || pg_catalog.quote_ident(t.tmplname), p.dictinitoption), pg_catalog.obj_description(p.oid, 'pg_ts_dict'), NULL
FROM pg_catalog.pg_ts_dict p JOIN pg_catalog.pg_namespace n ON n.oid = p.dictnamespace
JOIN pg_catalog.pg_ts_template t ON t.oid = p.dicttemplate
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.tmplnamespace
WHERE {where} AND {free} ORDER BY p.oid"""

CONFIGURATIONS = """
SELECT n.nspname, p.cfgname, 'PARSER = ' || pg_catalog.quote_ident(sn.nspname) || '.'
       || pg_catalog.quote_ident(s.prsname), pg_catalog.obj_description(p.oid, 'pg_ts_config'),
       (SELECT json_agg('FOR ' || pg_catalog.quote_ident(m.alias) || ' WITH ' || m.dicts ORDER BY m.token) FROM (
            SELECT m.maptokentype, (SELECT alias FROM pg_catalog.ts_token_type(p.cfgparser) WHERE tokid = m.maptokentype),
                   string_agg(m.mapdict::pg_catalog.regdictionary::text, ', ' ORDER BY m.mapseqno)
            FROM pg_catalog.pg_ts_config_map m WHERE m.mapcfg = p.oid GROUP BY m.maptokentype) m (token, alias, dicts))
FROM pg_catalog.pg_ts_config p JOIN pg_catalog.pg_namespace n ON n.oid = p.cfgnamespace
JOIN pg_catalog.pg_ts_parser s ON s.oid = p.cfgparser
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.prsnamespace
WHERE {where} AND {free} ORDER BY p.oid"""

KINDS = {
    "parser": (PARSERS, "pg_ts_parser"),
    "template": (TEMPLATES, "pg_ts_template"),
    "dictionary": (DICTIONARIES, "pg_ts_dict"),
    "configuration": (CONFIGURATIONS, "pg_ts_config"),
}


def read(session: Session, where: str) -> Iterator[Extra]:
    for kind, (query, catalog) in KINDS.items():
        rows = session.query(query.format(where=where, free=is_free("p", catalog)))
        for schema, name, told, remark, mappings in rows:
            called, relation = f"TEXT SEARCH {kind.upper()}", ddl.relation(schema, name or "")
            place = f"{called} {relation}"
            added = json.loads(mappings or "[]")
            yield Extra(
                kind=f"text search {kind}",
                name=name or "",
                schema=schema,
                group="functions",
                sql=(
                    f"CREATE {place} ({told})",
                    *(f"ALTER {place} ADD MAPPING {mapping}" for mapping in added),
                    *commented(place, remark),
                ),
                drop=f"DROP {called} IF EXISTS {relation}",
            )
