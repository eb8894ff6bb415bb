"""How much a MySQL or MariaDB server bears: its lag as a replica, and who is at work on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbferry.engines.mysql.ledger import LABELS
from dbferry.errors import DbferryError, PermissionError_

if TYPE_CHECKING:
    from dbferry.sessions import OpenSession

BEHIND = 32
"""The place of `Seconds_Behind_Source` (or `_Master`) in the status of a replica, in every version of both."""
IDLE = "'Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID', 'Slave_IO', 'Slave_SQL', 'Connect'"
STOPPED = float("inf")


class MysqlBurden:
    def lag(self, session: OpenSession) -> None:
        """A server of this family doesn't know how far its replicas are."""

    def behind(self, session: OpenSession) -> float | None:
        rows = _status(session)
        if not rows:
            return None
        told = rows[0][BEHIND]
        return STOPPED if told is None else float(told)

    def load(self, session: OpenSession, label: str) -> int:
        own = ", ".join(
            f"coalesce(IS_USED_LOCK('{label}.{number}'), 0)" for number in range(LABELS)
        )
        [row] = session.query(
            f"SELECT count(*), sum(command NOT IN ({IDLE}) AND id <> CONNECTION_ID() AND id NOT IN ({own})) "
            "FROM information_schema.processlist"
        )
        seen, busy = (int(value or 0) for value in row)
        [(_, connected)] = session.query("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
        # One may have come meanwhile.
        if seen + 1 < int(connected or 0):
            raise PermissionError_(
                "the user may not see who is at work in the source",
                side="source",
                hint="GRANT PROCESS ON *.* to the user, or leave out --max-load",
            )
        return busy


def _status(session: OpenSession) -> list[tuple[str | None, ...]]:
    """How the replication is, in the words of newer and of older servers."""
    try:
        return session.query("SHOW REPLICA STATUS")
    except DbferryError as error:
        if error.fatal or error.kind == "permission":
            raise
        return session.query("SHOW SLAVE STATUS")
