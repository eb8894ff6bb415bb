"""Views in the words of another engine, over the tables and columns as the target calls them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from dbferry import indexes
from dbferry.catalog import Table, View
from dbferry.keys import Draft
from dbferry.pair import Pair
from dbferry.schema.terms import Untranslatable
from dbferry.selection import destination

if TYPE_CHECKING:
    from dbferry.schema.relations import Relation, Relations

BY_HAND = "write it in the target by hand"
USUAL = ("SQL SECURITY DEFINER",)
"""Options that are the same as none elsewhere."""


class ViewTranslation:
    """From one pair of engines; views are translated after those that they read."""

    def __init__(self, pair: Pair, drafts: Sequence[Draft]) -> None:
        self.pair = pair
        self._drafts = {(draft.table.schema, draft.table.name): draft for draft in drafts}

    def needed(self, view: View) -> bool:
        """True where the source's own text isn't understood."""
        one, other = self.pair.ends
        if one.name != other.name:
            return True
        read = (self._drafts[place] for place in view.needs if place in self._drafts)
        return any(_renames(draft, view.query) for draft in read)

    def of(self, view: View) -> View:
        """Raises Untranslatable with a hint."""
        from dbferry.schema.queries import translate
        from dbferry.schema.relations import Relation

        pair, other = self.pair, self.pair.ends[1]
        if other.dialect is None or pair.ends[0].dialect is None:
            raise Untranslatable(f"{other.name} gets no views", BY_HAND)
        place = destination(
            Table(schema=view.schema, name=view.name, columns=()),
            pair.source, pair.target, pair.ends, pair.options,
        )  # fmt: skip
        try:
            query, remarks = translate(view.query, pair.ends, self._relations, view.columns)
        except Untranslatable as why:
            raise Untranslatable(why.reason, why.hint or BY_HAND) from None
        made = View(
            schema=place.schema or "",
            name=place.name,
            query=query.sql,
            comment=view.comment,
        )
        if remarks.doubts:
            text = "; ".join(other.create_view(made))
            raise Untranslatable("; ".join(remarks.doubts), f"where that doesn't matter: {text}")
        called = f"view {view.schema}.{view.name}"
        notes = [*remarks.notes, *place.notes, *self._lost(view)]
        pair.notes += [f"{called}: {note}" for note in notes]
        sql = other.relation(place.schema, place.name)
        self._relations.add((view.schema, view.name), Relation(sql, query.outputs))
        return made

    def _lost(self, view: View) -> list[str]:
        one, other = self.pair.ends
        lost = []
        if view.materialized:
            lost.append("materialized in the source, and computed when it is read in the target")
        if view.comment and one.name != other.name:
            lost.append(f"without its comment: {other.name} has none of views")
        options = [option for option in view.options if option not in USUAL]
        return [*lost, *([f"without {', '.join(options)}"] if options else [])]

    @cached_property
    def _relations(self) -> Relations:
        from dbferry.schema.relations import Relations

        source = self.pair.source
        return Relations(source.default_schema or "", self._table, source.folds_tables)

    def _table(self, place: tuple[str, str]) -> Relation | None:
        from dbferry.schema.relations import of_table

        table, other = self.pair.source.table(*place), self.pair.ends[1]
        draft = self._drafts.get((table.schema, table.name)) if table else None
        if table is None or draft is None or other.dialect is None:
            return None
        return of_table(
            other.relation(draft.place.schema, draft.name),
            indexes.operands(self.pair, draft.table, draft.columns),
            other.dialect,
            draft.table.primary_key,
            tuple(column.name for column in table.columns),
        )


def _renames(draft: Draft, query: str) -> bool:
    """True when the table, or a column that a query may name, is called otherwise in the target."""
    columns = {item.name: item for item in draft.columns}
    return draft.name != draft.table.name or indexes.renamed(columns, query)
