"""Reads what PostgreSQL's functions are made into: aggregates, operators and their classes, casts, conversions.

No server prints these as statements: they are put together of the catalogs' columns, as pg_dump does it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dbferry.catalog import Extra, Session
from dbferry.engines.postgresql import ddl
from dbferry.engines.postgresql.beside import Needs, is_free
from dbferry.engines.postgresql.ddl import commented

# Functions are printed by name, as nothing is on the search path.
AGGREGATES = """
SELECT p.oid, n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid),
       pg_catalog.pg_get_function_arguments(p.oid), p.proparallel, pg_catalog.to_jsonb(a),
       pg_catalog.format_type(a.aggtranstype, NULL),
       CASE WHEN a.aggmtranstype <> 0 THEN pg_catalog.format_type(a.aggmtranstype, NULL) END,
       (SELECT 'OPERATOR(' || pg_catalog.quote_ident(s.nspname) || '.' || o.oprname || ')'
        FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace
        WHERE o.oid = a.aggsortop),
       pg_catalog.obj_description(p.oid, 'pg_proc')
FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc p ON p.oid = a.aggfnoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE {where} AND {free} ORDER BY p.oid"""

# Without those that others name and nobody has made yet.
OPERATORS = """
SELECT o.oprcode::oid, n.nspname, o.oprname, CASE WHEN o.oprleft <> 0 THEN pg_catalog.format_type(o.oprleft, NULL) END,
       CASE WHEN o.oprright <> 0 THEN pg_catalog.format_type(o.oprright, NULL) END, pg_catalog.to_jsonb(o),
       (SELECT 'OPERATOR(' || pg_catalog.quote_ident(cn.nspname) || '.' || c.oprname || ')'
        FROM pg_catalog.pg_operator c JOIN pg_catalog.pg_namespace cn ON cn.oid = c.oprnamespace WHERE c.oid = o.oprcom),
       (SELECT 'OPERATOR(' || pg_catalog.quote_ident(cn.nspname) || '.' || c.oprname || ')'
        FROM pg_catalog.pg_operator c JOIN pg_catalog.pg_namespace cn ON cn.oid = c.oprnamespace WHERE c.oid = o.oprnegate),
       pg_catalog.obj_description(o.oid, 'pg_operator')
FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
WHERE o.oprcode <> 0 AND {where} AND {free} ORDER BY o.oid"""

# What a class or a family holds, by which of the two it was made with.
MEMBERS = """
       (SELECT json_agg(m.text ORDER BY m.kind DESC, m.number, m.text) FROM (
            SELECT 'OPERATOR', e.amopstrategy, 'OPERATOR ' || e.amopstrategy || ' ' || e.amopopr::pg_catalog.regoperator
                   || CASE WHEN e.amoppurpose = 'o' THEN ' FOR ORDER BY ' || pg_catalog.quote_ident(sn.nspname)
                           || '.' || pg_catalog.quote_ident(s.opfname) ELSE '' END
            FROM pg_catalog.pg_amop e
            JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_amop'::pg_catalog.regclass AND d.objid = e.oid
            LEFT JOIN pg_catalog.pg_opfamily s ON s.oid = e.amopsortfamily
            LEFT JOIN pg_catalog.pg_namespace sn ON sn.oid = s.opfnamespace
            WHERE d.refclassid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND d.refobjid = o.oid
          UNION ALL
            SELECT 'FUNCTION', e.amprocnum, 'FUNCTION ' || e.amprocnum || ' ('
                   || pg_catalog.format_type(e.amproclefttype, NULL) || ', '
                   || pg_catalog.format_type(e.amprocrighttype, NULL) || ') ' || e.amproc::pg_catalog.regprocedure
            FROM pg_catalog.pg_amproc e
            JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_amproc'::pg_catalog.regclass AND d.objid = e.oid
            WHERE d.refclassid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND d.refobjid = o.oid
        ) m (kind, number, text))"""

FAMILIES = f"""
SELECT n.nspname, o.opfname, pg_catalog.quote_ident(m.amname), pg_catalog.obj_description(o.oid, 'pg_opfamily'),
{MEMBERS.format(catalog="pg_opfamily")}
FROM pg_catalog.pg_opfamily o JOIN pg_catalog.pg_namespace n ON n.oid = o.opfnamespace
JOIN pg_catalog.pg_am m ON m.oid = o.opfmethod
WHERE {{where}} AND {{free}} ORDER BY o.oid"""

CLASSES = f"""
SELECT n.nspname, o.opcname, pg_catalog.quote_ident(m.amname), o.opcdefault,
       pg_catalog.format_type(o.opcintype, NULL),
       CASE WHEN o.opckeytype <> 0 THEN pg_catalog.format_type(o.opckeytype, NULL) END,
       pg_catalog.quote_ident(fn.nspname) || '.' || pg_catalog.quote_ident(f.opfname),
       pg_catalog.obj_description(o.oid, 'pg_opclass'),
{MEMBERS.format(catalog="pg_opclass")}
FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
JOIN pg_catalog.pg_opfamily f ON f.oid = o.opcfamily
JOIN pg_catalog.pg_namespace fn ON fn.oid = f.opfnamespace
WHERE {{where}} AND {{free}} ORDER BY o.oid"""

CASTS = """
SELECT k.castfunc, pg_catalog.format_type(k.castsource, NULL), pg_catalog.format_type(k.casttarget, NULL), k.castmethod,
       k.castcontext, CASE WHEN k.castfunc <> 0 THEN k.castfunc::pg_catalog.regprocedure END,
       pg_catalog.obj_description(k.oid, 'pg_cast')
FROM pg_catalog.pg_cast k WHERE k.oid >= 16384 AND {free} ORDER BY k.oid"""

CONVERSIONS = """
SELECT n.nspname, f.conname, f.condefault, pg_catalog.pg_encoding_to_char(f.conforencoding),
       pg_catalog.pg_encoding_to_char(f.contoencoding), f.conproc, pg_catalog.obj_description(f.oid, 'pg_conversion')
FROM pg_catalog.pg_conversion f JOIN pg_catalog.pg_namespace n ON n.oid = f.connamespace
WHERE {where} AND {free} ORDER BY f.oid"""

# What is said of an aggregate, and the column that tells it.
SAID = {
    "SSPACE": "aggtransspace", "FINALFUNC": "aggfinalfn", "COMBINEFUNC": "aggcombinefn",
    "SERIALFUNC": "aggserialfn", "DESERIALFUNC": "aggdeserialfn", "MSFUNC": "aggmtransfn",
    "MINVFUNC": "aggminvtransfn", "MSSPACE": "aggmtransspace", "MFINALFUNC": "aggmfinalfn",
}  # fmt: skip
MODIFIES = {"r": "READ_ONLY", "s": "SHAREABLE", "w": "READ_WRITE"}
PARALLEL = {"s": "SAFE", "r": "RESTRICTED"}
CASTS_BY = {"b": "WITHOUT FUNCTION", "i": "WITH INOUT"}
CONTEXTS = {"a": " AS ASSIGNMENT", "i": " AS IMPLICIT"}


def read(session: Session, where: str, needs: Needs) -> Iterator[Extra]:
    """`needs` are those of functions, which hold for what is made of them."""
    for function, made in (
        *_operators(session, where),
        *((None, extra) for extra in _families(session, where)),
        *_aggregates(session, where),
        *_casts(session),
    ):
        yield replace(made, needs=needs.get(function or "", ()))
    yield from _conversions(session, where)


def _made(kind: str, name: str, schema: str | None, *sql: str, drop: str | None = None) -> Extra:
    return Extra(kind=kind, name=name, schema=schema, group="functions", sql=sql, drop=drop)


def _aggregates(session: Session, where: str) -> Iterator[tuple[str | None, Extra]]:
    query = AGGREGATES.format(where=where, free=is_free("p", "pg_proc"))
    for oid, schema, name, identity, arguments, *told, remark in session.query(query):
        relation = ddl.relation(schema, name or "")
        said = ", ".join(_aggregate(*told))
        yield oid, _made(
            "aggregate", f"{name}({identity})", schema,
            f"CREATE AGGREGATE {relation}({arguments or '*'}) ({said})",
            *commented(f"AGGREGATE {relation}({identity or '*'})", remark),
            drop=f"DROP AGGREGATE IF EXISTS {relation}({identity or '*'})",
        )  # fmt: skip


def _aggregate(
    parallel: str | None, told: str | None, state: str | None, moving: str | None, sort: str | None
) -> Iterator[str]:
    row: Mapping[str, Any] = json.loads(told or "{}")
    yield f"SFUNC = {row['aggtransfn']}"
    yield f"STYPE = {state}"
    for word, column in SAID.items():
        if row[column] not in (0, "-"):
            yield f"{word} = {row[column]}"
    yield from (f"MSTYPE = {kind}" for kind in (moving,) if kind)
    for word, column in (("INITCOND", "agginitval"), ("MINITCOND", "aggminitval")):
        if row[column] is not None:
            yield f"{word} = {ddl.literal(row[column])}"
    by_itself = "r" if row["aggkind"] == "n" else "w"
    for word, prefix in (("FINALFUNC", "aggfinal"), ("MFINALFUNC", "aggmfinal")):
        if row[f"{prefix}extra"]:
            yield f"{word}_EXTRA"
        if row[f"{prefix}fn"] != "-" and row[f"{prefix}modify"] != by_itself:
            yield f"{word}_MODIFY = {MODIFIES[row[f'{prefix}modify']]}"
    yield from (f"SORTOP = {operator}" for operator in (sort,) if operator)
    if parallel in PARALLEL:
        yield f"PARALLEL = {PARALLEL[parallel]}"
    if row["aggkind"] == "h":
        yield "HYPOTHETICAL"


def _operators(session: Session, where: str) -> Iterator[tuple[str | None, Extra]]:
    query = OPERATORS.format(where=where, free=is_free("o", "pg_operator"))
    for oid, schema, name, left, right, told, commutator, negator, remark in session.query(query):
        row: Mapping[str, Any] = json.loads(told or "{}")
        words = [f"FUNCTION = {row['oprcode']}"]
        others = {
            "LEFTARG": left, "RIGHTARG": right, "COMMUTATOR": commutator, "NEGATOR": negator,
            "RESTRICT": row["oprrest"], "JOIN": row["oprjoin"],
        }  # fmt: skip
        words += [f"{word} = {value}" for word, value in others.items() if value not in (None, "-")]
        words += ["MERGES"] * row["oprcanmerge"] + ["HASHES"] * row["oprcanhash"]
        place = f"{ddl.quote(schema or '')}.{name}"
        sides = f"({left or 'NONE'}, {right or 'NONE'})"
        yield oid, _made(
            "operator", f"{name} ({', '.join(filter(None, (left, right)))})", schema,
            f"CREATE OPERATOR {place} ({', '.join(words)})",
            *commented(f"OPERATOR {place} {sides}", remark),
            drop=f"DROP OPERATOR IF EXISTS {place} {sides}",
        )  # fmt: skip


def _families(session: Session, where: str) -> Iterator[Extra]:
    """Each family before its classes; what it holds besides them after these."""
    loose: list[Extra] = []
    query = FAMILIES.format(where=where, free=is_free("o", "pg_opfamily"))
    for schema, name, method, remark, members in session.query(query):
        place = f"{ddl.relation(schema, name or '')} USING {method}"
        yield _made(
            "operator family", f"{name} of {method}", schema,
            f"CREATE OPERATOR FAMILY {place}", *commented(f"OPERATOR FAMILY {place}", remark),
        )  # fmt: skip
        if members:
            held = ", ".join(json.loads(members))
            alter = f"ALTER OPERATOR FAMILY {place} ADD {held}"
            loose.append(_made("operator family members", f"{name} of {method}", schema, alter))
    query = CLASSES.format(where=where, free=is_free("o", "pg_opclass"))
    for row in session.query(query):
        schema, name, method, default, kind, stored, family, remark, members = row
        parts = [f"STORAGE {stored}"] if stored else []
        parts += json.loads(members or "[]") or ([] if stored else [f"STORAGE {kind}"])
        words = f"{'DEFAULT ' * (default == 't')}FOR TYPE {kind} USING {method} FAMILY {family}"
        place = ddl.relation(schema, name or "")
        yield _made(
            "operator class", f"{name} of {method}", schema,
            f"CREATE OPERATOR CLASS {place} {words} AS {', '.join(parts)}",
            *commented(f"OPERATOR CLASS {place} USING {method}", remark),
        )  # fmt: skip
    yield from loose


def _casts(session: Session) -> Iterator[tuple[str | None, Extra]]:
    query = CASTS.format(free=is_free("k", "pg_cast"))
    for oid, source, target, method, context, function, remark in session.query(query):
        by = CASTS_BY.get(method or "") or f"WITH FUNCTION {function}"
        cast = f"CAST ({source} AS {target})"
        yield oid, _made(
            "cast", f"{source} to {target}", None,
            f"CREATE {cast} {by}{CONTEXTS.get(context or '', '')}", *commented(cast, remark),
            drop=f"DROP CAST IF EXISTS ({source} AS {target})",
        )  # fmt: skip


def _conversions(session: Session, where: str) -> Iterator[Extra]:
    query = CONVERSIONS.format(where=where, free=is_free("f", "pg_conversion"))
    for schema, name, default, source, target, function, remark in session.query(query):
        place = ddl.relation(schema, name or "")
        pair = f"FOR {ddl.literal(source or '')} TO {ddl.literal(target or '')}"
        yield _made(
            "conversion", name or "", schema,
            f"CREATE {'DEFAULT ' * (default == 't')}CONVERSION {place} {pair} FROM {function}",
            *commented(f"CONVERSION {place}", remark), drop=f"DROP CONVERSION IF EXISTS {place}",
        )  # fmt: skip
