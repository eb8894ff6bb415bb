"""Reads the indexes, keys and extended statistics of PostgreSQL's tables, partitions and materialized views."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby

from dbferry.catalog import ForeignKey, Index, Part, Session, Statistics

# Rows are read as JSON where a column is younger than the oldest server. A definition is parted where the
# server's own quoting says that the table's name ends.
INDEXES = """
SELECT x.indexrelid, x.indrelid, n.nspname, i.relname, x.indisprimary, x.indisunique, x.indisexclusion,
       x.indisvalid, m.amname, k.contype, k.condeferrable, k.condeferred,
       pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct', pg_catalog.pg_get_expr(x.indpred, x.indrelid),
       CASE WHEN {period} THEN NULL WHEN x.indisexclusion THEN pg_catalog.pg_get_constraintdef(k.oid)
            WHEN starts_with(t.text, t.head) THEN substr(t.text, length(t.head) + 1) END,
       pg_catalog.obj_description(x.indexrelid, 'pg_class'),
       pg_catalog.obj_description(k.oid, 'pg_constraint'), x.indisclustered, x.indisreplident, s.spcname,
       (SELECT json_agg(json_build_array(w.attnum, w.attstattarget) ORDER BY w.attnum)
        FROM pg_catalog.pg_attribute w WHERE w.attrelid = x.indexrelid AND w.attstattarget >= 0),
       rn.nspname, r.relname, p.place > x.indnkeyatts, a.attname,
       CASE WHEN p.attnum = 0 THEN pg_catalog.pg_get_indexdef(x.indexrelid, p.place::int, false) END,
       x.indoption[p.place - 1]::int,
       CASE WHEN x.indcollation[p.place - 1] <> a.attcollation
            THEN pg_catalog.quote_ident(ln.nspname) || '.' || pg_catalog.quote_ident(l.collname) END,
       pg_catalog.to_jsonb(l) ->> 'collisdeterministic',
       CASE WHEN NOT o.opcdefault
            THEN pg_catalog.quote_ident(onn.nspname) || '.' || pg_catalog.quote_ident(o.opcname) END,
       {period}, pg_catalog.array_to_string(i.reloptions, ', ')
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am m ON m.oid = i.relam
LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = x.indexrelid
LEFT JOIN pg_catalog.pg_class r ON r.oid = h.inhparent
LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = i.reltablespace
CROSS JOIN LATERAL (
    SELECT pg_catalog.pg_get_indexdef(x.indexrelid),
           'CREATE ' || CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END
           || 'INDEX ' || pg_catalog.quote_ident(i.relname)
           || ' ON ' || CASE WHEN i.relkind = 'I' THEN 'ONLY ' ELSE '' END
           || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) || ' '
) AS t (text, head)
CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY AS p (attnum, place)
LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = x.indexrelid AND k.conrelid = x.indrelid
      AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = p.attnum
LEFT JOIN pg_catalog.pg_opclass o ON o.oid = x.indclass[p.place - 1]
LEFT JOIN pg_catalog.pg_namespace onn ON onn.oid = o.opcnamespace
LEFT JOIN pg_catalog.pg_collation l ON l.oid = x.indcollation[p.place - 1]
LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND {where}
ORDER BY x.indrelid, i.relname, x.indexrelid, p.place"""
PERIOD = "coalesce(pg_catalog.to_jsonb(k) ->> 'conperiod', 'false') = 'true'"

FOREIGN_KEYS = """
SELECT k.oid, k.conrelid, n.nspname, k.conname, fn.nspname, fc.relname, k.confupdtype, k.confdeltype,
       k.confmatchtype, k.condeferrable, k.condeferred, k.convalidated,
       pg_catalog.obj_description(k.oid, 'pg_constraint'),
       (SELECT json_agg(s.attname ORDER BY d.place)
        FROM json_array_elements_text(pg_catalog.to_json(k) -> 'confdelsetcols') WITH ORDINALITY AS d (attnum, place)
        JOIN pg_catalog.pg_attribute s ON s.attrelid = k.conrelid AND s.attnum = d.attnum::int2
        WHERE json_typeof(pg_catalog.to_json(k) -> 'confdelsetcols') = 'array'),
       pg_catalog.to_jsonb(k) ->> 'conenforced',
       pg_catalog.to_jsonb(k) ->> 'conperiod', a.attname, fa.attname
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class fc ON fc.oid = k.confrelid
JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS p (attnum, other, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.attnum
JOIN pg_catalog.pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = p.other
WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relkind IN ('r', 'p')
  AND {where}
ORDER BY k.conrelid, k.conname, k.oid, p.place"""

STATISTICS = """
SELECT s.stxrelid, sn.nspname, s.stxname,
       CASE WHEN starts_with(t.text, t.head) AND right(t.text, length(t.tail)) = t.tail
            THEN substr(t.text, length(t.head) + 1, length(t.text) - length(t.head) - length(t.tail)) END,
       pg_catalog.to_jsonb(s) ->> 'stxstattarget',
       pg_catalog.obj_description(s.oid, 'pg_statistic_ext'),
       pg_catalog.to_jsonb(s) ->> 'stxexprs' IS NOT NULL
FROM pg_catalog.pg_statistic_ext s
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.stxnamespace
JOIN pg_catalog.pg_class c ON c.oid = s.stxrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT pg_catalog.pg_get_statisticsobjdef(s.oid),
           'CREATE STATISTICS ' || pg_catalog.quote_ident(sn.nspname) || '.' || pg_catalog.quote_ident(s.stxname),
           ' FROM ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
) AS t (text, head, tail)
WHERE c.relkind IN ('r', 'p', 'm') AND {where}
ORDER BY s.stxrelid, s.stxname"""

IDENTITIES = """
SELECT c.oid, c.relreplident FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relreplident IN ('f', 'n') AND {where}"""

ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
REPLICA_IDENTITIES = {"f": "FULL", "n": "NOTHING"}
Row = tuple[str | None, ...]


@dataclass
class Keys:
    indexes: dict[str, list[Index]] = field(default_factory=lambda: defaultdict(list))
    primary: dict[str, Index] = field(default_factory=dict)
    foreign_keys: dict[str, list[ForeignKey]] = field(default_factory=lambda: defaultdict(list))
    statistics: dict[str, list[Statistics]] = field(default_factory=lambda: defaultdict(list))
    replica_identities: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def read(session: Session, where: str) -> Keys:
    """By the oid of their table; definitions are read with nothing on the search path."""
    keys = Keys()
    for _, parts in groupby(
        session.query(INDEXES.format(where=where, period=PERIOD)), lambda row: row[0]
    ):
        _add_index(keys, list(parts))
    for row in session.query(STATISTICS.format(where=where)):
        _add_statistics(keys, row)
    for _, pairs in groupby(session.query(FOREIGN_KEYS.format(where=where)), lambda row: row[0]):
        rows = list(pairs)
        keys.foreign_keys[rows[0][1] or ""].append(_foreign_key(rows))
    for table, kind in session.query(IDENTITIES.format(where=where)):
        keys.replica_identities[table or ""] = REPLICA_IDENTITIES[kind or ""]
    return keys


def _add_index(keys: Keys, rows: list[Row]) -> None:
    _, table, schema, name, primary, unique, exclusion, valid, method, kind = rows[0][:10]
    deferrable, deferred, nulls_equal, predicate, own, comment, other_comment = rows[0][10:17]
    clustered, identifies, tablespace, targets, parent_schema, parent = rows[0][17:23]
    period, options = rows[0][30:]
    called = f"index {schema}.{name}"
    if valid != "t":
        keys.left_out[table or ""].append(f"{called} (not valid)")
        return
    if tablespace:
        keys.left_out[table or ""].append(f"tablespace {tablespace} of {called}")
    index = Index(
        name=name,
        parts=tuple(_part(row) for row in rows if row[23] == "f"),
        include=tuple(row[24] or "" for row in rows if row[23] == "t"),
        unique=unique == "t",
        constraint=kind is not None,
        exclusion=exclusion == "t" and period != "t",
        period=period == "t",
        deferrable=deferrable == "t",
        deferred=deferred == "t",
        method=method or "",
        predicate=predicate,
        nulls_distinct=nulls_equal != "true",
        comment=comment,
        constraint_comment=other_comment,
        own=own,
        options=options,
        alterations=tuple(
            f"ALTER COLUMN {place} SET STATISTICS {target}"
            for place, target in json.loads(targets or "[]")
        ),
        clustered=clustered == "t",
        identifies=identifies == "t",
        parent=(parent_schema or "", parent) if parent else None,
    )
    if primary == "t":
        keys.primary[table or ""] = index
    else:
        keys.indexes[table or ""].append(index)


def _part(row: Row) -> Part:
    column, expression, options, collation, deterministic, operators = row[24:30]
    descending, first = bool(int(options or 0) & 1), bool(int(options or 0) & 2)
    return Part(
        column=column,
        expression=expression,
        descending=descending,
        nulls_first=first if first != descending else None,
        collation=collation,
        exact=collation is None or deterministic != "false",
        operators=operators,
    )


def _add_statistics(keys: Keys, row: Row) -> None:
    table, schema, name, own, target, comment, expressions = row
    if own is None:
        keys.left_out[table or ""].append(
            f"statistics {schema}.{name} (its definition isn't known)"
        )
        return
    keys.statistics[table or ""].append(
        Statistics(
            schema=schema or "",
            name=name or "",
            own=own,
            expressions=expressions == "t",
            target=int(target) if target not in (None, "-1") else None,
            comment=comment,
        )
    )


def _foreign_key(rows: list[Row]) -> ForeignKey:
    _, _, _, name, schema, table, on_update, on_delete, match, deferrable, deferred = rows[0][:11]
    valid, comment, set_columns, enforced, period = rows[0][11:16]
    return ForeignKey(
        name=name,
        columns=tuple(row[16] or "" for row in rows),
        schema=schema or "",
        table=table or "",
        references=tuple(row[17] or "" for row in rows),
        on_update=ACTIONS[on_update or "a"],
        on_delete=ACTIONS[on_delete or "a"],
        set_columns=tuple(json.loads(set_columns or "[]")),
        full=match == "f",
        deferrable=deferrable == "t",
        deferred=deferred == "t",
        valid=valid == "t",
        enforced=enforced != "false",
        period=period == "true",
        comment=comment,
    )
