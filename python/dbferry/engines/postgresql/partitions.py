"""Reads how PostgreSQL's tables are parted: keys of parting, and partitions of all levels with their bounds."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace

from dbferry.catalog import Session, Table
from dbferry.engines.postgresql.checks import Checks
from dbferry.engines.postgresql.keys import Keys
from dbferry.engines.postgresql.settings import Settings

PARTITIONS = """
SELECT r.oid, c.oid, n.nspname, c.relname, pn.nspname, p.relname,
       pg_catalog.pg_get_expr(c.relpartbound, c.oid), pg_catalog.pg_get_partkeydef(c.oid),
       pg_catalog.obj_description(c.oid, 'pg_class'),
       (SELECT json_agg(json_build_array(a.attname, e.own,
                                         a.attgenerated <> '') ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_attribute ra ON ra.attrelid = r.oid AND ra.attname = a.attname
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_catalog.pg_attrdef rd ON rd.adrelid = r.oid AND rd.adnum = ra.attnum
        JOIN pg_catalog.pg_attribute pa ON pa.attrelid = p.oid AND pa.attname = a.attname
        LEFT JOIN pg_catalog.pg_attrdef pd ON pd.adrelid = p.oid AND pd.adnum = pa.attnum
        CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid)) AS e (own)
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND (e.own IS DISTINCT FROM pg_catalog.pg_get_expr(rd.adbin, rd.adrelid)
               OR e.own IS DISTINCT FROM pg_catalog.pg_get_expr(pd.adbin, pd.adrelid))),
       (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_attribute ra ON ra.attrelid = r.oid AND ra.attname = a.attname
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attnotnull AND NOT ra.attnotnull),
       (SELECT json_agg(json_build_array(a.attname, pg_catalog.col_description(c.oid, a.attnum)) ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0
          AND pg_catalog.col_description(c.oid, a.attnum) IS NOT NULL),
       (SELECT CASE WHEN array_agg(a.attname ORDER BY a.attnum) <> array_agg(a.attname ORDER BY pa.attnum)
                    THEN json_agg(json_build_array(a.attname, k.conname) ORDER BY a.attnum) END
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_attribute pa ON pa.attrelid = p.oid AND pa.attname = a.attname
        LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'n' AND k.convalidated
             AND k.conkey[1] = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), c.relpersistence = 'u'
FROM pg_catalog.pg_class r
CROSS JOIN LATERAL pg_catalog.pg_partition_tree(r.oid) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class p ON p.oid = t.parentrelid
LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE r.relkind = 'p' AND NOT r.relispartition
ORDER BY r.oid, t.level, n.nspname, c.relname"""

PRIMARY_KEYS = """
SELECT k.conrelid, a.attname
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid AND c.relispartition
CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS p (attnum, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.attnum
WHERE k.contype = 'p' ORDER BY k.conrelid, p.place"""


@dataclass
class Parted:
    keys: dict[str, str] = field(default_factory=dict)
    """What a table is parted by; by its oid, as are its partitions."""
    partitions: dict[str, list[Table]] = field(default_factory=lambda: defaultdict(list))


def read(session: Session, keys: Keys, settings: Settings, checks: Checks) -> Parted:
    parted = Parted()
    primary: dict[str, list[str]] = defaultdict(list)
    for oid, column in session.query(PRIMARY_KEYS):
        primary[oid or ""].append(column or "")
    for row in session.query(PARTITIONS):
        root, oid, key = row[0] or "", row[1] or "", row[7]
        if root == oid:
            parted.keys[root] = key or ""
            continue
        part = _partition(row, keys, checks)
        part = replace(
            part,
            primary_key=tuple(primary[oid]),
            settings=(*settings[oid], *part.settings),
        )
        parted.partitions[root].append(part)
    return parted


def _partition(row: tuple[str | None, ...], keys: Keys, checks: Checks) -> Table:
    _, found, schema, name, parent_schema, parent, bound, key, comment = row[:9]
    defaults, never_null, comments, order = (json.loads(told or "[]") for told in row[9:13])
    oid = found or ""
    index = keys.primary.get(oid)
    own = [(column, text) for column, text, computed in defaults if not computed]
    return Table(
        schema=schema or "",
        name=name or "",
        columns=(),
        primary_key_name=index.name if index else None,
        primary_index=index,
        kind="partitioned" if key else "table",
        partitioning=key,
        parent=(parent_schema or "", parent or ""),
        bound=bound,
        order=tuple((column, constraint) for column, constraint in order),
        unlogged=row[13] == "t",
        indexes=tuple(keys.indexes[oid]),
        foreign_keys=tuple(keys.foreign_keys[oid]),
        statistics=tuple(keys.statistics[oid]),
        replica_identity=keys.replica_identities.get(oid),
        checks=tuple(checks.of[oid]),
        comment=comment,
        comments=tuple((column, text) for column, text in comments),
        settings=(
            *((c, f"SET DEFAULT {text}" if text else "DROP DEFAULT") for c, text in own),
            *((c, "SET NOT NULL") for c in never_null if not checks.may_be_null(oid, c)),
        ),
        expressions=tuple((column, text) for column, text, computed in defaults if computed),
        left_out=tuple(keys.left_out[oid]),
    )
