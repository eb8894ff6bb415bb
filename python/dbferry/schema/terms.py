"""Parts of an expression that are said in the target's words, and columns that an expression may name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from dbferry.catalog import Column, NativeType
from dbferry.engines import Engine
from dbferry.schema.dialect import NUMBERS, Dialect
from dbferry.types import Canonical, Kind

Value = str | bytes | bool | Decimal | None
FORMS = {
    Kind.DATE: re.compile(r"\d{4}-\d\d-\d\d"),
    Kind.TIME: re.compile(r"\d\d:\d\d:\d\d(\.\d{1,6})?"),
    Kind.TIMESTAMP: re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?"),
    Kind.UUID: re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
}
ZERO_PART = re.compile(r"0000-|\d{4}-00|\d{4}-\d\d-00")
WIDTHS = (Kind.YEAR, Kind.INT, Kind.UINT, Kind.DECIMAL, Kind.NUMERIC, Kind.FLOAT)
"""Of numbers, the one that holds more of them later."""
TRUTH = {"0": False, "1": True, "false": False, "true": True, "f": False, "t": True}


class Untranslatable(Exception):
    """An expression that has no certain counterpart in the target."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True, kw_only=True)
class Operand:
    """A column that an expression may name."""

    name: str
    """In the target."""
    source: Canonical
    native: NativeType
    """In the target."""
    made: Kind
    """The kind of the target's type."""
    fit: bool
    """True when the target compares and computes its values as the source does."""
    ignore_case: bool = False
    exact: bool = True
    """True when both ends take the same texts of it for equal."""
    padded: bool = False
    """True when blanks at the end of its texts mean nothing to either end, but where a pattern is held against them."""

    @classmethod
    def of(
        cls,
        ends: tuple[Engine, Engine],
        column: Column,
        source: Canonical,
        name: str,
        native: NativeType,
    ) -> Operand:
        """`native` is the type of the target's column, and `source` what the source's values are."""
        one, other = ends
        made = other.read(replace(column, native=native, identity=None), {}).canonical.kind
        here = _stored(one, column.native, source.kind)
        there = _stored(other, native, made)
        return cls(
            name=name,
            source=source,
            native=native,
            made=made,
            fit=here is source.kind and _alike(source.kind, there),
            ignore_case=source.ignore_case or _ignores(column.native.collation),
            exact=one.family == other.family
            or source.kind is Kind.ENUM
            or (_exact(one, column.native) and _exact(other, native)),
            padded=_padded(one, column.native) and _padded(other, native),
        )

    def term(self, sql: str, dialect: Dialect) -> Term:
        """Its values, by these words of the target."""
        widening = dialect.fits.get(self.native.name)
        return Term(
            sql=sql,
            kind=self.source.kind,
            ignore_case=self.ignore_case,
            loose=not (self.exact or self.padded),
            padded=self.padded,
            labels=self.source.labels,
            single=self.source.kind is Kind.FLOAT and self.source.bits == 32,
            widened=widening.format(sql) if widening else None,
        )


def _stored(end: Engine, native: NativeType, kind: Kind) -> Kind:
    return end.dialect.stored(native, kind) if end.dialect else kind


def _exact(end: Engine, native: NativeType) -> bool:
    return end.dialect is not None and end.dialect.exact(native)


def _padded(end: Engine, native: NativeType) -> bool:
    return end.dialect is not None and end.dialect.padded(native)


def _ignores(collation: str | None) -> bool:
    return collation is not None and (collation.upper() == "NOCASE" or "_ci" in collation)


def _alike(kind: Kind, made: Kind) -> bool:
    if kind in NUMBERS:
        return made in NUMBERS
    return made in {
        Kind.BOOL: (Kind.BOOL, Kind.INT),
        Kind.ENUM: (Kind.ENUM, Kind.TEXT),
    }.get(kind, (kind,))


@dataclass(frozen=True, kw_only=True)
class Term:
    """A part of an expression in the target's words."""

    sql: str
    kind: Kind | None
    """Nothing for NULL."""
    value: Value = None
    literal: bool = False
    ignore_case: bool = False
    loose: bool = False
    """True for text of which one end may take two for equal that the other doesn't."""
    padded: bool = False
    """As an operand's."""
    labels: tuple[str, ...] = ()
    """All values of an enum."""
    single: bool = False
    """True for a float of 32 bits, which engines compute with in their own ways."""
    widened: str | None = None
    """Its words where an integer must be wide enough for a sum."""

    @property
    def is_null(self) -> bool:
        return self.kind is None


def family(kind: Kind | None) -> str | None:
    """Kinds of one family are compared with each other; nothing for NULL."""
    return None if kind is None else "number" if kind in NUMBERS else str(kind)


def literal(value: Value, kind: Kind, dialect: Dialect) -> Term:
    """A literal whose value is known."""
    match value:
        case None:
            return Term(sql="NULL", kind=None, literal=True)
        case bool():
            return Term(sql=dialect.booleans[value], kind=kind, value=value, literal=True)
        case Decimal():
            return Term(sql=_digits(value), kind=kind, value=value, literal=True)
        case bytes():
            sql = dialect.hexadecimal.format(value.hex())
            return Term(sql=sql, kind=kind, value=value, literal=True)
        case _:
            return Term(sql=dialect.literal(value), kind=kind, value=value, literal=True)


def _digits(value: Decimal) -> str:
    text = str(value)
    return f"({text})" if text.startswith("-") else text


def as_kind(term: Term, kind: Kind, dialect: Dialect) -> Term:
    """A literal as a value of the kind that it meets."""
    value = term.value
    if not term.literal or term.is_null:
        return term
    if kind is Kind.BOOL:
        found = value if isinstance(value, bool) else TRUTH.get(str(value).lower())
        if found is None:
            raise Untranslatable(f"{value!r} is neither true nor false")
        return literal(found, Kind.BOOL, dialect)
    if kind in NUMBERS:
        return literal(_number(value), kind, dialect)
    if isinstance(value, str):
        form = FORMS.get(kind)
        if form is not None and (not form.fullmatch(value) or ZERO_PART.match(value)):
            raise Untranslatable(f"{value!r} is no {kind} that every engine reads alike")
        if kind in (Kind.TEXT, Kind.ENUM, *FORMS):
            return literal(value, kind, dialect)
    if isinstance(value, bytes) and kind is Kind.BINARY:
        return term
    raise Untranslatable(f"{value!r} is not written as {kind} in every engine")


def _number(value: Value) -> Decimal:
    if isinstance(value, bool):
        return Decimal(int(value))
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d+)?", value):
        return Decimal(value)
    raise Untranslatable(f"{value!r} is not a number")


def stored(term: Term, into: Operand, dialect: Dialect) -> Term:
    """A literal as the default of a column."""
    kind, made, value = into.source.kind, into.made, term.value
    if term.is_null:
        return term
    if kind in NUMBERS and Kind.TEXT in (made, dialect.stored(into.native, made)):
        number, scale = _number(value), into.source.scale
        return literal(str(number) if scale is None else f"{number:.{scale}f}", Kind.TEXT, dialect)
    if kind in (Kind.JSON, Kind.ENUM) and isinstance(value, str):
        return literal(value, kind, dialect)
    if kind is Kind.UUID and made not in (Kind.UUID, Kind.TEXT):
        raise Untranslatable(f"a uuid is {into.native.text} in the target")
    if kind in (Kind.TIMESTAMP, Kind.TIME, Kind.DATE) and made is not kind:
        raise Untranslatable(f"{kind} is {into.native.text} in the target")
    if kind is Kind.FLOAT and isinstance(value, Decimal):
        # Written out it may have more digits than a literal holds.
        return literal(Decimal(repr(float(value))), kind, dialect)
    return as_kind(term, made if made is Kind.BOOL else kind, dialect)


def result(terms: Sequence[Term]) -> Term:
    """What several terms of one family have in common; its words are still to come."""
    kinds = [term.kind for term in terms if term.kind is not None]
    return Term(
        sql="",
        kind=max(kinds, key=lambda k: WIDTHS.index(k) if k in WIDTHS else -1, default=None),
        ignore_case=any(term.ignore_case for term in terms),
        loose=any(term.loose for term in terms),
        padded=any(term.padded for term in terms),
        single=any(term.single for term in terms),
    )


def comma(terms: Sequence[Term]) -> str:
    return ", ".join(term.sql for term in terms)
