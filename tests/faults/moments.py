"""Moments of a run, as they are seen from the wire between dbferry and a server."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Where a statement is when the moment comes."""

    BEFORE = "before"
    """The server has not seen it, and never will."""
    ORPHANED = "orphaned"
    """The same, and the server doesn't hear that its client is gone, until the proxy is mended."""
    DURING = "during"
    """The server has it, and may be at it still."""
    UNANSWERED = "unanswered"
    """The server has done it; its client will never hear."""
    AFTER = "after"
    """The client has its answer."""


@dataclass(frozen=True)
class Said:
    """The `nth` time that any client says what matches `pattern`."""

    pattern: bytes
    nth: int
    stage: Stage
    act: Callable[[], None]
    name: str = ""

    def __str__(self) -> str:
        return f"{self.stage} number {self.nth} of {self.name or self.pattern.decode()}"

    def count(self, tail: bytes, piece: bytes) -> int:
        """How often the pattern ends within `piece`, which came after `tail`."""
        found = re.finditer(self.pattern, tail + piece)
        return sum(match.end() > len(tail) for match in found)


@dataclass(frozen=True)
class Passed:
    """When `count` bytes have passed, both directions of all connections taken together."""

    count: int
    act: Callable[[], None]

    def __str__(self) -> str:
        return f"{self.count} bytes"


Moment = Said | Passed
