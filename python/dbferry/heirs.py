"""Tables that inherit from others, between two PostgreSQLs: each with the rows that are its own.

Such a table is loaded alone, so that nobody counts or empties its rows with another's; once all rows are in it inherits.
Children come first in a plan: they inherit before a parent is given checks, and are dropped before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from dbferry.catalog import IdentityKind, Table
from dbferry.keys import Draft
from dbferry.pair import Pair

Place = tuple[str, str]


def heirs(pair: Pair, drafts: list[Draft]) -> list[Draft]:
    """The drafts with what those inherit from that go on to; children first."""
    one, other = pair.ends
    if one.name != other.name or not any(draft.table.ancestors for draft in drafts):
        return drafts
    whole = {(d.table.schema, d.table.name): d for d in drafts if _is_whole(d)}
    made = [_heir(draft, whole) for draft in drafts]
    known = {(draft.table.schema, draft.table.name): draft for draft in made}
    return sorted(made, key=partial(_depth, known), reverse=True)


def room_for(pair: Pair, drafts: list[Draft]) -> list[str]:
    """Takes away what is made anew before any of it is made, where tables may hold each other's sequences."""
    gone = [draft for draft in drafts if draft.action == "drop"]
    there = {(t.schema, t.name): t for d in gone if (t := d.existing) is not None}
    if not any([*(d.ancestors for d in drafts), *(t.ancestors for t in there.values())]):
        return []
    gone.sort(key=partial(_generations, there), reverse=True)
    return [pair.ends[1].drop_table(draft.place.schema, draft.name) for draft in gone]


def _generations(there: Mapping[Place, Table], draft: Draft) -> int:
    """How many are above the table that stands, which is dropped before them."""

    def of(table: Table | None) -> int:
        return max((1 + of(there.get(p)) for p in table.ancestors), default=0) if table else 0

    return of(draft.existing)


def _is_whole(draft: Draft) -> bool:
    """True for a new table with all the columns of the source's, called as they are there."""
    same = len(draft.columns) == len(draft.table.columns)
    same &= all(item.name == item.target for item in draft.columns)
    return same and draft.standing is None and draft.table.query is None


def _heir(draft: Draft, whole: Mapping[Place, Draft]) -> Draft:
    table = draft.table
    ancestors = [whole.get(place) for place in table.ancestors]
    # What counts by itself does so in its own table only, and couldn't come from another.
    counted = any(
        c.inherited and c.identity and c.identity.kind is not IdentityKind.SERIAL
        for c in table.columns
    )
    if counted or (table.schema, table.name) not in whole:
        return draft
    if any(ancestor is None or _is_otherwise(ancestor, draft) for ancestor in ancestors):
        return draft
    places = tuple((a.place.schema, a.name) for a in ancestors if a is not None)
    return replace(draft, ancestors=places)


def _is_otherwise(ancestor: Draft, draft: Draft) -> bool:
    """True where a column is of another type, or may be NULL only in who inherits it: no server makes that."""
    own = {item.name: item for item in draft.columns}
    pairs = [(own.get(item.name), item) for item in ancestor.columns]
    return any(
        mine is None
        or mine.target_type != item.target_type
        or (mine.nullable and not item.nullable)
        for mine, item in pairs
    )


def _depth(known: Mapping[Place, Draft], draft: Draft) -> int:
    """How many generations are above it; none above one that doesn't go on to inherit."""
    above = draft.table.ancestors if draft.ancestors else ()
    return max((1 + _depth(known, known[place]) for place in above), default=0)
