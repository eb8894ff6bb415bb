"""Made-up values of a locale, such as names and cities: a list that a key and the value choose from.

Faker makes the list, once per rule and from the key alone, so that it is the same in every run with one version of
Faker; the source chooses by the HMAC of each value, so that equal values stay equal and none leaves it.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection
from functools import lru_cache

MADE = 1_000
"""Enough to look like a crowd, and little beside what a statement may hold."""


def values(sort: str, locale: str, key: bytes, longest: int | None) -> tuple[str, ...] | str:
    """All different, none longer than `longest` characters; or why there are none."""
    try:
        from faker.config import AVAILABLE_LOCALES
    except ImportError:
        return "Faker isn't installed; pip install 'dbferry[faker]' does it"
    if locale not in AVAILABLE_LOCALES:
        return f"Faker has no locale `{locale}`{_near(locale, AVAILABLE_LOCALES)}"
    made = tuple(v for v in _values(sort, locale, key) if longest is None or len(v) <= longest)
    size = "" if longest is None else f" of {longest} characters or fewer"
    return made or f"Faker has no {sort}{size} in `{locale}`"


@lru_cache(64)
def _values(sort: str, locale: str, key: bytes) -> tuple[str, ...]:
    from faker import Faker

    maker = Faker(locale)
    maker.seed_instance(hashlib.sha256(b"\0".join((key, sort.encode()))).hexdigest())
    make = getattr(maker, sort, None)
    return tuple(sorted({str(make()) for _ in range(MADE)})) if make else ()


def _near(text: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(text, known, 1)
    return f"; did you mean `{near[0]}`?" if near else ""
