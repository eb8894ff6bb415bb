"""What only the text of CREATE TABLE tells: collations of columns, AUTOINCREMENT, deferred keys.

SQLite's pragmas leave them out. The text is parted into tokens by SQLite's own rules of quoting; its grammar
isn't followed beyond the commas of the outermost parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

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

    def says(self, word: str) -> bool:
        return not self.quoted and self.text.upper() == word


def tokens(sql: str) -> Iterator[Token]:
    for match in TOKEN.finditer(sql):
        kind, text = match.lastgroup or "", match[match.lastgroup or 0]
        match kind:
            case "blank":
                pass
            case "double" | "back" | "single":
                mark = {"double": '"', "back": "`", "single": "'"}[kind]
                yield Token(text.replace(mark * 2, mark), quoted=True)
            case "bracket":
                yield Token(text, quoted=True)
            case _:
                yield Token(text)


def is_autoincrement(sql: str) -> bool:
    return any(token.says("AUTOINCREMENT") for token in tokens(sql))


def collations(sql: str) -> dict[str, str]:
    """Column, as it is written there, to the collation that it declares, in upper case."""
    found: dict[str, str] = {}
    for element in _elements(sql):
        if not element or (not element[0].quoted and element[0].text.upper() in CONSTRAINTS):
            continue
        for word, name in pairwise(element[1:]):
            if word.says("COLLATE"):
                found[element[0].text] = name.text.upper()
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


def _elements(sql: str) -> Iterator[list[Token]]:
    """The parts between the commas of the outermost parentheses, without what lies deeper."""
    depth, element = 0, list[Token]()
    for token in tokens(sql):
        if token.says("("):
            depth += 1
        elif token.says(")"):
            depth -= 1
            if depth == 0:
                yield element
                return
        elif depth == 1 and token.says(","):
            yield element
            element = []
        elif depth == 1:
            element.append(token)
