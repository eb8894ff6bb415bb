"""What PostgreSQL makes of another engine's index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dbferry.catalog import Index, NativeType, Part
from dbferry.engines import FittedIndex
from dbferry.engines.postgresql import ddl

NO_ORDER = frozenset(
    {"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle", "geometry"}
)
ENTRY_BYTES = 2704
"""A longer entry of a B-tree is refused when its row is written."""
BYTES_PER_CHARACTER = 4
MOST_PARTS = 32


def fit(index: Index, columns: Mapping[str, NativeType]) -> FittedIndex:
    if index.method in ("fulltext", "spatial", "vector"):
        return FittedIndex(None, (_search(index),))
    wrong = next((columns[n] for n in index.columns if columns[n].name in NO_ORDER), None)
    if wrong and index.method == "btree":
        return FittedIndex(None, (f"{wrong.text} has no order",))
    if len(index.parts) > MOST_PARTS:
        return FittedIndex(None, (f"an index has {MOST_PARTS} columns at most in postgresql",))
    if index.hidden and not index.unique:
        return FittedIndex(None, ("hidden from queries in the source, and guards nothing",))
    notes: list[str] = []
    if index.hidden:
        notes.append("used by queries here, and hidden from them in the source")
    parts = tuple(_part(part, index, columns, notes) for part in index.parts)
    return FittedIndex(replace(index, parts=parts, hidden=False), tuple(notes))


def _search(index: Index) -> str:
    """Queries have to change with such an index: what could be made is said, and not made."""
    if index.method != "fulltext":
        return (
            f"{index.method}: extensions such as PostGIS or pgvector bring types with such an index"
        )
    words = " || ' ' || ".join(f"coalesce({ddl.quote(name)}, '')" for name in index.columns)
    return f"full text: queries ask otherwise here, by an index USING gin (to_tsvector('simple', {words}))"


def _part(part: Part, index: Index, columns: Mapping[str, NativeType], notes: list[str]) -> Part:
    """A prefix is an expression; but a plain index holds whole values that are short enough."""
    if part.prefix is None or part.column is None:
        return part
    native, name = columns[part.column], ddl.quote(part.column)
    if not index.unique and (native.length or ENTRY_BYTES) * BYTES_PER_CHARACTER <= ENTRY_BYTES:
        notes.append(f"`{part.column}` is in it as a whole")
        return replace(part, prefix=None)
    cut = f"substr({name}, 1, {part.prefix})"
    if native.name != "bytea":
        cut = f'"left"({name}, {part.prefix})'
    notes.append(f"on {cut}, which queries must say to use it")
    return replace(part, column=None, prefix=None, expression=cut)
