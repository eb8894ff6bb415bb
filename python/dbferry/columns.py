"""How a column travels: as it is between two of one engine, else read, declared and written.

The first step that says no names the code, the reason and what the user may choose instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dbferry.catalog import Column, NativeType, Table, UserType
from dbferry.differences import same_type
from dbferry.items import ColumnItem
from dbferry.mapping.kinds import castable, checks
from dbferry.pair import Pair
from dbferry.roles import Roles
from dbferry.schema.usertypes import UserTypes
from dbferry.selection import Destination
from dbferry.types import (
    CHECK_CODES,
    WHOLE,
    Canonical,
    Context,
    Declared,
    Facts,
    Flight,
    Kind,
    Reading,
    Verdict,
    Writing,
)

# What a probe has found and a reader or the target would refuse row by row; what else may become of it.
FOUND: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "zero_dates": ("T-ZERO", "zero dates or dates with a zero part", ("null", "text")),
    "error_labels": ("E-BADENUM", "values that are none of the labels", ("null", "text")),
    "escaped_nuls": ("J-NUL", "JSON values with an escaped U+0000, which jsonb refuses", ("text",)),
}

# Flights whose fractions of a second are looked at.
FRACTIONS = frozenset({"time", "timestamp", "instant", "span"})


class Columns:
    """Decides the columns of all tables; keeps the types that the target must be given."""

    def __init__(self, pair: Pair, roles: Roles) -> None:
        self.pair = pair
        self.roles = roles
        self.types = UserTypes(pair)

    def verbatim(self, table: Table, column: Column) -> ColumnItem:
        """A column between two of one engine: its own type, its own bytes."""
        one, other = self.pair.ends
        native = column.native
        if native.collation is not None and one.name == other.name:
            native = replace(native, collation=self.pair.requalified(native.collation))
        if native.schema not in (None, "pg_catalog"):
            native = self.types.named(native)
        native, domain = self.types.domain(native)
        moved = other.verbatim(replace(column, native=native), self.pair.source, self.types.target)
        declared = moved.declared
        notes = [declared.note] if declared.note else []
        codes = [declared.code] if declared.code else []
        item = ColumnItem(
            name=column.name,
            target=other.fit_name(self.pair.called(table, column.name)),
            source_type=native.domain or native.text,
            target_type=declared.native,
            # What its domain forbids needn't be forbidden again.
            nullable=column.nullable or (domain is not None and not domain.nullable),
            verdict=declared.verdict,
            codes=tuple(codes),
            notes=tuple(notes),
            hint=declared.hint,
            expression=moved.expression.replace("{c}", one.quote(column.name)),
            read="text",
            flight=Flight("text"),
            write=moved.write,
            identity=column.identity,
            never_null_integer=self._is_integer_key(table, column, {}),
            canonical=one.read(column, {}).canonical,
        )
        self._refuse(table, item)
        return item

    def crossing(
        self, table: Table, column: Column, place: Destination, facts: Facts, standing: Table | None
    ) -> ColumnItem:
        """A column between engines, or into a table that stands already."""
        one = self.pair.ends[0]
        policy = self.pair.rules.policy(table, column.name, "N-NAN")
        if isinstance(policy, dict) or policy in ("null", "clamp"):
            facts = {name: value for name, value in facts.items() if name != "not_a_number"}
        key_columns, identity = self.roles.of(table, column.name)
        context = Context(
            source=self.pair.source.engine,
            schema=place.schema or "",
            table=place.name,
            column=self.pair.called(table, column.name),
            facts=facts,
            version=self.pair.target.numbers,
            identity=identity,
            key_columns=key_columns,
            extensions=self.pair.target.extensions,
        )
        reading = one.read(column, facts)
        own = self._own(column) if standing is None else None
        wanted = self.pair.cast(table, column.name) if standing is None else None
        if wanted is not None:
            reading, declared, writing, flown = self._cast(reading, wanted, column, context)
        else:
            declared, writing, flown = self._write(reading, column, context, standing, own)
        too_long = declared.code == "K-LENGTH" and declared.verdict is Verdict.ERROR
        if too_long and column.name not in table.primary_key:
            # The column is worth more than the index on it.
            context = replace(context, key_columns=0)
            declared, writing, flown = self._write(reading, column, context, standing, own)
        risks = _codes(reading, declared, writing)
        policies = {
            code: policy
            for code in sorted(risks)
            if (policy := self.pair.rules.policy(table, column.name, code)) is not None
        }
        if "text" in policies.values():
            reading = one.read_text(column)
            declared, writing, flown = self._write(reading, column, context, standing, None)
            declared = replace(
                declared,
                verdict=max(declared.verdict, Verdict.WARNING, key=_weight),
                note="moved as text, as asked",
            )
        native = declared.native
        if standing is None and native.kind == "enum" and native.schema is not None:
            self.types.want(
                UserType(schema=native.schema, name=native.name, kind="enum", labels=native.labels)
            )
        if policies.get(declared.code or "") == "binary":
            declared = replace(declared, verdict=Verdict.WARNING)
        item = self._item(table, column, reading, declared, writing, flown, policies)
        in_key = column.name in table.primary_key
        item = self._found(item, facts, policies, key=in_key)
        if facts.get("nulls") and in_key:
            item = replace(
                item,
                verdict=Verdict.ERROR,
                codes=(*item.codes, "K-NULL"),
                notes=("NULL in a primary key",),
                hint="give those rows a key in the source, or exclude the table",
            )
        item = _nullable(table, item, facts)
        made = replace(column, native=native, nullable=item.nullable)
        if self._makes_up(table, made, standing):
            # The last of all: what a policy has made NULL is one as well.
            item = replace(item, checks=(*item.checks, {"rule": "not_null"}))
        self._refuse(table, item)
        return replace(
            item,
            facts=facts,
            never_null_integer=self._is_integer_key(table, column, facts),
            # A character has four bytes at most.
            octets=max(facts.get("octets", 0), 4 * facts.get("characters", 0)),
        )

    def _is_integer_key(self, table: Table, column: Column, facts: Facts) -> bool:
        one = self.pair.ends[0]
        if column.name not in table.primary_key or (column.nullable and not facts.get("rows")):
            return False
        sure = one.typed or table.strict or bool(column.identity) or bool(facts)
        kind = one.read(column, facts).canonical.kind
        return sure and not facts.get("nulls") and kind in WHOLE

    def _own(self, column: Column) -> Declared | None:
        """The column's own type in a target of the same family."""
        one, other = self.pair.ends
        if one.family != other.family:
            return None
        return other.verbatim(column, self.pair.source, self.types.target).declared

    def _write(
        self,
        reading: Reading,
        column: Column,
        context: Context,
        standing: Table | None,
        own: Declared | None,
    ) -> tuple[Declared, Writing, Flight]:
        """What the target declares, or has; its encoder; the flight between."""
        other = self.pair.ends[1]
        if standing is not None:
            theirs = self._theirs(standing, context.column)
            if theirs is None:
                return (
                    Declared(
                        native=NativeType(name="", text=""),
                        verdict=Verdict.ERROR,
                        code="M-MISSING",
                        note="the target table has no such column",
                        hint="add the column, or choose --prepare drop",
                    ),
                    Writing(write=""),
                    reading.flight,
                )
            taken = self._into(reading, theirs.native)
            if taken[0].code != "X-TYPE":
                return taken
            made = self._write(reading, column, context, None, None)
            # What a run makes, the next one fills.
            sure = made[0].verdict is not Verdict.ERROR
            return made if sure and same_type(made[0].native, theirs.native) else taken
        if own is not None:
            kept, encoder, flight = self._into(reading, own.native)
            if kept.verdict is not Verdict.ERROR:
                return own, encoder, flight
        declared = other.declare(reading, context)
        if declared.native.kind == "enum" and declared.native.schema is None:
            text = other.relation(context.schema, declared.native.name)
            native = replace(declared.native, schema=context.schema, text=text)
            declared = replace(declared, native=native)
        flight = declared.flight or reading.flight
        writing = other.accept(declared.native, flight)
        if writing is None or reading.flown_as(flight) is None:
            return (
                replace(
                    declared,
                    verdict=Verdict.ERROR,
                    code=declared.code or "X-TYPE",
                    note=declared.note
                    or f"{reading.canonical} can't go into {declared.native.text}",
                    hint=declared.hint or "choose --on-loss '{column}:X-TYPE=text'",
                ),
                Writing(write=""),
                flight,
            )
        return declared, writing, flight

    def _theirs(self, standing: Table, called: str) -> Column | None:
        other = self.pair.ends[1]
        name = other.fold_column(other.fit_name(called))
        return next((c for c in standing.columns if other.fold_column(c.name) == name), None)

    def _makes_up(self, table: Table, column: Column, standing: Table | None) -> bool:
        """True when the target would put something else in the place of a NULL."""
        other = self.pair.ends[1]
        if standing is None:
            return other.makes_up(table, column)
        theirs = self._theirs(standing, self.pair.called(table, column.name))
        return theirs is not None and other.makes_up(standing, theirs)

    def _cast(
        self, reading: Reading, wanted: Canonical, column: Column, context: Context
    ) -> tuple[Reading, Declared, Writing, Flight]:
        """Into the target's type for another canonical one; every value is checked to fit it."""
        one, other = self.pair.ends
        declared = other.declare(replace(reading, canonical=wanted), context)
        sensible = castable(reading.canonical.kind, wanted.kind)
        for offer in (reading, one.read_text(column)) if sensible else ():
            kept, writing, flight = self._into(offer, declared.native)
            if kept.verdict is not Verdict.ERROR:
                bounds = _merged(writing.checks, checks(wanted, flight))
                return offer, declared, replace(writing, checks=bounds), flight
        declared = replace(
            declared,
            verdict=Verdict.ERROR,
            code="X-TYPE",
            note=f"{reading.canonical} can't be cast to {wanted}",
            hint="a rule `set` takes an expression of the source that converts it",
        )
        return reading, declared, Writing(write=""), reading.flight

    def _into(self, reading: Reading, native: NativeType) -> tuple[Declared, Writing, Flight]:
        """Into a column that stands: by the reading's own flight, or another that it can give."""
        other = self.pair.ends[1]
        offers = [reading.flight]
        if "decimal" in reading.options and native.precision:
            offers.append(Flight("decimal", min(native.precision, 76), native.scale or 0))
        offers += [Flight(name) for name in reading.options if name not in ("decimal", "text")]
        for flight in offers:
            writing = other.accept(native, flight)
            if writing is not None and _rounds(reading, native) and flight.type in FRACTIONS:
                declared = Declared(
                    native=native,
                    verdict=Verdict.PROBED,
                    code="T-SCALE",
                    note=f"a fraction of a second that the target's {native.text} has no digits for is an error",
                )
                fraction = {"rule": "fraction", "digits": native.precision}
                return declared, replace(writing, checks=(*writing.checks, fraction)), flight
            if writing is not None and _rounds(reading, native):
                declared = Declared(
                    native=native,
                    verdict=Verdict.ERROR,
                    code="T-SCALE",
                    note=f"the target's {native.text} would round fractions of seconds",
                    hint="choose --prepare drop, or widen the column in the target",
                )
                return declared, writing, flight
            if writing is not None:
                return _padded(reading, native, writing), writing, flight
        declared = Declared(
            native=native,
            verdict=Verdict.ERROR,
            code="X-TYPE",
            note=f"{reading.canonical} can't go into the target's {native.text}",
            hint="choose --prepare drop, or change the column in the target",
        )
        return declared, Writing(write=""), reading.flight

    def _item(
        self,
        table: Table,
        column: Column,
        reading: Reading,
        declared: Declared,
        writing: Writing,
        flight: Flight,
        policies: Mapping[str, Any],
    ) -> ColumnItem:
        one, other = self.pair.ends
        read, expression = reading.flown_as(flight) or (reading.read, reading.expression)
        verdict = max(reading.verdict, declared.verdict, key=_weight)
        notes = [note for note in (reading.note, declared.note) if note]
        codes = [code for code in dict.fromkeys((reading.code, declared.code)) if code]
        in_key = column.name in table.primary_key
        return ColumnItem(
            name=column.name,
            target=other.fit_name(self.pair.called(table, column.name)),
            source_type=column.native.text,
            target_type=declared.native,
            nullable=column.nullable and not in_key,
            verdict=verdict,
            codes=tuple(codes),
            notes=tuple(notes),
            hint=declared.hint,
            policies=policies,
            expression=expression.replace("{c}", one.quote(column.name)),
            read=read,
            flight=flight,
            write=writing.write,
            # A number of a label is one of the list by itself.
            checks=_merged(() if flight.type == "label" else reading.checks, writing.checks),
            extension=None if flight.element else declared.extension,
            labels=reading.canonical.labels if flight.type == "label" else (),
            element=_element(reading, declared, flight, writing),
            identity=column.identity,
            canonical=reading.canonical,
        )

    def _found(
        self, item: ColumnItem, facts: Facts, policies: Mapping[str, Any], *, key: bool
    ) -> ColumnItem:
        for fact, (code, what, ways) in FOUND.items():
            count = facts.get(fact)
            if not count:
                continue
            note = f"{count} {what}"
            policy = policies.get(code, "error")
            if policy == "error" and self.pair.options.puts_aside:
                item = _warned(item, code, f"{note}; such rows are put aside")
                continue
            useless = policy == "null" and (key or "null" not in ways)
            if policy == "error" or useless:
                item = replace(
                    item,
                    verdict=Verdict.ERROR,
                    codes=(*item.codes, code),
                    notes=(*item.notes, note),
                    hint=f"choose --on-loss '{{column}}:{code}={ways[0]}'"
                    + "".join(f" or ={way}" for way in ways[1:]),
                )
            else:
                item = _warned(item, code, note)
        return item

    def _refuse(self, table: Table, item: ColumnItem) -> None:
        if item.verdict is not Verdict.ERROR:
            return
        name = f"{table.name}.{item.name}"
        hint = item.hint or f"choose --on-loss '{name}:{item.codes[0] if item.codes else '*'}=text'"
        self.pair.fault(
            "; ".join(item.notes) or f"type {item.source_type} can't be moved",
            code=item.codes[-1] if item.codes else None,
            table=table.label,
            column=item.name,
            side="source",
            engine=self.pair.source.engine,
            hint=hint.replace("{column}", name),
        )


def _warned(item: ColumnItem, code: str, note: str) -> ColumnItem:
    return replace(
        item,
        verdict=max(item.verdict, Verdict.WARNING, key=_weight),
        codes=(*item.codes, code),
        notes=(*item.notes, note),
    )


def _rounds(reading: Reading, native: NativeType) -> bool:
    """Servers round fractions that a column has no digits for, and say nothing."""
    if reading.canonical.kind not in (Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT, Kind.SPAN):
        return False
    wanted = 6 if reading.canonical.precision is None else reading.canonical.precision
    return native.precision is not None and native.precision < wanted


def _padded(reading: Reading, native: NativeType, writing: Writing) -> Declared:
    """As it stands; with what it does to values that are shorter than it, unless the source's column does it too."""
    canonical = reading.canonical
    alike = canonical.fixed and (canonical.length == native.length or writing.pads == "blanks")
    if not writing.pads or alike:
        return Declared(native=native)
    return Declared(
        native=native,
        verdict=Verdict.NOTE if writing.pads == "blanks" else Verdict.WARNING,
        code="S-PAD",
        note=f"the target's {native.text} fills up a shorter value with {writing.pads}; those of its own at its end can't be told from them",
    )


def _weight(verdict: Verdict) -> int:
    return verdict.weight


def _codes(reading: Reading, declared: Declared, writing: Writing) -> set[str]:
    demands = (*reading.checks, *writing.checks)
    codes = {code for check in demands for code in CHECK_CODES[check["rule"]]}
    return codes | set(reading.risks) | {c for c in (reading.code, declared.code) if c}


def _merged(*groups: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    merged: list[dict[str, Any]] = []
    for check in (check for group in groups for check in group):
        if check not in merged:
            merged.append(check)
    return tuple(merged)


def _element(
    reading: Reading, declared: Declared, flight: Flight, writing: Writing
) -> dict[str, Any] | None:
    element = flight.held
    if element is None:
        return None
    return {
        "read": reading.element.read if reading.element else "",
        "flight": element.to_dict(),
        "write": writing.element,
        "extension": declared.extension,
    }


def _nullable(table: Table, item: ColumnItem, facts: Facts) -> ColumnItem:
    """Makes room for the NULLs that a policy asks for; a key has none."""
    asked = [code for code, policy in item.policies.items() if policy == "null"]
    if not asked or item.nullable:
        return item
    if item.name in table.primary_key:
        kept = {code: policy for code, policy in item.policies.items() if policy != "null"}
        return replace(
            item, policies=kept, notes=(*item.notes, "a key has no NULL: such a value is an error")
        )
    # A probe that found none leaves NOT NULL alone: what comes later is refused by the target.
    clean = {
        code for fact, (code, _, _) in FOUND.items() if facts.get("rows") and not facts.get(fact)
    }
    if set(asked) <= clean:
        return item
    return replace(
        item, nullable=True, notes=(*item.notes, "NOT NULL is dropped for policy `null`")
    )
