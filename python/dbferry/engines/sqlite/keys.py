"""Reads the indexes and foreign keys of a SQLite file, by its pragma functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby

from dbferry.catalog import ForeignKey, Index, Part, Session
from dbferry.engines.sqlite import declaration
from dbferry.engines.sqlite.definition import Definition

INDEXES = """
SELECT l.name, i.name, i."unique", i.origin, x.cid, x.name, x."desc", x.coll,
       (SELECT s.sql FROM sqlite_schema AS s WHERE s.type = 'index' AND s.name = i.name)
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


def read(session: Session, where: str, declarations: Mapping[str, str]) -> Keys:
    """By the name of their table; `declarations` are the texts of CREATE TABLE."""
    keys = Keys()
    collations = {name: declaration.collations(sql) for name, sql in declarations.items()}
    for (table, _), parts in groupby(
        session.query(INDEXES.format(where=where)), lambda row: row[:2]
    ):
        keys.indexes[table or ""].append(_index(list(parts), collations.get(table or "", {})))
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


def _index(rows: list[tuple[str | None, ...]], collations: Mapping[str, str]) -> Index:
    _, name, unique, origin = rows[0][:4]
    own = rows[0][8]
    definition = Definition.of(own) if own is not None else None
    return Index(
        name=name if origin == "c" else None,
        parts=tuple(
            _part(row, collations, definition.parts[place] if definition else "")
            for place, row in enumerate(rows)
        ),
        unique=unique == "1",
        constraint=origin == "u",
        predicate=definition.predicate if definition else None,
        own=own,
    )


def _part(row: tuple[str | None, ...], collations: Mapping[str, str], text: str) -> Part:
    cid, column, descending, collation = row[4:8]
    usual = collations.get(column or "", "BINARY")
    return Part(
        column=None if cid == "-2" else column,
        expression=text if cid == "-2" else None,
        descending=descending == "1",
        collation=collation if collation != usual else None,
        exact=collation in (usual, "BINARY"),
    )
