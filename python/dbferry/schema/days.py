"""Days and moments of a wall clock that are moved by a time that is written out, such as 30 days before today."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from dbferry.schema.nodes import Node, only
from dbferry.schema.terms import Term, Untranslatable
from dbferry.types import Kind

if TYPE_CHECKING:
    from dbferry.schema.expressions import Translator

UNITS = {
    "day": "day", "days": "day", "mon": "month", "mons": "month", "month": "month", "months": "month",
    "year": "year", "years": "year", "hour": "hour", "hours": "hour", "minute": "minute", "minutes": "minute",
}  # fmt: skip
WEEK = {"week": 7, "weeks": 7}
TIMES = frozenset({"hour", "minute"})
STANDARD = re.compile(r"p(-?\d+)([dmy])|pt(-?\d+)([hm])", re.IGNORECASE)
"""As PostgreSQL prints an interval to this program."""
LETTERS = {"d": "day", "m": "month", "y": "year", "th": "hour", "tm": "minute"}
WRITTEN = re.compile(r"([+-]?\d+) ([a-z]+)")


@dataclass(frozen=True)
class Span:
    count: int
    unit: str


def moved(t: Translator, node: Node) -> Term | None:
    """What `+` or `-` makes of a day or a moment; nothing where the operands are others."""
    by, number = span(node.expression), node.expression
    if by is None:
        counted = isinstance(number, exp.Literal) and number.name.isdigit()
        if not (counted and t.spoken.days_are_numbers and t.say(node.this).kind is Kind.DATE):
            return None
    term = t.fit(node.this)
    if by is not None and term.kind is Kind.DATE and t.spoken.days_are_numbers:
        # There a day and an interval are a moment.
        sql = t.words("moment_of_day").format(term.sql)
        term = replace(term, sql=sql, kind=Kind.TIMESTAMP, literal=False, value=None)
    by = by or Span(int(number.name), "day")
    return later(t, term, replace(by, count=-by.count) if isinstance(node, exp.Sub) else by)


def span(node: Node) -> Span | None:
    """An interval of one unit that is written out."""
    if isinstance(node, exp.Interval):
        only(node, "this", "unit")
        unit = node.args.get("unit")
        number = node.this.name if isinstance(node.this, exp.Literal) else ""
        return _span(f"{number} {unit.name.lower()}") if unit is not None else None
    if isinstance(node, exp.Cast) and node.to.is_type(exp.DType.INTERVAL):
        only(node, "this", "to")
        return _span(node.this.name) if isinstance(node.this, exp.Literal) else None
    return None


def _span(text: str) -> Span:
    standard = STANDARD.fullmatch(text)
    if standard:
        letter = (standard[2] or f"t{standard[4]}").lower()
        return Span(int(standard[1] or standard[3]), LETTERS[letter])
    written = WRITTEN.fullmatch(text)
    unit = written[2] if written else ""
    if written is None or not (unit in UNITS or unit in WEEK):
        raise Untranslatable(f"a time of `{text}`")
    count = int(written[1]) * WEEK.get(unit, 1)
    return Span(count, UNITS.get(unit, "day"))


def later(t: Translator, term: Term, by: Span) -> Term:
    if term.kind is Kind.DATE and by.unit not in TIMES:
        meaning = "later_day" if by.unit == "day" else "later_month"
    elif term.kind is Kind.TIMESTAMP:
        meaning = "later_moment"
    else:
        raise Untranslatable(f"a time that is added to {term.kind}")
    sql = t.words(meaning).format(term.sql, by.count, by.unit)
    return replace(term, sql=sql, literal=False, value=None)


def modified(t: Translator, term: Term, text: str) -> Term:
    """`date(day, '+1 day')` of SQLite."""
    by = _span(text)
    if "week" in text:
        raise Untranslatable("weeks, which SQLite takes for NULL")
    if by.unit != "day":
        raise Untranslatable("months of other lengths, which SQLite carries over")
    if term.kind is not Kind.DATE:
        raise Untranslatable(f"a day of {term.kind}")
    return later(t, term, by)
