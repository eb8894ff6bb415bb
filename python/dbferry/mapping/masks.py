"""Masks as SQL of the source. One that a column's type can't take is refused: no value goes plain instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dbferry.catalog import Column, NativeType
from dbferry.engines import Engine
from dbferry.mapping import fakes
from dbferry.mapping.rules import Mask, Rule
from dbferry.phrases import pads
from dbferry.types import WHOLE, Canonical, Context, Flight, Kind, Reading

HASHED = frozenset({Kind.TEXT, Kind.UUID, *WHOLE})
"""Equal values of these have one text."""
NUMBERS = frozenset({Kind.INT, Kind.UINT, Kind.FLOAT, Kind.DECIMAL, Kind.NUMERIC})
HASH_DIGITS = 64


@dataclass(frozen=True)
class Masked:
    sql: str
    native: NativeType | None
    """What it makes of the column's type; nothing where the source has to be asked."""


def mask(one: Engine, column: Column, rule: Mask, *, keyed: bool) -> Masked | str:
    """The masked column, or why there is none."""
    kind = one.read(column, {}).canonical.kind
    name = one.quote(column.name)
    if keyed and rule.how not in ("hash", "sha256"):
        return "it makes equal values, and the column is part of a key"
    match rule.how:
        case "null":
            if not column.nullable:
                return "the column is NOT NULL"
            return Masked(f"CASE WHEN 1 = 0 THEN {name} END", column.native)
        case "fixed":
            return _fixed(one, column, kind, rule)
        case "hash" | "sha256":
            return _hashed(one, column, kind, rule)
        case "fake":
            return _faked(one, column, kind, rule)
        case "partial" | "digits" | "scramble":
            if kind is not Kind.TEXT:
                return f"{column.native.text} is no text"
            sql = _text(one, column, rule)
            return Masked(sql, column.native) if sql else _no_words(one, column, rule)


def native_of(one: Engine, canonical: Canonical) -> NativeType:
    """The engine's own type for a canonical one."""
    reading = Reading(canonical=canonical, read="", flight=Flight("text"))
    context = Context(source=one.name, schema="", table="", column="", facts={}, version=())
    return one.declare(reading, context).native


def _fixed(one: Engine, column: Column, kind: Kind, rule: Mask) -> Masked | str:
    value, name = rule.value, one.quote(column.name)
    constant = one.phrases.constant(value if value is not None else "")
    if kind is Kind.TEXT:
        if not isinstance(value, str):
            return f"the value is no text, and the column is {column.native.text}"
        if column.native.length is not None and len(value) > column.native.length:
            return f"the value is longer than {column.native.text}"
        return Masked(one.phrases.as_text(constant), column.native)
    if kind in NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        return Masked(f"CASE WHEN 1 = 0 THEN {name} ELSE {constant} END", None)
    return f"the value is no {column.native.text}; `set` takes an expression of that type"


def _hashed(one: Engine, column: Column, kind: Kind, rule: Mask) -> Masked | str:
    if kind not in HASHED:
        return f"equal values of {column.native.text} may differ as text"
    as_text = one.phrases.as_digits if kind in WHOLE else one.phrases.as_text
    text = as_text(one.quote(column.name))
    made = one.phrases.sha256(text) if rule.how == "sha256" else one.phrases.hmac(text, _key(rule))
    if made is None:
        return _no_words(one, column, rule)
    return Masked(made, native_of(one, Canonical(kind=Kind.TEXT, length=HASH_DIGITS)))


def _faked(one: Engine, column: Column, kind: Kind, rule: Mask) -> Masked | str:
    if kind is not Kind.TEXT:
        return f"{column.native.text} is no text"
    values = fakes.values(rule.sort or "", rule.locale, _key(rule), column.native.length)
    if isinstance(values, str):
        return values
    text = one.phrases.as_text(one.quote(column.name))
    made = one.phrases.choose(text, _key(rule), values)
    return Masked(made, column.native) if made else _no_words(one, column, rule)


def _text(one: Engine, column: Column, rule: Mask) -> str | None:
    phrases = one.phrases
    text = phrases.as_text(one.quote(column.name))
    if rule.key is not None:
        letters = rule.how == "scramble"
        return phrases.scramble(text, _key(rule), column.native.length, letters=letters)
    if rule.how == "digits":
        for digit in "0123456789":
            text = f"replace({text}, {phrases.constant(digit)}, {phrases.constant(rule.mark)})"
        return text
    length, shown = phrases.length(text), rule.first + rule.last
    middle = phrases.repeat(rule.mark, f"{length} - {shown}")
    parts = [f"substr({text}, 1, {rule.first})"] if rule.first else []
    parts.append(middle)
    if rule.last:
        parts.append(f"substr({text}, {length} - {rule.last - 1})")
    # What is no longer than the parts that are shown would be shown whole.
    hidden = phrases.repeat(rule.mark, length)
    return f"CASE WHEN {length} <= {shown} THEN {hidden} ELSE {phrases.join(*parts)} END"


def _no_words(one: Engine, column: Column, rule: Mask) -> str:
    if (
        rule.how in ("digits", "scramble")
        and rule.key is not None
        and one.phrases.hmac("", b"") is not None
    ):
        most = 1000 if rule.how == "scramble" else 250
        return f"{one.name} does it for text of a declared length of {most} characters at most"
    return f"{one.name} can't compute `{rule.how}`"


def _key(rule: Mask) -> bytes:
    return rule.key.get_secret_value().encode() if rule.key else b""


def secrets(rules: Iterable[Rule]) -> list[str]:
    """The keys of masks, and the forms in which they stand in SQL."""
    keys = [_key(rule) for rule in rules if isinstance(rule, Mask)]
    return [secret for key in keys if key for secret in (key.decode(), *pads(key))]


def withheld(text: str, rules: Iterable[Rule]) -> str:
    """A message without the keys of masks, and without the forms in which they stand in SQL."""
    for secret in secrets(rules):
        text = text.replace(secret, "***")
    return text
