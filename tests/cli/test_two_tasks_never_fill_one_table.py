"""A task that was broken off keeps its tables: the same databases under another spelling are another task, and it is refused."""

from collections.abc import Callable

import pytest

from command import Command, moved, refused
from servers.database import Database
from servers.mariadb import MariadbServer

ROWS = 3000
Make = Callable[[str], Database]
Broken = tuple[Database, Database, list[str]]
REFUSES = {
    "sqlite": "CREATE TRIGGER late BEFORE INSERT ON rows_ WHEN NEW.id = 2900 BEGIN SELECT RAISE(ABORT, 'late'); END",
    "postgresql": "ALTER TABLE rows_ ADD CONSTRAINT late CHECK (id <> 2900)",
}
TAKES = {"sqlite": "DROP TRIGGER late", "postgresql": "ALTER TABLE rows_ DROP CONSTRAINT late"}


@pytest.fixture
def broken(dbferry: Command, database: Make) -> Callable[[str, str], Broken]:
    """Source, target and arguments of a run that was adding to a table without a key when it failed."""

    def make(one: str, other: str) -> Broken:
        source, target = database(one), database(other)
        source.sql("CREATE TABLE rows_ (id integer PRIMARY KEY, v varchar(200))")
        source.sql("CREATE TABLE free (id integer PRIMARY KEY)")
        values = ", ".join(f"({n}, '{n:0150}')" for n in range(ROWS))
        source.sql(f"INSERT INTO rows_ VALUES {values}")
        target.sql("CREATE TABLE rows_ (id bigint NOT NULL, v varchar(200))")
        target.sql(REFUSES.get(other, REFUSES["postgresql"]))
        cut = "2" if one == "postgresql" else "100"
        args = ["migrate", source.url, target.url, "--range-rows", cut, "--workers", "1"]
        args += ["--prepare", "append", "--tables", "rows_"]
        refused(dbferry(*args), 1, "late")
        target.sql(TAKES.get(other, TAKES["postgresql"]))
        assert 0 < target.rows("SELECT count(*) FROM rows_")[0][0] < ROWS
        return source, target, args

    return make


def spelled(args: list[str], old: str, new: str) -> list[str]:
    assert any(old in arg for arg in args)
    return [arg.replace(old, new) for arg in args]


@pytest.mark.parametrize("pair", ["postgresql mariadb", "mysql postgresql", "postgresql sqlite"])
def test_another_spelling_of_the_same_task_is_refused(
    dbferry: Command, broken: Callable[[str, str], Broken], pair: str
) -> None:
    source, target, args = broken(*pair.split())
    before = target.rows("SELECT count(*) FROM rows_")
    for other in (
        spelled(args, "127.0.0.1", "localhost"),
        [*args, "--name", "another"],
        [*args[:-4], "--prepare", "truncate", "--name", "another", "--tables", "rows_"],
        [*args[:-4], "--prepare", "drop", "--name", "another", "--tables", "rows_"],
    ):
        refused(dbferry(*other), 2, "isn't finished, and has moved rows into the tables of", "hint: run the command of that task again")  # fmt: skip
        assert target.rows("SELECT count(*) FROM rows_") == before
    moved(dbferry(*args))
    query = "SELECT count(*), count(DISTINCT id) FROM rows_"
    assert target.rows(query) == [(ROWS, ROWS)]
    assert source.rows(query) == [(ROWS, ROWS)]


def test_what_the_hint_says_works(dbferry: Command, broken: Callable[[str, str], Broken]) -> None:
    _, target, args = broken("mariadb", "postgresql")
    other = [*args, "--name", "another"]
    refused(dbferry(*other), 2, "hint: run the command of that task again as it was", "cleanup")
    moved(dbferry("cleanup", target.url))
    target.sql("DELETE FROM rows_")
    moved(dbferry(*other))
    assert target.rows("SELECT count(*), count(DISTINCT id) FROM rows_") == [(ROWS, ROWS)]


def test_other_tables_are_free(dbferry: Command, broken: Callable[[str, str], Broken]) -> None:
    source, target, args = broken("sqlite", "postgresql")
    moved(dbferry.migrate(source, target, "--tables", "free", "--name", "another"))
    moved(dbferry(*args))


def test_another_user_of_mariadb_goes_on_with_the_same_task(
    dbferry: Command, mariadb: MariadbServer, broken: Callable[[str, str], Broken]
) -> None:
    _, target, args = broken("sqlite", "mariadb")
    target.sql("CREATE OR REPLACE USER adds IDENTIFIED BY 'pw'")
    target.sql("GRANT ALL ON *.* TO adds")
    try:
        url = mariadb.url(target.name, user="adds", password="pw")
        moved(dbferry(*[url if arg == target.url else arg for arg in args]))
    finally:
        target.sql("DROP USER adds")
    assert target.rows("SELECT count(*), count(DISTINCT id) FROM rows_") == [(ROWS, ROWS)]
