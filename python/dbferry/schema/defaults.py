"""The default of a column in another engine's words: a value that is known, or the meaning of a function.

An engine says what moment, or what new value, each of its texts stands for; what becomes of it is chosen by the
kinds of the column on both sides, so that an instant stays an instant, a wall clock a wall clock of the same zone,
and UTC stays UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dbferry.engines import Engine
from dbferry.schema.expressions import Translation, parse
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
CASTS = re.compile(r"::(text|charactervarying)")
DIGITS = re.compile(r"\([0-6]\)$")


def default(translation: Translation, text: str, column: Operand | None) -> str:
    """What follows the word DEFAULT in the target. Raises Untranslatable."""
    one, other = translation.source.dialect, translation.target.dialect
    if translation.verbatim:
        return text
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
        return stored(term, column, other).sql
    if not column.fit or family(term.kind) != family(column.source.kind):
        raise Untranslatable(f"a value of {term.kind} for a column of {column.native.text}")
    return f"({term.sql})"


def is_plain(engine: Engine, text: str) -> bool:
    """True for a literal and for what every server of this engine can give."""
    if engine.dialect is None:
        return False
    if _plain(text) in engine.dialect.moments:
        return True
    try:
        return Translation(engine, engine, {}).only_values(parse(text, engine.dialect)).literal
    except Untranslatable:
        return False


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
