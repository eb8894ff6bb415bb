"""What a source is like, as far as a run moves it: noted when it begins, and compared by the run that goes on.

Columns and keys say what the rows are: with others the rows that are moved would not be of one table, and the run is
refused. What stands around them can be made as it was, whatever it has become since; that is told. What changes
by itself (what a sequence gives next, how many rows there are) is no part of this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbferry.selection import Only, stands_asked

if TYPE_CHECKING:
    from dbferry.catalog import Catalog, Column, NumberSequence, Table
    from dbferry.selection import Options

Shape = Mapping[str, Any]


def shape_of(tables: Sequence[Table], source: Catalog, options: Options) -> Shape:
    rows_alone = options.only is Only.DATA
    return {
        "tables": {
            table.label: {
                "columns": {column.name: _declared(column) for column in table.columns},
                "key": list(table.primary_key),
                "around": {} if rows_alone else _digests(_around(table)),
            }
            for table in tables
        },
        "beside": {} if rows_alone else _digests(_beside(tables, source, options)),
    }


def row_changes(before: Shape, now: Shape) -> list[tuple[str, str]]:
    """Table and change of all that makes its rows others."""
    old, new = before["tables"], now["tables"]
    names = dict.fromkeys((*old, *new))
    return [(name, told) for name in names for told in _changes(old.get(name), new.get(name))]


def other_changes(before: Shape, now: Shape) -> list[str]:
    """What has changed around tables that are the same in both, and beside them."""
    old, new = before["tables"], now["tables"]
    told = [
        f"{change} (of {name})"
        for name in old
        for change in _compared(old[name]["around"], new[name]["around"])
    ]
    return [*told, *_compared(before["beside"], now["beside"])]


def _declared(column: Column) -> str:
    native = column.native
    told = [native.text, "" if column.nullable else "not null"]
    told += [f"collate {native.collation}"] if native.collation else []
    told += [f"generated as {column.generated}"] if column.generated else []
    return " ".join(filter(None, told))


def _around(table: Table) -> Iterator[tuple[str, object]]:
    for column in table.columns:
        yield f"the default of `{column.name}`", column.default
        yield f"the identity of `{column.name}`", _counting(column)
        yield f"what updates put into `{column.name}`", column.on_update
        yield f"the comment of `{column.name}`", column.comment
    for index in (*table.indexes, *([table.primary_index] if table.primary_index else [])):
        parts = ", ".join(part.column or part.expression or "" for part in index.parts)
        yield _called("index", index.name, parts), index
    for key in table.foreign_keys:
        yield _called("foreign key", key.name, ", ".join(key.columns)), key
    for check in table.checks:
        yield _called("check", check.name, check.expression), check
    for kept in table.statistics:
        yield _called("statistics", kept.name, ""), kept
    for part in table.partitions:
        yield _called("partition", part.name, ""), (part.parent, part.bound, part.partitioning)
    yield "the comment", table.comment
    yield "how it is kept", (table.settings, table.replica_identity, table.strict)


def _counting(column: Column) -> object:
    identity = column.identity
    if identity is None:
        return None
    sequence = identity.sequence
    return identity.kind.value, identity.increment, sequence and _still(sequence)


def _still(sequence: NumberSequence) -> NumberSequence:
    """Without what drawing from it changes, and whoever may see that."""
    return replace(sequence, last=None, restart=None, readable=True)


def _beside(
    tables: Sequence[Table], source: Catalog, options: Options
) -> Iterator[tuple[str, object]]:
    for view in source.views:
        if stands_asked(options, view):
            yield _called("view", view.name, "", view.schema), view
    for sequence in source.sequences:
        if stands_asked(options, sequence):
            yield _called("sequence", sequence.name, "", sequence.schema), _still(sequence)
    # Each table and view is a type as well.
    places = {(table.schema, table.name) for table in source.tables}
    places |= {(view.schema, view.name) for view in source.views}
    used = {
        name
        for table in tables
        for c in table.columns
        for name in (c.native.name, c.native.element)
    }
    for kind in source.types:
        asked = kind.name in used or not options.tables
        if asked and (kind.schema, kind.name) not in places:
            yield _called("type", kind.name, "", kind.schema), kind
    for extra in source.extras:
        if extra.group is not None and {extra.group, "all"} & set(options.include):
            yield extra.label, extra.sql


def _called(what: str, name: str | None, parts: str, schema: str = "") -> str:
    return f"{what} `{'.'.join(filter(None, (schema, name)))}`" if name else f"{what} on ({parts})"


def _digests(things: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Nothing of what isn't there; several of one name are told together."""
    gathered: dict[str, str] = {}
    for name, thing in things:
        if thing:
            gathered[name] = gathered.get(name, "") + repr(thing)
    return {name: hashlib.sha256(text.encode()).hexdigest()[:8] for name, text in gathered.items()}


def _compared(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    told = [f"{name} is new" for name in new if name not in old]
    told += [f"{name} is gone" for name in old if name not in new]
    return told + [f"{name} is another" for name in old if new.get(name, old[name]) != old[name]]


def _changes(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Sequence[str]:
    if before is None:
        return ["the table is new"]
    if now is None:
        return ["the table is gone"]
    old, new = before["columns"], now["columns"]
    told = [f"column `{name}` is new" for name in new if name not in old]
    told += [f"column `{name}` is gone" for name in old if name not in new]
    told += [
        f"column `{name}` was {old[name]} and is {new[name]}"
        for name in old
        if name in new and old[name] != new[name]
    ]
    if before["key"] != now["key"]:
        told.append("the primary key is another")
    return told
