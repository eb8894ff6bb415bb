"""A query of one engine in the words of another, or the reason why there are none.

As with expressions nothing is let through that isn't known: the nodes of a query are on the list of `selects`,
what it computes is said by the translator of expressions. Beyond that a query compares, groups and orders what
tables hold, and its answer must be the same: two texts that only one of the engines takes for equal are a doubt,
and a query with a doubt isn't made; whoever doesn't mind finds it in the doubt's hint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from dbferry.engines import Engine
from dbferry.schema import aggregates, selects, windows
from dbferry.schema.expressions import LOOSE, Translator, plain_dialect
from dbferry.schema.nodes import Node, columns, only, said
from dbferry.schema.relations import Output, Relation, Relations
from dbferry.schema.terms import Term, Untranslatable, family, literal
from dbferry.types import Kind

NOW = {
    "today": ("today", Kind.DATE),
    "today_text": ("today_utc", Kind.DATE),
    "now_local": ("now_local", Kind.TIMESTAMP),
}
"""What texts of an engine stand for → the words of another for it."""
COMPARED = frozenset({"number", "date", "timestamp", "time", "instant", "bool", "enum", "binary", "uuid"})  # fmt: skip


@dataclass(frozen=True)
class Query:
    sql: str
    outputs: tuple[Output, ...]


@dataclass
class Remarks:
    doubts: list[str] = field(default_factory=list)
    """Why the answer may be another."""
    notes: list[str] = field(default_factory=list)
    """What is different about the answer, and no loss."""


@dataclass(frozen=True)
class Range:
    """A relation under the name that a query gives it."""

    name: str
    relation: Relation
    merged: frozenset[str] = frozenset()
    """Columns that USING makes one with those of a range before it; folded."""


class QueryTranslator(Translator):
    """One query; those inside of it have translators of their own, which see what this one reads."""

    def __init__(
        self,
        ends: tuple[Engine, Engine],
        relations: Relations,
        *,
        outer: QueryTranslator | None = None,
        remarks: Remarks | None = None,
    ) -> None:
        super().__init__(*ends, {})
        self.relations = relations
        self.outer = outer
        self.remarks = remarks or Remarks()
        self.ranges: list[Range] = []
        self.local: dict[str, Relation] = dict(outer.local) if outer else {}
        """The queries that WITH names."""
        self.aggregating = False
        """True inside of a sum or count."""
        self.same = ends[0].name == ends[1].name
        self._collated = ends[0].family != ends[1].family and "collation" in (
            self.spoken.matching,
            self.wanted.matching,
        )

    def inner(self, *, seeing: bool = True) -> QueryTranslator:
        """For a query inside of this one; with `seeing` it may name what this one reads."""
        inner = QueryTranslator(
            (self.source, self.target),
            self.relations,
            outer=self if seeing else self.outer,
            remarks=self.remarks,
        )
        inner.local = dict(self.local)
        return inner

    def today(self, name: str, given: Sequence[Node]) -> Term | None:
        """Which day it is, and what the clock on the wall says, depends on who asks, but for a day of UTC."""
        told = ",".join(said(node, self.spoken.parser).lower() for node in given)
        meant = self.spoken.moments.get(f"{name}({told})") or (
            None if given else self.spoken.moments.get(name)
        )
        meaning, kind = NOW.get(meant or "", (None, Kind.DATE))
        if meant == "now" and self.spoken.clock_seconds:
            meaning, kind = "now_second", Kind.TIMESTAMP
        if meaning is None:
            return None
        if meaning != "today_utc":
            self.note("days and moments that are current are those of a session in the target")
        return Term(sql=self.words(meaning).format(p=6), kind=kind)

    def query(self, node: Node, names: Sequence[str] = ()) -> Query:
        """`names` are those of its columns, where the text doesn't tell them."""
        match node:
            case exp.Subquery():
                only(node, "this")
                return self.query(node.this, names)
            case exp.Union() | exp.Except() | exp.Intersect():
                return selects.together(self.inner(), node, names)
            case exp.Select():
                return selects.select(self.inner(), node, names)
            case _:
                raise Untranslatable(f"`{said(node)}` is no query that is translated")

    # Expressions

    def say(self, node: Node) -> Term:
        match node:
            case exp.Column():
                return self._column(node)
            case exp.Subquery():
                return self._scalar(node)
            case exp.Exists():
                only(node, "this")
                sql = selects.exists(self, node.this)
                return Term(sql=f"(EXISTS ({sql}))", kind=Kind.BOOL)
            case exp.In() if node.args.get("query") is not None:
                return self._among_rows(node)
            case exp.Filter():
                return aggregates.filtered(self, node)
            case exp.Window():
                return windows.say(self, node)
            case exp.Anonymous() | exp.GroupConcat() if aggregates.is_one(node):
                return aggregates.say(self, node)
            case _:
                term = super().say(node)
        if (
            self._collated
            and term.kind is Kind.TEXT
            and not term.literal
            and not self._rooted(node)
        ):
            return replace(term, loose=True)
        return term

    def _rooted(self, node: Node) -> bool:
        """True when a text is made of a column's, and compared as that one is."""
        if isinstance(node, exp.Case):
            values = [branch.args["true"] for branch in node.args["ifs"]]
            default = node.args.get("default")
            return any(self._rooted(value) for value in (*values, *([default] if default else [])))
        return any(self._column(found).kind is Kind.TEXT for found in columns(node))

    def unfit(self, column: Node) -> str | None:
        found = self.find(column)
        return found[1].unfit if found else None

    def find(self, column: Node) -> tuple[Range, Output] | None:
        """The column of the nearest query that has it."""
        fold = self.source.fold_column
        table = column.args.get("table")
        wanted = fold(column.name)
        met = [
            (each, output)
            for each in self.ranges
            if table is None or fold(each.name) == fold(table.name)
            for output in each.relation.outputs
            if fold(output.source) == wanted and (table is not None or wanted not in each.merged)
        ]
        if len(met) > 1:
            raise Untranslatable(f"`{said(column)}` may be one of several columns")
        if met:
            return met[0]
        return self.outer.find(column) if self.outer else None

    def _column(self, node: Node) -> Term:
        only(node, "this", "table", "db")
        found = self.find(node)
        if found is not None:
            return found[1].read(found[0].name, self.target, self.wanted)
        quoted = bool(node.this.args.get("quoted"))
        if quoted and self.spoken.words_are_text and not node.args.get("table"):
            return literal(node.name, Kind.TEXT, self.wanted)
        raise Untranslatable(f"`{said(node)}` is no column that is moved")

    def _scalar(self, node: Node) -> Term:
        made = self.query(node)
        output = self._only_output(made)
        if output.unfit:
            raise Untranslatable(output.unfit)
        return replace(output.term, sql=f"({made.sql})", literal=False, value=None)

    def _only_output(self, made: Query) -> Output:
        if len(made.outputs) != 1:
            raise Untranslatable("a query of several columns in the place of a value")
        return made.outputs[0]

    def _among_rows(self, node: Node) -> Term:
        only(node, "this", "query")
        made = self.query(node.args["query"])
        output = self._only_output(made)
        if output.unfit:
            raise Untranslatable(output.unfit)
        left = self.fit(node.this)
        self.comparable(left, replace(output.term, literal=False), ordered=False)
        return Term(sql=f"({left.sql} IN ({made.sql}))", kind=Kind.BOOL)

    # Comparisons

    def comparable(self, left: Term, right: Term, *, ordered: bool) -> None:
        if self.same:
            return
        families = {family(term.kind) for term in (left, right)} - {None}
        literals = [term for term in (left, right) if term.literal]
        # Whatever their forms, they are equal and follow each other as they did.
        alike = families == {"instant"} or (families == {"uuid"} and not ordered)
        if literals or not alike:
            super().comparable(left, right, ordered=ordered)
        if left.single != right.single and not any(_whole(term) for term in literals):
            raise Untranslatable("engines compare floats of 32 bits in their own ways")
        if families == {"text"} and self._collated and len(literals) == 2:
            self.doubt(LOOSE)

    def told_apart(self, outputs: Iterable[Output]) -> None:
        """Refuses what can't be grouped or counted once per value as in the source."""
        for output in outputs if not self.same else ():
            found = family(output.term.kind)
            if output.unfit:
                raise Untranslatable(output.unfit)
            if found == "text" and output.term.loose and not _distinct(output.texts):
                self.doubt(LOOSE)
            if found not in (*COMPARED, "text", None):
                raise Untranslatable(f"values of {found} aren't told apart alike in all engines")

    def doubt(self, why: str) -> None:
        if why not in self.remarks.doubts:
            self.remarks.doubts.append(why)

    def note(self, what: str) -> None:
        if what not in self.remarks.notes:
            self.remarks.notes.append(what)

    def output(self, name: str, node: Node) -> Output:
        """A column of a query's answer."""
        term = self.say(node)
        unfit = next((why for found in columns(node) if (why := self.unfit(found))), None)
        if term.kind is Kind.BOOL and not isinstance(node, exp.Column):
            unfit = None
        texts = frozenset({term.value}) if isinstance(term.value, str) else frozenset[str]()
        if isinstance(node, exp.Column):
            found = self.find(node)
            texts = found[1].texts if found else texts
        loose = term.loose or (term.literal and self._collated)
        return Output(name, name, replace(term, loose=loose), unfit, texts)


def _whole(term: Term) -> bool:
    return isinstance(term.value, Decimal) and term.value == term.value.to_integral_value()


def _distinct(texts: frozenset[str]) -> bool:
    """True for texts that no collation takes for equal."""
    plain = {text.strip().lower() for text in texts if text.isascii()}
    return bool(texts) and len(plain) == len(texts)


def translate(
    text: str, ends: tuple[Engine, Engine], relations: Relations, names: Sequence[str] = ()
) -> tuple[Query, Remarks]:
    """`names` are those of the columns, where the text doesn't tell them. Raises Untranslatable."""
    one = ends[0].dialect
    if one is None or ends[1].dialect is None:
        raise Untranslatable(f"queries aren't translated to {ends[1].name}")
    try:
        node = sqlglot.parse_one(text, dialect=plain_dialect(one.parser))
    except SqlglotError:
        raise Untranslatable("it can't be parsed") from None
    remarks = Remarks()
    return QueryTranslator(ends, relations, remarks=remarks).query(node, names), remarks
