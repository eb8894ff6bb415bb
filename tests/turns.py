"""Parameters of tests that take turns, where a fact needs no whole product of them."""

from collections.abc import Sequence
from itertools import product
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


def in_turn(first: Sequence[A], second: Sequence[B], meets: int = 1) -> list[tuple[A, B]]:
    """Each of the first with so many of the second: all of both come along."""
    return [
        (one, second[(i + k) % len(second)]) for i, one in enumerate(first) for k in range(meets)
    ]


def every_pair(first: Sequence[A], second: Sequence[B], third: Sequence[C]) -> list[tuple[A, B, C]]:
    """Each pair of the first two once, with one of the third."""
    return [
        (one, other, third[(i + j) % len(third)])
        for (i, one), (j, other) in product(enumerate(first), enumerate(second))
    ]
