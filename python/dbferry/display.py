"""What a run shows while it runs: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from dbferry.progress import Progress

LINE_EVERY_SECONDS = 10.0
RATE_OVER_SECONDS = 5.0


class Display(Protocol):
    """Shows what it is given between `with` and its end."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def __call__(self, progress: Progress) -> None: ...


def fitting(talk: Console) -> Display:
    """What fits where is talked to."""
    if talk.is_terminal:
        return Bar(talk)
    return Lines(lambda line: talk.print(line, highlight=False, markup=False, soft_wrap=True))


class Rate:
    """Rows and bytes a second over the last few seconds."""

    def __init__(self) -> None:
        self._moments: list[tuple[float, int, int]] = []

    def add(self, progress: Progress) -> tuple[float, float]:
        """Takes a moment and gives rows/s and bytes/s."""
        self._moments.append((progress.seconds, progress.rows, progress.bytes))
        while self._moments[0][0] < progress.seconds - RATE_OVER_SECONDS:
            self._moments.pop(0)
        start, rows, size = self._moments[0]
        passed = progress.seconds - start
        if passed <= 0:
            return 0.0, 0.0
        # Rows of a range that is tried again are taken back.
        moved = max(0, progress.rows - rows), max(0, progress.bytes - size)
        return moved[0] / passed, moved[1] / passed


class Bar:
    """One line that is drawn anew, for a terminal."""

    def __init__(self, console: Console) -> None:
        self._live = Live(Text(""), console=console, transient=True, refresh_per_second=10)
        self._rate = Rate()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, progress: Progress) -> None:
        rows, size = self._rate.add(progress)
        line = Text(describe(progress, rows, size), no_wrap=True, overflow="ellipsis")
        if progress.ranges:
            width = 24
            full = round(width * progress.ranges_done / progress.ranges)
            line = Text("█" * full + "░" * (width - full) + "  ") + line
        self._live.update(line)


class Lines:
    """A plain line now and then, for logs."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rate = Rate()
        self._next = time.monotonic() + LINE_EVERY_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, progress: Progress) -> None:
        rows, size = self._rate.add(progress)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_EVERY_SECONDS
            self._write(describe(progress, rows, size))


def describe(progress: Progress, rows_per_second: float, bytes_per_second: float) -> str:
    """`3/11 tables  1,234,567 rows  250,000 rows/s  31.2 MB/s  about 0:42 left  orders`."""
    parts = [
        f"{progress.tables_done}/{progress.tables} tables",
        f"{progress.rows:,} rows",
        f"{rows_per_second:,.0f} rows/s",
        f"{bytes_per_second / 1e6:.1f} MB/s",
    ]
    left = time_left(progress)
    if left is not None:
        parts.append(f"about {left // 60}:{left % 60:02d} left")
    if progress.phase:
        parts.append(progress.phase)
    if progress.current:
        parts.append(progress.current)
    if progress.warning:
        parts.append(progress.warning)
    return "  ".join(parts)


def time_left(progress: Progress) -> int | None:
    """Seconds, by the share of ranges done; None while that says nothing."""
    if not progress.ranges_done or progress.seconds < 1:
        return None
    share = progress.ranges_done / progress.ranges
    return round(progress.seconds * (1 - share) / share)
