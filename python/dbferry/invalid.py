"""What pydantic finds wrong, in the words of an error message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

Place = tuple[int | str, ...]


def explain(error: ValidationError, subject: str, known: Callable[[Place], Iterable[str]]) -> str:
    """Every fault with its place. No value is repeated: it may be a secret. `known` has the names that a place
    could have had.
    """
    parts = []
    for fault in error.errors(include_url=False):
        field = ".".join(str(step) for step in fault["loc"])
        if fault["type"] == "extra_forbidden":
            parts.append(f"unknown field `{field}`{_nearest(fault['loc'], known)}")
        elif fault["type"] == "missing":
            parts.append(f"the field `{field}` is missing")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            if fault["type"] == "union_tag_invalid":
                message = f"Its sort is none of {fault['ctx']['expected_tags']}"
            at = f"the field `{field}`: " if field else ""
            parts.append(f"{at}{message[0].lower()}{message[1:]}{_meant(fault)}")
    return f"{subject} is wrong: " + "; ".join(parts)


def _meant(fault: ErrorDetails) -> str:
    """The nearest of the words that could stand there."""
    given, context = fault["input"], fault.get("ctx", {})
    match fault["type"]:
        case "literal_error":
            words, tried = re.findall(r"'([^']*)'", context["expected"]), [given]
        case "union_tag_invalid":
            words, tried = re.findall(r"'([^']*)'", context["expected_tags"]), [context["tag"]]
        case "no_verb":
            words, tried = fault["msg"].partition("one of ")[2].split(", "), list(given or ())
        case _:
            return ""
    near = [word for one in tried for word in get_close_matches(str(one), words, n=1)]
    return f" (did you mean `{near[0]}`?)" if near else ""


def _nearest(place: Place, known: Callable[[Place], Iterable[str]]) -> str:
    near = get_close_matches(str(place[-1]), list(known(place)), n=1)
    return f" (did you mean `{near[0]}`?)" if near else ""
