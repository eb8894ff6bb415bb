"""Rows that are aside and refer to each other: all of a circle within a table are moved together once they can be, or none."""

from collections.abc import Callable

import pytest

from servers.database import Database
from test_rows_that_keys_refuse_are_put_aside import ENGINES, aside, ids, moved, retry, unminded

Make = Callable[[str], Database]
SOURCES = {"postgresql": "sqlite", "mysql": "postgresql", "mariadb": "mysql", "sqlite": "mariadb"}

REFUSES = {
    "sqlite": "CREATE TRIGGER few BEFORE INSERT ON person WHEN NEW.n >= 5 BEGIN SELECT RAISE(ABORT, 'too many'); END"
}


def people(db: Database) -> None:
    """Of whom 1 to 4 go round with a department that isn't there, 5 and 6 hang on them, and 7 and 8 go round without."""
    db.sql("CREATE TABLE dept (id int NOT NULL PRIMARY KEY)")
    db.sql(
        "CREATE TABLE person (id int NOT NULL PRIMARY KEY, boss int, peer int, dept int, n int, "
        "FOREIGN KEY (boss) REFERENCES person (id), FOREIGN KEY (peer) REFERENCES person (id), "
        "FOREIGN KEY (dept) REFERENCES dept (id))"
    )
    unminded(
        db,
        "INSERT INTO dept VALUES (1)",
        "INSERT INTO person VALUES (1, 2, 2, 9, 0), (2, 3, NULL, 1, 0), (3, 1, 4, 1, 0), (4, 4, 3, 1, 0), "
        "(5, 1, 8, 1, 0), (6, 5, NULL, 1, 0), (7, 8, NULL, 1, 0), (8, 7, 8, 1, 0)",
    )


@pytest.mark.parametrize("target", ENGINES)
def test_a_circle_comes_with_what_hangs_on_it(database: Make, target: str) -> None:
    held, made = database(SOURCES[target]), database(target)
    people(held)
    assert moved(held, made) == {"dept": (1, 1, 0), "person": (8, 2, 6)}
    assert ids(made, "person") == [7, 8]
    still = retry(held, made)["person"]
    assert (still.moved, still.unfit) == (0, 6)
    held.sql("INSERT INTO dept VALUES (9)")
    made.sql("INSERT INTO dept VALUES (9)")
    mended = retry(held, made)["person"]
    assert (mended.moved, mended.unfit, mended.gone) == (6, 0, 0)
    assert aside(made) == []
    columns = "SELECT id, boss, peer, dept, n FROM person ORDER BY id"
    assert made.rows(columns) == held.rows(columns)


@pytest.mark.parametrize("target", ENGINES)
def test_none_of_a_circle_comes_of_which_one_does_not_fit(database: Make, target: str) -> None:
    held, made = database(SOURCES[target]), database(target)
    people(held)
    moved(held, made)
    made.sql(REFUSES.get(target, "ALTER TABLE person ADD CONSTRAINT few CHECK (n < 5)"))
    held.sql("INSERT INTO dept VALUES (9); UPDATE person SET n = 7 WHERE id = 3")
    made.sql("INSERT INTO dept VALUES (9)")
    stays = retry(held, made)["person"]
    assert (stays.moved, stays.unfit) == (0, 6)
    assert ids(made, "person") == [7, 8]
    assert len(aside(made)) == 6
    held.sql("UPDATE person SET n = 1 WHERE id = 3")
    assert retry(held, made)["person"].moved == 6
    assert aside(made) == []


@pytest.mark.parametrize("target", ["postgresql", "mariadb", "mysql"])
def test_a_circle_of_several_tables_stays(database: Make, target: str) -> None:
    held, made = database(target), database(target)
    held.sql(
        "CREATE TABLE a (id int NOT NULL PRIMARY KEY, b int, c int, FOREIGN KEY (c) REFERENCES a (id));"
        "CREATE TABLE b (id int NOT NULL PRIMARY KEY, a int, FOREIGN KEY (a) REFERENCES a (id));"
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id)"
    )
    unminded(held, "INSERT INTO a VALUES (1, 1, 7)", "INSERT INTO b VALUES (1, 1)")
    assert moved(held, made) == {"a": (1, 0, 1), "b": (1, 0, 1)}
    held.sql("UPDATE a SET c = 1")
    assert {name: (t.moved, t.unfit) for name, t in retry(held, made).items()} == {
        "a": (0, 1), "b": (0, 1)
    }  # fmt: skip
