"""Reads the indexes and foreign keys of PostgreSQL's tables; a partition has those of its root."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby

from dbferry.catalog import ForeignKey, Index, Part, Session

# The rows are read as JSON where a column is younger than the oldest server.
INDEXES = """
SELECT x.indexrelid, x.indrelid, n.nspname, i.relname, x.indisunique, m.amname, k.contype,
       k.condeferrable, k.condeferred, x.indisvalid, x.indpred IS NOT NULL,
       x.indnatts > x.indnkeyatts, pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct',
       a.attname, x.indoption[p.place - 1]::int,
       o.opcdefault AND x.indcollation[p.place - 1] = a.attcollation
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am m ON m.oid = i.relam
CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY AS p (attnum, place)
LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = x.indexrelid AND k.conrelid = x.indrelid
      AND k.contype IN ('u', 'x')
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = p.attnum
LEFT JOIN pg_catalog.pg_opclass o ON o.oid = x.indclass[p.place - 1]
WHERE NOT x.indisprimary AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relpersistence <> 't' AND {where}
ORDER BY x.indrelid, i.relname, x.indexrelid, p.place"""

FOREIGN_KEYS = """
SELECT k.oid, k.conrelid, n.nspname, k.conname, fn.nspname, fc.relname, k.confupdtype, k.confdeltype,
       k.confmatchtype, k.condeferrable, k.condeferred,
       pg_catalog.to_jsonb(k) ->> 'confdelsetcols', pg_catalog.to_jsonb(k) ->> 'conenforced',
       pg_catalog.to_jsonb(k) ->> 'conperiod', a.attname, fa.attname
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class fc ON fc.oid = k.confrelid
JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS p (attnum, other, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.attnum
JOIN pg_catalog.pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = p.other
WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND {where}
ORDER BY k.conrelid, k.conname, k.oid, p.place"""

ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
Row = tuple[str | None, ...]


@dataclass
class Keys:
    indexes: dict[str, list[Index]] = field(default_factory=lambda: defaultdict(list))
    foreign_keys: dict[str, list[ForeignKey]] = field(default_factory=lambda: defaultdict(list))
    left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def read(session: Session, where: str) -> Keys:
    """By the oid of their table."""
    keys = Keys()
    for _, parts in groupby(session.query(INDEXES.format(where=where)), lambda row: row[0]):
        rows = list(parts)
        _, table, schema, name, unique, _, kind, deferrable, deferred = rows[0][:9]
        why = _not_plain(rows)
        if why:
            keys.left_out[table or ""].append(f"index {schema}.{name} ({why})")
            continue
        keys.indexes[table or ""].append(
            Index(
                name=name,
                parts=tuple(_part(row) for row in rows),
                unique=unique == "t",
                constraint=kind == "u",
                deferrable=deferrable == "t",
                deferred=deferred == "t",
            )
        )
    for _, pairs in groupby(session.query(FOREIGN_KEYS.format(where=where)), lambda row: row[0]):
        rows = list(pairs)
        _, table, schema, name = rows[0][:4]
        why = _unusual(rows[0])
        if why:
            keys.left_out[table or ""].append(f"foreign key {schema}.{name} ({why})")
        else:
            keys.foreign_keys[table or ""].append(_foreign_key(rows))
    return keys


def _not_plain(rows: list[Row]) -> str | None:
    method, kind = rows[0][5], rows[0][6]
    valid, partial, wider, nulls_equal = rows[0][9:13]
    if kind == "x":
        return "exclusion constraint"
    if method != "btree":
        return method
    if valid != "t":
        return "not valid"
    if partial == "t":
        return "partial"
    if wider == "t":
        return "with included columns"
    if nulls_equal == "true":
        return "NULLs are not distinct"
    if any(row[13] is None for row in rows):
        return "on an expression"
    if any(row[15] != "t" for row in rows):
        return "operator class or collation of its own"
    return None


def _part(row: Row) -> Part:
    options = int(row[14] or 0)
    descending, first = bool(options & 1), bool(options & 2)
    return Part(
        column=row[13] or "",
        descending=descending,
        nulls_first=first if first != descending else None,
    )


def _unusual(row: Row) -> str | None:
    columns, enforced, period = row[11:14]
    if columns is not None:
        return "sets some of its columns only"
    if enforced == "false":
        return "not enforced"
    return "of periods" if period == "true" else None


def _foreign_key(rows: list[Row]) -> ForeignKey:
    _, _, _, name, schema, table, on_update, on_delete, match, deferrable, deferred = rows[0][:11]
    return ForeignKey(
        name=name,
        columns=tuple(row[14] or "" for row in rows),
        schema=schema or "",
        table=table or "",
        references=tuple(row[15] or "" for row in rows),
        on_update=ACTIONS[on_update or "a"],
        on_delete=ACTIONS[on_delete or "a"],
        full=match == "f",
        deferrable=deferrable == "t",
        deferred=deferred == "t",
    )
