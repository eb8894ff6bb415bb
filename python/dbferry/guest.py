"""Being a good guest: the copy rests while the source's load or its replicas' lag is above a mark.

Each server is asked every few seconds, by a thread and a session of its own beside the copy. While one is asked in
vain, because it is gone or hangs, things stay as they are for a while. Then the copy goes on: a replica that is dead
can't be spared, one that was promoted is none any more, and if it is the source the copy itself meets the same
trouble. Once it answers it is minded again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Protocol

from dbferry.engines import engine
from dbferry.errors import DbferryError, Interrupted, LostError, RequestError
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


Measure = Callable[["OpenSession"], str | None]
"""Why the copy should rest; nothing when it needn't."""


class UnansweredError(LostError):
    """A question was given up, and its session with it."""


@dataclass
class Question:
    """What is waited for: an answer for some seconds, and for none once it is over."""

    name: str
    over: Event
    begun: float = 0.0

    def begin(self) -> None:
        self.begun = time.monotonic()

    def watch(self) -> None:
        """Raises a DbferryError when nobody should wait any more."""
        if self.over.is_set():
            raise Interrupted("the answer is not needed any more", side="source")
        if time.monotonic() - self.begun >= GONE_SECONDS:
            raise UnansweredError(
                f"no answer came for {GONE_SECONDS:.0f} s", side="source",
                hint=f"see why {self.name} doesn't answer, or leave out --max-load or --max-lag, which asks it",
            )  # fmt: skip


@dataclass
class Asked:
    """A server that is asked again and again."""

    name: str
    session: OpenSession
    question: Question
    measures: list[Measure]
    why: str | None = None
    """Why the copy should rest, by the last answer; while there is none for a while, none."""
    silent: float = 0.0
    """Since when it doesn't answer, of `time.monotonic`; 0 while it does."""

    def ask(self) -> None:
        self.question.begin()
        self.why = next((why for measure in self.measures if (why := measure(self.session))), None)
        self.silent = 0.0

    def ask_again(self) -> DbferryError | None:
        """As `ask`, and gives the reason once it hasn't answered for too long."""
        try:
            self.ask()
        except DbferryError as error:
            self.silent = self.silent or self.question.begun
            if time.monotonic() - self.silent < GONE_SECONDS:
                return None
            self.why = None
            return error
        return None


@dataclass
class Guest:
    """Watches until `close`; `rest` lets the copy rest or go on, from another thread."""

    rest: Callable[[bool], None]
    notes: list[str] = field(default_factory=list)
    _asked: list[Asked] = field(default_factory=list)
    _over: Event = field(default_factory=Event)
    _stack: ExitStack = field(default_factory=ExitStack)
    _threads: list[Thread] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    _since: float = 0.0
    _times: int = 0
    _seconds: float = 0.0
    _why: str = ""

    @classmethod
    def of(cls, task: Task, source: Endpoint, rounds: Rounds) -> Guest:
        """Asks everything once, so that what can't be told is an error before anything moves."""
        guest = cls(rounds.rest)
        try:
            guest._open(task, source)
            for one in guest._asked:
                one.ask()
            guest._turn()
        except UnansweredError as error:
            # A server that hangs before anything moves isn't waited for.
            guest._stack.close()
            raise RequestError(error.message, side="source", hint=error.hint) from None
        except BaseException:
            guest._stack.close()
            raise
        return guest

    def _open(self, task: Task, source: Endpoint) -> None:
        load, lag = task.max_load, task.max_lag
        measures: list[Measure] = []
        if load is not None:
            burden, label = _burden(source, "load"), source.label or "dbferry"
            measures.append(partial(_load, load, burden, label))
        if lag is not None and not task.replicas:
            measures.append(partial(_lag, lag, _burden(source, "lag"), source.engine))
        if measures:
            self._ask(source, "the source", measures)
        if lag is None:
            return
        for replica in map(parse, task.replicas):
            behind = partial(_behind, lag, _burden(replica, "lag"), replica.safe)
            self._ask(replica, f"the replica {replica.safe}", [behind])

    def _ask(self, endpoint: Endpoint, name: str, measures: list[Measure]) -> None:
        question = Question(name, self._over)
        question.begin()
        opened = open_steady(endpoint, side="source", watch=question.watch)
        session = self._stack.enter_context(opened)
        self._asked.append(Asked(name, session, question, measures))

    @property
    def resting(self) -> str:
        """Why the copy rests now, if it does."""
        return f"resting: {self._why}" if self._since else ""

    def __enter__(self) -> None:
        for one in self._asked:
            thread = Thread(target=self._watch, args=(one,), name="dbferry-guest", daemon=True)
            self._threads.append(thread)
            thread.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._over.is_set():
            return
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._asked.clear()
        self._turn()
        self._stack.close()
        if self._times:
            times = "once" if self._times == 1 else f"{self._times} times"
            self.notes.append(f"rested {times}, {self._seconds:.0f} s in all: {self._why}")

    def _watch(self, one: Asked) -> None:
        while not self._over.wait(EVERY_SECONDS):
            error = one.ask_again()
            if self._over.is_set():
                return
            with self._lock:
                if error is not None:
                    self._say(one, error)
                self._turn()

    def _say(self, one: Asked, error: DbferryError) -> None:
        note = f"{one.name} could not be asked for {GONE_SECONDS:.0f} s, and the copy went on without minding it: {error.message}"
        if note not in self.notes:
            self.notes.append(note)

    def _turn(self) -> None:
        """Lets the copy rest or go on, as the last answers say."""
        why = next((one.why for one in self._asked if one.why), None)
        if why is not None and not self._since:
            self._since, self._why = time.monotonic(), why
            self._times += 1
            self.rest(True)
        elif why is None and self._since:
            self._seconds += time.monotonic() - self._since
            self._since = 0.0
            self.rest(False)


def _above(found: float, mark: float, told: str) -> str | None:
    if found <= mark:
        return None
    if found == float("inf"):
        return "a replica of the source stands still"
    return f"{told.format(round(found))}, above {mark:g}"


def _load(mark: float, burden: Burden, label: str, session: OpenSession) -> str | None:
    return _above(burden.load(session, label), mark, "{} sessions at work in the source")


def _lag(mark: float, burden: Burden, name: str, session: OpenSession) -> str | None:
    found = burden.lag(session)
    if found is None:
        raise RequestError(
            f"{name} doesn't tell how far its replicas are behind",
            side="source",
            engine=name,
            hint="name them: --replica URL, once for each",
        )
    return _above(found, mark, "a replica of the source is {} s behind")


def _behind(mark: float, burden: Burden, name: str, session: OpenSession) -> str | None:
    found = burden.behind(session)
    if found is None:
        raise RequestError(
            f"{name} is no replica", side="source", hint="name a replica of the source"
        )
    return _above(found, mark, "a replica of the source is {} s behind")


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
