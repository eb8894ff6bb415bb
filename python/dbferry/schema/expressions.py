"""An expression of one engine in the words of another, or the reason why there are none.

sqlglot parses the source's text; what it knows of functions is taken away, so that each keeps the name that it
was called by. Then every node must be on the list of `nodes`, every function on the source's list of meanings
and every meaning on the target's list of words, and the kinds of values must be those that both engines treat
alike. Anything else raises `Untranslatable`: there is no default that lets something through. Between two
of one engine the text stays as the server printed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from dbferry.engines import Engine
from dbferry.schema import calls, conditions, literals
from dbferry.schema.dialect import MEANINGS, WHOLE, Dialect
from dbferry.schema.nodes import Node, columns, said, saying
from dbferry.schema.terms import Operand, Term, Untranslatable, as_kind, family, result
from dbferry.types import Kind

__all__ = ["Operand", "Term", "Translator", "Untranslatable", "calls", "conditions", "literals"]

ORDERED = frozenset({"number", "date", "timestamp", "time"})
EQUATED = ORDERED | {"text", "enum", "bool", "binary"}
LOOSE = (
    "text that differs by case, accents or blanks at its end is equal in only one of the engines"
)


@cache
def plain_dialect(name: str) -> type[sqlglot.Dialect]:
    """A dialect whose functions keep their names."""
    base = type(sqlglot.Dialect.get_or_raise(name))
    parser = type("Parser", (base.parser_class,), {"FUNCTIONS": {}})
    return type(f"Plain{name}", (base,), {"Parser": parser, "parser_class": parser})


@lru_cache(10_000)
def _parse(text: str, parser: str) -> Node:
    """Many columns have the same default; what is made of a node leaves it as it is."""
    return sqlglot.parse_one(f"({text}\n)", dialect=plain_dialect(parser), into=exp.Condition)


def parse(text: str, dialect: Dialect) -> Node:
    """In parentheses: REPLACE and others begin a statement where nothing stands before them."""
    try:
        node = _parse(text, dialect.parser)
    except SqlglotError:
        raise Untranslatable("it can't be parsed") from None
    if not isinstance(node, exp.Paren):
        raise Untranslatable("it is more than an expression")
    inner: Node = node.this
    return inner


class Translator:
    """From one engine to another, for expressions over the columns of one table."""

    def __init__(self, source: Engine, target: Engine, operands: Mapping[str, Operand]) -> None:
        self.source, self.target = source, target
        self.operands = {source.fold_column(name): operand for name, operand in operands.items()}
        self._doubts: list[str] = []

    @property
    def spoken(self) -> Dialect:
        if self.source.dialect is None:
            raise Untranslatable(f"the expressions of {self.source.name} aren't known")
        return self.source.dialect

    @property
    def wanted(self) -> Dialect:
        if self.target.dialect is None:
            raise Untranslatable(f"{self.target.name} gets no expressions")
        return self.target.dialect

    def condition(self, text: str) -> str:
        """What is true, false or NULL for a row: a check, a row filter, the rows of a partial index."""
        self._doubts.clear()
        return self._certain(self.truth(parse(text, self.spoken)))

    def value(self, text: str) -> str:
        """What is computed from a row: a generated column, an index on an expression."""
        return self.term(text).sql

    def term(self, text: str) -> Term:
        """As `value`, with its kind."""
        self._doubts.clear()
        term = self.say(parse(text, self.spoken))
        self._certain(term.sql)
        return term

    def doubt(self, why: str) -> None:
        """Is told why the target may find something else."""
        self._doubts.append(why)

    def _certain(self, sql: str) -> str:
        """The words, where there is no doubt about them."""
        if self._doubts:
            reasons = "; ".join(dict.fromkeys(self._doubts))
            raise Untranslatable(reasons, f"where that doesn't matter: {sql}")
        return sql

    def today(self, name: str, given: Sequence[Node]) -> Term | None:
        """The current day or moment by the name of a function, where one may be asked for."""
        return None

    def only_values(self, node: Node) -> Term:
        """The term of an expression that names no column."""
        if node.find(exp.Column) and not self.spoken.words_are_text:
            raise Untranslatable("it names a column")
        return Translator(self.source, self.target, {}).say(node)

    def say(self, node: Node) -> Term:
        say = saying(node)
        if say is None:
            raise Untranslatable(
                f"`{said(node, self.spoken.parser)}` has no certain counterpart in {self.target.name}"
            )
        return say(self, node)

    def truth(self, node: Node) -> str:
        term = self.say(node)
        if term.literal and not term.is_null:
            return as_kind(term, Kind.BOOL, self.wanted).sql
        if family(term.kind) == "number" and self.spoken.numbers_are_truth:
            return f"({term.sql} <> 0)"
        if term.kind not in (Kind.BOOL, None):
            raise Untranslatable(f"`{said(node)}` is neither true nor false")
        return term.sql

    def fit(self, node: Node) -> Term:
        """A term that is computed with, and not only asked whether it is there."""
        for column in columns(node):
            why = self.unfit(column)
            if why is not None:
                raise Untranslatable(why)
        return self.say(node)

    def unfit(self, column: Node) -> str | None:
        """Why the target doesn't compute with a column as the source does."""
        operand = self.operands.get(self.source.fold_column(column.name))
        if operand is None or operand.fit:
            return None
        return f"`{column.name}` is {operand.native.text} in the target, which isn't compared as in the source"

    def number(self, node: Node) -> Term:
        term = self.fit(node)
        if family(term.kind) != "number":
            raise Untranslatable(f"`{said(node)}` is not a number")
        if term.single:
            raise Untranslatable("engines compute with floats of 32 bits in their own ways")
        return term

    def pair(self, one: Node, other: Node) -> tuple[Term, Term]:
        """Two terms that meet: a literal becomes of the other's kind."""
        left, right = self.fit(one), self.fit(other)
        if left.literal and not right.literal and right.kind is not None:
            left = as_kind(left, right.kind, self.wanted)
        elif right.literal and not left.literal and left.kind is not None:
            right = as_kind(right, left.kind, self.wanted)
        return left, right

    def comparable(self, left: Term, right: Term, *, ordered: bool) -> None:
        families = {family(term.kind) for term in (left, right)} - {None}
        if len(families) > 1:
            raise Untranslatable(f"a comparison of {' with '.join(sorted(map(str, families)))}")
        allowed = ORDERED if ordered else EQUATED
        if not families <= allowed:
            (found,) = families
            why = (
                "text has another order in another engine"
                if found == "text"
                else "not alike in all engines"
            )
            raise Untranslatable(f"a comparison of {found}: {why}")
        labels, literals = left.labels or right.labels, [t for t in (left, right) if t.literal]
        if labels and any(term.value not in (*labels, None) for term in literals):
            raise Untranslatable(f"{literals[0].value!r} is no label of the enum")
        if families == {"text"} and (left.loose or right.loose):
            self.doubt(LOOSE)

    def matched(self, term: Term) -> None:
        """Is told of what a pattern is held against, where letters or blanks could matter."""
        if term.loose or term.padded:
            self.doubt(LOOSE)

    def alike(self, terms: Sequence[Term]) -> list[Term]:
        """Terms of one family, literals among them made so."""
        given = [term for term in terms if not term.literal and not term.is_null]
        kind = next((term.kind for term in given), None) or next(
            (term.kind for term in terms if not term.is_null), None
        )
        made = [as_kind(term, kind, self.wanted) if kind else term for term in terms]
        if len({family(term.kind) for term in made} - {None}) > 1:
            raise Untranslatable("values of several kinds in one place")
        return made

    def computed(self, *terms: Term) -> Kind:
        """The kind of a sum or product, where both ends are as exact."""
        kinds = {term.kind for term in terms}
        if Kind.FLOAT in kinds:
            return Kind.FLOAT
        if kinds <= WHOLE:
            return Kind.INT
        if not (self.spoken.exact_decimals and self.wanted.exact_decimals):
            raise Untranslatable(
                "decimals are computed exactly in one engine, and in floating point in the other"
            )
        return Kind.DECIMAL

    def said_as(self, meaning: str, terms: Sequence[Term]) -> Term:
        signature = MEANINGS[meaning]
        for place, term in enumerate(terms):
            allowed = signature.takes[min(place, len(signature.takes) - 1)]
            if term.kind is not None and term.kind not in allowed:
                raise Untranslatable(f"`{meaning.replace('_', ' ')}` of {term.kind}")
        kind = signature.gives
        if meaning == "absolute" and terms[0].kind is not None:
            kind = terms[0].kind
        if kind is Kind.DECIMAL:
            self.computed(replace(terms[0], kind=Kind.DECIMAL))
        sized = f"{meaning}/{len(terms)}"
        words = self.words(sized if sized in self.wanted.words else meaning)
        sql = words.format(*(term.sql for term in terms))
        shared = result(terms)
        return Term(sql=sql, kind=kind, ignore_case=shared.ignore_case, loose=shared.loose)

    def words(self, meaning: str) -> str:
        words = self.wanted.words.get(meaning)
        if words is None:
            why = self.wanted.why_not.get(meaning, f"{self.target.name} has no words for it")
            raise Untranslatable(f"`{meaning.replace('_', ' ')}`: {why}")
        return words

    def plain(self, node: Node) -> str:
        term = self.say(node)
        if not term.literal or not isinstance(term.value, str):
            raise Untranslatable("a pattern that isn't a text of its own")
        return term.value
