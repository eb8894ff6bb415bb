"""What stands in CREATE TABLE besides names and types: defaults, generated columns, checks, comments.

Between two of one engine they are taken as they are printed; between others they are said in the target's
words. Whatever isn't plain is then tried on the target before it is promised. What can't be carried is in
`left_out`, with its text and the reason; a generated column that the target can't compute holds the values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from dbferry import indexes
from dbferry.catalog import Check, Column, NotNull, Table
from dbferry.engines import NewColumn
from dbferry.items import ColumnItem
from dbferry.keys import Draft
from dbferry.pair import Pair
from dbferry.schema.sequences import draws
from dbferry.schema.terms import Untranslatable, family
from dbferry.schema.translation import Translation
from dbferry.types import Verdict


@dataclass(frozen=True, kw_only=True)
class Clause:
    """What a column of the target is given besides its name and type."""

    default: str | None = None
    generated: str | None = None
    stored: bool = False
    on_update: str | None = None
    hidden: bool = False
    not_null: NotNull | None = None
    comment: str | None = None
    updated: str | None = None
    """What a trigger puts into it by every update."""

    def on(self, column: NewColumn) -> NewColumn:
        told = {name: value for name, value in vars(self).items() if name != "updated"}
        return replace(column, **told)


@dataclass(kw_only=True)
class Clauses:
    """What a table of the target is given besides its columns and keys."""

    columns: dict[str, Clause] = field(default_factory=dict)
    """By the name of the column in the source; a standing table is given none."""
    checks: list[Check] = field(default_factory=list)
    told: dict[Check, Check] = field(default_factory=dict)
    """What each of the checks is in the source."""
    settings: list[tuple[str | None, str]] = field(default_factory=list)
    """As `Table.settings`."""
    comment: str | None = None
    partitions: dict[str, Clauses] = field(default_factory=dict)
    """What those that are kept have of their own, by their labels."""
    left_out: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    """Statements right before the table is made, and right after it."""
    after: list[str] = field(default_factory=list)

    def column(self, name: str) -> Clause:
        return self.columns.get(name, Clause())


class ClauseWriter:
    """Decides for one table after another; names of checks may reach over them."""

    def __init__(self, pair: Pair, drafts: Sequence[Draft]) -> None:
        self.pair = pair
        self._names: dict[tuple[str, ...], set[str]] = defaultdict(set)
        gone = {id(d.existing) for d in drafts if d.standing is None}
        for table in pair.target.tables:
            if id(table) in gone:
                continue
            space = self._space(table.schema, table.name)
            space.update(self._fold(check.name or "") for check in table.checks)

    def of(self, draft: Draft) -> Clauses:
        made = Clauses()
        if draft.standing is not None:
            return made
        translation = indexes.translation(self.pair, draft.table, draft.columns)
        for item in draft.columns:
            column = draft.table.column(item.name)
            if column is not None:
                made.columns[item.name] = self._clause(draft, column, item, translation, made)
        self._checks(draft, translation, made)
        self._comments(draft, made)
        if self.pair.ends[0].name == self.pair.ends[1].name:
            moved = {None, *(item.name for item in draft.columns)}
            made.settings += [(name, text) for name, text in draft.table.settings if name in moved]
        for part in draft.partitions:
            own = made.partitions[part.table.label] = Clauses()
            self._checks(part, translation, own)
            own.settings += [(n, self.pair.requalified(text)) for n, text in part.table.settings]
            own.columns |= {
                name: Clause(generated=translation.value(text))
                for name, text in part.table.expressions
                if not self.pair.lacks("SET EXPRESSION")
                and _kept(made.column(name), draft.table.column(name))
            }
        return made

    def _clause(
        self,
        draft: Draft,
        column: Column,
        item: ColumnItem,
        translation: Translation,
        made: Clauses,
    ) -> Clause:
        called = f"{draft.table.label}.{column.name}"
        same = self.pair.ends[0].family == self.pair.ends[1].family
        clause = Clause(
            comment=self._comment(column.comment, 1),
            hidden=column.hidden and same,
            not_null=self._not_null(called, column, made),
        )
        if column.hidden and not same:
            made.left_out.append(
                f"INVISIBLE of {called} ({self.pair.target.engine} shows every column)"
            )
        if column.generated is not None:
            return self._generated(called, column, item, translation, clause, made)
        if column.on_update is not None and same:
            clause = replace(clause, on_update=column.on_update)
        elif column.on_update is not None:
            clause = self._updated(called, column, translation, clause, made)
        if column.default is None or (column.identity is not None and not translation.verbatim):
            return clause
        try:
            text = draws(self.pair, column) or translation.default(column.default, column.name)
        except Untranslatable as why:
            made.left_out.append(said(f"default of {called}", column.default, why))
            return clause
        return replace(clause, default=text)

    def _not_null(self, called: str, column: Column, made: Clauses) -> NotNull | None:
        one, other = self.pair.ends
        if column.not_null is None or one.name != other.name:
            return None
        why = self.pair.lacks("NOT NULL that is a constraint")
        if why is None:
            return column.not_null
        if column.not_null.comment or not column.not_null.inherited:
            made.left_out.append(f"constraint {column.not_null.name} of {called} ({why})")
        return None

    def _updated(
        self, called: str, column: Column, translation: Translation, clause: Clause, made: Clauses
    ) -> Clause:
        """With what a trigger does in its place, where that is asked for."""
        pair, hint = self.pair, "a trigger that sets the column does the same"
        why = f"{pair.target.engine} has none"
        if pair.ends[1].on_update == "trigger":
            if not {"on-update", "all"}.isdisjoint(pair.options.include):
                try:
                    text = translation.default(column.on_update or "", column.name)
                except Untranslatable as reason:
                    why = reason.reason
                else:
                    return replace(clause, updated=text)
            else:
                hint = "--include on-update makes a trigger that does the same"
        made.left_out.append(f"ON UPDATE {column.on_update} of {called} ({why}); hint: {hint}")
        return clause

    def _generated(
        self,
        called: str,
        column: Column,
        item: ColumnItem,
        translation: Translation,
        clause: Clause,
        made: Clauses,
    ) -> Clause:
        text = column.generated or ""
        try:
            computed = self._computation(text, item, translation)
        except Untranslatable as why:
            made.left_out.append(said(f"generated column {called}", text, why))
            return clause
        wanted = "stored" if column.stored else "virtual"
        sorts = self.pair.ends[1].generates(self.pair.target.numbers)
        stored = wanted == "stored" if wanted in sorts else "stored" in sorts
        return replace(clause, generated=computed, stored=stored)

    def _computation(self, text: str, item: ColumnItem, translation: Translation) -> str:
        if not self.pair.ends[1].generates(self.pair.target.numbers):
            raise Untranslatable(f"{self.pair.target.engine} gets no generated columns")
        if translation.verbatim:
            return translation.value(text)
        term = translation.term(text)
        if family(term.kind) != family(item.canonical.kind):
            raise Untranslatable(f"it gives {term.kind}, and the column holds {item.canonical}")
        return term.sql

    def _checks(self, draft: Draft, translation: Translation, made: Clauses) -> None:
        one, other = self.pair.ends
        targets = {item.name: item.target for item in draft.columns}
        bare = one.name == other.name and not self.pair.lacks("NOT NULL that is a constraint")
        for check in draft.table.checks:
            if draft.ancestors and not check.local:
                continue
            called = f"check {check.name} of" if check.name else "check of"
            try:
                text = self._uncounted(draft, _condition(self.pair, check, translation))
            except Untranslatable as why:
                made.left_out.append(said(f"{called} {draft.table.label}", check.expression, why))
                continue
            keeps = one.name == other.name
            ours = replace(
                check,
                expression=text,
                name=check.name if keeps and check.name is None else self._named(draft, check),
                column=check.column if keeps else None,
                # An older server guards new rows by a plain check.
                forbids_null=targets.get(check.forbids_null or "") if bare else None,
            )
            made.checks.append(ours)
            made.told[ours] = check

    def _uncounted(self, draft: Draft, text: str) -> str:
        """The condition of a check, unless it names a column that no check of the target may."""
        other = self.pair.ends[1]
        if other.checks_identities:
            return text
        for item in draft.columns:
            if item.identity is not None and other.quote(item.target) in text:
                raise Untranslatable(f"`{item.target}` counts, which {other.name} doesn't check")
        return text

    def _named(self, draft: Draft, check: Check) -> str:
        """Its own name, or one like it that is free."""
        other = self.pair.ends[1]
        space = self._space(draft.place.schema or "", draft.name)
        wanted = check.name or f"{draft.name}_check"
        tries = (other.fit_name(f"{wanted[:50]}_{n}" if n > 1 else wanted) for n in count(1))
        name = next(name for name in tries if self._fold(name) not in space)
        space.add(self._fold(name))
        return name

    def _space(self, schema: str, table: str) -> set[str]:
        scope = self.pair.ends[1].check_scope
        return self._names[(schema,) if scope == "schema" else (schema, table)]

    def _fold(self, name: str) -> str:
        return self.pair.ends[1].fold_column(name)

    def _comment(self, text: str | None, place: int) -> str | None:
        """A comment that isn't too long for the target; the place is that of its limit."""
        return text if text and len(text) <= self.pair.ends[1].comment_limits[place] else None

    def _comments(self, draft: Draft, made: Clauses) -> None:
        table, limits = draft.table, self.pair.ends[1].comment_limits
        made.comment = self._comment(table.comment, 0)
        texts = [(table.label, table.comment, 0)]
        texts += [(f"{table.label}.{column.name}", column.comment, 1) for column in table.columns]
        away = [
            (called, limits[place])
            for called, text, place in texts
            if text and self._comment(text, place) is None
        ]
        if away and limits == (0, 0):
            made.left_out.append(f"comments of {table.label} ({self.pair.target.engine} has none)")
            return
        made.left_out += [
            f"comment of {called} ({self.pair.target.engine} holds {limit} characters)"
            for called, limit in away
        ]


def _condition(pair: Pair, check: Check, translation: Translation) -> str:
    one, other = pair.ends
    if not check.enforced and (one.name != other.name or pair.lacks("NOT ENFORCED")):
        raise Untranslatable("it is not enforced")
    if one.name != other.name and not check.valid:
        raise Untranslatable(
            "rows that were there before it may break it", "VALIDATE CONSTRAINT in the source"
        )
    return translation.condition(check.expression)


def settle(pair: Pair, draft: Draft, made: Clauses) -> Draft:
    """The draft with what becomes of its generated columns: computed by the target, or plain values."""
    fold = pair.ends[1].fold_column
    _agree(draft.table, made)
    standing = draft.standing.columns if draft.standing else ()
    computed = {fold(column.name) for column in standing if column.generated is not None}
    computed |= {fold(i.target) for i in draft.columns if made.column(i.name).generated is not None}
    columns = []
    for item in draft.columns:
        column = draft.table.column(item.name)
        if fold(item.target) in computed:
            columns.append(_computed(item, column, made))
        elif column is not None and column.generated is not None:
            columns.append(_plain(item))
        else:
            columns.append(item)
    return replace(draft, columns=columns)


def _kept(clause: Clause, column: Column | None) -> bool:
    """True for what is computed in the target when it is in the source."""
    return column is not None and clause.generated is not None and clause.stored == column.stored


def _agree(table: Table, made: Clauses) -> None:
    """No column is computed by what would give rows of a partition other values than they have."""
    for part in table.partitions:
        own = made.partitions.get(part.label, Clauses())
        for name, text in part.expressions:
            clause, column = made.column(name), table.column(name)
            if clause.generated is None or column is None or own.column(name).generated is not None:
                continue
            told = (table, column.generated or ""), (part, text)
            if column.stored:
                made.columns[name] = replace(clause, generated=None)
            else:
                # Whoever reads the whole table has never seen the partition's.
                told = told[::-1]
            (of, lost), (other, kept) = told
            why = Untranslatable(f"{other.label} computes it otherwise: {kept}")
            made.left_out.append(said(f"generated column {of.label}.{name}", lost, why))


def _computed(item: ColumnItem, column: Column | None, made: Clauses) -> ColumnItem:
    clause, item = made.column(item.name), replace(item, generated=True)
    if column is None or clause.generated is None or _kept(clause, column):
        return item
    kinds = ("virtual", "stored") if clause.stored else ("stored", "virtual")
    return _noted(item, "a {} generated column becomes a {} one".format(*kinds))


def _plain(item: ColumnItem) -> ColumnItem:
    return _noted(item, "a generated column becomes a plain one")


def _noted(item: ColumnItem, note: str) -> ColumnItem:
    return replace(
        item,
        verdict=max(item.verdict, Verdict.NOTE, key=lambda verdict: verdict.weight),
        codes=(*item.codes, "X-GEN"),
        notes=(*item.notes, note),
    )


def said(what: str, text: str, why: Untranslatable) -> str:
    hint = f"; hint: {why.hint}" if why.hint else ""
    return f"{what}: {text} ({why.reason}){hint}"
