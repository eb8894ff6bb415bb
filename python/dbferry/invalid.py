"""What pydantic finds wrong, in the words of an error message."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches

from pydantic import ValidationError

Place = tuple[int | str, ...]


def explain(error: ValidationError, subject: str, known: Callable[[Place], Iterable[str]]) -> str:
    """Every fault with its place. No value is repeated: it may be a secret. `known` has the names that a place
    could have had.
    """
    parts = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        field = ".".join(str(step) for step in fault["loc"])
        if fault["type"] == "extra_forbidden":
            parts.append(f"unknown field `{field}`{_nearest(fault['loc'], known)}")
        elif fault["type"] == "missing":
            parts.append(f"the field `{field}` is missing")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            at = f"the field `{field}`: " if field else ""
            parts.append(f"{at}{message[0].lower()}{message[1:]}")
    return f"{subject} is wrong: " + "; ".join(parts)


def _nearest(place: Place, known: Callable[[Place], Iterable[str]]) -> str:
    near = get_close_matches(str(place[-1]), list(known(place)), n=1)
    return f" (did you mean `{near[0]}`?)" if near else ""
