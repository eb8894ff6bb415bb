"""What becomes of an index on its way: its own definition where the target reads that, else its structure.

Between two of one engine the server's own words go over as they are, as long as no column that they may name
is called otherwise. Everything else is said by its parts, and the target's engine makes of them what it has:
what it lacks is dropped with a note where that changes no answer, and refused where it would.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from dbferry.catalog import Index, Part, Table
from dbferry.engines import FittedIndex
from dbferry.items import ColumnItem
from dbferry.pair import Pair
from dbferry.schema.terms import Operand, Untranslatable
from dbferry.schema.translation import Translation


def translation(pair: Pair, table: Table, items: Collection[ColumnItem]) -> Translation:
    """For expressions over the columns of a table that move."""
    other_names = any(item.name != item.target for item in items)
    known = partial(operands, pair, table, items)
    return Translation(*pair.ends, known, pair.requalified, renamed=other_names)


def operands(pair: Pair, table: Table, items: Iterable[ColumnItem]) -> dict[str, Operand]:
    """The columns that expressions may name."""
    one, other = pair.ends
    if one.dialect is None or other.dialect is None:
        return {}
    columns = {column.name: column for column in table.columns}
    return {
        item.name: Operand.of(
            pair.ends, columns[item.name], item.canonical, item.target, item.target_type
        )
        for item in items
        if item.name in columns
    }


def fit(
    pair: Pair, columns: Mapping[str, ColumnItem], index: Index, words: Translation
) -> FittedIndex:
    """An index in the target's names and words; `columns` are those that move, by their source's name."""
    one, other = pair.ends
    missing = [n for n in (*index.columns, *index.include) if n not in columns]
    if missing:
        return FittedIndex(None, (f"column {missing[0]} is not moved",))
    own = index.own if one.name == other.name and not renamed(columns, index.own) else None
    made = replace(
        index,
        own=own,
        parts=tuple(_named(part, columns) for part in index.parts),
        include=tuple(columns[name].target for name in index.include),
    )
    if own is not None:
        return FittedIndex(replace(made, own=pair.requalified(own)))
    if index.exclusion:
        return FittedIndex(None, (f"an exclusion constraint: {index.own}",))
    if index.period and one.name != other.name:
        return FittedIndex(None, (f"WITHOUT OVERLAPS, on {', '.join(index.columns)}",))
    notes: tuple[str, ...] = ()
    if index.own is not None and one.name == other.name:
        notes = ("made of its parts, without its parameters: a column of it is called otherwise",)
    elif one.family != other.family:
        if index.unique and not all(part.exact for part in index.parts):
            return FittedIndex(None, ("its collation takes different values for the same",))
        if index.unique and not index.nulls_distinct:
            return FittedIndex(None, ("NULLs are not distinct",))
        made, notes = _plainer(made)
        if made.predicate is not None and not (made.unique or other.has_partial_indexes):
            notes = (*notes, f"on all rows, and not only where {made.predicate}")
            made = replace(made, predicate=None)
    try:
        made = _translated(made, words)
    except Untranslatable as why:
        return FittedIndex(None, (_said(index, why),))
    types = {item.target: item.target_type for item in columns.values()}
    fitted = other.fit_index(made, types)
    return replace(fitted, notes=(*notes, *fitted.notes) if fitted.index else fitted.notes)


def renamed(columns: Mapping[str, ColumnItem], own: str | None) -> bool:
    """True when a definition may name a column that is called otherwise in the target."""
    return any(item.name in (own or "") for item in columns.values() if item.target != item.name)


def _named(part: Part, columns: Mapping[str, ColumnItem]) -> Part:
    return part if part.column is None else replace(part, column=columns[part.column].target)


def _plainer(index: Index) -> tuple[Index, tuple[str, ...]]:
    """Without what only its own server knows and no answer depends on."""
    notes = []
    if any(part.operators for part in index.parts):
        notes.append("without its operator class")
    if any(part.collation for part in index.parts):
        notes.append("in the order of its column's collation")
    if any(part.nulls_first is not None for part in index.parts):
        notes.append("with NULLs where the target puts them")
    if index.deferrable:
        notes.append("checked at once")
    plain = [replace(p, operators=None, nulls_first=None, collation=None) for p in index.parts]
    parts = tuple(part for n, part in enumerate(plain) if not _is_there(part, plain[:n]))
    if len(parts) < len(plain):
        notes.append("with each column once")
    return replace(index, parts=parts, deferrable=False, deferred=False), tuple(notes)


def _is_there(part: Part, before: Sequence[Part]) -> bool:
    """True for a column that comes again, by which nothing is ordered any more."""
    return part.column is not None and any(
        (part.column, part.prefix) == (other.column, other.prefix) for other in before
    )


def _translated(index: Index, words: Translation) -> Index:
    predicate = words.condition(index.predicate) if index.predicate is not None else None
    parts = tuple(_said_part(part, index, words) for part in index.parts)
    return replace(index, parts=parts, predicate=predicate)


def _said_part(part: Part, index: Index, words: Translation) -> Part:
    if part.expression is None:
        return part
    if words.verbatim:
        return replace(part, expression=words.value(part.expression))
    term = words.term(part.expression)
    if index.unique and term.ignore_case:
        raise Untranslatable("the source takes letters of either case for the same")
    return replace(part, expression=term.sql)


def _said(index: Index, why: Untranslatable) -> str:
    texts = [part.expression for part in index.parts if part.expression is not None]
    told = f"on an expression: {', '.join(texts)}" if texts else ""
    where = f"partial: {index.predicate}" if index.predicate is not None else ""
    hint = f"; hint: {why.hint}" if why.hint else ""
    return f"{'; '.join(filter(None, (told, where)))}; {why.reason}{hint}"


def doubtful(index: Index) -> bool:
    """True for what the target may refuse for reasons that only it knows."""
    special = any(p.expression or p.collation or p.operators for p in index.parts)
    told = index.options is not None or index.predicate is not None
    return special or told or index.exclusion or index.method != "btree"
