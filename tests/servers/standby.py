"""A private PostgreSQL that follows another."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from servers.postgres import PostgresServer


class Standby(PostgresServer):
    """A replica of another private server."""

    def __init__(self, primary: PostgresServer, *args: str) -> None:
        super().__init__(*args)
        self._primary = primary

    def _initialize(self) -> None:
        one = self._primary
        place = f"host={one.host} port={one.port} user={one.user} password={one.password}"
        backup = str(self.binary_folder / "pg_basebackup")
        self._run([backup, "-D", str(self.data), "-R", "-c", "fast", "-d", place])

    def _create_users(self) -> None:
        """They are the primary's."""


@contextmanager
def followed() -> Iterator[tuple[PostgresServer, Standby]]:
    """A server, and one that follows it."""
    with ExitStack() as stack:
        primary = PostgresServer()
        stack.callback(primary.close)
        primary.start()
        standby = Standby(primary)
        stack.callback(standby.close)
        standby.start()
        yield primary, standby
