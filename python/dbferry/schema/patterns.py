"""Patterns of LIKE and GLOB, parted into what they mean and written again in another engine's way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dbferry.schema.dialect import Dialect
from dbferry.schema.terms import Term, Untranslatable


@dataclass(frozen=True)
class Piece:
    """A run of characters as they are, or a wildcard: `any` or `one`."""

    text: str = ""
    wildcard: str | None = None


def of_like(pattern: str, escape: str) -> list[Piece]:
    pieces: list[Piece] = []
    characters = iter(pattern)
    for character in characters:
        if escape and character == escape:
            following = next(characters, None)
            if following is None:
                raise Untranslatable("a pattern that ends with its escape character")
            pieces.append(Piece(following))
        elif character in "%_":
            pieces.append(Piece(wildcard="any" if character == "%" else "one"))
        else:
            pieces.append(Piece(character))
    return pieces


def of_glob(pattern: str) -> list[Piece]:
    """A class of one character stands for it."""
    pieces: list[Piece] = []
    for part in re.findall(r"\[[^\^\]]\]|.", pattern, re.DOTALL):
        if part == "[":
            raise Untranslatable("a pattern of GLOB with a class of characters")
        wildcard = {"*": "any", "?": "one"}.get(part)
        text = part[1] if len(part) == 3 else part
        pieces.append(Piece(wildcard=wildcard) if wildcard else Piece(text))
    return pieces


def has_letters(pieces: Sequence[Piece]) -> bool:
    """True when case could matter."""
    return any(p.text.lower() != p.text.upper() for p in pieces)


def match(term: Term, pieces: Sequence[Piece], target: Dialect) -> str:
    """That a text matches a pattern, where case matters."""
    if has_letters(pieces) and target.matching == "ascii":
        return f"({term.sql} GLOB {target.literal(_glob(pieces))})"
    escape = target.escape or "\\"
    pattern = "".join(
        {"any": "%", "one": "_"}[p.wildcard]
        if p.wildcard
        else (escape + p.text if p.text in ("%", "_", escape) else p.text)
        for p in pieces
    )
    ending = "" if target.escape or escape not in pattern else f" ESCAPE {target.literal(escape)}"
    return f"({term.sql} LIKE {target.literal(pattern)}{ending})"


def _glob(pieces: Sequence[Piece]) -> str:
    marks = {"any": "*", "one": "?"}
    return "".join(
        marks[p.wildcard] if p.wildcard else (f"[{p.text}]" if p.text in "*?[" else p.text)
        for p in pieces
    )
