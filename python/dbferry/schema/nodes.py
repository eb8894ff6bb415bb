"""The list of what an expression may be made of: a node of the parser to the function that says it.

What isn't on the list isn't translated. `literals`, `conditions` and `calls` fill it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sqlglot import exp

from dbferry.schema.terms import Term, Untranslatable

if TYPE_CHECKING:
    from dbferry.schema.expressions import Translator

Node = exp.Expr
Say = Callable[["Translator", Node], Term]
_SAYS: dict[type[Node], Say] = {}
# Of no meaning for a value, or marks of the parser's own.
IGNORED = frozenset({"safe", "typed", "nested", "value_constructor", "bracket_notation"})


def says(*kinds: type[Node]) -> Callable[[Say], Say]:
    def keep(say: Say) -> Say:
        _SAYS.update(dict.fromkeys(kinds, say))
        return say

    return keep


def saying(node: Node) -> Say | None:
    """By the node's own class: one made of another may mean more."""
    return _SAYS.get(type(node))


def columns(node: Node) -> Iterator[Node]:
    """Those that an expression names, but for what stands in queries inside of it."""
    inside = node.walk(prune=lambda found: isinstance(found, exp.Query))
    return (found for found in inside if isinstance(found, exp.Column))


def only(node: Node, *names: str) -> None:
    """Refuses a node that says more than is read of it."""
    if any(value and name not in (*names, *IGNORED) for name, value in node.args.items()):
        raise Untranslatable(f"`{said(node)}`")


def said(node: Node, parser: str = "") -> str:
    return node.sql(dialect=parser)[:200]
