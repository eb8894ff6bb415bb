"""Whoever watches a run: the engine's readings become a `Progress`, and tables that are whole get their indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbferry.progress import Progress, ProgressCallback, Reading

if TYPE_CHECKING:
    from dbferry.finish import Finish
    from dbferry.guest import Guest
    from dbferry.rounds import Rounds


class Watch:
    """Turns the engine's readings into a `Progress` for whoever asked."""

    def __init__(
        self,
        rounds: Rounds,
        progress: ProgressCallback | None,
        started: float,
        finish: Finish,
        guest: Guest,
    ) -> None:
        self._rounds, self._guest = rounds, guest
        self._names = [item.name for item in rounds.plan.tables]
        self._progress = progress
        self._started = started
        self.finish = finish
        self._readings: Sequence[Reading] = [(0, 0, 0, 0)] * len(self._names)

    def again(self) -> None:
        """Once more, with the readings as they were: rows are in, and something else goes on."""
        self._show(self._readings)

    def __call__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings
        self.finish.landed(readings)
        self._show(readings)

    def _show(self, readings: Sequence[Reading]) -> None:
        warning = self._guest.resting or self._rounds.age_warning()
        if self._progress is None:
            return
        running = [
            name
            for name, (rows, _, ranges, done) in zip(self._names, readings, strict=True)
            if rows and done < ranges
        ]
        self._progress(
            Progress.of(
                readings,
                started=self._started,
                current=", ".join(running[:3]),
                phase=self.finish.phase,
                warning=warning,
            )
        )
