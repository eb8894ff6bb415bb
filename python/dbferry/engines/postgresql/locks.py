"""Whether a server can hold the locks of a whole run.

A snapshot holds a lock on every table and index that is read or counted under it, until it ends. The server has
room for so many in all; one more is the error 53200, `out of shared memory`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dbferry.catalog import Session, Table

ROOM = """
SELECT pg_catalog.current_setting('max_locks_per_transaction'),
       pg_catalog.current_setting('max_connections')::int8
       + pg_catalog.current_setting('max_prepared_transactions')::int8"""
SESSIONS = 2
"""One reads a table and another may count it; a large one is read by all."""


@dataclass(frozen=True)
class Locks:
    needed: int
    each: int
    """`max_locks_per_transaction`."""
    sessions: int

    @property
    def fit(self) -> bool:
        return self.needed <= self.each * self.sessions

    @property
    def mend(self) -> str:
        """With a quarter left for others."""
        wanted = -(-self.needed * 5 // 4 // self.sessions) or 1
        return f"ALTER SYSTEM SET max_locks_per_transaction = {wanted}; -- and restart the server"

    def __str__(self) -> str:
        return (
            f"a snapshot holds {self.needed} locks on tables and indexes until all are read, and there is room "
            f"for {self.each * self.sessions}"
        )


def of(session: Session, tables: Sequence[Table]) -> Locks:
    relations = sum(
        (1 + len(table.indexes) + bool(table.primary_key)) * (1 + len(table.leaves))
        for table in tables
    )
    ((each, sessions),) = session.query(ROOM)
    return Locks(SESSIONS * relations, int(each or 0), int(sessions or 1))
