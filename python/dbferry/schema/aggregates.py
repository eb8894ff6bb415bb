"""Counts, sums, extremes and lists in a query, and which columns a query that groups may name beside them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from dbferry.schema.dialect import NUMBERS, WHOLE
from dbferry.schema.nodes import Node, only, said
from dbferry.schema.terms import Term, Untranslatable, result
from dbferry.types import Kind

if TYPE_CHECKING:
    from dbferry.schema.queries import QueryTranslator

NAMES = frozenset({"count", "sum", "min", "max", "avg"})
FLOATS = "sums of floating-point numbers may differ in their last digit"


def is_one(node: Node) -> bool:
    if isinstance(node, exp.GroupConcat):
        return True
    return isinstance(node, exp.Anonymous) and _name(node) in NAMES and len(node.expressions) == 1


def _name(node: Node) -> str:
    return str(node.this).lower()


def filtered(t: QueryTranslator, node: Node) -> Term:
    """`FILTER (WHERE …)`, said by what is NULL for the rows that don't count."""
    only(node, "this", "expression")
    if not is_one(node.this):
        raise Untranslatable(f"`{said(node)}`")
    only(node.expression, "this")
    return say(t, node.this, t.truth(node.expression.this))


def say(t: QueryTranslator, node: Node, condition: str | None = None, *, window: str = "") -> Term:
    """`window` is what follows the call."""
    if t.aggregating:
        raise Untranslatable("a sum of sums")
    t.aggregating = True
    try:
        if isinstance(node, exp.GroupConcat):
            return _listed(t, node, condition, window)
        only(node, "this", "expressions")
        return _said(t, _name(node), node.expressions[0], condition, window)
    finally:
        t.aggregating = False


def _said(t: QueryTranslator, name: str, given: Node, condition: str | None, window: str) -> Term:
    distinct = isinstance(given, exp.Distinct)
    if distinct:
        only(given, "expressions")
        if len(given.expressions) != 1:
            raise Untranslatable("a count of several columns")
        (given,) = given.expressions

    def over(sql: str) -> str:
        told = f"CASE WHEN {condition} THEN {sql} END" if condition else sql
        return f"{'DISTINCT ' * distinct}{told}"

    if name == "count":
        counted = _counted(t, given, distinct, over)
        return Term(sql=f"count({counted}){window}", kind=Kind.INT)
    term = t.fit(given)
    if name in ("min", "max"):
        t.comparable(replace(term, literal=False), replace(term, literal=False), ordered=True)
        sql = f"{name}({over(term.sql)}){window}"
        widened = f"CAST({sql} AS bigint)" if term.widened else None
        return replace(term, sql=sql, literal=False, value=None, widened=widened)
    if name == "sum" and term.kind is Kind.BOOL and t.spoken.numbers_are_truth:
        term = Term(
            sql=f"CASE WHEN {term.sql} THEN 1 WHEN NOT {term.sql} THEN 0 END", kind=Kind.INT
        )
    if term.kind is Kind.FLOAT and not term.single:
        t.note(FLOATS)
        return Term(sql=f"{name}({over(term.sql)}){window}", kind=Kind.FLOAT)
    if name == "avg" and term.kind in NUMBERS and not term.single:
        t.doubt("an average has other digits in another engine")
        return Term(sql=f"avg({over(term.sql)}){window}", kind=Kind.FLOAT)
    if term.kind in WHOLE and name == "sum":
        sql = t.words("sum_whole").format(f"sum({over(term.sql)}){window}")
        return Term(sql=sql, kind=Kind.INT)
    if term.kind not in (Kind.DECIMAL, Kind.NUMERIC) or name != "sum":
        raise Untranslatable(f"{'an average' if name == 'avg' else 'a sum'} of {term.kind}")
    if not t.spoken.exact_decimals and t.wanted.exact_decimals:
        t.note("sums of decimals are exact in the target, and floating point in the source")
    elif t.spoken.exact_decimals and not t.wanted.exact_decimals:
        t.doubt("sums of decimals are exact in the source, and floating point in the target")
    return Term(sql=f"sum({over(term.sql)}){window}", kind=Kind.DECIMAL)


def _listed(t: QueryTranslator, node: Node, condition: str | None, window: str) -> Term:
    """Texts put together; what is without an order may come in any."""
    from dbferry.schema.windows import order_of

    only(node, "this", "separator")
    order, separator = node.this, node.args.get("separator")
    if not isinstance(order, exp.Order) or window:
        raise Untranslatable("a list whose order is left open", "say it by ORDER BY")
    only(order, "this", "expressions")
    term = t.fit(order.this)
    if term.kind in WHOLE:
        term = t.said_as("text_of_integer", [term])
    if term.kind is not Kind.TEXT:
        raise Untranslatable("engines write such a value as text in their own ways")
    if t.wanted.cuts_lists:
        t.doubt(f"{t.target.name} cuts a list at group_concat_max_len")
    elif t.spoken.cuts_lists:
        t.note("lists have no end, which the source cuts at group_concat_max_len")
    told = f"CASE WHEN {condition} THEN {term.sql} END" if condition else term.sql
    between = t.plain(separator) if separator is not None else ","
    by = exp.Order(expressions=order.expressions)
    sql = t.words("list").format(told, t.wanted.literal(between), order_of(t, by))
    return replace(result([term]), sql=sql)


def _counted(t: QueryTranslator, given: Node, distinct: bool, over: Callable[[str], str]) -> str:
    literal = isinstance(given, exp.Literal)
    if (isinstance(given, exp.Star) or literal) and not distinct:
        told = over("1")
        return "*" if told == "1" else told
    if distinct:
        t.told_apart([t.output("", given)])
    return over(t.say(given).sql)


def check_grouped(t: QueryTranslator, nodes: Sequence[Node], grouped: Sequence[Node]) -> None:
    """Refuses a column that the rows of a group may differ in: which of them is shown is left open."""
    keys = {t.say(node).sql for node in grouped}
    for node in nodes:
        for column in _bare(node, grouped):
            found = t.find(column)
            if t.say(column).sql in keys or found is None or found[0] not in t.ranges:
                continue
            if settled(t, column, keys):
                continue
            raise Untranslatable(
                f"`{said(column)}` is neither grouped by nor summed up",
                "group by it, or show its min() or max()",
            )


def settled(t: QueryTranslator, node: Node, keys: Collection[str]) -> bool:
    """True for a column of a range whose whole key is among what is grouped by."""
    found = t.find(node) if isinstance(node, exp.Column) else None
    if found is None or not found[0].relation.key:
        return False
    held = found[0]
    outputs = [o for o in held.relation.outputs if o.source in held.relation.key]
    return {o.read(held.name, t.target, t.wanted).sql for o in outputs} <= set(keys)


def unnested(node: Node) -> Node:
    """Without the parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _bare(node: Node, grouped: Sequence[Node]) -> Iterator[Node]:
    bare = unnested(node)
    if bare in map(unnested, grouped) or is_one(bare) or isinstance(bare, exp.Filter):
        return
    if isinstance(node, exp.Query | exp.Window):
        raise Untranslatable("a query or a window inside of a grouped query")
    if isinstance(node, exp.Column):
        yield node
        return
    for child in node.iter_expressions():
        yield from _bare(child, grouped)
