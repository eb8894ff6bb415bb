"""New names from old ones."""

from __future__ import annotations

import re

from dbferry.mapping.rules import RenameColumn, RenameSchema, RenameTable
from dbferry.selection import pattern

Rename = RenameSchema | RenameTable | RenameColumn

# Between a small letter or digit and a capital, and before the last of several capitals.
HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def renamed(rule: Rename, name: str, met: re.Match[str] | None) -> str:
    """What a rule makes of a name; `met` is what its pattern has met."""
    if rule.to is not None:
        stripped = _filled(rule.to, met)
    else:
        cut = _stripped(rule, name)
        if cut is None:
            return name
        stripped = cut
    made = f"{rule.prefix}{stripped}{rule.suffix}"
    match rule.case:
        case "lower":
            return made.lower()
        case "upper":
            return made.upper()
        case "snake":
            return re.sub(r"[^\w]+|_+", "_", HUMPS.sub("_", made)).strip("_").lower()
        case None:
            return made


def _stripped(rule: Rename, name: str) -> str | None:
    """The name without its prefix and suffix; nothing when it has not what is to be taken off."""
    prefix, suffix = rule.strip_prefix or "", rule.strip_suffix or ""
    if not (name.startswith(prefix) and name.endswith(suffix)):
        return None
    cut = name.removeprefix(prefix).removesuffix(suffix)
    return cut if cut + rule.prefix + rule.suffix else None


def _filled(to: str, met: re.Match[str] | None) -> str:
    stars = iter(met.groups() if met else ())
    return "".join(next(stars, "") if part == "*" else part for part in re.split(r"(\*)", to))


def meets(wanted: str, name: str, label: str) -> re.Match[str] | None:
    """How a pattern meets a table's name or label, as a selection does; its groups are what its `*` stand for."""
    compiled = pattern(wanted)
    return compiled.fullmatch(name) or compiled.fullmatch(label)
