"""Who may write: one run at a time holds a task, and says again and again that it is alive.

A session of the target holds a lock, which goes when its process dies; so the next run goes on at once. A holder
that is stopped and not dead keeps its lock: once its lease is over another run ends its sessions and raises the
fence. What the old one still tries to commit is rolled back.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from threading import Event, Thread
from typing import TYPE_CHECKING

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from dbferry.errors import AtWorkError, DbferryError
from dbferry.ledger.book import Book
from dbferry.ledger.room import takes_ddl_whole

if TYPE_CHECKING:
    from dbferry.ledger.book import Entry
    from dbferry.ledger.room import Room
    from dbferry.sessions import OpenSession
    from dbferry.urls import Endpoint

Opens = Callable[[], AbstractContextManager["OpenSession"]]
LEASE_SECONDS = 60
"""Long enough for a busy server, short enough to be waited for."""
TELLINGS = 4
"""In the time of a lease."""


def lease_seconds() -> int:
    return int(os.environ.get("DBFERRY_LEASE_SECONDS") or LEASE_SECONDS)


def holder() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


class Claim:
    """A task that is held until `release`. `lost` is called from another thread when another run has it."""

    def __init__(
        self, opens: Opens, endpoint: Endpoint, book_of: Callable[[OpenSession], Book], room: Room
    ) -> None:
        self._opens, self._endpoint, self._book_of, self._room = opens, endpoint, book_of, room
        self._stack = ExitStack()
        self._session: OpenSession | None = None
        self._held = False
        """True while the session has the lock."""
        self._over = Event()
        self._teller: Thread | None = None
        self.failure: DbferryError | None = None
        self.lost: Callable[[], None] = lambda: None

    def take(self, task: str, entry: Callable[[], Entry | None]) -> None:
        """Raises an AtWorkError while another run is at work on the task."""
        session = self._session = self._stack.enter_context(self._opens())
        self._held = self._room.claim(session, self._endpoint, task)
        if self._held:
            return
        known = entry()
        if known is None or known.lease_left > 0:
            raise _at_work(known)
        self._room.break_claim(session, task)
        again = Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, AtWorkError)),
            stop=stop_after_delay(5),
            wait=wait_random_exponential(0.1, 1),
            reraise=True,
        )
        again(self._take_again, session, task)

    def _take_again(self, session: OpenSession, task: str) -> None:
        self._held = self._room.claim(session, self._endpoint, task)
        if not self._held and not takes_ddl_whole(self._room):
            raise _at_work(None)

    def tell(self, fence: int, lease: int) -> None:
        """Says from now on that the run is alive."""
        self._teller = Thread(
            target=self._tell, args=(fence, lease), name="dbferry-lease", daemon=True
        )
        self._teller.start()

    def _tell(self, fence: int, lease: int) -> None:
        while not self._over.wait(lease / TELLINGS):
            try:
                session = self._session or self._stack.enter_context(self._opens())
                book = self._book_of(session)
                book.fence = fence
                book.renew(lease)
                self._session = session
                if not self._held:
                    # The lock goes with a session that is lost, as soon as its server misses it.
                    self._held = self._room.claim(session, self._endpoint, book.id)
            except DbferryError as error:
                if error.retryable:
                    # The next telling opens a session anew; the run's own work meets the same trouble.
                    self._session, self._held = None, False
                    continue
                self.failure = error
                self.lost()
                return

    def release(self) -> None:
        self._over.set()
        self.lost = lambda: None
        if self._teller is not None:
            self._teller.join()
        self._stack.close()
        self._room.release()


def _at_work(entry: Entry | None) -> AtWorkError:
    who = f": {entry.holder}" if entry is not None else ""
    left = f" of {entry.lease_left} seconds" if entry is not None and entry.lease_left > 0 else ""
    return AtWorkError(
        f"another run of this task is at work{who}",
        side="target",
        hint=f"let it finish, or end it; if it hangs, try again when its lease{left} is over",
    )
