"""The ledger behind an ADBC driver: one statement at a time, in plain SQL."""

from __future__ import annotations

from collections.abc import Iterable

from dbferry.ledger.streamed import StreamedLedger


class AdbcLedger(StreamedLedger):
    def joined(self, statements: Iterable[str]) -> str | None:
        return None
