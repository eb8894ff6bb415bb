"""Reads what PostgreSQL shares with other servers or keeps for itself, and is only named: with its statement.

Foreign data and replication reach beyond this database, and nobody wants a second one to begin with them at once.
What an option of a user mapping, a subscription or a setting holds may be a secret: no such value is read. Of wrappers,
servers and foreign tables only such as are known to be none.
"""

from __future__ import annotations

from collections.abc import Iterator

from dbferry.catalog import Extra, Session
from dbferry.engines.postgresql.beside import is_free
from dbferry.engines.postgresql.ddl import literal

OPTIONS = (
    "(SELECT 'OPTIONS (' || string_agg(pg_catalog.quote_ident(o.option_name) || ' ' || {value}, ', ') || ')'"
    " FROM pg_catalog.pg_options_to_table({options}) o)"
)
HIDDEN = "'''...'''"
# Where something lies and how it is written: whatever else a wrapper takes may be a secret, by whatever name.
OPEN = """
analyze_sampling async_capable batch_size client_encoding collation column_name connect_timeout
database dbname delimiter encoding escape extensions fdw_startup_cost fdw_tuple_cost fetch_size force_not_null
force_null format header host hostaddr import_collate import_default import_generated import_not_null
keep_connections null parallel_abort parallel_commit port quote schema schema_name sslmode table table_name
truncatable updatable use_remote_estimate"""
SHOWN = (
    f"CASE WHEN lower(o.option_name) IN ({', '.join(map(literal, OPEN.split()))}) "
    f"THEN pg_catalog.quote_literal(o.option_value) ELSE {HIDDEN} END"
)

# Of each its kind, its schema if it has one, its name and the statement that makes it, if that can be told.
WRAPPERS = """
SELECT 'foreign data wrapper', NULL, w.fdwname, concat_ws(' ', 'CREATE FOREIGN DATA WRAPPER', pg_catalog.quote_ident(w.fdwname),
       CASE WHEN w.fdwhandler <> 0 THEN 'HANDLER ' || w.fdwhandler::pg_catalog.regproc END,
       CASE WHEN w.fdwvalidator <> 0 THEN 'VALIDATOR ' || w.fdwvalidator::pg_catalog.regproc END, {options})
FROM pg_catalog.pg_foreign_data_wrapper w WHERE {free} ORDER BY 3"""

SERVERS = """
SELECT 'foreign server', NULL, s.srvname, concat_ws(' ', 'CREATE SERVER', pg_catalog.quote_ident(s.srvname),
       'TYPE ' || pg_catalog.quote_literal(s.srvtype), 'VERSION ' || pg_catalog.quote_literal(s.srvversion),
       'FOREIGN DATA WRAPPER', pg_catalog.quote_ident(w.fdwname), {options})
FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
WHERE {free} ORDER BY 3"""

MAPPINGS = """
SELECT 'user mapping', NULL, 'of ' || m.usename || ' for ' || m.srvname, concat_ws(' ', 'CREATE USER MAPPING FOR',
       CASE WHEN m.umuser = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(m.usename) END, 'SERVER',
       pg_catalog.quote_ident(m.srvname), {options})
FROM pg_catalog.pg_user_mappings m ORDER BY 3"""

FOREIGN_TABLES = """
SELECT 'foreign table', n.nspname, c.relname, concat_ws(' ', 'CREATE FOREIGN TABLE',
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), '(' || (
           SELECT string_agg(concat_ws(' ', pg_catalog.quote_ident(a.attname),
                             pg_catalog.format_type(a.atttypid, a.atttypmod), {columns},
                             CASE WHEN a.attnotnull THEN 'NOT NULL' END), ', ' ORDER BY a.attnum)
           FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) || ')',
       'SERVER', pg_catalog.quote_ident(s.srvname), {options})
FROM pg_catalog.pg_foreign_table t JOIN pg_catalog.pg_class c ON c.oid = t.ftrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_foreign_server s ON s.oid = t.ftserver
WHERE NOT c.relispartition AND {where} AND {free} ORDER BY 2, 3"""

# Lists of columns, conditions and whole schemas are younger than the oldest server. Tables that inherit are told apart.
PUBLICATIONS = """
SELECT 'publication', NULL, p.pubname, concat_ws(' ', 'CREATE PUBLICATION', pg_catalog.quote_ident(p.pubname),
       CASE WHEN p.puballtables THEN 'FOR ALL TABLES' ELSE 'FOR ' || nullif(concat_ws(', ',
           (SELECT 'TABLE ' || string_agg(t.text, ', ' ORDER BY t.text) FROM (
                SELECT CASE WHEN c.relhassubclass AND c.relkind = 'r' THEN 'ONLY ' ELSE '' END
                       || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) || {part}
                FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_class c ON c.oid = r.prrelid
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid) t (text)),
           {schemas}), '') END,
       'WITH (publish = ' || pg_catalog.quote_literal(concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END,
           CASE WHEN p.pubupdate THEN 'update' END, CASE WHEN p.pubdelete THEN 'delete' END,
           CASE WHEN p.pubtruncate THEN 'truncate' END))
       || CASE WHEN pg_catalog.to_jsonb(p) ->> 'pubviaroot' = 'true' THEN ', publish_via_partition_root = true' ELSE '' END
       || CASE WHEN pg_catalog.to_jsonb(p) ->> 'pubgencols' = 's' THEN ', publish_generated_columns = stored' ELSE '' END
       || ')')
FROM pg_catalog.pg_publication p WHERE {free} ORDER BY 3"""
PART = """coalesce(' (' || (SELECT string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum)
                FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs)) || ')', '')
                || coalesce(' WHERE (' || pg_catalog.pg_get_expr(r.prqual, r.prrelid) || ')', '')"""
SCHEMAS = """(SELECT string_agg('TABLES IN SCHEMA ' || pg_catalog.quote_ident(n.nspname), ', ' ORDER BY n.nspname)
            FROM pg_catalog.pg_publication_namespace r JOIN pg_catalog.pg_namespace n ON n.oid = r.pnnspid
            WHERE r.pnpubid = p.oid)"""

SUBSCRIPTIONS = """
SELECT 'subscription', NULL, s.subname, 'CREATE SUBSCRIPTION ' || pg_catalog.quote_ident(s.subname)
       || ' CONNECTION ''...'' PUBLICATION '
       || (SELECT string_agg(pg_catalog.quote_ident(name), ', ') FROM unnest(s.subpublications) AS u (name))
FROM pg_catalog.pg_subscription s
WHERE s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) ORDER BY 3"""

# Those of roles, databases and the like belong to the whole server.
LABELS = """
SELECT 'security label', NULL, 'of ' || objtype || ' ' || objname, 'SECURITY LABEL FOR ' || pg_catalog.quote_ident(provider)
       || ' ON ' || upper(objtype) || ' ' || objname || ' IS ' || pg_catalog.quote_literal(label)
FROM pg_catalog.pg_seclabels
WHERE objtype NOT IN ('role', 'database', 'tablespace', 'subscription') AND objsubid >= 0 ORDER BY 3"""

SETTINGS = """
SELECT 'setting', NULL, split_part(setting, '=', 1) || CASE WHEN r.rolname IS NULL THEN ' of the database'
       ELSE ' of ' || r.rolname || ' in the database' END, NULL
FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
CROSS JOIN LATERAL unnest(s.setconfig) AS u (setting)
WHERE d.datname = pg_catalog.current_database() ORDER BY 3"""

OTHERS = """
SELECT 'language', NULL, l.lanname, NULL FROM pg_catalog.pg_language l WHERE l.lanispl AND {language}
UNION ALL
SELECT 'access method', NULL, m.amname, NULL FROM pg_catalog.pg_am m WHERE m.oid >= 16384 AND {am}
UNION ALL
SELECT 'transform', NULL, 'for ' || pg_catalog.format_type(t.trftype, NULL) || ' in ' || l.lanname, NULL
FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang WHERE {transform}
ORDER BY 1, 3"""

# Where rows lie, if not as by themselves.
PLACES = """
SELECT 'tablespace', n.nspname, c.relname, s.spcname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace WHERE c.relkind IN ('r', 'p', 'm') AND {where}
UNION ALL
SELECT 'access method', n.nspname, c.relname, m.amname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname <> 'heap' WHERE c.relkind IN ('r', 'p', 'm') AND {where}
ORDER BY 2, 3, 1"""


def read(session: Session, where: str) -> Iterator[Extra]:
    for query in _queries(session, where):
        for kind, schema, name, sql in session.query(query):
            yield Extra(kind=kind or "", name=name or "", schema=schema, sql=(sql,) if sql else ())


def places(session: Session, where: str) -> Iterator[Extra]:
    for kind, schema, table, name in session.query(PLACES.format(where=where)):
        yield Extra(kind=kind or "", name=name or "", table=(schema or "", table or ""))


def _queries(session: Session, where: str) -> Iterator[str]:
    yield WRAPPERS.format(
        free=is_free("w", "pg_foreign_data_wrapper"),
        options=OPTIONS.format(value=SHOWN, options="w.fdwoptions"),
    )
    yield SERVERS.format(
        free=is_free("s", "pg_foreign_server"),
        options=OPTIONS.format(value=SHOWN, options="s.srvoptions"),
    )
    yield MAPPINGS.format(options=OPTIONS.format(value=HIDDEN, options="m.umoptions"))
    yield FOREIGN_TABLES.format(
        where=where,
        free=is_free("c", "pg_class"),
        columns=OPTIONS.format(value=SHOWN, options="a.attfdwoptions"),
        options=OPTIONS.format(value=SHOWN, options="t.ftoptions"),
    )
    ((version,),) = session.query("SHOW server_version_num")
    young = int(version or 0) >= 150000
    yield PUBLICATIONS.format(
        free=is_free("p", "pg_publication"),
        part=PART if young else "''",
        schemas=SCHEMAS if young else "NULL",
    )
    yield from (SUBSCRIPTIONS, LABELS, SETTINGS)
    names = {"language": "l", "am": "m", "transform": "t"}
    yield OTHERS.format(**{name: is_free(alias, f"pg_{name}") for name, alias in names.items()})
