"""The ends of a run, behind proxies."""

from contextlib import ExitStack

from faults.proxy import Proxy
from servers.database import Database, ServerDatabase

PLAIN = {
    "postgresql": "sslmode=disable",
    "mysql": "ssl-mode=disabled",
    "mariadb": "ssl-mode=disabled",
}
"""Without TLS a proxy can read what is said."""


def through(db: Database, stack: ExitStack) -> tuple[str, Proxy | None]:
    """The address of a database behind a proxy; a file has none."""
    if not isinstance(db, ServerDatabase):
        return db.url, None
    proxy = stack.enter_context(Proxy(db.server.port))
    return f"{db.url.replace(f':{db.server.port}/', f':{proxy.port}/')}?{PLAIN[db.engine]}", proxy
