"""Servers that go down in the middle of a run, and come back."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from time import sleep

from servers.postgres import PostgresServer
from servers.server import Server

KEEPER = ThreadPoolExecutor(1)
"""A server ends with the thread that has started it: this one stays."""


def ways_down(server: Server) -> list[Callable[[], None]]:
    """How a server may go."""
    at_once = [server.stop_at_once] if isinstance(server, PostgresServer) else []
    return [server.kill, server.stop, *at_once]


class Outage:
    """Called at a moment, takes a server down, and after some seconds up again on the same port with the same data."""

    def __init__(self, server: Server, down: Callable[[], None], seconds: float) -> None:
        self._server, self._down, self._seconds = server, down, seconds
        self._done: Future[None] | None = None

    def __str__(self) -> str:
        return f"outage of {self._server.scheme} by {self._down.__name__}"

    def __call__(self) -> None:
        self._done = KEEPER.submit(self._pass)
        wait([self._done])

    def _pass(self) -> None:
        self._down()
        sleep(self._seconds)
        self._server.start()

    def over(self) -> None:
        """Returns when the server is up again, and raises what went wrong over it."""
        if self._done is not None:
            self._done.result(120)
