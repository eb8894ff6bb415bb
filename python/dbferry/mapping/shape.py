"""Tables and rules → the tables that the planner sees.

Each rule finds what it is for, claims it, and changes it; two rules that claim one thing are a fault, and so is one
that finds nothing. In a task of the style `dms` the first rule wins and both are notes. What gives a table other
rows or values makes a query of it, whose columns keep the source's names: keys, indexes and policies go on to find
them, and the source itself is asked what type an expression has. Other names and types are kept beside the table
and given to its columns when they are planned.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from dbferry.catalog import Column, Index, NativeType, Part, Table
from dbferry.errors import DbferryError
from dbferry.mapping.adding import added
from dbferry.mapping.build import build
from dbferry.mapping.kinds import canonical, is_of
from dbferry.mapping.masks import mask
from dbferry.mapping.merging import merged
from dbferry.mapping.references import names, settle
from dbferry.mapping.renaming import meets, renamed
from dbferry.mapping.rules import (
    Add,
    Cast,
    Condition,
    Constant,
    Filter,
    Keep,
    Key,
    Loss,
    Mask,
    Merge,
    Remove,
    RenameColumn,
    RenameSchema,
    RenameTable,
    Rule,
    Set,
)
from dbferry.mapping.work import Cell, Work
from dbferry.pair import Pair
from dbferry.selection import pattern

OPERATORS = {"eq": "=", "noteq": "<>", "lte": "<=", "gte": ">="}


def rename_schemas(pair: Pair) -> None:
    """Puts the rules for schemas into the options, beside those that name one schema each."""
    schemas = dict(pair.options.schemas)
    for number, rule in enumerate(pair.options.rules, start=1):
        if not isinstance(rule, RenameSchema):
            continue
        present = dict.fromkeys([*pair.source.schemas, pair.source.default_schema or ""])
        found = [
            (name, met)
            for name in present
            if name and (met := pattern(rule.rename_schema).fullmatch(name))
        ]
        if not pair.ends[1].has_schemas:
            said = f"rule {number} ({rule}): {pair.target.engine} has no schemas"
            if pair.options.first_wins:
                pair.notes.append(said)
                continue
            pair.fault(said)
        if not found:
            _unmatched(pair, number, rule, list(present))
        for name, met in found:
            new = renamed(rule, name, met)
            if schemas.get(name, new) == new:
                schemas[name] = new
            elif not pair.options.first_wins:
                pair.source_fault(
                    f"rule {number} ({rule}) and another rule give schema `{name}` a name",
                    hint="leave one of them",
                )
    pair.options = replace(pair.options, schemas=schemas)


def shape(pair: Pair, tables: Sequence[Table]) -> list[Table]:
    """The tables as the rules want them; what they are called and cast to is in `pair.shapes`."""
    if not pair.options.rules:
        return list(tables)
    shaper = _Shaper(pair, tables)
    shaper.apply()
    settle(pair, shaper.works)
    shapes = merged(pair, [(work, build(pair, work)) for work in shaper.works], shaper.merges)
    pair.shapes = {made.table.label: made for made in shapes}
    return [made.table for made in shapes]


def _unmatched(pair: Pair, number: int, rule: Rule, known: Sequence[str]) -> None:
    said = f"rule {number} ({rule}) matches nothing that is moved"
    if pair.options.first_wins:
        pair.notes.append(said)
        return
    near = difflib.get_close_matches(rule.about, known, 1)
    if near == [rule.about]:
        # What follows the last point is the column.
        near = ["?".join(rule.about.rsplit(".", 1))]
    pair.source_fault(said, hint=f"did you mean `{near[0]}`?" if near else None)


class _Shaper:
    def __init__(self, pair: Pair, tables: Sequence[Table]) -> None:
        self.pair = pair
        self.one = pair.ends[0]
        self.works = [Work.of(table, self.one.source_relation(table)) for table in tables]
        self.merges: list[tuple[str, Merge, list[Work]]] = []
        self.now = datetime.now(UTC).replace(microsecond=0)
        self._keeps: list[tuple[str, Keep]] = []

    def apply(self) -> None:
        numbered = enumerate(self.pair.options.rules, start=1)
        for number, rule in sorted(numbered, key=lambda each: _turn(each[1])):
            if isinstance(rule, RenameSchema):
                continue
            matched = self._apply(f"rule {number} ({rule})", rule)
            if not matched:
                _unmatched(self.pair, number, rule, self._known(rule))
        self._drop_others()
        for work in self.works:
            self._check_copies(work)

    def _check_copies(self, work: Work) -> None:
        """What is computed from a masked column would tell what the mask hides."""
        masked = [name for name, cell in work.cells.items() if cell.mask is not None]
        for cell in work.kept:
            text = cell.column.generated
            # An expression that the catalog doesn't tell may name any of them.
            found = next(
                (n for n in masked if text is not None and (not text or names(text, n))), None
            )
            if found is not None:
                self._fault(
                    f"the column is computed from `{found}`, which is masked",
                    work,
                    cell,
                    "mask or remove it too",
                )

    def _apply(self, label: str, rule: Rule) -> bool:
        match rule:
            case RenameColumn() | Remove() | Keep() | Set() | Cast() | Mask() | Loss():
                of = None if isinstance(rule, Set | Loss) or rule.of is None else canonical(rule.of)
                if not isinstance(rule, Set | Loss) and rule.of is not None and of is None:
                    self.pair.source_fault(f"{label}: there is no type `{rule.of}`")
                found = [
                    (work, cell, met)
                    for work, cell, met in self._columns(rule.about)
                    if of is None or is_of(self.one.read(cell.column, {}).canonical, of)
                ]
                for work, cell, met in found:
                    self._change(label, rule, work, cell, met)
            case Merge():
                works = [work for work, _ in self._tables(rule.merge)]
                free = [work for work in works if self._claim(work, label, "name")]
                self.merges += [(label, rule, free)] if free else []
                return bool(works)
            case Add():
                table, _, name = rule.add.rpartition(".")
                found_tables = list(self._tables(table or "*"))
                for work, _met in found_tables:
                    self._add(label, rule, work, name)
                return bool(found_tables)
            case Filter() | RenameTable() | Key():
                found_tables = list(self._tables(rule.about))
                for work, _met in found_tables:
                    self._change_table(label, rule, work)
                return bool(found_tables)
            case _:
                return True
        return bool(found)

    def _known(self, rule: Rule) -> list[str]:
        """What a rule could have meant."""
        tables = [name for w in self.works for name in (w.table.name, w.table.label)]
        if isinstance(rule, Filter | RenameTable | Key | Merge):
            return tables
        return [f"{w.table.name}.{name}" for w in self.works for name in w.cells]

    def _tables(self, text: str) -> Iterator[tuple[Work, re.Match[str]]]:
        for work in self.works:
            met = meets(text, work.table.name, work.table.label)
            if met:
                yield work, met

    def _columns(self, text: str) -> Iterator[tuple[Work, Cell, re.Match[str]]]:
        table, dot, column = text.rpartition(".")
        wanted = pattern(column)
        for work, _ in self._tables(table if dot else "*"):
            for name, cell in list(work.cells.items()):
                met = wanted.fullmatch(name)
                if met:
                    yield work, cell, met

    def _fault(self, message: str, work: Work, cell: Cell | None = None, hint: str = "") -> None:
        self.pair.source_fault(
            message,
            table=work.table.label,
            column=cell.column.name if cell else None,
            hint=hint or None,
        )

    def _claim(self, work: Work, label: str, *thing: str) -> bool:
        """True when no rule before has decided this."""
        first = work.claims.setdefault(thing, label)
        if first == label:
            return True
        where = f"column `{thing[0]}`" if len(thing) > 1 else "the table"
        if self.pair.options.first_wins:
            work.notes.append(f"{label} is not applied to {where}: {first} came before")
        else:
            self._fault(f"{first} and {label} are in conflict about {where}", work)
        return False

    # Tables

    def _change_table(self, label: str, rule: Filter | RenameTable | Key, work: Work) -> None:
        match rule:
            case Filter():
                condition = self._condition(label, rule, work)
                if condition is not None:
                    work.filters.append(condition)
                    work.notes.append(f"{label}: only rows with {' '.join(condition.split())}")
            case RenameTable() if self._claim(work, label, "name"):
                name = work.table.name
                last = rule.about.rpartition(".")[2]
                met = pattern(rule.about).fullmatch(name) or pattern(last).fullmatch(name)
                work.name = renamed(rule, name, met)
            case Key() if rule.unique or self._claim(work, label, "key"):
                self._key(label, rule, work)

    def _condition(self, label: str, rule: Filter, work: Work) -> str | None:
        if rule.where is not None:
            return rule.where if self._compiles(label, work, rule.where) else None
        if rule.column not in work.cells or work.cells[rule.column].added:
            self._fault(f"{label}: the table has no column `{rule.column}`", work)
            return None
        name, constant = self.one.quote(rule.column), self.one.phrases.constant
        made = " OR ".join(_comparison(name, condition, constant) for condition in rule.any)
        return made if self._compiles(label, work, made) else None

    def _key(self, label: str, rule: Key, work: Work) -> None:
        there = {cell.column.name for cell in work.kept}
        missing = [name for name in rule.columns if name not in there]
        if missing:
            self._fault(f"{label}: the table has no column `{missing[0]}`", work)
            return
        if rule.unique:
            parts = tuple(Part(column=name) for name in rule.columns)
            work.uniques.append(Index(name=rule.name, parts=parts, unique=True, constraint=True))
            work.notes.append(f"{label}: unique ({', '.join(rule.columns)})")
            return
        work.key, work.key_name = tuple(rule.columns), rule.name
        work.notes.append(f"{label}: primary key ({', '.join(rule.columns)})")

    def _compiles(self, label: str, work: Work, expression: str) -> bool:
        """Asks the source; where conditions stand there are no aggregates, which would swallow rows."""
        # Between words, so that no parenthesis of it closes one that stands around it.
        said = f"CASE WHEN 1 = 1 THEN\n{expression}\nEND"
        asked = f"SELECT 1 AS one FROM {work.relation} WHERE {said} IS NOT NULL"
        try:
            self.one.describe(self.pair.source_session, asked)
        except DbferryError as error:
            if error.fatal:
                raise
            self._fault(f"{label} doesn't compile in the source: {error.message}", work)
            return False
        return True

    # Columns

    def _change(self, label: str, rule: Rule, work: Work, cell: Cell, met: re.Match[str]) -> None:
        name = cell.column.name
        match rule:
            case RenameColumn() if self._claim(work, label, name, *self._thing("name")):
                cell.name = renamed(rule, name, met)
            case Remove() if self._claim(work, label, name, *self._thing("there")):
                cell.removed = label
                work.notes.append(f"{label}: column {name} does not move")
            case Keep():
                self._keeps.append((label, rule))
                work.claims[name, "kept"] = label
                work.claims.setdefault(("kept",), label)
            case Cast() if self._claim(work, label, name, *self._thing("type")):
                self._cast(label, rule, work, cell)
            case Set() if self._claim(work, label, name, "value"):
                self._set(label, rule, work, cell)
            case Mask() if self._claim(work, label, name, "value"):
                self._mask(label, rule, work, cell)
            case _:
                pass

    def _thing(self, thing: str) -> tuple[str]:
        """AWS DMS does one thing to a column, and masks it besides."""
        return ("action",) if self.pair.options.first_wins else (thing,)

    def _cast(self, label: str, rule: Cast, work: Work, cell: Cell) -> None:
        cell.type = canonical(rule.type)
        if cell.type is None:
            self._fault(
                f"{label}: there is no type `{rule.type}`",
                work,
                cell,
                "types are such as int32, decimal(10,2), text(40), timestamp, json",
            )
            return
        cell.remarks.append(f"{label}: cast to {rule.type}")

    def _set(self, label: str, rule: Set, work: Work, cell: Cell) -> None:
        if self._compiles(label, work, rule.expression):
            self._compute(cell, f"(\n{rule.expression}\n)", None)
            cell.remarks.append(f"{label}: {' '.join(rule.expression.split())}")

    def _mask(self, label: str, rule: Mask, work: Work, cell: Cell) -> None:
        name = cell.column.name
        if (name, "type") in work.claims:
            self._fault(f"{label} and {work.claims[name, 'type']} are in conflict", work, cell)
        made = mask(self.one, cell.column, rule, keyed=name in work.table.keyed)
        if isinstance(made, str):
            self._fault(f"{label} can't mask the column with `{rule.how}`: {made}", work, cell)
            return
        self._compute(cell, made.sql, made.native)
        cell.mask = (rule.how, rule.key.get_secret_value() if rule.key else "")
        cell.remarks.append(f"{label}: masked, {rule.how}")

    def _compute(self, cell: Cell, sql: str, native: NativeType | None) -> None:
        """The values are those of an expression: nothing computes or counts them any more."""
        cell.sql, cell.described = sql, native is None
        if cell.column.identity is not None:
            cell.remarks.append("it has no next values")
        cell.column = replace(
            cell.column,
            native=native or cell.column.native,
            identity=None,
            generated=None,
            draws=None,
        )

    def _add(self, label: str, rule: Add, work: Work, name: str) -> None:
        fold = self.pair.ends[1].fold_column
        if any(
            fold(name) == fold(known) and not cell.removed for known, cell in work.cells.items()
        ):
            self._fault(f"{label}: the table has a column `{name}` already", work)
            return
        for mask_rule in self.pair.options.rules:
            if isinstance(mask_rule, Mask) and self._is_about(mask_rule.mask, work, name):
                self._fault(f"{label} adds a column that `{mask_rule}` is about", work)
                return
        made = added(self.pair, rule, work, self.now)
        if isinstance(made, str):
            self._fault(f"{label}: {made}", work)
            return
        if made.expression is not None and not self._compiles(label, work, made.expression):
            return
        column = Column(
            name=name,
            position=len(work.cells) + 1,
            native=made.native or NativeType(name="", text=""),
        )
        # A column of this name that a rule removes makes room for it.
        cell = Cell(column, made.sql, described=made.native is None, added=True)
        cell.type = canonical(rule.type) if rule.type and made.sql != "NULL" else None
        cell.remarks.append(f"{label}: added")
        work.cells[name] = cell

    def _is_about(self, text: str, work: Work, name: str) -> bool:
        table, dot, column = text.rpartition(".")
        met = meets(table if dot else "*", work.table.name, work.table.label)
        return bool(met and pattern(column).fullmatch(name))

    def _drop_others(self) -> None:
        """What isn't kept, in tables of which something is."""
        for work in self.works:
            label = work.claims.get(("kept",))
            for name, cell in work.cells.items():
                if (
                    label
                    and not cell.added
                    and not cell.removed
                    and (name, "kept") not in work.claims
                ):
                    cell.removed = label
                    work.notes.append(f"{label}: column {name} does not move")


def _turn(rule: Rule) -> int:
    """Columns are added when tables have their names, and keys given when all columns are there."""
    return 2 if isinstance(rule, Key) else 1 if isinstance(rule, Add) else 0


def _comparison(name: str, condition: Condition, constant: Callable[[Constant], str]) -> str:
    ((operator, value),) = condition.model_dump(exclude_unset=True).items()
    match operator:
        case "null":
            return f"{name} IS {'' if value else 'NOT '}NULL"
        case "between" | "notbetween":
            low, high = (constant(bound) for bound in value)
            negated = "NOT " if operator == "notbetween" else ""
            return f"{name} {negated}BETWEEN {low} AND {high}"
        case _:
            return f"{name} {OPERATORS[operator]} {constant(value)}"
