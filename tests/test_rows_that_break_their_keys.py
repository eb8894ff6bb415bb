"""Rows that a key of the target refuses are told, with what was not made; the rest is made and every row is in."""

from collections.abc import Callable
from typing import Any

import pytest

import dbferry
from dbferry.errors import SchemaError
from servers.database import Database, ServerDatabase
from servers.server import wait_until

Make = Callable[[str], Database]
SOURCES = ["postgresql", "mysql", "mariadb", "sqlite"]
BROKEN = {
    "postgresql": "INSERT INTO p VALUES (7), (8); ALTER TABLE c ADD CONSTRAINT to_p FOREIGN KEY (p) REFERENCES p;"
    "SET session_replication_role = replica; DELETE FROM p WHERE id > 2",
    "mysql": "SET SESSION foreign_key_checks = 0; "
    "ALTER TABLE c ADD CONSTRAINT to_p FOREIGN KEY (p) REFERENCES p (id)",
}
BROKEN["mariadb"] = BROKEN["mysql"]


def orphans(db: Database) -> None:
    """Two rows of `c` refer to nothing."""
    inline = ", FOREIGN KEY (p) REFERENCES p (id)" if db.engine == "sqlite" else ""
    db.sql(
        "CREATE TABLE p (id int NOT NULL PRIMARY KEY); INSERT INTO p VALUES (1), (2);"
        f"CREATE TABLE c (id int NOT NULL PRIMARY KEY, p int, v int{inline}); CREATE INDEX by_v ON c (v);"
        "INSERT INTO c VALUES (1, 1, 1), (2, 7, 1), (3, 8, 1), (4, NULL, 1)"
    )
    if db.engine != "sqlite":
        db.sql(BROKEN[db.engine])


def failed(held: Database, made: Database, **options: Any) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        dbferry.migrate(held.url, made.url, **options)
    return caught.value


@pytest.mark.parametrize("target", SOURCES)
@pytest.mark.parametrize("source", SOURCES)
def test_orphans_are_found(database: Make, source: str, target: str) -> None:
    held, made = database(source), database(target)
    orphans(held)
    error = failed(held, made)
    assert error.exit_code == 1
    assert "every row is in the target" in str(error)
    assert ".c`" in str(error)
    assert "foreign key" in str(error)
    if target != "postgresql":
        assert "2 rows refer to no row of `p`" in str(error)
    if target == "sqlite":
        assert "rowid 2" in str(error)
    assert error.report is not None
    assert error.report.state == "done"
    assert made.rows("SELECT count(*) FROM c") == [(4,)]
    with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
        made.sql("INSERT INTO p VALUES (1)")


@pytest.mark.parametrize("target", SOURCES)
def test_orphans_of_every_table_are_found(database: Make, target: str) -> None:
    held, made = database("sqlite"), database(target)
    held.sql(
        "CREATE TABLE p (id int NOT NULL PRIMARY KEY); CREATE TABLE c (id int NOT NULL PRIMARY KEY, p int REFERENCES p (id));"
        "CREATE TABLE d (id int NOT NULL PRIMARY KEY, p int REFERENCES p (id));"
        "INSERT INTO c VALUES (1, 7); INSERT INTO d VALUES (1, 7)"
    )
    assert "2 objects were not made" in str(failed(held, made))


def test_the_hint_mends_it(pg_db: Database, database: Make) -> None:
    made = database("postgresql")
    orphans(pg_db)
    error = failed(pg_db, made)
    assert error.hint is not None
    statement = error.hint.partition("as with: ")[2].partition(";")[0]
    assert statement.startswith("ALTER TABLE")
    made.sql("DELETE FROM c WHERE p > 2")
    made.sql(statement)
    assert made.rows("SELECT convalidated FROM pg_constraint WHERE conname = 'to_p'") == [(True,)]


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_a_duplicate_is_told_and_the_rest_is_made(
    pg_db: Database, database: Make, target: str
) -> None:
    """Two days that a policy makes one."""
    made = database(target)
    pg_db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, day date UNIQUE, v int); CREATE INDEX by_v ON t (v);"
        "CREATE UNIQUE INDEX one_v ON t (v, id); CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t);"
        "INSERT INTO t VALUES (1, '20000-01-01', 1), (2, '30000-01-01', 1); INSERT INTO u VALUES (1, 2)"
    )
    error = failed(pg_db, made, on_loss=["*.day:T-RANGE=clamp"])
    assert "one object was not made: index `t_day_key` of `public.t`" in str(error)
    assert error.hint is not None
    assert "ADD UNIQUE KEY `t_day_key` (`day`)" in error.hint
    indexes = made.rows("SHOW INDEX FROM t")
    assert {row[2] for row in indexes} == {"PRIMARY", "by_v", "one_v"}
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        made.sql("INSERT INTO u VALUES (2, 3)")


def test_case_tells_keys_apart_in_mysql_as_in_postgresql(pg_db: Database, database: Make) -> None:
    made = database("mysql")
    pg_db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v varchar(20) UNIQUE);"
        "INSERT INTO t VALUES (1, 'Abc'), (2, 'abc'), (3, 'abc '), (4, 'äbc')"
    )
    report = dbferry.migrate(pg_db.url, made.url)
    assert report.state == "done"
    with pytest.raises(Exception, match=r"(?i)duplicate"):
        made.sql("INSERT INTO t VALUES (9, 'Abc')")


def test_foreign_keys_that_stood_stand_after_a_run_that_failed(
    pg_db: Database, database: Make
) -> None:
    made = database("postgresql")
    for db in (pg_db, made):
        db.sql(
            "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int, v int);"
            "ALTER TABLE c ADD CONSTRAINT to_p FOREIGN KEY (p) REFERENCES p"
        )
    made.sql("ALTER TABLE c ADD CHECK (v < 5)")
    pg_db.sql("INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1, 1), (2, 1, 9)")
    with pytest.raises(dbferry.DbferryError):
        dbferry.migrate(pg_db.url, made.url)
    assert made.rows("SELECT conname FROM pg_constraint WHERE contype = 'f'") == [("to_p",)]


def test_an_interrupted_build_says_what_is_there(pg_db: Database, database: Make) -> None:
    made = database("postgresql")
    assert isinstance(made, ServerDatabase)
    orphans(pg_db)
    pg_db.sql("UPDATE c SET p = NULL")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"

    def watch(progress: dbferry.Progress) -> None:
        if progress.phase.startswith("tables analyzed"):
            wait_until(lambda: made.rows(waiting) == [(0,)], "no lock that is waited for")
            raise KeyboardInterrupt

    with pytest.raises(dbferry.DbferryError) as caught:
        dbferry.migrate(pg_db.url, made.url, progress=watch)
    error = caught.value
    assert error.exit_code == 130
    assert error.hint is not None
    assert "what was moved stays; run the same command again" in error.hint
