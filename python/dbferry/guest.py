"""Being a good guest: the copy rests while the source's load or its replicas' lag is above a mark.

A thread beside the copy asks every few seconds, through a session of its own. While it asks in vain, because a
server is gone, things stay as they are for a while. Then the copy goes on: a replica that is dead can't be spared, one
that was promoted is none any more, and if it is the source the copy itself meets the same trouble. Once it answers
it is minded again.
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
GONE_SECONDS = 10.0
"""Longer than a restart, and too short to be taken for a hang."""


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
class Asked:
    """One that is asked again and again."""

    measure: Measure
    name: str
    silent: float = 0.0
    """Since when it doesn't answer, of `time.monotonic`; 0 while it does."""


@dataclass
class Guest:
    """Watches until `close`; `rest` lets the copy rest or go on, from another thread."""

    rest: Callable[[bool], None]
    asked: list[Asked]
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
            guest.asked += guest._measures(task, source)
            guest._turn(next((why for one in guest.asked if (why := one.measure())), None))
        except BaseException:
            guest._stack.close()
            raise
        return guest

    def _measures(self, task: Task, source: Endpoint) -> Iterator[Asked]:
        if task.max_load is not None:
            label = source.label or "dbferry"
            load = _load(task.max_load, self._source(source), _burden(source, "load"), label)
            yield Asked(load, "the source")
        if task.max_lag is None:
            return
        for url in task.replicas:
            replica = parse(url)
            session, told = self._ask(replica), _burden(replica, "lag")
            behind = _behind(task.max_lag, session, told, replica.safe)
            yield Asked(behind, f"the replica {replica.safe}")
        if not task.replicas:
            session, told = self._source(source), _burden(source, "lag")
            lag = _lag(task.max_lag, session, told, source.engine)
            yield Asked(lag, "the source")

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
        if self.asked:
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
            self._turn(next((why for one in self.asked if (why := self._answer(one))), None))

    def _answer(self, one: Asked) -> str | None:
        """Why the copy should rest; while nothing is answered, as before, and then no longer."""
        try:
            why = one.measure()
        except DbferryError as error:
            one.silent = one.silent or time.monotonic()
            if time.monotonic() - one.silent < GONE_SECONDS:
                return self._why if self._since else None
            note = f"{one.name} could not be asked for {GONE_SECONDS:.0f} s, and the copy went on without minding it: {error.message}"
            if note not in self.notes:
                self.notes.append(note)
            return None
        one.silent = 0.0
        return why

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


def _load(mark: float, session: OpenSession, burden: Burden, label: str) -> Measure:
    return lambda: _above(burden.load(session, label), mark, "{} sessions at work in the source")


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
