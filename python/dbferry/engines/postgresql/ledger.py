"""The ledger in PostgreSQL: statements of one message are one transaction, advisory locks hold tasks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from dbferry.engines.postgresql import ddl, tables, types
from dbferry.errors import BusyError
from dbferry.ledger.room import LARGE, Leftover, Plain

if TYPE_CHECKING:
    from dbferry.catalog import Column
    from dbferry.ledger.book import RangeEntry
    from dbferry.sessions import OpenSession
    from dbferry.urls import Endpoint

ASKED_AT_ONCE = 100
"""Ranges of one question."""
MAKING = 7_233_172_117_306_401
"""The advisory lock of whoever makes or drops the tables of ledgers."""
ALONE_SECONDS = 10
"""Far longer than that takes: a server that hasn't noticed that a client is gone would hold its lock for hours."""
ENDING_SECONDS = 3
"""Far longer than a session takes to end whose client is gone, and has none of the server's work left."""
TURN_SECONDS = 0.1

LEFTOVERS = f"""
SELECT n.nspname, c.relname,
       pg_catalog.obj_description(c.oid, 'pg_class') IS NOT DISTINCT FROM {ddl.literal(tables.MARK)},
       of.nspname, heir.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_inherits i ON i.inhparent = c.oid
LEFT JOIN pg_catalog.pg_class heir ON heir.oid = i.inhrelid
LEFT JOIN pg_catalog.pg_namespace of ON of.oid = heir.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.relname ~ {ddl.literal(tables.NAMED)} ORDER BY 1, 2, 4, 5"""
OTHERS = """
SELECT 1 FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND application_name ~ '^dbferry' AND pid <> pg_catalog.pg_backend_pid()
LIMIT 1"""


class PostgresqlLedger(Plain):
    now = "EXTRACT(EPOCH FROM pg_catalog.clock_timestamp())::bigint"
    long_text = "text"
    by_row = True
    drops_many = False
    cuts_by_key = False
    refuses_orphans = True
    table_options = ""

    def literal(self, text: str) -> str:
        return ddl.literal(text)

    def binary(self, text: str) -> str:
        return ddl.literal(text)

    def number(self, text: str) -> str:
        return ddl.literal(text)

    def told(self, text: str) -> str:
        return ddl.literal(text)

    def as_bytes(self, column: Column) -> tuple[str, str]:
        return types.read_text(column).expression, "bytea"

    def as_json(self, column: Column, value: str) -> str:
        text = types.read_text(column).expression.replace("{c}", value)
        return (
            f"CASE WHEN {value} IS NULL THEN 'null' WHEN pg_catalog.octet_length({text}) > {LARGE} "
            f"THEN '{{\"bytes\": ' || pg_catalog.octet_length({text}) || '}}' "
            f"ELSE pg_catalog.to_json({text})::text END"
        )

    # Others may write to the table: what is deleted must be what was told.
    sifting = ("BEGIN ISOLATION LEVEL REPEATABLE READ", "COMMIT", "ROLLBACK")

    def joined(self, statements: Iterable[str]) -> str | None:
        return "; ".join(statements)

    @contextmanager
    def alone(self, session: OpenSession) -> Iterator[None]:
        if not _locked(session, MAKING):
            _end_holder(session, MAKING)
            session.query(f"SELECT pg_catalog.pg_advisory_lock({MAKING})")
        try:
            yield
        finally:
            session.query(f"SELECT pg_catalog.pg_advisory_unlock({MAKING})")

    def claim(self, session: OpenSession, endpoint: Endpoint, task: str) -> bool:
        rows = session.query(f"SELECT pg_catalog.pg_try_advisory_lock({_key(task)})")
        return rows[0][0] == "t"

    def held(self, session: OpenSession, endpoint: Endpoint, task: str) -> bool | None:
        return bool(session.query(f"SELECT 1 {_holders(_key(task))}"))

    def break_claim(self, session: OpenSession, task: str) -> None:
        _end_holder(session, _key(task))

    def release(self) -> None:
        """All goes with the session."""

    def places(self, session: OpenSession, relations: Sequence[str]) -> str:
        names = ", ".join(self.literal(name.removeprefix("ONLY ")) for name in relations)
        rows = session.query(
            "SELECT pg_catalog.string_agg(pg_catalog.pg_relation_filenode(r::regclass)::text, ' ' ORDER BY n) "
            f"FROM pg_catalog.unnest(ARRAY[{names}]::text[]) WITH ORDINALITY AS t(r, n)"
        )
        return rows[0][0] or ""

    def kept(
        self, session: OpenSession, relation: str, ranges: Sequence[RangeEntry], places: str
    ) -> bool:
        """No row in them is younger than their snapshot, and there are as many as were read.

        A row that was there and has gone is missing in the count, one that came or changed is younger. All this
        is said of blocks, which only means something while the table lies in the same file.
        """
        relations = dict.fromkeys(part.relation or relation for part in ranges)
        if not places or any(not part.token for part in ranges):
            return False
        for start in range(0, len(ranges), ASKED_AT_ONCE):
            asked = ranges[start : start + ASKED_AT_ONCE]
            rows = session.query(" UNION ALL ".join(map(partial(_young, relation), asked)))
            told = {int(r[0] or 0): (r[1], r[2]) for r in rows}
            if any(told.get(part.number) != (str(part.rows + part.unfit), "0") for part in asked):
                return False
        return bool(relations)

    def leftovers(self, session: OpenSession) -> Sequence[Leftover]:
        found: dict[str, list[str]] = {}
        marked = set()
        for schema, name, mark, *heir in session.query(LEFTOVERS):
            table = ddl.relation(schema, name or "")
            heirs = found.setdefault(table, [])
            heirs += [ddl.relation(heir[0], heir[1])] if heir[1] is not None else []
            if mark == "t" and not session.query(f"SELECT 1 FROM ONLY {table} LIMIT 1"):
                marked.add(table)
        if marked and not _comes(lambda: not session.query(OTHERS), ENDING_SECONDS):
            raise BusyError(
                "another session of dbferry is open, which may be making a table", side="target",
                engine="postgresql", hint="let its run finish, and try again",
            )  # fmt: skip
        return [
            Leftover(table, _cleared(table, heirs) if table in marked else "")
            for table, heirs in found.items()
        ]

    def end_sessions(self, session: OpenSession, label: str) -> int:
        rows = session.query(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
            f"WHERE application_name = {self.literal(label)} AND usename = current_user "
            "AND pid <> pg_catalog.pg_backend_pid()"
        )
        return len(rows)


def _locked(session: OpenSession, key: int) -> bool:
    """False when another session holds the lock for so long that its client must be gone."""
    tried = f"SELECT pg_catalog.pg_try_advisory_lock({key})"
    return _comes(lambda: session.query(tried) == [("t",)], ALONE_SECONDS)


def _comes(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether something holds before so many seconds are over."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(TURN_SECONDS)
    return True


def _end_holder(session: OpenSession, key: int) -> None:
    session.query(f"SELECT pg_catalog.pg_terminate_backend(pid) {_holders(key)}")


def _holders(key: int) -> str:
    """Sessions that hold a lock, but for one's own."""
    key &= (1 << 64) - 1
    return (
        f"FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND classid = {key >> 32} "
        f"AND objid = {key & 0xFFFFFFFF} AND objsubid = 1 AND granted AND pid <> pg_catalog.pg_backend_pid() "
        "AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    )


def _young(relation: str, part: RangeEntry) -> str:
    """How many rows a range has, and how many whose transaction its snapshot may not have seen."""
    # Numbers of transactions go round: only their age can be compared.
    oldest = int(part.token.split(":")[0]) & 0xFFFFFFFF
    young = f"pg_catalog.age(xmin) <= pg_catalog.age('{oldest}'::xid)"
    where = f" WHERE {part.predicate}" if part.predicate else ""
    return (
        f"SELECT {part.number}, pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE {young}) "
        f"FROM {part.relation or relation}{where}"
    )


def _key(task: str) -> int:
    digest = hashlib.sha256(f"dbferry {task}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _cleared(table: str, heirs: Sequence[str]) -> str:
    """What has inherited from it has its columns as its own then; statements that are sent as one are one transaction."""
    let_go = [f"ALTER TABLE {heir} NO INHERIT {table}" for heir in heirs]
    return ";\n".join([*let_go, f"DROP TABLE {table}"])
