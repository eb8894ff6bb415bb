"""What the target has of its own that keeps a table there from being made anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from dbferry.keys import Draft
from dbferry.pair import Pair

Place = tuple[str, str]


def check_dependents(pair: Pair, drafts: Sequence[Draft], views: Collection[Place]) -> None:
    """A fault for each, before anything is dropped; `views` are made anew themselves."""
    gone = {
        (d.existing.schema, d.existing.name): d for d in drafts if d.action == "drop" and d.existing
    }
    if not gone:
        return
    for place, what, hint in _dependents(pair, gone.keys(), views):
        draft = gone.get(place)
        pair.fault(
            f"the {what} `{'.'.join(place)}`, which is to be made anew",
            table=draft.table.label if draft else None,
            hint=f"{hint} first"
            + (", or choose --prepare truncate" if "foreign" not in what else ""),
        )


def _dependents(
    pair: Pair, gone: Collection[Place], views: Collection[Place]
) -> Iterator[tuple[Place, str, str]]:
    """What depends on which place, and what ends that."""
    other = pair.ends[1]
    for table in pair.target.tables:
        if (table.schema, table.name) in gone:
            continue
        relation = other.relation(table.schema, table.name)
        for place in table.ancestors:
            if place in gone:
                end = f"ALTER TABLE {relation} NO INHERIT {other.relation(*place)}"
                yield place, f"table {table.label} of the target inherits from", end
        for key in table.foreign_keys if "foreign key" in other.held_by else ():
            place = (key.schema, key.table)
            if place in gone:
                drop = other.drop_foreign_key(table.schema, table.name, key.name or "")
                what = f"foreign key {key.name} of the target's {table.label} refers to"
                yield place, what, drop or "drop it"
    for view in pair.target.views if "view" in other.held_by else ():
        for place in view.needs if (view.schema, view.name) not in views else ():
            if place in gone or place in views:
                yield place, f"{view.label} of the target reads", other.drop_view(view)
