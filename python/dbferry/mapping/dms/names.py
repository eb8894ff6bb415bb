"""Wildcards of AWS DMS in those of dbferry: `%` any run, `_` any one, `[ab]` and `[a-d]` one of these."""

from __future__ import annotations

import re

WILD = re.compile(r"\[[^\]]+\]|.", re.DOTALL)
SPECIAL = frozenset("*?[")


def pattern(text: str) -> str:
    return "".join(_part(part) for part in WILD.findall(text))


def _part(part: str) -> str:
    match part:
        case "%":
            return "*"
        case "_":
            return "?"
        case _ if len(part) > 1:
            # Of a single one that is nothing special outside the brackets, the character itself.
            return part[1] if len(part) == 3 and part[1] not in SPECIAL else part
        case _:
            return exact(part)


def exact(text: str) -> str:
    """A pattern that only this name meets."""
    return "".join(f"[{c}]" if c in SPECIAL else c for c in text)


def is_wild(text: str) -> bool:
    return "%" in text
