"""Types of the user's own: those that columns need and the target lacks are made before any table."""

from __future__ import annotations

from dataclasses import replace

from dbferry.catalog import NativeType, UserType
from dbferry.pair import Pair

MADE = ("enum", "domain", "composite", "range")
"""Kinds of types that are created where they are missing."""
MULTIRANGE = "MULTIRANGE_TYPE_NAME"


class UserTypes:
    """Keeps the types that the target must be given."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.made: dict[tuple[str, str], UserType] = {}
        """By schema and name in the target, each after those that it is made of."""
        relation = pair.ends[0].relation
        self._domains = {
            relation(t.schema, t.name): t for t in pair.source.types if t.kind == "domain"
        }
        self._named = {(t.schema, t.name.lower()): t for t in pair.source.types}
        self.target = pair.target
        """The target with the types that it will be given."""

    def named(self, native: NativeType) -> NativeType:
        """Its name in the target's schema; a type that isn't there is created."""
        old, bare = native.schema or "", native.element or native.name
        new = self.pair.schema(old)
        quote = self.pair.ends[1].quote
        prefix = f"{quote(old)}."
        text = f"{quote(new)}.{native.text.removeprefix(prefix)}"
        wanted = self._named.get((old, bare.lower()))
        if wanted is not None:
            self._want_whole(wanted)
        return replace(native, schema=new, text=text)

    def domain(self, native: NativeType) -> tuple[NativeType, UserType | None]:
        """The domain in the target's schema; it is created with what it is made of."""
        if native.domain is None:
            return native, None
        relation = self.pair.ends[1].relation
        wanted = self._domains.get(native.domain) if native.domain else None
        if wanted is None:
            return native, None
        self._want_whole(wanted)
        schema = self.pair.schema(wanted.schema)
        return replace(native, domain=relation(schema, wanted.name)), wanted

    def _want_whole(self, wanted: UserType) -> None:
        """A type, after those that it is made of; one of a kind that isn't made here must be there."""
        moved = self.renamed(wanted)
        if wanted.extension or (moved.schema, moved.name) in self.made:
            return
        places = {(schema, name) for schema, name, _ in wanted.needs}
        for part in self.pair.source.types if wanted.kind in (*MADE, "multirange") else ():
            if (part.schema, part.name) in places:
                self._want_whole(part)
        if wanted.kind in MADE:
            self.want(moved)

    def renamed(self, wanted: UserType) -> UserType:
        """The type in the target's schemas, and those that it is made of."""
        pair = self.pair
        said, many = pair.requalified, not pair.lacks("multiranges")
        return replace(
            wanted,
            schema=pair.schema(wanted.schema),
            base=said(wanted.base) if wanted.base else None,
            options=tuple(said(o) for o in wanted.options if many or not o.startswith(MULTIRANGE)),
            multirange=wanted.multirange if many else None,
            not_null=wanted.not_null if not pair.lacks("NOT NULL that is a constraint") else None,
            default=said(wanted.default) if wanted.default else None,
            collation=said(wanted.collation) if wanted.collation else None,
            checks=tuple(replace(c, expression=said(c.expression)) for c in wanted.checks),
            attributes=tuple(
                replace(a, type=said(a.type), collation=a.collation and said(a.collation))
                for a in wanted.attributes
            ),
        )

    def want(self, wanted: UserType) -> None:
        """A type as the target is to have it; a fault where another stands in its place."""
        key = (wanted.schema, wanted.name)
        standing = self.made.get(key) or next(
            (t for t in self.pair.target.types if (t.schema, t.name) == key), wanted
        )
        ranges = wanted.kind == "range" and standing.base != wanted.base
        labels = standing.labels != wanted.labels
        if ranges or labels or standing.attributes != wanted.attributes:
            what = "values" if ranges else "labels" if labels else "attributes"
            self.pair.fault(
                f"type `{wanted.schema}.{wanted.name}` is in the target with other {what}",
                code="X-TYPE",
                hint="drop or rename that type in the target",
            )
        if key not in self.made:
            self.made[key] = wanted
            if key not in self.target.type_names:
                made = [wanted]
                if wanted.multirange is not None:
                    made.append(replace(wanted, name=wanted.multirange, kind="multirange"))
                self.target = replace(self.target, types=(*self.target.types, *made))
