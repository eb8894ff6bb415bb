"""The text of CREATE INDEX, parted: only it tells the expressions and the predicate of an index.

SQLite keeps it from the index's name on as it was written, behind words of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from dbferry.engines.sqlite.declaration import TOKEN, tokens

Span = tuple[int, int]


@dataclass(frozen=True)
class Definition:
    name: str
    table: str
    parts: tuple[str, ...]
    """What stands between the commas, without collation and direction."""
    predicate: str | None
    rest: str
    """All that follows the table's name."""

    @classmethod
    def of(cls, sql: str) -> Definition:
        spans = [m.span() for m in TOKEN.finditer(sql) if m.lastgroup != "blank"]
        words = [sql[start:end] for start, end in spans]
        index = next(n for n, word in enumerate(words) if word.upper() == "INDEX")
        name, table = (next(tokens(words[index + n])).text for n in (1, 3))
        opening = index + 4
        parts, closing = _parts(words, opening)
        following = spans[closing + 2 :]
        return cls(
            name=name,
            table=table,
            parts=tuple(_between(sql, spans[start:end]) for start, end in parts),
            predicate=_between(sql, following) if following else None,
            rest=sql[spans[opening][0] :],
        )


def _between(sql: str, spans: list[Span]) -> str:
    return sql[spans[0][0] : spans[-1][1]]


def _parts(words: list[str], opening: int) -> tuple[list[Span], int]:
    """First and last word of each part, and the closing parenthesis."""
    parts, depth, start = list[Span](), 0, opening + 1
    for place in range(opening, len(words)):
        depth += {"(": 1, ")": -1}.get(words[place], 0)
        if depth == 0 or (depth == 1 and words[place] == ","):
            parts.append((start, _trimmed(words, start, place)))
            start = place + 1
        if depth == 0:
            return parts, place
    raise ValueError("an index without an end")


def _trimmed(words: list[str], start: int, end: int) -> int:
    if words[end - 1].upper() in ("ASC", "DESC"):
        end -= 1
    if end - start > 2 and words[end - 2].upper() == "COLLATE":
        end -= 2
    return end
