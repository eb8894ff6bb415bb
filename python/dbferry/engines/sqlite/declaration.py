"""What only the text of CREATE TABLE tells: collations, checks, generated columns, AUTOINCREMENT, deferred keys.

SQLite's pragmas leave them out. The text is parted into tokens by SQLite's own rules of quoting; its grammar
isn't followed beyond the commas of the outermost parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from dbferry.catalog import Check

TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
      | "(?P<double>(?:[^"]|"")*)" | `(?P<back>(?:[^`]|``)*)` | \[(?P<bracket>[^\]]*)\]
      | '(?P<single>(?:[^']|'')*)' | (?P<word>[\w$]+) | (?P<mark>.)""",
    re.DOTALL | re.VERBOSE,
)
CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})


@dataclass(frozen=True)
class Token:
    text: str
    quoted: bool = False
    start: int = 0
    end: int = 0

    def says(self, *words: str) -> bool:
        return not self.quoted and self.text.upper() in words


def tokens(sql: str) -> Iterator[Token]:
    for match in TOKEN.finditer(sql):
        kind, text = match.lastgroup or "", match[match.lastgroup or 0]
        match kind:
            case "blank":
                pass
            case "double" | "back" | "single":
                mark = {"double": '"', "back": "`", "single": "'"}[kind]
                yield Token(text.replace(mark * 2, mark), True, match.start(), match.end())
            case "bracket":
                yield Token(text, True, match.start(), match.end())
            case _:
                yield Token(text, False, match.start(), match.end())


def is_autoincrement(sql: str) -> bool:
    return any(token.says("AUTOINCREMENT") for token in tokens(sql))


def query(sql: str) -> str:
    """What a view shows: all that follows the first AS outside of parentheses."""
    depth = 0
    for token in tokens(sql):
        depth += token.says("(") - token.says(")")
        if depth == 0 and token.says("AS"):
            return sql[token.end :].strip()
    return ""


def collations(sql: str) -> dict[str, str]:
    """Column, as it is written there, to the collation that it declares, in upper case."""
    found: dict[str, str] = {}
    for element in _elements(sql):
        column = element.column
        outer = [token for token, depth in element.parts if depth == 1]
        for word, name in pairwise(outer if column else []):
            if word.says("COLLATE"):
                found[column or ""] = name.text.upper()
    return found


def deferred(sql: str) -> list[bool]:
    """For every foreign key in its order, whether it is checked at the end of a transaction."""
    found: list[bool] = []
    for word, following in pairwise(tokens(sql)):
        if word.says("REFERENCES"):
            found.append(False)
        elif found and word.says("INITIALLY") and following.says("DEFERRED"):
            found[-1] = True
    return found


@dataclass
class Clauses:
    """The expressions of a declaration, as they are written there."""

    checks: list[Check] = field(default_factory=list)
    generated: dict[str, str] = field(default_factory=dict)
    """By their column."""


def clauses(sql: str) -> Clauses:
    found = Clauses()
    for element in _elements(sql):
        name: str | None = None
        for place, (token, depth) in enumerate(element.parts):
            if depth != 1:
                continue
            if token.says("CONSTRAINT"):
                name = element.parts[place + 1][0].text
            elif token.says("CHECK"):
                text = element.group(sql, place + 1)
                found.checks.append(Check(name=name, expression=text, column=element.column))
                name = None
            elif token.says("AS") and element.column is not None:
                found.generated[element.column] = element.group(sql, place + 1)
    return found


@dataclass
class Element:
    """What stands between two commas of the outermost parentheses; each token with its depth."""

    parts: list[tuple[Token, int]] = field(default_factory=list)

    @property
    def column(self) -> str | None:
        """The column that it declares; nothing for a constraint of the table."""
        if not self.parts or self.parts[0][0].says(*CONSTRAINTS):
            return None
        return self.parts[0][0].text

    def group(self, sql: str, place: int) -> str:
        """What the parentheses that begin at this place hold."""
        first = self.parts[place][0]
        inside = [token for token, _ in self.parts[place + 1 :]]
        depth = 1
        for token in inside:
            depth += token.says("(") - token.says(")")
            if depth == 0:
                return sql[first.end : token.start].strip()
        return ""


def _elements(sql: str) -> Iterator[Element]:
    depth, element = 0, Element()
    for token in tokens(sql):
        closing = token.says(")")
        depth -= closing
        if closing and depth == 0:
            yield element
            return
        if depth == 1 and token.says(","):
            yield element
            element = Element()
        elif depth > 0:
            element.parts.append((token, depth + closing))
        depth += token.says("(")
