"""Being a good guest: the copy rests while the source's load or its replicas' lag is above a mark.

A thread beside the copy asks every few seconds, through a session of its own. While it asks in vain, because a
server is gone, things stay as they are: the copy itself meets the same trouble.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol

from dbferry.engines import engine
from dbferry.errors import DbferryError, RequestError
from dbferry.sessions import open_steady
from dbferry.urls import parse

if TYPE_CHECKING:
    from dbferry.rounds import Rounds
    from dbferry.sessions import OpenSession
    from dbferry.task import Task
    from dbferry.urls import Endpoint

EVERY_SECONDS = 2.0


class Burden(Protocol):
    """What an engine can tell of the load of a server."""

    def lag(self, session: OpenSession) -> float | None:
        """Seconds that this server's slowest replica is behind; nothing where the server doesn't know."""

    def behind(self, session: OpenSession) -> float | None:
        """Seconds that this replica is behind, infinite when it stands still; nothing where it is none."""

    def load(self, session: OpenSession, label: str) -> int:
        """Sessions at work, but for those of a label."""


Measure = Callable[[], str | None]
"""Why the copy should rest; nothing when it needn't."""


@dataclass
class Guest:
    """Watches until `close`; `rest` lets the copy rest or go on, from another thread."""

    rest: Callable[[bool], None]
    measures: list[Measure]
    notes: list[str] = field(default_factory=list)
    _over: Event = field(default_factory=Event)
    _stack: ExitStack = field(default_factory=ExitStack)
    _session: OpenSession | None = None
    _thread: Thread | None = None
    _since: float = 0.0
    _times: int = 0
    _seconds: float = 0.0
    _why: str = ""

    @classmethod
    def of(cls, task: Task, source: Endpoint, rounds: Rounds) -> Guest:
        """Asks everything once, so that what can't be told is an error before anything moves."""
        guest = cls(rounds.rest, [])
        try:
            guest.measures += guest._measures(task, source)
            guest._look()
        except BaseException:
            guest._stack.close()
            raise
        return guest

    def _measures(self, task: Task, source: Endpoint) -> Iterator[Measure]:
        if task.max_load is not None:
            session, burden = self._source(source), _burden(source, "load")
            yield lambda: _above(
                burden.load(session, source.label or "dbferry"),
                task.max_load, "{} sessions at work in the source",
            )  # fmt: skip
        if task.max_lag is None:
            return
        for url in task.replicas:
            replica = parse(url)
            yield _behind(task.max_lag, self._ask(replica), _burden(replica, "lag"), replica.safe)
        if not task.replicas:
            yield _lag(task.max_lag, self._source(source), _burden(source, "lag"), source.engine)

    def _source(self, source: Endpoint) -> OpenSession:
        """One session is enough for all that the source is asked."""
        self._session = self._session or self._ask(source)
        return self._session

    def _ask(self, endpoint: Endpoint) -> OpenSession:
        return self._stack.enter_context(open_steady(endpoint, side="source"))

    @property
    def resting(self) -> str:
        """Why the copy rests now, if it does."""
        return f"resting: {self._why}" if self._since else ""

    def __enter__(self) -> None:
        if self.measures:
            self._thread = Thread(target=self._watch, name="dbferry-guest", daemon=True)
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._over.is_set():
            return
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self._turn(None)
        self._stack.close()
        if self._times:
            times = "once" if self._times == 1 else f"{self._times} times"
            self.notes.append(f"rested {times}, {self._seconds:.0f} s in all: {self._why}")

    def _watch(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            try:
                self._look()
            except DbferryError:
                # The copy itself meets the same trouble.
                continue

    def _look(self) -> None:
        self._turn(next((why for measure in self.measures if (why := measure())), None))

    def _turn(self, why: str | None) -> None:
        if why is not None and not self._since:
            self._since, self._why = time.monotonic(), why
            self._times += 1
            self.rest(True)
        elif why is None and self._since:
            self._seconds += time.monotonic() - self._since
            self._since = 0.0
            self.rest(False)


def _above(found: float, mark: float | None, told: str) -> str | None:
    if mark is None or found <= mark:
        return None
    if found == float("inf"):
        return "a replica of the source stands still"
    return f"{told.format(round(found))}, above {mark:g}"


def _lag(mark: float, session: OpenSession, burden: Burden, name: str) -> Measure:
    def measure() -> str | None:
        found = burden.lag(session)
        if found is None:
            raise RequestError(
                f"{name} doesn't tell how far its replicas are behind",
                side="source",
                engine=name,
                hint="name them: --replica URL, once for each",
            )
        return _above(found, mark, "a replica of the source is {} s behind")

    return measure


def _behind(mark: float, session: OpenSession, burden: Burden, name: str) -> Measure:
    def measure() -> str | None:
        found = burden.behind(session)
        if found is None:
            raise RequestError(
                f"{name} is no replica", side="source", hint="name a replica of the source"
            )
        return _above(found, mark, "a replica of the source is {} s behind")

    return measure


def _burden(endpoint: Endpoint, what: str) -> Burden:
    burden = engine(endpoint.engine).burden()
    if burden is None:
        raise RequestError(
            f"{endpoint.engine} has no {what} that could be watched",
            side="source",
            engine=endpoint.engine,
            hint=f"leave out --max-{what}",
        )
    return burden
