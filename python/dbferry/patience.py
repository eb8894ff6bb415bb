"""Trying again what the world has broken, at the level of whole phases; the engine does it for single ranges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

from dbferry.errors import DbferryError

T = TypeVar("T")
FIRST_SECONDS = 0.2
LONGEST_SECONDS = 20


class Patience:
    """How long a server is waited for, and what was got over meanwhile."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.healed: Counter[str] = Counter()
        """Times by what went wrong."""

    def note(self, side: str | None, kind: str, message: str, times: int = 1) -> None:
        self.healed[f"{side or 'either side'}: {message} ({kind})"] += times

    def persist(self, work: Callable[[], T]) -> T:
        """Does the work until it succeeds, fails for good or the time is over."""
        again = Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, DbferryError) and e.retryable),
            stop=stop_after_delay(self.seconds),
            wait=wait_random_exponential(FIRST_SECONDS, LONGEST_SECONDS),
            before_sleep=self._seen,
            reraise=True,
        )
        return again(work)

    def _seen(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, DbferryError):
            self.note(error.side, error.kind, error.message)
