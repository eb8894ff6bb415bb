"""What SQLite makes of another engine's index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dbferry.catalog import Index, NativeType, Part
from dbferry.engines import FittedIndex
from dbferry.engines.sqlite import ddl

ORDERED = ("btree", "hash")


def fit(index: Index, columns: Mapping[str, NativeType]) -> FittedIndex:
    if index.method == "fulltext":
        return FittedIndex(
            None, ("full text: queries ask otherwise here, of a virtual table USING fts5",)
        )
    if index.method not in ORDERED:
        return FittedIndex(None, (f"{index.method}: sqlite has B-trees only",))
    if index.hidden and not index.unique:
        return FittedIndex(None, ("hidden from queries in the source, and guards nothing",))
    notes: list[str] = []
    if index.method == "hash":
        notes.append("a B-tree here, and hashed in the source")
    if index.include:
        notes.append(f"without its columns ({', '.join(index.include)})")
    if index.hidden:
        notes.append("used by queries here, and hidden from them in the source")
    if index.comment:
        notes.append(f"without its comment: {index.comment}")
    parts = tuple(_part(part, index, notes) for part in index.parts)
    made = replace(index, parts=parts, method="btree", include=(), hidden=False, comment=None)
    return FittedIndex(made, tuple(notes))


def _part(part: Part, index: Index, notes: list[str]) -> Part:
    """A prefix is an expression where it tells rows apart; any other index holds the whole value."""
    if part.prefix is None or part.column is None:
        return part
    if not index.unique:
        notes.append(f"`{part.column}` is in it as a whole")
        return replace(part, prefix=None)
    cut = f"substr({ddl.quote(part.column)}, 1, {part.prefix})"
    notes.append(f"on {cut}, which queries must say to use it")
    return replace(part, column=None, prefix=None, expression=cut)
