"""What is true or false in an expression, and what is chosen by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from dbferry.schema import patterns
from dbferry.schema.nodes import Node, only, said, says
from dbferry.schema.terms import Term, Untranslatable, literal, result
from dbferry.types import Kind

if TYPE_CHECKING:
    from dbferry.schema.expressions import Translator

COMPARISONS: Mapping[type[Node], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=",
}  # fmt: skip


@says(exp.And, exp.Or)
def _and_or(t: Translator, node: Node) -> Term:
    only(node, "this", "expression")
    word = "AND" if isinstance(node, exp.And) else "OR"
    sides = [t.truth(side) for side in (node.this, node.expression)]
    return _bool(f"({sides[0]} {word} {sides[1]})")


@says(exp.Not)
def _not(t: Translator, node: Node) -> Term:
    only(node, "this")
    inner = node.this
    if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
        return _bool(f"({t.say(inner.this).sql} IS NOT NULL)")
    return _bool(f"(NOT {t.truth(inner)})")


@says(exp.Is)
def _is(t: Translator, node: Node) -> Term:
    only(node, "this", "expression", "negate")
    word = "IS NOT" if node.args.get("negate") else "IS"
    if isinstance(node.expression, exp.Null):
        return _bool(f"({t.say(node.this).sql} {word} NULL)")
    if isinstance(node.expression, exp.Boolean):
        truth = "TRUE" if node.expression.this else "FALSE"
        return _bool(f"({t.truth(node.this)} {word} {truth})")
    raise Untranslatable(f"`{said(node)}`")


@says(*COMPARISONS)
def _comparison(t: Translator, node: Node) -> Term:
    only(node, "this", "expression")
    listed = _listed(node)
    if listed is not None:
        return _among(t, node.this, listed, negated=isinstance(node, exp.NEQ))
    left, right = t.pair(node.this, node.expression)
    sign = COMPARISONS[type(node)]
    t.comparable(left, right, ordered=sign not in ("=", "<>"))
    return _bool(f"({left.sql} {sign} {right.sql})")


@says(exp.NullSafeEQ, exp.NullSafeNEQ)
def _same(t: Translator, node: Node) -> Term:
    only(node, "this", "expression")
    left, right = t.pair(node.this, node.expression)
    t.comparable(left, right, ordered=False)
    words = "same" if isinstance(node, exp.NullSafeEQ) else "differ"
    return _bool(t.words(words).format(left.sql, right.sql))


@says(exp.Between)
def _between(t: Translator, node: Node) -> Term:
    only(node, "this", "low", "high")
    sides = []
    for bound, sign in ((node.args["low"], ">="), (node.args["high"], "<=")):
        left, right = t.pair(node.this, bound)
        t.comparable(left, right, ordered=True)
        sides.append(f"({left.sql} {sign} {right.sql})")
    return _bool(f"({' AND '.join(sides)})")


@says(exp.In)
def _in(t: Translator, node: Node) -> Term:
    only(node, "this", "expressions")
    return _among(t, node.this, node.expressions, negated=False)


def _among(t: Translator, one: Node, others: Sequence[Node], *, negated: bool) -> Term:
    pairs = [t.pair(one, other) for other in others]
    if not pairs:
        raise Untranslatable("a list without values")
    for left, right in pairs:
        t.comparable(left, right, ordered=False)
    values = ", ".join(right.sql for _, right in pairs)
    return _bool(f"({pairs[0][0].sql} {'NOT IN' if negated else 'IN'} ({values}))")


@says(exp.Like, exp.ILike, exp.Glob, exp.Escape)
def _like(t: Translator, node: Node) -> Term:
    escape = t.spoken.escape
    negated = False
    if isinstance(node, exp.Escape):
        only(node, "this", "expression")
        escape, node = t.plain(node.expression), node.this
    only(node, "this", "expression", "negate")
    negated = bool(node.args.get("negate"))
    wanted = node.expression
    if isinstance(wanted, exp.Anonymous) and wanted.name == "like_escape":
        # How PostgreSQL prints ESCAPE.
        wanted, escape = wanted.expressions[0], t.plain(wanted.expressions[1])
    term, pattern = t.fit(node.this), t.plain(wanted)
    if term.kind is not Kind.TEXT:
        raise Untranslatable("a pattern for what isn't text")
    glob = isinstance(node, exp.Glob)
    pieces = patterns.of_glob(pattern) if glob else patterns.of_like(pattern, escape)
    if patterns.has_letters(pieces) or term.padded:
        t.matched(term)
    matching = t.spoken.matching
    loose = isinstance(node, exp.ILike) or matching == "ascii" or (
        matching == "collation" and term.ignore_case
    )  # fmt: skip
    if patterns.has_letters(pieces) and loose and not glob:
        raise Untranslatable(
            f"{t.source.name} takes letters here without their case, in its own way",
            "compare with lower() on both sides",
        )
    sql = patterns.match(term, pieces, t.wanted)
    return _bool(f"(NOT {sql})" if negated else sql)


@says(exp.Case)
def _case(t: Translator, node: Node) -> Term:
    only(node, "this", "ifs", "default")
    results = [t.say(branch.args["true"]) for branch in node.args["ifs"]]
    tests = []
    for branch in node.args["ifs"]:
        if node.this is None:
            tests.append(t.truth(branch.this))
            continue
        left, right = t.pair(node.this, branch.this)
        t.comparable(left, right, ordered=False)
        tests.append(f"{left.sql} = {right.sql}")
    default = node.args.get("default")
    last = t.say(default) if default is not None else literal(None, Kind.TEXT, t.wanted)
    *results, last = t.alike([*results, last])
    branches = " ".join(
        f"WHEN {test} THEN {result.sql}" for test, result in zip(tests, results, strict=True)
    )
    return replace(result([*results, last]), sql=f"(CASE {branches} ELSE {last.sql} END)")


@says(exp.If)
def _if(t: Translator, node: Node) -> Term:
    only(node, "this", "true", "false")
    yes, no = t.alike([t.say(node.args["true"]), t.say(node.args["false"])])
    sql = f"(CASE WHEN {t.truth(node.this)} THEN {yes.sql} ELSE {no.sql} END)"
    return replace(result([yes, no]), sql=sql)


def _bool(sql: str) -> Term:
    return Term(sql=sql, kind=Kind.BOOL)


def _listed(node: Node) -> Sequence[Node] | None:
    """The values of `= ANY (ARRAY[…])` and `<> ALL (ARRAY[…])`, which are PostgreSQL's IN and NOT IN."""
    other = node.expression
    if isinstance(node, exp.EQ) and isinstance(other, exp.Any):
        inner = other.this
    elif (
        isinstance(node, exp.NEQ)
        and isinstance(other, exp.Anonymous)
        and other.name.upper() == "ALL"
    ):
        (inner,) = other.expressions
    else:
        return None
    while isinstance(inner, exp.Paren | exp.Cast):
        inner = inner.this
    if not isinstance(inner, exp.Array):
        raise Untranslatable("a comparison with an array")
    return inner.expressions
