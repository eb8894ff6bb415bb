"""The default of a column in another engine's words: a value that is known, or the meaning of a function.

An engine says what moment, or what new value, each of its texts stands for; what becomes of it is chosen by the
kinds of the column on both sides, so that an instant stays an instant, a wall clock a wall clock of the same zone,
and UTC stays UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlglot import exp

from dbferry.engines import Engine
from dbferry.schema.dialect import Dialect
from dbferry.schema.expressions import Translator, parse
from dbferry.schema.nodes import Node, saying
from dbferry.schema.terms import Operand, Untranslatable, family, stored
from dbferry.types import Kind

# What a text means in the source, and the kinds of the column in the source and in the target → what is meant.
CHOICES: Mapping[tuple[str, Kind, Kind], str] = {
    ("now", Kind.INSTANT, Kind.INSTANT): "now",
    # An instant without a zone is kept in UTC.
    ("now", Kind.INSTANT, Kind.TIMESTAMP): "now_utc",
    ("now", Kind.TIMESTAMP, Kind.TIMESTAMP): "now_local",
    ("now", Kind.DATE, Kind.DATE): "today",
    ("now", Kind.TIME, Kind.TIME): "clock",
    ("now_local", Kind.TIMESTAMP, Kind.TIMESTAMP): "now_local",
    ("now_utc", Kind.TIMESTAMP, Kind.TIMESTAMP): "now_utc",
    ("now_text", Kind.TIMESTAMP, Kind.TIMESTAMP): "now_utc",
    ("now_text", Kind.TEXT, Kind.TEXT): "now_text",
    ("today", Kind.DATE, Kind.DATE): "today",
    ("today_text", Kind.DATE, Kind.DATE): "today_utc",
    ("today_text", Kind.TEXT, Kind.TEXT): "today_text",
    ("clock", Kind.TIME, Kind.TIME): "clock",
    ("clock_text", Kind.TIME, Kind.TIME): "clock_utc",
    ("uuid", Kind.UUID, Kind.UUID): "uuid",
    ("uuid", Kind.UUID, Kind.TEXT): "uuid_text",
    ("uuid", Kind.TEXT, Kind.TEXT): "uuid_text",
    ("random", Kind.FLOAT, Kind.FLOAT): "random",
}
# The most literals of all, known without a parser.
PLAIN = re.compile(r"-?\d+(\.\d+)?|'[^'\\]*'(::[a-z ]+(\(\d+\))?)?")
# Parts of nodes that are known by those.
PARTS = (exp.Identifier, exp.Var, exp.DataTypeParam, exp.Any, exp.Array)
CASTS = re.compile(r"::(text|charactervarying)")
DIGITS = re.compile(r"\([0-6]\)$")


def default(translation: Translator, text: str, column: Operand | None) -> str:
    """What follows the word DEFAULT in the target. Raises Untranslatable."""
    one, other = translation.source.dialect, translation.target.dialect
    if one is None or other is None or column is None:
        raise Untranslatable(f"{translation.target.name} gets no defaults")
    meant = one.moments.get(_plain(text))
    if meant is not None:
        chosen = CHOICES.get((meant, column.source.kind, column.made))
        words = other.words.get(chosen or "")
        if words is None:
            raise Untranslatable(
                f"such a value of {column.source.kind} has no counterpart in {column.native.text}"
            )
        return words.format(p=6 if column.native.precision is None else column.native.precision)
    term = translation.only_values(parse(text, one))
    if term.literal:
        try:
            return stored(term, column, other).sql
        except Untranslatable:
            # Two of one family write every value of a type alike.
            if translation.source.family != translation.target.family:
                raise
            return text
    if not column.fit or family(term.kind) != family(column.source.kind):
        raise Untranslatable(f"a value of {term.kind} for a column of {column.native.text}")
    return f"({term.sql})"


def is_known(engine: Engine, text: str) -> bool:
    """True for what every server of this engine can compute: nothing in it is the user's own."""
    dialect = engine.dialect
    if dialect is None:
        return False
    if PLAIN.fullmatch(text) or _plain(text) in dialect.moments:
        return True
    try:
        return all(_is_known(node, dialect) for node in parse(text, dialect).walk())
    except Untranslatable:
        return False


def _is_known(node: Node, dialect: Dialect) -> bool:
    if isinstance(node, exp.Anonymous):
        name, count = node.name.lower(), len(node.expressions)
        return name == "all" or name in dialect.functions or f"{name}/{count}" in dialect.functions
    if isinstance(node, exp.DataType):
        return node.this is not exp.DType.USERDEFINED
    return saying(node) is not None or isinstance(node, PARTS)


def _plain(text: str) -> str:
    """Without blanks and case outside of quotes, digits of precision, casts to text and parentheses around the whole."""
    outside = "".join(
        part if part.startswith("'") else "".join(part.split()).lower()
        for part in re.findall(r"'[^']*'|[^']+", text)
    )
    found = DIGITS.sub("", CASTS.sub("", outside))
    while found.startswith("(") and found.endswith(")") and _encloses(found):
        found = DIGITS.sub("", found[1:-1])
    return found


def _encloses(text: str) -> bool:
    """True when the first parenthesis is closed by the last one."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place == len(text) - 1
    return False
