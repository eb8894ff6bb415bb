"""Reads what tables of PostgreSQL are made with: types of the user's own, and sequences."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from dbferry.catalog import Attribute, Check, NotNull, NumberSequence, Session, UserType, View
from dbferry.engines.postgresql.keys import Keys
from dbferry.engines.postgresql.settings import Settings

Row = tuple[str | None, ...]
KINDS = {
    "b": "base", "c": "composite", "d": "domain", "e": "enum", "r": "range", "m": "multirange", "row": "row",
}  # fmt: skip

TYPES = """
SELECT t.oid, n.nspname, t.typname,
       CASE WHEN c.relkind <> 'c' THEN 'row' ELSE t.typtype::text END, e.enumlabel,
       CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END,
       t.typnotnull, t.typdefault,
       CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation
            THEN pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) END,
       (SELECT x.extname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
        WHERE d.objid = t.oid AND d.deptype = 'e' AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass),
       pg_catalog.obj_description(t.oid, 'pg_type')
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_catalog.pg_enum e ON e.enumtypid = t.oid
LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_catalog.pg_collation co ON co.oid = t.typcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
WHERE t.oid >= 16384 AND (t.typcategory <> 'A' OR t.typtype = 'd')
ORDER BY n.nspname, t.typname, e.enumsortorder"""

ATTRIBUTES = """
SELECT c.reltype, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attcollation <> t.typcollation
            THEN pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) END,
       pg_catalog.col_description(c.oid, a.attnum)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
WHERE c.relkind = 'c' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.reltype, a.attnum"""

CHECKS = """
SELECT k.contypid, k.conname, pg_catalog.pg_get_constraintdef(k.oid), k.convalidated,
       pg_catalog.obj_description(k.oid, 'pg_constraint'), k.contype
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_type t ON t.oid = k.contypid
WHERE k.contype = 'c' OR k.contype = 'n' AND (k.conname <> t.typname || '_not_null'
      OR pg_catalog.obj_description(k.oid, 'pg_constraint') IS NOT NULL)
ORDER BY k.contypid, k.conname"""

# A range with a canonical function is made in a round with it; such a one is left alone.
RANGES = """
SELECT r.rngtypid, pg_catalog.format_type(r.rngsubtype, NULL), m.typname,
       CASE WHEN NOT o.opcdefault
            THEN pg_catalog.quote_ident(onn.nspname) || '.' || pg_catalog.quote_ident(o.opcname) END,
       CASE WHEN r.rngcollation <> s.typcollation
            THEN pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) END,
       CASE WHEN r.rngsubdiff <> 0 THEN r.rngsubdiff::pg_catalog.regproc END,
       CASE WHEN m.oid IS NOT NULL
            THEN pg_catalog.quote_ident(mn.nspname) || '.' || pg_catalog.quote_ident(m.typname) END
FROM pg_catalog.pg_range r JOIN pg_catalog.pg_type s ON s.oid = r.rngsubtype
LEFT JOIN pg_catalog.pg_type m ON m.oid = (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::oid
LEFT JOIN pg_catalog.pg_namespace mn ON mn.oid = m.typnamespace
LEFT JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc
LEFT JOIN pg_catalog.pg_namespace onn ON onn.oid = o.opcnamespace
LEFT JOIN pg_catalog.pg_collation co ON co.oid = r.rngcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
WHERE r.rngtypid >= 16384 AND r.rngcanonical = 0"""
RANGE_OPTIONS = ("SUBTYPE_OPCLASS", "COLLATION", "SUBTYPE_DIFF", "MULTIRANGE_TYPE_NAME")

# A type that is made of others, by their elements where those are arrays.
NEEDS = """
WITH made (oid, part) AS (
    SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t WHERE t.typtype = 'd'
  UNION
    SELECT c.reltype, a.atttypid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'c' AND a.attnum > 0 AND NOT a.attisdropped
  UNION
    SELECT r.rngtypid, r.rngsubtype FROM pg_catalog.pg_range r
  UNION
    SELECT (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::oid, r.rngtypid FROM pg_catalog.pg_range r
)
SELECT DISTINCT m.oid, n.nspname, coalesce(e.typname, p.typname),
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(coalesce(e.typname, p.typname))
FROM made m JOIN pg_catalog.pg_type p ON p.oid = m.part
LEFT JOIN pg_catalog.pg_type e ON e.oid = p.typelem AND p.typcategory = 'A'
JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(e.typnamespace, p.typnamespace)
WHERE coalesce(e.oid, p.oid) >= 16384 ORDER BY 1, 2, 3"""

SEQUENCES = """
SELECT s.oid, n.nspname, s.relname, pg_catalog.format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement,
       q.seqmin, q.seqmax, q.seqcache, q.seqcycle,
       CASE WHEN pg_catalog.has_sequence_privilege(s.oid, 'SELECT,USAGE')
            THEN pg_catalog.pg_sequence_last_value(s.oid) END,
       pg_catalog.has_sequence_privilege(s.oid, 'SELECT,USAGE'),
       CASE WHEN pg_catalog.has_sequence_privilege(s.oid, 'SELECT')
            THEN pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(s.relname) END,
       d.refobjid, a.attname, pg_catalog.obj_description(s.oid, 'pg_class'), s.relpersistence = 'u'
FROM pg_catalog.pg_sequence q
JOIN pg_catalog.pg_class s ON s.oid = q.seqrelid
JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
LEFT JOIN pg_catalog.pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i')
      AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE s.relpersistence <> 't' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend x WHERE x.objid = s.oid AND x.deptype = 'e'
      AND x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
ORDER BY n.nspname, s.relname"""

# One that has given no number keeps what it gives first to itself.
UNUSED = "SELECT {oid}, last_value, is_called FROM {relation}"
ASKED_AT_ONCE = 200
"""Sequences in a question; each is a table that its session locks until the answer."""

# The sequence that a column's default draws from.
DRAWS = """
SELECT ad.adrelid, a.attname, d.refobjid
FROM pg_catalog.pg_attrdef ad
JOIN pg_catalog.pg_attribute a ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum
JOIN pg_catalog.pg_depend d ON d.objid = ad.oid AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
     AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'"""


VIEWS = """
SELECT c.oid, n.nspname, c.relname, c.relkind, pg_catalog.pg_get_viewdef(c.oid), c.relispopulated,
       pg_catalog.array_to_string(c.reloptions, ', '), pg_catalog.obj_description(c.oid, 'pg_class')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND c.relpersistence <> 't' AND {where} AND NOT {of_extension}
ORDER BY n.nspname, c.relname"""

READS = """
SELECT DISTINCT r.ev_class, n.nspname, c.relname
FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
     AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.oid <> r.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'pg_catalog' ORDER BY 1, 2, 3"""


VIEW_COLUMNS = """
SELECT a.attrelid, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid),
       pg_catalog.col_description(a.attrelid, a.attnum)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('v', 'm')
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND (d.oid IS NOT NULL OR pg_catalog.col_description(a.attrelid, a.attnum) IS NOT NULL)
ORDER BY a.attrelid, a.attnum"""


def views(
    session: Session, where: str, of_extension: str, keys: Keys, kept: Settings
) -> tuple[View, ...]:
    needs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for oid, schema, name in session.query(READS):
        needs[oid or ""].append((schema or "", name or ""))
    defaults: dict[str, list[tuple[str, str]]] = defaultdict(list)
    comments: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for oid, column, default, comment in session.query(VIEW_COLUMNS):
        defaults[oid or ""] += [(column or "", default)] if default else []
        comments[oid or ""] += [(column or "", comment)] if comment else []
    return tuple(
        View(
            schema=schema or "",
            name=name or "",
            query=query or "",
            materialized=kind == "m",
            filled=filled == "t",
            options=(options,) if options else (),
            needs=tuple(needs[oid or ""]),
            comment=comment,
            settings=tuple(kept[oid or ""]),
            defaults=tuple(defaults[oid or ""]),
            comments=tuple(comments[oid or ""]),
            indexes=tuple(keys.indexes[oid or ""]),
            statistics=tuple(keys.statistics[oid or ""]),
        )
        for oid, schema, name, kind, query, filled, options, comment in session.query(
            VIEWS.format(where=where, of_extension=of_extension)
        )
    )


def user_types(session: Session) -> tuple[UserType, ...]:
    attributes: dict[str, list[Attribute]] = defaultdict(list)
    for oid, name, text, collation, comment in session.query(ATTRIBUTES):
        attributes[oid or ""].append(Attribute(name or "", text or "", collation, comment))
    checks: dict[str, list[Check]] = defaultdict(list)
    not_null: dict[str, NotNull] = {}
    for oid, name, text, valid, comment, kind in session.query(CHECKS):
        if kind == "n":
            not_null[oid or ""] = NotNull(name=name or "", comment=comment)
            continue
        check = Check(name=name, expression=text or "", valid=valid == "t", comment=comment)
        checks[oid or ""].append(check)
    needs: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for oid, schema, name, printed in session.query(NEEDS):
        needs[oid or ""].append((schema or "", name or "", printed or ""))
    ranges = {row[0]: row[1:] for row in session.query(RANGES)}
    found: dict[str, UserType] = {}
    for row in session.query(TYPES):
        oid, schema, name, kind, label, base, never_null, default, collation = row[:9]
        extension, comment = row[9:]
        made = found.get(oid or "")
        if made is None:
            told = ranges.get(oid)
            # A range that isn't told of is nothing that could be made again.
            kind = "b" if kind == "r" and told is None else kind
            made = UserType(
                schema=schema or "",
                name=name or "",
                kind=KINDS.get(kind or "", "base"),
                base=told[0] if told else base,
                options=_range(told[2:]) if told else (),
                multirange=told[1] if told else None,
                nullable=never_null != "t",
                not_null=not_null.get(oid or ""),
                default=default,
                collation=collation,
                extension=extension,
                comment=comment,
                checks=tuple(checks[oid or ""]),
                attributes=tuple(attributes[oid or ""]),
                needs=tuple(needs[oid or ""]),
            )
        if label is not None:
            made = replace(made, labels=(*made.labels, label))
        found[oid or ""] = made
    return tuple(found.values())


def _range(told: Row) -> tuple[str, ...]:
    named = zip(RANGE_OPTIONS, told, strict=True)
    return tuple(f"{name} = {value}" for name, value in named if value is not None)


@dataclass
class Sequences:
    all: list[NumberSequence] = field(default_factory=list)
    """Those that stand for themselves: not the ones behind identities."""
    owned: dict[tuple[str, str], NumberSequence] = field(default_factory=dict)
    """By the oid and the column of the table that they go with, identities among them."""
    drawn: dict[tuple[str, str], NumberSequence] = field(default_factory=dict)
    """By the oid and the column whose default draws from them."""


def sequences(session: Session, tables: dict[str, tuple[str, str]]) -> Sequences:
    """`tables` are schema and name of each by its oid."""
    found = Sequences()
    by_oid: dict[str, NumberSequence] = {}
    rows = session.query(SEQUENCES)
    unused = _unused(session, {r[0] or "": r[12] for r in rows if r[10] is None and r[12]})
    for row in rows:
        oid, schema, name, kind, start, increment, low, high, cache, cycle, last = row[:11]
        readable, relation, relid, column, comment, unlogged = row[11:]
        first = unused.get(oid or "")
        sequence = NumberSequence(
            schema=schema or "",
            name=name or "",
            type=kind or "bigint",
            start=int(start or 1),
            increment=int(increment or 1),
            minimum=int(low or 1),
            maximum=int(high or 1),
            cache=int(cache) if cache not in (None, "1") else None,
            cycle=cycle == "t",
            last=int(last) if last is not None else None,
            restart=first,
            readable=readable == "t" and (last is not None or relation is not None),
            comment=comment,
            unlogged=unlogged == "t",
            owner=(*tables[relid], column or "") if relid in tables else None,
        )
        by_oid[oid or ""] = sequence
        if column is not None:
            found.owned[relid or "", column] = sequence
        found.all.append(sequence)
    for relid, column, oid in session.query(DRAWS):
        if oid in by_oid:
            found.drawn[relid or "", column or ""] = by_oid[oid]
    return found


def _unused(session: Session, relations: dict[str, str]) -> dict[str, int]:
    """What sequences give first, by their oid."""
    asked = [UNUSED.format(oid=oid, relation=name) for oid, name in relations.items()]
    first: dict[str, int] = {}
    for start in range(0, len(asked), ASKED_AT_ONCE):
        rows = session.query(" UNION ALL ".join(asked[start : start + ASKED_AT_ONCE]))
        first |= {oid or "": int(value or 0) for oid, value, called in rows if called != "t"}
    return first
