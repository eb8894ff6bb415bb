"""The ledger in MySQL and MariaDB: DDL commits by itself, named locks hold tasks and tell sessions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dbferry.engines.mysql import ddl, types
from dbferry.errors import DbferryError
from dbferry.ledger.room import LARGE, Untold

if TYPE_CHECKING:
    from dbferry.catalog import Column
    from dbferry.sessions import OpenSession
    from dbferry.urls import Endpoint

LABELS = 64
"""Sessions of one label that the engine tells apart."""
ALONE_SECONDS = 10
"""Far longer than ledgers are made or dropped: a server that hasn't noticed that a client is gone would hold its lock for hours."""


class MysqlLedger(Untold):
    now = "UNIX_TIMESTAMP()"
    long_text = "longtext"
    by_row = True
    drops_many = True
    cuts_by_key = True
    refuses_orphans = False
    table_options = " ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin"

    def literal(self, text: str) -> str:
        return ddl.literal(text)

    def binary(self, text: str) -> str:
        # Unlike X'…' a number where a column holds bits, and of any number of digits.
        return f"0x{text}" if text else "''"

    def number(self, text: str) -> str:
        return text

    def told(self, text: str) -> str:
        return ddl.literal(text)

    def as_bytes(self, column: Column) -> tuple[str, str]:
        return types.read_text(column).expression, "binary"

    def as_json(self, column: Column, value: str) -> str:
        text = types.read_text(column).expression.replace("{c}", value)
        return (
            f"CASE WHEN {value} IS NULL THEN 'null' WHEN OCTET_LENGTH({text}) > {LARGE} "
            f"THEN CONCAT('{{\"bytes\": ', OCTET_LENGTH({text}), '}}') ELSE JSON_QUOTE({text}) END"
        )

    def deleting(self, relation: str, where: str) -> str:
        return f"DELETE c FROM {relation} AS c WHERE {where}"

    def concat(self, texts: Sequence[str]) -> str:
        return f"CONCAT({', '.join(texts)})"

    sifting = (
        "SET SESSION foreign_key_checks = 0; START TRANSACTION",
        "COMMIT; SET SESSION foreign_key_checks = 1",
        "ROLLBACK; SET SESSION foreign_key_checks = 1",
    )

    def joined(self, statements: Iterable[str]) -> str | None:
        return None

    @contextmanager
    def alone(self, session: OpenSession) -> Iterator[None]:
        taken = f"SELECT GET_LOCK('dbferry', {ALONE_SECONDS})"
        if session.query(taken) != [("1",)]:
            self._end(session, "dbferry")
            session.query(taken)
        try:
            yield
        finally:
            session.query("SELECT RELEASE_LOCK('dbferry')")

    def claim(self, session: OpenSession, endpoint: Endpoint, task: str) -> bool:
        return session.query(f"SELECT GET_LOCK('dbferry.{task}', 0)")[0][0] == "1"

    def held(self, session: OpenSession, endpoint: Endpoint, task: str) -> bool | None:
        return session.query(f"SELECT IS_USED_LOCK('dbferry.{task}')")[0][0] is not None

    def break_claim(self, session: OpenSession, task: str) -> None:
        self._end(session, f"dbferry.{task}")

    def release(self) -> None:
        """All goes with the session."""

    def end_sessions(self, session: OpenSession, label: str) -> int:
        return sum(self._end(session, f"{label}.{number}") for number in range(LABELS))

    def _end(self, session: OpenSession, lock: str) -> int:
        rows = session.query(f"SELECT IS_USED_LOCK('{lock}'), CONNECTION_ID()")
        holder, own = rows[0]
        if holder is None or holder == own:
            return 0
        # It may have ended by itself meanwhile.
        with suppress(DbferryError):
            session.execute(f"KILL {holder}")
        return 1
