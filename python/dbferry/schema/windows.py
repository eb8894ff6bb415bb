"""Window functions of a query: places within an order, and sums over a part of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from dbferry.schema import aggregates
from dbferry.schema.nodes import Node, only, said
from dbferry.schema.selects import sort_key
from dbferry.schema.terms import Term, Untranslatable
from dbferry.types import Kind

if TYPE_CHECKING:
    from dbferry.schema.queries import QueryTranslator

PLACES = frozenset({"row_number", "rank", "dense_rank"})


def say(t: QueryTranslator, node: Node) -> Term:
    """Frames are those that every engine has where none is said."""
    only(node, "this", "partition_by", "order", "over")
    order = node.args.get("order")
    window = f" OVER ({' '.join(filter(None, [_parts(t, node), _order(t, order)]))})"
    inner = node.this
    if aggregates.is_one(inner):
        return aggregates.say(t, inner, window=window)
    name = str(inner.this).lower() if isinstance(inner, exp.Anonymous) else ""
    if name not in PLACES or inner.expressions:
        raise Untranslatable(f"`{said(inner)}` over a window")
    if order is None:
        raise Untranslatable(f"{name}() without an order")
    return Term(sql=f"{name}(){window}", kind=Kind.INT)


def _parts(t: QueryTranslator, node: Node) -> str:
    given = node.args.get("partition_by") or []
    t.told_apart(t.output("", part) for part in given)
    return f"PARTITION BY {', '.join(t.say(part).sql for part in given)}" if given else ""


def _order(t: QueryTranslator, node: Node | None) -> str:
    if node is None:
        return ""
    only(node, "expressions")
    keys = []
    for each in node.expressions:
        only(each, "this", "desc", "nulls_first")
        output = t.output("", each.this)
        keys.append(sort_key(t, each, output, output.term.sql, decides=True))
    return f"ORDER BY {', '.join(keys)}"
