"""Reads the indexes and foreign keys of a SQLite file, by its pragma functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby

from dbferry.catalog import ForeignKey, Index, Part, Session
from dbferry.engines.sqlite import declaration

INDEXES = """
SELECT l.name, i.name, i."unique", i.origin, i.partial, x.cid, x.name, x."desc", x.coll
FROM pragma_table_list AS l JOIN pragma_index_list(l.name) AS i JOIN pragma_index_xinfo(i.name) AS x
WHERE l.schema = 'main' AND l.type = 'table' AND i.origin <> 'pk' AND x.key = 1 AND {where}
ORDER BY l.name, i.seq DESC, x.seqno"""

FOREIGN_KEYS = """
SELECT l.name, f.id, f."table", f."from", f."to", f.on_update, f.on_delete
FROM pragma_table_list AS l JOIN pragma_foreign_key_list(l.name) AS f
WHERE l.schema = 'main' AND l.type = 'table' AND {where}
ORDER BY l.name, f.id DESC, f.seq"""


@dataclass
class Keys:
    indexes: dict[str, list[Index]] = field(default_factory=lambda: defaultdict(list))
    foreign_keys: dict[str, list[ForeignKey]] = field(default_factory=lambda: defaultdict(list))
    left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def read(session: Session, where: str, declarations: Mapping[str, str]) -> Keys:
    """By the name of their table; `declarations` are the texts of CREATE TABLE."""
    keys = Keys()
    collations = {name: declaration.collations(sql) for name, sql in declarations.items()}
    for (table, name), parts in groupby(
        session.query(INDEXES.format(where=where)), lambda row: row[:2]
    ):
        rows = list(parts)
        _, _, unique, origin, partial = rows[0][:5]
        why = None
        if partial == "1":
            why = "partial"
        elif any(row[5] == "-2" for row in rows):
            why = "on an expression"
        elif any(
            row[8] != collations.get(table or "", {}).get(row[6] or "", "BINARY") for row in rows
        ):
            why = "collation of its own"
        if why:
            keys.left_out[table or ""].append(f"index {name} ({why})")
            continue
        keys.indexes[table or ""].append(
            Index(
                name=name if origin == "c" else None,
                parts=tuple(Part(column=row[6] or "", descending=row[7] == "1") for row in rows),
                unique=unique == "1",
                constraint=origin == "u",
            )
        )
    names = {name.lower(): name for name in declarations}
    found = session.query(FOREIGN_KEYS.format(where=where))
    for table, rows_of_table in groupby(found, lambda row: row[0]):
        # The pragma counts them backwards.
        deferred = declaration.deferred(declarations.get(table or "", ""))
        pairs = groupby(rows_of_table, lambda row: row[1])
        for place, (_, group) in enumerate(pairs):
            rows = list(group)
            other = rows[0][2] or ""
            late = deferred[place] if place < len(deferred) else False
            keys.foreign_keys[table or ""].append(
                ForeignKey(
                    name=None,
                    columns=tuple(row[3] or "" for row in rows),
                    schema="main",
                    table=names.get(other.lower(), other),
                    references=tuple(row[4] for row in rows if row[4] is not None),
                    on_update=rows[0][5] or "NO ACTION",
                    on_delete=rows[0][6] or "NO ACTION",
                    deferrable=late,
                    deferred=late,
                )
            )
    return keys
