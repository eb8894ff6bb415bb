"""Views: made last, each after those that it reads, as the source's server prints them.

Making one is its trial: what the target refuses is named in the report, and the rest goes on. A view comes
along when everything that it reads does; in another engine, or where a table or column that it reads is called
otherwise, also only if its query can be said there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dbferry.catalog import Session, View
from dbferry.engines import Step
from dbferry.errors import DbferryError
from dbferry.items import TableItem
from dbferry.keys import Draft
from dbferry.pair import Pair
from dbferry.schema.clauses import said
from dbferry.schema.standing import StandingViews
from dbferry.schema.terms import Untranslatable
from dbferry.schema.translated import USUAL, ViewTranslation
from dbferry.schema.trial import try_steps
from dbferry.selection import Prepare, stands_asked

Place = tuple[str, str]


class ViewWriter:
    def __init__(self, pair: Pair, drafts: Sequence[Draft]) -> None:
        self.pair = pair
        self.drops: list[str] = []
        """Statements that make room for them, before any table."""
        self.anew: set[Place] = set()
        """Schema and name of those that are dropped so."""
        self.steps: list[Step] = []
        self.schemas: list[str] = []
        self.left_out: list[str] = []
        self.known: set[Place] = set()
        """Schema and name of those that come along."""
        self.reads: set[Place] = set()
        """Schema and name of what they read."""
        known = {(draft.table.schema, draft.table.name) for draft in drafts}
        standing = {(view.schema, view.name): view for view in pair.target.views}
        self._standing = StandingViews(pair)
        chosen = [v for v in in_order(pair.source.views) if stands_asked(pair.options, v)]
        self._translation = ViewTranslation(pair, drafts) if chosen else None
        for view in chosen:
            try:
                made = self._made(view, known)
            except Untranslatable as why:
                self.left_out.append(said(view.label, _text(view), why))
                continue
            known.add((view.schema, view.name))
            self.known.add((view.schema, view.name))
            self._make(view, made, standing)
        self.drops.reverse()

    def try_out(
        self, items: Sequence[TableItem], needed: Sequence[str], beside: Sequence[Step]
    ) -> None:
        """An older server of the same engine is asked for each, over empty tables that are taken away again.

        `needed` make what tables and views are made of; `beside` may be refused.
        """
        pair = self.pair
        one, other = pair.ends
        older = one.name == other.name and pair.target.numbers[:1] < pair.source.numbers[:1]
        if not older or pair.faults or not self.steps:
            return
        read = [i for i in items if (i.source.schema, i.source.name) in self.reads]
        # What is taken away, if only for a moment, waits for whoever uses it.
        if self.drops or any(item.action == "drop" for item in read):
            return
        new = [item for item in read if item.action == "create"]
        tables = [sql for item in new for sql in item.before]
        keys = [sql for item in new for step in item.builds for sql in (step.sql, *step.then)]
        functions = [step.sql for step in beside]
        refused = try_steps(pair, [*needed, *tables], [*keys, *functions], self.steps)
        self.left_out += [
            f"{step.what}: {' '.join(step.sql.split())} (the target refuses it: {why})"
            for step, why in refused.items()
        ]
        firsts = {step.what: step for step in reversed(self.steps)}
        away = {what for what, step in firsts.items() if step in refused}
        self.steps = [s for s in self.steps if s not in refused and s.what not in away]

    def _made(self, view: View, known: set[Place]) -> View:
        """The view as the target is told of it."""
        one, other = self.pair.ends
        away = [f"{schema}.{name}" for schema, name in view.needs if (schema, name) not in known]
        # Without it everybody would see what its owner may.
        why = self.pair.lacks("security_invoker")
        if why and any("security_invoker" in told for told in view.options):
            raise Untranslatable(why)
        if away and one.name == other.name:
            raise Untranslatable(f"it reads {', '.join(away)}, which is not moved")
        translation = self._translation
        if translation is not None and translation.needed(view):
            return translation.of(view)
        return self._renamed(view)

    def _make(self, view: View, made: View, standing: Mapping[Place, View]) -> None:
        other = self.pair.ends[1]
        there = standing.get((made.schema, made.name))
        if there is not None:
            if self.pair.options.prepare is not Prepare.DROP:
                if self._is_same(made, there):
                    return
                self.left_out.append(f"{view.label} (one of its name is in the target already)")
                return
            self.drops.append(other.drop_view(made))
            self.anew.add((made.schema, made.name))
        self.schemas.append(made.schema)
        self.reads |= set(view.needs)
        text = _text(view) if made.query != view.query else None
        self.steps += [
            Step(
                what=view.label,
                sql=statement,
                told=text,
                proof=other.try_view(made),
                undo=other.drop_view(made),
            )
            for statement in other.create_view(made)
        ]

    def _is_same(self, made: View, there: View) -> bool:
        """True for one whose query the target has printed so, or would print so."""
        if made.materialized or there.materialized:
            return False
        if (made.options or USUAL) != (there.options or USUAL):
            return False
        statements = self.pair.ends[1].print_view(made)
        if not statements:
            return self._standing.same(made, there) or made.query == there.query
        if made.query == there.query:
            return True
        with self.pair.trying(()) as session:
            return session is not None and _printed(session, statements) == there.query

    def _renamed(self, view: View) -> View:
        pair = self.pair
        query = pair.requalified(view.query)
        statistics = tuple(
            replace(wanted, schema=pair.schema(wanted.schema)) for wanted in view.statistics
        )
        defaults = tuple((name, pair.requalified(text)) for name, text in view.defaults)
        return replace(
            view,
            schema=pair.schema(view.schema),
            query=query,
            statistics=statistics,
            defaults=defaults,
        )


def _printed(session: Session, statements: Sequence[str]) -> str | None:
    """What the last of them gives; nothing when one is refused."""
    text = None
    try:
        for statement in statements:
            rows = session.query(statement)
            text = rows[0][0] if rows else None
    except DbferryError as error:
        if error.fatal:
            raise
        return None
    return text


def _text(view: View) -> str:
    return " ".join((view.declaration or view.query).split())


def in_order(views: Sequence[View]) -> list[View]:
    """Each after those that it reads."""
    by_place = {(view.schema, view.name): view for view in views}
    ordered: dict[Place, View] = {}

    def add(view: View, above: tuple[Place, ...]) -> None:
        place = (view.schema, view.name)
        if place in ordered or place in above:
            return
        for need in view.needs:
            if need in by_place:
                add(by_place[need], (*above, place))
        ordered[place] = view

    for view in views:
        add(view, ())
    return list(ordered.values())
