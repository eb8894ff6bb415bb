"""What a table or a sequence of the target would give next it gives after a run at the earliest, whatever the source says."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database
from test_identities_go_on import KINDS, TARGETS, holding, next_of
from turns import every_pair

Make = Callable[[str], Database]
OWN = {
    "postgresql": "by_default",
    "mysql": "mysql",
    "mariadb": "mariadb",
    "sqlite": "autoincrement",
}
"""How the table is declared that stands."""


def given_once(db: Database, kind: str, number: int) -> None:
    """A table whose last row is gone."""
    holding(db, KINDS[kind][1], f"INSERT INTO t (id, v) VALUES ({number}, 1)", "DELETE FROM t")
    if db.engine == "postgresql":
        db.sql(f"SELECT setval('t_id_seq', {number})")


@pytest.mark.parametrize(
    ("source", "target", "prepare"), every_pair(TARGETS, TARGETS, ["create", "truncate", "append"])
)
def test_the_further_of_both_ends_goes_on(
    database: Make, source: str, target: str, prepare: str
) -> None:
    for theirs, ours in ((7, 1000), (1000, 7)):
        held, made = database(source), database(target)
        given_once(held, OWN[source], theirs)
        given_once(made, OWN[target], ours)
        held.sql("INSERT INTO t (v) VALUES (2)")
        dbferry.migrate(held.url, made.url, prepare=prepare)
        # The row of the source has the number after its last one.
        assert next_of(made) == max(theirs + 2, ours + 1)


@pytest.mark.parametrize("kind", ["always", "by_default", "serial"])
def test_a_number_that_was_set_and_not_given_stays(database: Make, kind: str) -> None:
    held, made = database("postgresql"), database("postgresql")
    for db, number in ((held, 5), (made, 500)):
        holding(db, KINDS[kind][1], f"ALTER SEQUENCE t_id_seq RESTART WITH {number}")
    held.sql("INSERT INTO t (v) VALUES (1)")
    dbferry.migrate(held.url, made.url)
    assert next_of(made) == 500


def test_a_table_that_counts_downwards_goes_on_in_its_own_way(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    holding(held, "int GENERATED ALWAYS AS IDENTITY", "INSERT INTO t (v) VALUES (1), (2)")
    holding(made, "int GENERATED ALWAYS AS IDENTITY (INCREMENT -5)")
    made.sql("INSERT INTO t (v) VALUES (1), (1), (1); DELETE FROM t")
    dbferry.migrate(held.url, made.url, prepare="append")
    assert next_of(made) == -16


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
@pytest.mark.parametrize(("ours", "following"), [(3, 41), (500, 500)])
def test_a_sequence_that_stands_is_not_set_back(
    database: Make, engine: str, ours: int, following: int
) -> None:
    held, made = database(engine), database(engine)
    for db, number in ((held, 40), (made, ours)):
        db.sql(f"CREATE SEQUENCE s; ALTER SEQUENCE s RESTART WITH {number}")
    held.sql("CREATE TABLE t (id int DEFAULT nextval('s') PRIMARY KEY, v int)" if engine == "postgresql" else
             "CREATE TABLE t (id int DEFAULT (nextval(s)) PRIMARY KEY, v int)")  # fmt: skip
    held.sql("INSERT INTO t (v) VALUES (1)")
    dbferry.migrate(held.url, made.url)
    [(number,)] = made.rows(
        "SELECT nextval('s')" if engine == "postgresql" else "SELECT nextval(s)"
    )
    assert number >= following
