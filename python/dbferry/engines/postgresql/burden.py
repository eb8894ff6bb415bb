"""How much a PostgreSQL server bears: its replicas' lag, its own as a replica, and who is at work on it."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from dbferry.engines.postgresql import ddl
from dbferry.errors import PermissionError_

if TYPE_CHECKING:
    from dbferry.sessions import OpenSession

REMEMBERED = 10_000
"""Moments; at one in two seconds those of five hours."""


class PostgresqlBurden:
    def __init__(self) -> None:
        self._written: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)

    def lag(self, session: OpenSession) -> float:
        """Since when the slowest replica hasn't replayed what was written then.

        The server's own `replay_lag` stands still while a replica does.
        """
        [row] = session.query(
            "SELECT pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() "
            "THEN pg_catalog.pg_last_wal_receive_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, '0/0'), "
            "min(pg_catalog.pg_wal_lsn_diff(replay_lsn, '0/0')), count(*), count(replay_lsn) "
            "FROM pg_catalog.pg_stat_replication"
        )
        written, replayed, replicas, told = (int(value or 0) for value in row)
        if told < replicas:
            raise PermissionError_(
                "the user may not see how far the source's replicas are",
                side="source",
                engine="postgresql",
                hint="GRANT pg_monitor to the user, or leave out --max-lag",
            )
        now = time.monotonic()
        self._written.append((now, written))
        if not replicas:
            return 0.0
        while self._written and self._written[0][1] <= replayed:
            self._written.popleft()
        return now - self._written[0][0] if self._written else 0.0

    def behind(self, session: OpenSession) -> float | None:
        # One that has only started knows of no transaction yet.
        [row] = session.query(
            "SELECT pg_catalog.pg_is_in_recovery(), CASE WHEN pg_catalog.pg_last_wal_receive_lsn() = "
            "pg_catalog.pg_last_wal_replay_lsn() THEN 0 ELSE EXTRACT(EPOCH FROM pg_catalog.clock_timestamp() "
            "- COALESCE(pg_catalog.pg_last_xact_replay_timestamp(), pg_catalog.pg_postmaster_start_time())) END"
        )
        return float(row[1] or 0) if row[0] == "t" else None

    def load(self, session: OpenSession, label: str) -> int:
        [row] = session.query(
            "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'active' "
            f"AND pid <> pg_catalog.pg_backend_pid() AND application_name <> {ddl.literal(label)}"
        )
        return int(row[0] or 0)
