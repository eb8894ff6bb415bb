"""Trying again what the world has broken, at the level of whole phases; the engine does it for single ranges."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

from dbferry.errors import AtWorkError, DbferryError

if TYPE_CHECKING:
    from dbferry.urls import Endpoint

T = TypeVar("T")
FIRST_SECONDS = 0.2
LONGEST_SECONDS = 20
MOMENT_SECONDS = 5
"""How long a server that nobody has met yet may refuse: longer than a fail-over hides it, too short to be taken for a hang."""
LOSSES = 5
"""Times that a plan may be begun anew for a server that lets the run in and then goes: its own questions may be why."""


class Patience:
    """How long a server is waited for, and what was got over meanwhile."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.healed: Counter[str] = Counter()
        """Times by what went wrong."""
        self.sides: set[str | None] = set()
        """Whose servers were at fault."""

    def note(self, side: str | None, kind: str, message: str, times: int = 1) -> None:
        self.sides.add(side)
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


@dataclass
class Contact:
    """What is known of both servers while a run opens: whether it makes sense to wait for one."""

    ends: dict[str, Endpoint] = field(default_factory=dict)
    """By their sides."""
    met: set[str] = field(default_factory=set)
    """Sides whose server has let the run in."""
    inside: set[str] = field(default_factory=set)
    """Those of them that have in this attempt."""
    _began: float = field(default_factory=time.monotonic)
    _failed: bool = False
    _losses: int = 0

    def begin(self, source: Endpoint, target: Endpoint) -> None:
        """Another attempt."""
        self.ends = {"source": source, "target": target}
        self.inside.clear()

    def let_in(self, side: str) -> None:
        self.met.add(side)
        self.inside.add(side)

    def is_final(self, error: DbferryError) -> bool:
        """True when what went wrong would go wrong again, as far as one can tell."""
        first, self._failed = not self._failed, True
        end = self.ends.get(error.side or "")
        if isinstance(error, AtWorkError):
            # After a failure it may be our own session, which its server has not missed yet.
            return first
        if not error.retryable or end is None or end.path is not None:
            return True
        if error.side in self.inside and error.kind != "busy":
            self._losses += 1
            return self._losses > LOSSES
        if error.side in self.met or error.kind == "busy":
            return False
        # A code is the word of a server, and says more than that none is there.
        told = error.code is not None and error.kind == "connect"
        return told or not _has_address(end) or time.monotonic() > self._began + MOMENT_SECONDS


def opened(seconds: int, work: Callable[[Contact], T]) -> T:
    """Does what opens both ends and changes nothing, again and again while it makes sense to wait for a server."""
    contact = Contact()

    def attempt() -> T | DbferryError:
        try:
            return work(contact)
        except DbferryError as error:
            if contact.is_final(error):
                return error
            raise

    outcome = Patience(seconds).persist(attempt)
    if isinstance(outcome, DbferryError):
        raise outcome
    return outcome


def _has_address(end: Endpoint) -> bool:
    for host in end.hosts:
        with suppress(OSError):
            return bool(socket.getaddrinfo(host.name, host.port))
    return False
