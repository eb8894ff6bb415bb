"""What a run tells of itself while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

Reading = tuple[int, int, int, int]
"""Rows, bytes, ranges and ranges done of a table."""


@dataclass(frozen=True)
class Progress:
    """One moment of a copy. Bytes are those that the source sent."""

    tables: int
    tables_done: int
    rows: int
    bytes: int
    ranges: int
    ranges_done: int
    seconds: float
    current: str
    phase: str = ""
    """What is made besides: `indexes 3/12`, `foreign keys 1/8`."""
    warning: str = ""
    """What whoever watches should know."""

    @classmethod
    def of(
        cls,
        readings: Sequence[Reading],
        *,
        started: float,
        current: str,
        phase: str = "",
        warning: str = "",
    ) -> Self:
        """From the engine's readings of all tables; `started` is of `time.monotonic`."""
        return cls(
            tables=len(readings),
            tables_done=sum(1 for r in readings if r[2] and r[3] == r[2]),
            rows=sum(r[0] for r in readings),
            bytes=sum(r[1] for r in readings),
            ranges=sum(r[2] for r in readings),
            ranges_done=sum(r[3] for r in readings),
            seconds=time.monotonic() - started,
            current=current,
            phase=phase,
            warning=warning,
        )


ProgressCallback = Callable[[Progress], None]
