"""The ledger in a DuckDB file: DDL is part of a transaction, and the file belongs to one process."""

from __future__ import annotations

from collections.abc import Iterable

from dbferry.ledger.streamed import StreamedLedger


class DuckdbLedger(StreamedLedger):
    def joined(self, statements: Iterable[str]) -> str | None:
        return "; ".join(["BEGIN TRANSACTION", *statements, "COMMIT"])
