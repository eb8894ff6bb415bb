"""How a table that stands in the target differs from the one that a plan would have made.

All of it is told before anything moves. What the rows can't be put into is a fault; where only some values
wouldn't fit, the source is asked whether it has such values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property, partial
from typing import TYPE_CHECKING

from dbferry.catalog import Check, Column, Identity, IdentityKind, NativeType, Table
from dbferry.engines import NewColumn, NewTable
from dbferry.keys import Draft
from dbferry.pair import Pair
from dbferry.prepare import new_table, with_identities
from dbferry.schema.clauses import Clauses, ClauseWriter
from dbferry.schema.terms import Operand, Untranslatable

if TYPE_CHECKING:
    from dbferry.schema.expressions import Translator

SHOWN = frozenset({"tinyint", "year"})
"""Types of MySQL and MariaDB whose length is how wide they are shown."""
Fold = Callable[[str], str]
Names = tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """One thing about a standing table. `wanted` and `found` are empty where there is nothing of the kind."""

    what: str
    """`column`, `name`, `type`, `nullable`, `identity`, `generated`, `default`, `comment`, `check`, `primary key`,
    `unique key` or `foreign key`."""
    column: str | None
    """In the target's words."""
    wanted: str
    found: str

    def __str__(self) -> str:
        place = f"column `{self.column}`: " if self.column else ""
        match self.found, self.wanted:
            case "", wanted:
                told = f"{self.what} {wanted} is missing" if self.what != "column" else "is missing"
            case found, "":
                told = (
                    f"{self.what} {found} is not in the source"
                    if self.what != "column"
                    else "is not in the source"
                )
            case found, wanted:
                told = f"{self.what} is {found}, and {wanted} would be made"
        return place + told

    def to_dict(self) -> dict[str, str | None]:
        return {**vars(self), "text": str(self)}


def differences(pair: Pair, draft: Draft) -> list[Difference]:
    """Of the draft's standing table; none when a new one is made."""
    standing = draft.standing
    if standing is None:
        return []
    free = replace(draft, action="create", existing=None, columns=draft.free)
    clauses = ClauseWriter(pair, []).of(free)
    wanted = _wanted(pair, free, clauses)
    meanings = Meanings(pair, standing)
    fold = pair.ends[1].fold_column
    theirs = {fold(column.name): column for column in standing.columns}
    found = []
    if standing.name != draft.place.name:
        found.append(Difference("name", None, draft.place.name, standing.name))
    computed = {item.target for item in draft.free if _is_computed(draft.table, item.name)}
    for column in wanted.columns:
        there = theirs.pop(fold(column.name), None)
        if there is None:
            found.append(Difference("column", column.name, _declared(column.native), ""))
        else:
            found += _of_column(column, there, computed=column.name in computed)
            found += _of_words(column, there, meanings)
    found += [
        Difference("column", column.name, "", _declared(column.native))
        for column in theirs.values()
    ]
    if wanted.comment and wanted.comment != standing.comment:
        found.append(Difference("comment", None, wanted.comment, standing.comment or ""))
    found += _of_checks(clauses.checks, standing.checks, meanings)
    return found + _of_keys(pair, draft, standing, wanted)


def _wanted(pair: Pair, free: Draft, clauses: Clauses) -> NewTable:
    """The table that would have been made."""
    return pair.ends[1].fit_rows(new_table(pair, with_identities(pair, free), clauses))[0]


def _is_computed(table: Table, column: str) -> bool:
    found = table.column(column)
    return found is not None and found.generated is not None


def _of_column(wanted: NewColumn, there: Column, *, computed: bool) -> list[Difference]:
    """`computed` is a column that the source computes, whether or not the target can."""
    # What its domain forbids isn't forbidden again.
    domain = wanted.native.domain
    by_domain = wanted.nullable and domain is not None and domain == there.native.domain
    pairs = [
        ("name", wanted.name, there.name),
        ("nullable", _null(wanted.nullable), _null(there.nullable or by_domain)),
        ("generated", wanted.generated or "", there.generated or ""),
    ]
    if not same_type(wanted.native, there.native):
        pairs.insert(1, ("type", _declared(wanted.native), _declared(there.native)))
    # A rowid counts by itself, asked or not.
    if not (there.identity and there.identity.kind is IdentityKind.ROWID):
        pairs.append(("identity", _counts(wanted.identity), _counts(there.identity)))
    return [
        Difference(what, there.name, ours, theirs)
        for what, ours, theirs in pairs
        if ours != theirs and not (what == "generated" and theirs and computed)
    ]


def _of_words(wanted: NewColumn, there: Column, meanings: Meanings) -> list[Difference]:
    """The default and the comment."""
    found = []
    if wanted.comment and wanted.comment != there.comment:
        found.append(Difference("comment", there.name, wanted.comment, there.comment or ""))
    # What counts by itself has a default of its own, or none.
    counts = wanted.identity is not None or there.identity is not None
    ours, theirs = (_valued(text) for text in (wanted.default, there.default))
    if not counts and meanings.other_default(there.name, ours, theirs):
        found.append(Difference("default", there.name, ours, theirs))
    return found


def _valued(default: str | None) -> str:
    """Nothing for what is so without a default as well."""
    told = default or ""
    return "" if told.strip("()").upper().startswith("NULL") else told


def _number(text: str | None) -> Decimal | str | None:
    """One whose digits may be filled up by its column."""
    found = re.fullmatch(r"\(?(-?\d+(\.\d+)?)\)?", text or "")
    return Decimal(found[1]) if found else text


def _of_checks(
    ours: Sequence[Check], theirs: Sequence[Check], meanings: Meanings
) -> list[Difference]:
    """One is another's by its condition, or where that can't be compared by its name."""
    left = list(theirs)
    lacking = []
    for check in ours:
        found = next((each for each in left if meanings.same_check(check, each)), None)
        if found is None:
            lacking.append(check)
        else:
            left.remove(found)
    return [Difference("check", None, _condition(check), "") for check in lacking] + [
        Difference("check", None, "", _condition(check)) for check in left
    ]


def _condition(check: Check) -> str:
    return f"{check.name}: {check.expression}" if check.name else check.expression


class Meanings:
    """Clauses of a standing table, and those that would be made, in one form; nothing where there is none."""

    def __init__(self, pair: Pair, standing: Table) -> None:
        self._other, self._standing = pair.ends[1], standing
        self._printed = pair.ends[0].name == pair.ends[1].name
        """True when one server's printer has written both."""

    @cached_property
    def _translator(self) -> Translator:
        from dbferry.schema.expressions import Translator

        ends = (self._other, self._other)
        operands = {
            column.name: Operand.of(
                ends, column, self._other.read(column, {}).canonical, column.name, column.native
            )
            for column in self._standing.columns
        }
        return Translator(*ends, operands)

    def other_default(self, column: str, ours: str, theirs: str) -> bool:
        """True when they are known not to be the same."""
        if not (ours and theirs):
            return ours != theirs
        from dbferry.schema.defaults import default

        translator = self._translator
        operand = translator.operands.get(self._other.fold_column(column))
        said = [
            self._said(partial(default, translator, text, operand), text) for text in (ours, theirs)
        ]
        return None not in said and len({_number(text) for text in said}) > 1

    def same_check(self, one: Check, other: Check) -> bool:
        """`other` stands; one without a name whose condition isn't known may be any."""
        condition = self._translator.condition
        forms = [self._said(partial(condition, c.expression), c.expression) for c in (one, other)]
        if None not in forms:
            return forms[0] == forms[1]
        named = one.name is not None and other.name is not None
        return one.name == other.name if named else forms[1] is None

    def _said(self, say: Callable[[], str], text: str) -> str | None:
        try:
            return say()
        except Untranslatable:
            return " ".join(text.split()) if self._printed else None


def same_type(wanted: NativeType, found: NativeType) -> bool:
    """Servers print a type in words of their own: its parts are compared where the words differ."""
    if (wanted.charset or found.charset) != (found.charset or wanted.charset):
        return False
    if wanted.domain or found.domain:
        return wanted.domain == found.domain
    return wanted.text.lower() == found.text.lower() or _parts(wanted) == _parts(found)


def _parts(native: NativeType) -> tuple[object, ...]:
    own = native.schema if native.schema != "pg_catalog" else None
    length = None if native.name in SHOWN or native.labels else native.length
    sizes = (length, native.precision, native.scale)
    return (own, native.name, *sizes, native.unsigned, native.labels)


def _declared(native: NativeType) -> str:
    charset = f" {native.charset}" if native.charset not in (None, "utf8mb4") else ""
    return (native.domain or native.text or "any") + charset


def _null(nullable: bool) -> str:
    return "NULL" if nullable else "NOT NULL"


def _counts(identity: Identity | None) -> str:
    if identity is None:
        return ""
    return "by 1" if identity.increment == 1 else f"by {identity.increment}"


def _of_keys(pair: Pair, draft: Draft, standing: Table, wanted: NewTable) -> list[Difference]:
    fold = pair.ends[1].fold_column
    found = []
    if list(map(fold, wanted.primary_key)) != list(map(fold, standing.primary_key)):
        keys = (_listed(wanted.primary_key), _listed(standing.primary_key))
        found.append(Difference("primary key", None, *keys))
    ours = [i.columns for i in draft.table.indexes if i.is_key]
    theirs = [i.columns for i in standing.indexes if i.is_key]
    if all(theirs):
        # DuckDB tells the columns of an index as text only: its keys aren't compared.
        found += _of_kind("unique key", draft, [wanted.primary_key], ours, theirs, fold)
    ours = [key.columns for key in draft.table.foreign_keys]
    theirs = [key.columns for key in standing.foreign_keys]
    return found + _of_kind("foreign key", draft, [], ours, theirs, fold)


def _of_kind(
    what: str,
    draft: Draft,
    besides: Sequence[Names],
    ours: Sequence[Names],
    theirs: Sequence[Names],
    fold: Fold,
) -> list[Difference]:
    """Keys by their columns; a unique one that is the other's primary key is none that lacks."""
    targets = {column.name: column.target for column in draft.columns}
    named = [tuple(targets[name] for name in key) for key in ours if set(key) <= set(targets)]
    primary = draft.standing.primary_key if draft.standing else ()
    known = [_folded(key, fold) for key in (*named, *besides)]
    there = [_folded(key, fold) for key in (*theirs, *([primary] if besides else []))]
    lacking = [key for key in named if _folded(key, fold) not in there]
    more = [key for key in theirs if _folded(key, fold) not in known]
    return [Difference(what, None, _listed(key), "") for key in dict.fromkeys(lacking)] + [
        Difference(what, None, "", _listed(key)) for key in dict.fromkeys(more)
    ]


def _folded(names: Sequence[str], fold: Fold) -> list[str]:
    return [fold(name) for name in names]


def _listed(names: Sequence[str]) -> str:
    return f"({', '.join(names)})" if names else ""
