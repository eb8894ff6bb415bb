"""After a commit that has failed an ADBC session is outside of any transaction, and can begin another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from command import Command, refused
from dbferry.engines.adbc.session import AdbcSession
from dbferry.errors import DbferryError
from dbferry.sessions import open_session, transaction
from dbferry.urls import parse
from servers.database import Database
from through import adbc

Make = Callable[[str], Database]
ONCE = "CREATE TABLE t (id integer UNIQUE DEFERRABLE INITIALLY DEFERRED)"


@contextmanager
def session_of(db: Database) -> Iterator[AdbcSession]:
    with open_session(parse(adbc(db)), side="target") as session:
        yield cast(AdbcSession, session)


@pytest.mark.parametrize("way", ["begin", "_begin_by_statement"])
def test_the_next_transaction_is_one_of_its_own(database: Make, way: str) -> None:
    db = database("postgresql")
    db.sql(ONCE)
    with session_of(db) as session:
        begin = getattr(session, way)
        with pytest.raises(DbferryError, match="unique"), transaction(session, begin):
            session.execute("INSERT INTO t VALUES (1), (1)")
        assert not session.transactional
        session.execute("INSERT INTO t VALUES (2)")
        assert db.rows("SELECT id FROM t") == [(2,)]
        begin()
        session.execute("INSERT INTO t VALUES (3)")
        assert db.rows("SELECT id FROM t") == [(2,)]
        session.rollback()
        with transaction(session, begin):
            session.execute("INSERT INTO t VALUES (4)")
        assert db.rows("SELECT id FROM t ORDER BY id") == [(2,), (4,)]


def test_a_transaction_that_the_database_has_ended_by_itself_is_no_more(database: Make) -> None:
    """As SQLite does on a full disk, and its driver takes it for open."""
    db = database("sqlite")
    db.sql("CREATE TABLE t (id integer)")
    with session_of(db) as session:
        with pytest.raises(DbferryError), transaction(session):
            session.execute("INSERT INTO t VALUES (1)")
            session.execute("ROLLBACK")
            session.execute("INSERT INTO t SELECT * FROM missing")
        session.begin()
        session.execute("INSERT INTO t VALUES (2)")
        assert db.rows("SELECT id FROM t") == []
        session.rollback()
        with transaction(session):
            session.execute("INSERT INTO t VALUES (3)")
        assert db.rows("SELECT id FROM t") == [(3,)]


@pytest.mark.parametrize("more", [[], ["--on-bad-row", "quarantine"]])
def test_the_other_tables_of_a_run_are_whole(
    dbferry: Command, database: Make, more: list[str]
) -> None:
    source, target = database("sqlite"), database("postgresql")
    for name in ("t", "u"):
        source.sql(f"CREATE TABLE {name} (id integer); INSERT INTO {name} VALUES (1), (1), (2)")
    target.sql(ONCE.replace("integer", "bigint"))
    result = refused(dbferry.migrate(source, adbc(target), *more, "--json"), 1, "unique")
    states = {name: table["state"] for name, table in result.tables().items()}
    assert states == {"t": "failed", "u": "done"}
    assert target.rows("SELECT id FROM t") == []
    assert sorted(target.rows("SELECT id FROM u")) == [(1,), (1,), (2,)]
