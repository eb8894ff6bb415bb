"""Queries that read themselves: WITH RECURSIVE, where every turn adds to the rows of the one before.

Engines differ in the types that they give the columns of the turns, so each is said: whole numbers of 64 bits, text
without end, dates. What reads itself twice, groups, numbers or looks for what isn't there has no one meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from dbferry.schema import aggregates, selects
from dbferry.schema.dialect import WHOLE
from dbferry.schema.nodes import Node, only
from dbferry.schema.relations import Output, Relation
from dbferry.schema.terms import Term, Untranslatable, family
from dbferry.types import Kind

if TYPE_CHECKING:
    from dbferry.schema.queries import Query, QueryTranslator

PLAIN = ("expressions", "from_", "joins", "where")


def reads_itself(t: QueryTranslator, node: Node, name: str) -> bool:
    return bool(_own(t, node, name))


def _own(t: QueryTranslator, node: Node, name: str) -> list[Node]:
    """Where a query names itself."""
    fold = t.source.fold_column
    tables = node.find_all(exp.Table)
    return [found for found in tables if not found.db and fold(found.name) == fold(name)]


def query(t: QueryTranslator, node: Node, name: str, names: Sequence[str]) -> Query:
    from dbferry.schema.queries import Query

    if not isinstance(node, exp.Union):
        raise Untranslatable("a query that reads itself without UNION")
    only(node, "this", "expression", "distinct")
    start, turn = node.this, node.expression
    if not (isinstance(start, exp.Select) and isinstance(turn, exp.Select)):
        raise Untranslatable("a query that reads itself and begins or goes on with more than one")
    _check(t, start, turn, name)
    first = selects.select(t.inner(), start, names, shape=_shaped)
    outputs = tuple(_turned(output) for output in first.outputs)
    inner = t.inner()
    inner.local[t.source.fold_column(name)] = Relation(t.wanted.quote(name), outputs)
    then = selects.select(inner, turn, shape=_shaped)
    kinds = [[family(o.term.kind) for o in made.outputs] for made in (first, then)]
    if kinds[0] != kinds[1]:
        raise Untranslatable("the turns of a query that reads itself are of other kinds")
    if node.args.get("distinct"):
        t.told_apart(outputs)
    if t.wanted.ends_recursion:
        t.doubt(
            f"{t.target.name} ends a query that reads itself after so many turns as a setting says"
        )
    elif t.spoken.ends_recursion:
        t.note(
            "a query that reads itself has no end but its own, which the source sets to its turns"
        )
    word = "UNION" if node.args.get("distinct") else "UNION ALL"
    return Query(f"{first.sql} {word} {then.sql}", outputs)


def _check(t: QueryTranslator, start: Node, turn: Node, name: str) -> None:
    own = _own(t, turn, name)
    if (
        len(own) != 1
        or own[0].find_ancestor(exp.Select, exp.SetOperation) is not turn
        or _own(t, start, name)
    ):
        raise Untranslatable("a query that reads itself in more than one place")
    only(turn, *PLAIN)
    summed = [n for n in turn.walk() if isinstance(n, exp.Window) or aggregates.is_one(n)]
    outer = [join for join in turn.find_all(exp.Join) if join.args.get("side")]
    if summed or outer:
        raise Untranslatable("a query that reads itself, and sums up or has outer joins")


def _shaped(t: QueryTranslator, term: Term, unfit: str | None) -> str:
    """A column in the type that all turns have."""
    if unfit is not None:
        raise Untranslatable(unfit)
    if term.kind in WHOLE:
        return t.words("turn_whole").format(term.sql)
    if term.kind is Kind.TEXT and not t.spoken.ends_recursion:
        return t.words("turn_text").format(term.sql)
    if term.kind is Kind.DATE:
        return term.sql
    raise Untranslatable(f"a column of {term.kind} in a query that reads itself")


def _turned(output: Output) -> Output:
    kind = Kind.INT if output.term.kind in WHOLE else output.term.kind
    term = replace(output.term, kind=kind, literal=False, value=None, widened=None)
    return replace(output, term=term, texts=frozenset())
