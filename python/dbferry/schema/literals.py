"""Columns, literals and conversions in an expression."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from dbferry.schema.dialect import WHOLE
from dbferry.schema.nodes import Node, only, said, says
from dbferry.schema.terms import Term, Untranslatable, as_kind, literal
from dbferry.types import Kind

if TYPE_CHECKING:
    from dbferry.schema.expressions import Translator

TEXTS = frozenset(
    {exp.DType.TEXT, exp.DType.CHAR, exp.DType.VARCHAR, exp.DType.BPCHAR, exp.DType.CHARACTER_SET}
)
EXACTS = frozenset({exp.DType.DECIMAL})
INTEGERS = frozenset({exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT})
LITERALS: Mapping[exp.DType, Kind] = {
    **dict.fromkeys(TEXTS, Kind.TEXT),
    **dict.fromkeys(INTEGERS, Kind.INT),
    exp.DType.DECIMAL: Kind.DECIMAL,
    exp.DType.DOUBLE: Kind.FLOAT,
    exp.DType.FLOAT: Kind.FLOAT,
    exp.DType.BOOLEAN: Kind.BOOL,
    exp.DType.DATE: Kind.DATE,
    exp.DType.TIME: Kind.TIME,
    exp.DType.TIMESTAMP: Kind.TIMESTAMP,
    exp.DType.TIMESTAMPTZ: Kind.INSTANT,
    exp.DType.UUID: Kind.UUID,
    exp.DType.JSON: Kind.JSON,
    exp.DType.JSONB: Kind.JSON,
    exp.DType.VARBINARY: Kind.BINARY,
}


@says(exp.Column)
def _column(t: Translator, node: Node) -> Term:
    only(node, "this")
    name, quoted = node.name, bool(node.this.args.get("quoted"))
    operand = t.operands.get(t.source.fold_column(name))
    if operand is None and quoted and t.spoken.words_are_text:
        return literal(name, Kind.TEXT, t.wanted)
    if operand is None:
        raise Untranslatable(f"`{name}` is no column of the table that is moved")
    return operand.term(t.wanted.quote(operand.name), t.wanted)


@says(exp.Literal)
def _literal(t: Translator, node: Node) -> Term:
    only(node, "this", "is_string")
    if node.is_string:
        return literal(node.name, Kind.TEXT, t.wanted)
    kind = Kind.INT if node.name.isdigit() else Kind.DECIMAL
    if "e" in node.name.lower():
        kind = Kind.FLOAT
    return literal(Decimal(node.name), kind, t.wanted)


@says(exp.ByteString)
def _text(t: Translator, node: Node) -> Term:
    """`E'…'` of PostgreSQL, whose escapes are undone."""
    return literal(node.name, Kind.TEXT, t.wanted)


@says(exp.Introducer)
def _introduced(t: Translator, node: Node) -> Term:
    """`_utf8mb4'…'`: the text is in the session's own character set by now."""
    if node.name.lower() not in ("_utf8mb4", "_utf8mb3", "_utf8", "_latin1", "_ascii"):
        raise Untranslatable(f"a text in the character set {node.name}")
    return t.say(node.expression)


@says(exp.HexString)
def _bytes(t: Translator, node: Node) -> Term:
    only(node, "this")
    digits = node.name if len(node.name) % 2 == 0 else f"0{node.name}"
    return literal(bytes.fromhex(digits), Kind.BINARY, t.wanted)


@says(exp.BitString)
def _bits(t: Translator, node: Node) -> Term:
    only(node, "this")
    return literal(Decimal(int(node.name, 2)), Kind.INT, t.wanted)


@says(exp.Boolean)
def _boolean(t: Translator, node: Node) -> Term:
    return literal(bool(node.this), Kind.BOOL, t.wanted)


@says(exp.Null)
def _null(t: Translator, node: Node) -> Term:
    return literal(None, Kind.TEXT, t.wanted)


@says(exp.Paren)
def _paren(t: Translator, node: Node) -> Term:
    only(node, "this")
    return t.say(node.this)


@says(exp.Cast)
def _cast(t: Translator, node: Node) -> Term:
    only(node, "this", "to")
    term, to = t.fit(node.this), node.args["to"]
    only(to, "this", "expressions", "kind")
    wanted, sized = to.this, bool(to.expressions)
    if term.literal:
        return _cast_literal(t, term, wanted, to)
    if wanted in TEXTS and not sized:
        if term.kind in WHOLE:
            return t.said_as("text_of_integer", [term])
        if term.kind in (Kind.TEXT, Kind.ENUM):
            return replace(term, kind=Kind.TEXT)
    if wanted in EXACTS and not sized and term.kind in (*WHOLE, Kind.DECIMAL):
        return replace(term, kind=Kind.DECIMAL)
    if wanted is exp.DType.DOUBLE and not sized:
        return t.said_as("double", [term])
    if wanted in INTEGERS and term.kind in WHOLE:
        return term
    raise Untranslatable(f"`{said(node)}`: a conversion of {term.kind}")


def _cast_literal(t: Translator, term: Term, wanted: exp.DType, to: Node) -> Term:
    if term.is_null:
        return term
    kind = LITERALS.get(wanted)
    if kind is None and to.args.get("kind") is not None and isinstance(term.value, str):
        # A label of a type that the user has made: as text, for the column that it meets.
        return term
    if kind is None:
        raise Untranslatable(f"a literal of type {said(to)}")
    if wanted is exp.DType.BPCHAR and isinstance(term.value, str):
        # Blanks at its end mean nothing to it.
        term = literal(term.value.rstrip(" "), Kind.TEXT, t.wanted)
    length = to.expressions[0].name if to.expressions else None
    if kind is Kind.TEXT and length and len(str(term.value)) > int(length):
        raise Untranslatable("a text that its type cuts")
    if kind is Kind.BINARY and isinstance(term.value, str):
        if not re.fullmatch(r"\\x([0-9a-f]{2})*", term.value):
            raise Untranslatable("bytes that aren't written as hexadecimal digits")
        return literal(bytes.fromhex(term.value[2:]), kind, t.wanted)
    if kind in (Kind.JSON, Kind.INSTANT, Kind.BINARY):
        return replace(term, kind=kind)
    return as_kind(term, kind, t.wanted)
