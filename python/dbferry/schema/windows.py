"""Window functions of a query: places within an order, values of other rows, and sums over a part of the rows.

Rows that are equal in an order come in any, in the source as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from dbferry.schema import aggregates
from dbferry.schema.nodes import Node, only, said
from dbferry.schema.selects import sort_key
from dbferry.schema.terms import Term, Untranslatable, result
from dbferry.types import Kind

if TYPE_CHECKING:
    from dbferry.schema.queries import QueryTranslator

PLACES = frozenset({"row_number", "rank", "dense_rank"})
SHARES = frozenset({"percent_rank", "cume_dist"})
VALUES = {
    "lag": (1, 2, 3),
    "lead": (1, 2, 3),
    "first_value": (1,),
    "last_value": (1,),
    "nth_value": (2,),
}
"""How many arguments they take: the value of a row, which row it is, and what stands for one that isn't there."""
BOUNDS = frozenset({"UNBOUNDED", "CURRENT ROW"})


def say(t: QueryTranslator, node: Node) -> Term:
    only(node, "this", "partition_by", "order", "spec", "over")
    order = node.args.get("order")
    told = [_parts(t, node), order_of(t, order), _frame(node.args.get("spec"), order)]
    window = f" OVER ({' '.join(filter(None, told))})"
    inner = node.this
    if aggregates.is_one(inner):
        return aggregates.say(t, inner, window=window)
    name = str(inner.this).lower() if isinstance(inner, exp.Anonymous) else ""
    given = inner.expressions
    counts = {**dict.fromkeys(PLACES | SHARES, (0,)), **VALUES, "ntile": (1,)}.get(name, ())
    if len(given) not in counts:
        raise Untranslatable(f"`{said(inner)}` over a window")
    if order is None:
        raise Untranslatable(f"{name}() without an order")
    if name in VALUES:
        return _value(t, name, given, window)
    numbers = ", ".join(map(_number, given))
    sql = f"{name}({numbers}){window}"
    if name in SHARES:
        if t.spoken.rounds_shares:
            t.doubt("the source rounds a share of the rows to ten digits after the point")
        return Term(sql=t.words("share").format(sql), kind=Kind.FLOAT)
    return Term(sql=sql, kind=Kind.INT)


def spelled(node: Node, fold: Callable[[str], str]) -> Node:
    """A query whose windows are told where they are used, and not by names."""
    query = node.copy()
    named = {fold(one.name): one for one in query.args["windows"]}
    query.set("windows", None)

    def tell(window: Node) -> None:
        name = window.args.get("alias")
        if name is None:
            return
        # One that is itself made of another one.
        base = named[fold(name.name)]
        tell(base)
        window.set("alias", None)
        for part in ("partition_by", "order", "spec"):
            if not window.args.get(part) and base.args.get(part):
                window.set(part, base.copy().args[part])

    inside = query.walk(prune=lambda found: isinstance(found, exp.Query) and found is not query)
    for window in [found for found in inside if isinstance(found, exp.Window)]:
        tell(window)
    return query


def _value(t: QueryTranslator, name: str, given: Sequence[Node], window: str) -> Term:
    """What an expression is in another row."""
    term, places = t.fit(given[0]), [_number(node) for node in given[1:2]]
    sql = f"{name}({', '.join([term.sql, *places])}){window}"
    if len(given) > 2:
        return _or_else(t, given, sql, f"{name}(1, {places[0]}){window}")
    widened = f"CAST({sql} AS bigint)" if term.widened else None
    return replace(term, sql=sql, literal=False, value=None, widened=widened)


def _or_else(t: QueryTranslator, given: Sequence[Node], value: str, there: str) -> Term:
    """In words that MariaDB has too. What stands for a missing row isn't what a row's NULL becomes."""
    terms = t.alike([t.fit(given[0]), t.fit(given[2])])
    sql = f"CASE WHEN {there} IS NULL THEN {terms[1].sql} ELSE {value} END"
    return replace(result(terms), sql=sql)


def _number(node: Node) -> str:
    if not isinstance(node, exp.Literal) or not node.name.isdigit() or int(node.name) == 0:
        raise Untranslatable("a number of rows that is no plain number above 0")
    return node.name


def _frame(node: Node | None, order: Node | None) -> str:
    """Which rows around each one count."""
    if node is None:
        return ""
    only(node, "kind", "start", "start_side", "end", "end_side")
    kind = str(node.args["kind"]).upper()
    bounds = [_bound(node, "start"), _bound(node, "end")]
    counted = any(bound[0].isdigit() for bound in bounds)
    if not (kind == "ROWS" and order is not None) and not (kind == "RANGE" and not counted):
        raise Untranslatable("a frame that isn't counted in rows of an order")
    return f"{kind} BETWEEN {' AND '.join(bounds)}"


def _bound(node: Node, end: str) -> str:
    """Without an end it is the row itself."""
    bound, side = node.args.get(end) or "CURRENT ROW", str(node.args.get(f"{end}_side") or "")
    number = bound.name if isinstance(bound, exp.Literal) and bound.name.isdigit() else ""
    word = str(bound).upper() if isinstance(bound, str) else number
    if not word or (isinstance(bound, str) and word not in BOUNDS):
        raise Untranslatable("a frame whose bounds aren't plain numbers")
    return f"{word} {side.upper()}".strip()


def _parts(t: QueryTranslator, node: Node) -> str:
    given = node.args.get("partition_by") or []
    t.told_apart(t.output("", part) for part in given)
    return f"PARTITION BY {', '.join(t.say(part).sql for part in given)}" if given else ""


def order_of(t: QueryTranslator, node: Node | None) -> str:
    """An order by which rows are numbered or listed."""
    if node is None:
        return ""
    only(node, "expressions")
    keys = []
    for each in node.expressions:
        only(each, "this", "desc", "nulls_first")
        output = t.output("", each.this)
        keys.append(sort_key(t, each, output, output.term.sql, decides=True))
    return f"ORDER BY {', '.join(keys)}"
