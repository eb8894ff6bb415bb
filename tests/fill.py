"""Fills a database with plain rows through the independent clients: what dbferry later reads."""

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import judge
from servers.database import Database, ServerDatabase, SqliteDatabase


def insert(db: Database, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Inserts rows of Python values, in one transaction."""
    rows = [tuple(row) for row in rows]
    if not rows:
        return
    mark = "?" if isinstance(db, SqliteDatabase) else "%s"
    marks = ", ".join([mark] * len(rows[0]))
    with contextlib.closing(_connect(db)) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        cursor.executemany(f"INSERT INTO {judge.quote(db, table)} VALUES ({marks})", rows)
        connection.commit()


def _connect(db: Database) -> Any:
    if isinstance(db, SqliteDatabase):
        return db._connect()
    assert isinstance(db, ServerDatabase)
    return db.server.connect(db.name, autocommit=False)
