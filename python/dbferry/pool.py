"""Sessions that work off a queue, the heaviest work first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import count
from threading import Condition, Lock, Thread

from dbferry.errors import DbferryError
from dbferry.sessions import OpenSession

Opens = Callable[[], AbstractContextManager[OpenSession]]
Work = Callable[[OpenSession], None]
TURN_SECONDS = 0.1


class Pool:
    """Opens sessions as there is work for them; what one raises stops all, and `wait` raises it."""

    def __init__(
        self,
        opens: Opens,
        size: int,
        settings: Sequence[str] = (),
    ) -> None:
        self._opens, self._size, self._settings = opens, size, settings
        self._queue: list[tuple[int, int, Work]] = []
        self._order = count()
        self._turn = Condition()
        self._opening = Lock()
        self._threads: list[Thread] = []
        self._sessions: list[OpenSession] = []
        self._idle = self._busy = 0
        self._error: BaseException | None = None
        self._closed = False

    def submit(self, weight: int, work: Work) -> None:
        with self._turn:
            heapq.heappush(self._queue, (-weight, next(self._order), work))
            if self._idle < len(self._queue) and len(self._threads) < self._size:
                thread = Thread(target=self._run, name="dbferry-finish", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._turn.notify_all()

    def wait(self, meanwhile: Callable[[], None]) -> None:
        """Until all is done; `meanwhile` is called now and then, as is Ctrl-C."""
        while True:
            with self._turn:
                if self._error is not None:
                    raise self._error
                if not self._queue and not self._busy:
                    return
                self._turn.wait(TURN_SECONDS)
            meanwhile()

    def close(self, *, cancel: bool = False) -> None:
        """Ends the sessions: after the work they have, or at once."""
        with self._turn:
            self._closed = True
            if cancel:
                self._queue.clear()
                for session in self._sessions:
                    session.cancel()
            self._turn.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                session = self._open(stack)
                while session is not None and (work := self._next()) is not None:
                    try:
                        work(session)
                    finally:
                        with self._turn:
                            self._busy -= 1
                            self._turn.notify_all()
        except BaseException as error:  # noqa: BLE001 - `wait` raises it in the thread that asked
            with self._turn:
                self._error = self._error or error
                self._turn.notify_all()

    def _open(self, stack: ExitStack) -> OpenSession | None:
        """A session; nothing when there are others and the server gives no more."""
        with self._opening:
            try:
                session = stack.enter_context(self._opens())
            except DbferryError as error:
                if error.retryable and self._sessions:
                    return None
                raise
            with self._turn:
                self._sessions.append(session)
        for setting in self._settings:
            session.execute(setting)
        return session

    def _next(self) -> Work | None:
        with self._turn:
            self._idle += 1
            while not self._queue and not self._closed and self._error is None:
                self._turn.wait()
            self._idle -= 1
            if self._closed or self._error is not None:
                return None
            self._busy += 1
            return heapq.heappop(self._queue)[2]
