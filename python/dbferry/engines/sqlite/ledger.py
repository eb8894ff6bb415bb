"""The ledger in a SQLite file: everything is part of a transaction, and a lock on a file beside it holds the task."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from dbferry.engines.sqlite import ddl
from dbferry.errors import PermissionError_
from dbferry.ledger.room import LARGE, Plain, Untold

if TYPE_CHECKING:
    from dbferry.catalog import Column
    from dbferry.sessions import OpenSession
    from dbferry.urls import Endpoint


# A text may hold any bytes: true where a character isn't what its own number makes. A character is found by counting:
# a long text is looked at in pieces that are kept.
NO_TEXT = (
    "{c} GLOB '*[^' || char(1) || '-' || char(127) || ']*' AND EXISTS (WITH RECURSIVE "
    "starts(n) AS (SELECT 1 UNION ALL SELECT n + 1000 FROM starts WHERE n + 1000 <= length({c})), "
    "pieces(piece) AS MATERIALIZED (SELECT substr({c}, n, 1000) FROM starts), "
    "places(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM places WHERE n < 1000) "
    "SELECT 1 FROM pieces CROSS JOIN places WHERE n <= length(piece) "
    "AND hex(substr(piece, n, 1)) <> hex(char(unicode(substr(piece, n, 1)))))"
)


class SqliteLedger(Plain, Untold):
    now = "CAST(strftime('%s', 'now') AS INTEGER)"
    long_text = "text"
    by_row = True
    drops_many = False
    cuts_by_key = True
    refuses_orphans = False
    table_options = ""

    def __init__(self) -> None:
        self._lock: TextIO | None = None

    def literal(self, text: str) -> str:
        return ddl.literal(text)

    def binary(self, text: str) -> str:
        return f"X'{text}'"

    def number(self, text: str) -> str:
        return text

    def told(self, text: str) -> str:
        return f"CAST({ddl.literal(text)} AS BLOB)"

    def as_bytes(self, column: Column) -> tuple[str, str]:
        digits = "CASE typeof({c}) WHEN 'blob' THEN lower(hex({c})) ELSE {c} END"
        return f"CAST({digits} AS BLOB)", "blob"

    def as_json(self, column: Column, value: str) -> str:
        size, digits = f"length(CAST({value} AS BLOB))", f"json_quote(lower(hex({value})))"
        return (
            f"CASE WHEN {value} IS NULL THEN 'null' WHEN {size} > {LARGE} THEN '{{\"bytes\": ' || {size} || '}}' "
            f"WHEN typeof({value}) = 'blob' THEN {digits} "
            f"WHEN {NO_TEXT.replace('{c}', value)} THEN '{{\"hex\": ' || {digits} || '}}' "
            f"ELSE json_quote(CAST({value} AS TEXT)) END"
        )

    sifting = ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")

    def joined(self, statements: Iterable[str]) -> str | None:
        # A comment at the end of the user's own words goes as far as its line.
        ended = [f"{s}\n" if "--" in s.rpartition("\n")[2] else s for s in statements]
        return "; ".join(["BEGIN IMMEDIATE", *ended, "COMMIT"])

    @contextmanager
    def alone(self, session: OpenSession) -> Iterator[None]:
        # Whoever writes the file is alone.
        yield

    def claim(self, session: OpenSession, endpoint: Endpoint, task: str) -> bool:
        if endpoint.path is None or endpoint.path == ":memory:":
            return True
        while True:
            file = _beside(endpoint.path, task)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            if _is_there(file):
                self._lock = file
                return True
            # Its holder has let it go since, and removed it: another may hold a new one.
            file.close()

    def held(self, session: OpenSession, endpoint: Endpoint, task: str) -> bool | None:
        if not _path(endpoint.path or "", task).exists():
            return False
        with _beside(endpoint.path or "", task) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def break_claim(self, session: OpenSession, task: str) -> None:
        """A process can't be ended from here: its next transaction finds the fence."""

    def end_sessions(self, session: OpenSession, label: str) -> int:
        return 0

    def release(self) -> None:
        """Lets the task go, and leaves no file."""
        if self._lock is not None:
            Path(self._lock.name).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None


def _is_there(file: TextIO) -> bool:
    """False when the file has been removed, or is another by now."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), Path(file.name).stat())
    return False


def _path(path: str, task: str) -> Path:
    return Path(f"{path}-dbferry-{task}")


def _beside(path: str, task: str) -> TextIO:
    try:
        return _path(path, task).open("w")
    except OSError as error:
        raise PermissionError_(
            f"no file can be made beside `{path}`", side="target", engine="sqlite", detail=error.strerror,
            hint="dbferry and SQLite itself keep files beside the database while it is written: make its folder writable",
        ) from None  # fmt: skip
