"""Rows that PostgreSQL's policies hide from the user of a run are told, and a table that takes none so is refused."""

import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

import dbferry
from servers.database import Database
from servers.postgres import PostgresServer

Make = Callable[[str], Database]
TABLE = (
    "CREATE TABLE t (id int PRIMARY KEY); CREATE POLICY others ON t USING (id > 1); "
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; "
)


@pytest.fixture
def guest(postgres: PostgresServer) -> Iterator[Callable[[Database], str]]:
    """A function: a database to its URL for a user whom policies hold for, and who owns its tables.

    To be asked for before databases, which go first.
    """
    name = f"guest_{uuid.uuid4().hex[:12]}"
    postgres.sql("postgres", f"CREATE ROLE {name} LOGIN PASSWORD 'guest'")

    def url(db: Database) -> str:
        db.sql(f"GRANT ALL ON SCHEMA public TO {name}")
        for (table,) in db.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            db.sql(f"ALTER TABLE {table} OWNER TO {name}")
        parts = urlsplit(db.url)
        place = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{name}:guest@{place}").geturl()

    yield url
    postgres.sql("postgres", f"DROP ROLE {name}")


def test_rows_of_the_source_that_are_hidden_are_told(
    guest: Callable[[Database], str], database: Make
) -> None:
    held, made = database("postgresql"), database("sqlite")
    held.sql(TABLE + "INSERT INTO t VALUES (1), (2); CREATE TABLE u (id int PRIMARY KEY)")
    hidden = "row-level policies may hide rows of public.t from this user, and what they hide is not moved"
    report = dbferry.migrate(guest(held), made.url)
    assert [note.partition("; hint")[0] for note in report.notes if "hide" in note] == [hidden]
    assert made.rows("SELECT id FROM t") == [(2,)]
    report = dbferry.migrate(held.url, made.url, prepare="drop")
    assert not [note for note in report.notes if "hide" in note]
    assert made.rows("SELECT id FROM t ORDER BY 1") == [(1,), (2,)]


def test_a_table_of_the_target_that_hides_its_rows_is_refused(
    guest: Callable[[Database], str], database: Make
) -> None:
    held, made = database("sqlite"), database("postgresql")
    held.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (5)")
    made.sql(TABLE + "INSERT INTO t VALUES (1)")
    with pytest.raises(dbferry.errors.RequestError, match="row-level policies hold for this user"):
        dbferry.migrate(held.url, guest(made))
    assert made.rows("SELECT id FROM t") == [(1,)]
