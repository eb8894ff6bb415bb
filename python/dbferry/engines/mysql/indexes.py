"""What MySQL and MariaDB make of another engine's index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dbferry.catalog import Index, NativeType, Part
from dbferry.engines import FittedIndex
from dbferry.engines.mysql import ddl
from dbferry.engines.mysql.types import GEOMETRIES

INDEX_BYTES = 3072
COMMENT_CHARACTERS = 1024
BYTES_PER_CHARACTER = 4
MOST_PARTS = {"mysql": 16, "mariadb": 32}
CHARACTER_BYTES = {"ascii": 1, "latin1": 1, "utf8mb3": 3, "utf8": 3}
METHODS = ("btree", "hash", "fulltext", "spatial")
NO_WHOLE = frozenset(
    f"{size}{kind}" for size in ("tiny", "", "medium", "long") for kind in ("text", "blob")
)
NO_INDEX = frozenset({"json", "vector", *GEOMETRIES})
PREFIX = 255
"""Enough of a long value to find it by: three of them fit into an index."""


def fit(index: Index, columns: Mapping[str, NativeType], flavour: str) -> FittedIndex:
    notes: list[str] = []
    parts = tuple(_part(part, index, columns, notes) for part in index.parts)
    index = replace(index, parts=parts)
    why = _fault(index, columns, flavour)
    if why:
        return FittedIndex(None, (why,))
    if index.predicate is not None:
        index = _where(index)
        notes.append(f"on {index.parts[0].expression}, which queries must say to use it")
    if index.method == "hash":
        notes.append("a B-tree here, and hashed in the source")
        index = replace(index, method="btree")
    if index.include:
        notes.append(f"without its columns ({', '.join(index.include)})")
    if index.parser:
        notes.append(f"without its parser {index.parser}: text is parted into other words")
    comment = index.comment or index.constraint_comment
    if comment and len(comment) > COMMENT_CHARACTERS:
        notes.append(f"without its comment, which is longer than {COMMENT_CHARACTERS} characters")
        comment = None
    return FittedIndex(replace(index, include=(), parser=None, comment=comment), tuple(notes))


def _part(part: Part, index: Index, columns: Mapping[str, NativeType], notes: list[str]) -> Part:
    """A prefix is enough to find long values by, and not to tell them apart."""
    if index.unique or index.method != "btree" or part.column is None or part.prefix is not None:
        return part
    if columns[part.column].name not in NO_WHOLE:
        return part
    notes.append(f"on the first {PREFIX} characters or bytes of `{part.column}`")
    return replace(part, prefix=PREFIX)


def _where(index: Index) -> Index:
    """Rows that a partial key leaves alone have NULL in its first part, and meet no other."""
    first = index.parts[0]
    value = ddl.quote(first.column) if first.column is not None else first.expression
    case = f"CASE WHEN {index.predicate} THEN {value} END"
    parts = (replace(first, column=None, expression=case), *index.parts[1:])
    return replace(index, parts=parts, predicate=None)


def _fault(index: Index, columns: Mapping[str, NativeType], flavour: str) -> str | None:
    if index.method not in METHODS:
        return f"{index.method}: {flavour} has none"
    if len(index.parts) > MOST_PARTS[flavour]:
        return f"an index has {MOST_PARTS[flavour]} columns at most in {flavour}"
    if flavour == "mariadb" and index.predicate is not None:
        return f"partial, and mariadb has no index on an expression: {index.predicate}"
    if flavour == "mariadb" and any(part.expression for part in index.parts):
        told = ", ".join(part.expression for part in index.parts if part.expression)
        return f"on an expression, which mariadb has no index on: {told}"
    if index.method in ddl.SEARCHES:
        return None
    size = 0
    for part in index.parts:
        if part.column is None:
            continue
        native = columns[part.column]
        if native.name in NO_INDEX:
            return f"{native.text} can't be in an index"
        if part.prefix is None and native.name in NO_WHOLE:
            return f"an index holds no whole {native.text}"
        size += _bytes(part, native)
    return f"an index holds {INDEX_BYTES} bytes" if size > INDEX_BYTES else None


def _bytes(part: Part, native: NativeType) -> int:
    length = native.length if part.prefix is None else part.prefix
    return _characters(native) * length if length is not None else 8


def _characters(native: NativeType) -> int:
    """Bytes of a character at most; of a byte 1."""
    if "binary" in native.name or "blob" in native.name:
        return 1
    return CHARACTER_BYTES.get(native.charset or "", BYTES_PER_CHARACTER)
