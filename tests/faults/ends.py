"""The ends of a run, behind proxies."""

from contextlib import ExitStack
from dataclasses import dataclass

from faults.proxy import Proxy
from servers.database import Database, ServerDatabase
from servers.server import Server

PLAIN = {
    "postgresql": "sslmode=disable",
    "mysql": "ssl-mode=disabled",
    "mariadb": "ssl-mode=disabled",
}
"""Without TLS a proxy can read what is said."""


@dataclass(frozen=True)
class Served:
    """A database of a server that is reached through a proxy."""

    server: Server
    proxy: Proxy
    url: str


@dataclass(frozen=True)
class Alone:
    """A file, which no proxy can be in front of."""

    url: str


End = Served | Alone


def through(db: Database, stack: ExitStack) -> End:
    """A database as dbferry is to reach it."""
    if not isinstance(db, ServerDatabase):
        return Alone(db.url)
    proxy = stack.enter_context(Proxy(db.server.port))
    url = db.url.replace(f":{db.server.port}/", f":{proxy.port}/")
    return Served(db.server, proxy, f"{url}?{PLAIN[db.engine]}")


def served(db: Database, stack: ExitStack) -> Served:
    """A database of a server as dbferry is to reach it."""
    end = through(db, stack)
    assert isinstance(end, Served)
    return end
