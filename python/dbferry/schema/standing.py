"""Views that stand in a target whose server can't be asked how it would print another.

What stands and what would be made are both said in one form, over the tables that stand: where the forms are the
same, so are the views. One of which no form is known may be another.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from dbferry.catalog import View
from dbferry.pair import Pair
from dbferry.schema.terms import Operand, Untranslatable

if TYPE_CHECKING:
    from dbferry.schema.dialect import Dialect
    from dbferry.schema.nodes import Node
    from dbferry.schema.relations import Relation, Relations


class StandingViews:
    """Those of one target; asked for views after those that they read."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    def same(self, made: View, there: View) -> bool:
        """True when they are known to be the same."""
        from dbferry.schema.queries import translate
        from dbferry.schema.relations import Relation

        other = self._pair.ends[1]
        if other.dialect is None:
            return False
        try:
            ours, found = (
                translate(view.query, (other, other), self._relations, view.columns)[0]
                for view in (made, there)
            )
        except Untranslatable:
            return False
        place = (there.schema, there.name)
        self._relations.add(place, Relation(other.relation(*place), found.outputs))
        return _form(ours.sql, other.dialect) == _form(found.sql, other.dialect)

    @cached_property
    def _relations(self) -> Relations:
        from dbferry.schema.relations import Relations

        target = self._pair.target
        return Relations(target.default_schema or "", self._table, target.folds_tables)

    def _table(self, place: tuple[str, str]) -> Relation | None:
        from dbferry.schema.relations import of_table

        table, other = self._pair.target.table(*place), self._pair.ends[1]
        if table is None or other.dialect is None:
            return None
        operands = {
            c.name: Operand.of((other, other), c, other.read(c, {}).canonical, c.name, c.native)
            for c in table.columns
        }
        sql = other.relation(table.schema, table.name)
        names = tuple(column.name for column in table.columns)
        return of_table(sql, operands, other.dialect, table.primary_key, names)


def _form(sql: str, dialect: Dialect) -> str:
    """A query without what its server's printer adds to it and takes away."""
    from sqlglot import exp, parse_one

    from dbferry.schema.expressions import plain_dialect

    root = parse_one(sql, dialect=plain_dialect(dialect.parser))
    for query in root.find_all(exp.Select):
        _flatten(query)
        shown = {each.alias: each.this for each in query.expressions}
        order = query.args.get("order")
        for each in order.expressions if order is not None else ():
            key = each.this
            if isinstance(key, exp.Column) and not key.table and key.name in shown:
                each.set("this", shown[key.name].copy())
    return root.sql(dialect=plain_dialect(dialect.parser))


def _flatten(query: Node) -> None:
    """Takes away the parentheses around what the first joins of a query give, which are joined first in any case."""
    from sqlglot import exp

    source = query.args.get("from_")
    while source is not None and isinstance(source.this, exp.Subquery) and not source.this.alias:
        around, inside = source.this, source.this.this
        if not isinstance(inside, exp.Table | exp.Subquery):
            return
        joins = [join for each in (inside, around, query) for join in each.args.get("joins") or []]
        inside.set("joins", None)
        source.set("this", inside)
        query.set("joins", joins)
