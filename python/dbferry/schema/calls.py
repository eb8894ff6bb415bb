"""Arithmetic and functions in an expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from dbferry.schema import days
from dbferry.schema.dialect import WHOLE
from dbferry.schema.nodes import Node, only, says
from dbferry.schema.terms import Term, Untranslatable, comma, literal, result
from dbferry.types import Kind

if TYPE_CHECKING:
    from dbferry.schema.expressions import Translator

SUMS: Mapping[type[Node], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
TRIMS = {"": "trim", "BOTH": "trim", "LEADING": "trim_left", "TRAILING": "trim_right"}
# Keyword functions, by the name that they would have if they were called.
CALLED: Mapping[type[Node], str] = {
    exp.CurrentTimestamp: "current_timestamp", exp.CurrentDate: "current_date", exp.CurrentTime: "current_time",
    exp.Localtimestamp: "localtimestamp", exp.Localtime: "localtime",
}  # fmt: skip


@says(*SUMS)
def _sum(t: Translator, node: Node) -> Term:
    only(node, "this", "expression")
    later = days.moved(t, node) if isinstance(node, exp.Add | exp.Sub) else None
    if later is not None:
        return later
    left, right = (t.number(side) for side in (node.this, node.expression))
    if isinstance(node, exp.Sub) and Kind.UINT in (left.kind, right.kind):
        raise Untranslatable("a difference of numbers without a sign")
    kind = t.computed(left, right)
    if kind is Kind.INT and not t.wanted.wide_integers:
        left, right = (replace(t, sql=t.widened or t.sql) for t in (left, right))
    return Term(sql=f"({left.sql} {SUMS[type(node)]} {right.sql})", kind=kind)


@says(exp.Div, exp.IntDiv, exp.Mod)
def _quotient(t: Translator, node: Node) -> Term:
    only(node, "this", "expression")
    left, right = (t.number(side) for side in (node.this, node.expression))
    if not right.literal or right.value == 0:
        raise Untranslatable("a division by what may be zero, which is NULL or an error")
    whole = left.kind in WHOLE and right.kind in WHOLE
    if isinstance(node, exp.Mod):
        return t.said_as("remainder", [left, right])
    if whole and (isinstance(node, exp.IntDiv) or t.spoken.whole_division):
        return t.said_as("quotient", [left, right])
    if Kind.FLOAT in (left.kind, right.kind) and not isinstance(node, exp.IntDiv):
        return Term(sql=f"({left.sql} / {right.sql})", kind=Kind.FLOAT)
    raise Untranslatable("a quotient has other digits in another engine")


@says(exp.Neg)
def _negative(t: Translator, node: Node) -> Term:
    only(node, "this")
    term = t.number(node.this)
    if term.literal and isinstance(term.value, Decimal):
        return literal(-term.value, term.kind or Kind.INT, t.wanted)
    if term.kind is Kind.UINT:
        raise Untranslatable("a negative of a number without a sign")
    return replace(term, sql=f"(-{term.sql})", widened=None)


@says(*CALLED)
def _keyword(t: Translator, node: Node) -> Term:
    only(node)
    return _call(t, CALLED[type(node)], [])


@says(exp.Floor, exp.Ceil)
def _rounded(t: Translator, node: Node) -> Term:
    only(node, "this")
    meaning = "floor" if isinstance(node, exp.Floor) else "ceiling"
    return t.said_as(meaning, [t.fit(node.this)])


@says(exp.Anonymous)
def _anonymous(t: Translator, node: Node) -> Term:
    only(node, "this", "expressions")
    name = node.name if isinstance(node.this, Node) else str(node.this)
    return _call(t, name.lower(), node.expressions)


def _call(t: Translator, name: str, given: Sequence[Node]) -> Term:
    functions = t.spoken.functions
    meaning = functions.get(f"{name}/{len(given)}") or functions.get(name)
    if meaning is None and (today := t.today(name, given)):
        return today
    if meaning is None:
        raise Untranslatable(f"the function {name}() has no certain counterpart in {t.target.name}")
    match meaning:
        case "coalesce":
            terms = t.alike([t.fit(node) for node in given])
            return replace(result(terms), sql=f"COALESCE({comma(terms)})")
        case "nullif":
            left, right = t.pair(given[0], given[1])
            t.comparable(left, right, ordered=False)
            return replace(left, sql=f"NULLIF({left.sql}, {right.sql})", literal=False)
        case "if":
            return t.say(exp.If(this=given[0], true=given[1], false=given[2]))
        case "length":
            term = t.fit(given[0])
            return t.said_as("bytes" if term.kind is Kind.BINARY else "characters", [term])
        case "remainder":
            return t.say(exp.Mod(this=given[0], expression=given[1]))
        case "substring":
            return _slice(t, *given)
        case "modified_day":
            start = t.today("date", given[:1]) or t.fit(given[0])
            return days.modified(t, start, t.plain(given[1]))
        case "join" | "join_present":
            return _join(t, given, skip_null=meaning == "join_present")
        case _:
            return t.said_as(meaning, [t.fit(node) for node in given])


def _join(t: Translator, given: Sequence[Node], *, skip_null: bool) -> Term:
    terms = []
    for node in given:
        term = t.fit(node)
        if term.kind in WHOLE and not term.literal:
            term = t.said_as("text_of_integer", [term])
        elif term.kind is not Kind.TEXT:
            raise Untranslatable("engines write such a value as text in their own ways")
        if skip_null and not term.literal:
            term = replace(term, sql=f"COALESCE({term.sql}, '')")
        terms.append(term)
    joined = terms[0].sql
    for term in terms[1:]:
        joined = t.words("join").format(joined, term.sql)
    return replace(result(terms), sql=joined, literal=False, value=None)


@says(exp.DPipe)
def _pipe(t: Translator, node: Node) -> Term:
    only(node, "this", "expression")
    return _join(t, [node.this, node.expression], skip_null=False)


@says(exp.Trim)
def _trim(t: Translator, node: Node) -> Term:
    only(node, "this", "position")
    return t.said_as(TRIMS[str(node.args.get("position") or "")], [t.fit(node.this)])


@says(exp.Substring)
def _substring(t: Translator, node: Node) -> Term:
    only(node, "this", "start", "length")
    length = node.args.get("length")
    return _slice(
        t,
        node.this,
        node.args.get("start") or exp.Literal.number(1),
        *([length] if length else []),
    )


def _slice(t: Translator, whole: Node, *bounds: Node) -> Term:
    text, numbers = t.fit(whole), [t.say(bound) for bound in bounds]
    if text.kind is not Kind.TEXT or any(
        not isinstance(n.value, Decimal) or n.value < 1 for n in numbers
    ):
        raise Untranslatable("a part of a text whose bounds aren't plain numbers above 0")
    return replace(text, sql=f"substr({comma([text, *numbers])})", literal=False)


@says(exp.Extract)
def _extract(t: Translator, node: Node) -> Term:
    only(node, "this", "expression")
    unit = node.this.name.lower()
    if unit not in ("year", "month", "day"):
        raise Untranslatable(f"the {unit} of a date")
    return t.said_as(unit, [t.fit(node.expression)])
