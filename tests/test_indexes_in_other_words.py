"""Between different engines an expression and a predicate of an index are said in the target's words, and bite."""

from collections.abc import Callable

import pytest

import dbferry
from dbferry.catalog import Index
from dbferry.engines import engine
from dbferry.sessions import open_session
from dbferry.urls import parse
from servers.database import Database

Make = Callable[[str], Database]
ROWS = "INSERT INTO t VALUES (1, 'Ada', 'open', 5, 'x'), (2, 'Bob', 'closed', 5, 'x'), (3, 'Cy', 'closed', 7, 'y')"
SOURCES = {
    "postgresql": "CREATE TABLE t (id int PRIMARY KEY, a varchar(40), state varchar(10), n int, c varchar(9));"
    "CREATE UNIQUE INDEX one_name ON t (trim(a)); CREATE INDEX sums ON t ((n + 1) DESC, id);"
    "CREATE UNIQUE INDEX one_open ON t (n) WHERE state = 'open'; CREATE INDEX few ON t (c) WHERE n > 6;"
    + ROWS,
    "sqlite": "CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(40), state TEXT, n INTEGER, c TEXT);"
    "CREATE UNIQUE INDEX one_name ON t (trim(a)); CREATE INDEX sums ON t (n + 1 DESC, id);"
    "CREATE UNIQUE INDEX one_open ON t (n) WHERE state = 'open'; CREATE INDEX few ON t (c) WHERE n > 6;"
    + ROWS,
    "mysql": "CREATE TABLE t (id int PRIMARY KEY, a varchar(40) COLLATE utf8mb4_0900_bin, state varchar(10)"
    " COLLATE utf8mb4_0900_bin, n int, c varchar(9) COLLATE utf8mb4_0900_bin, UNIQUE KEY one_name ((trim(a))),"
    " KEY sums ((n + 1) DESC, id), UNIQUE KEY one_open ((CASE WHEN state = 'open' THEN n END)), KEY few (c));"
    + ROWS,
}
BREAKS = ["(9, ' Ada ', 'closed', 1, '')", "(9, 'Dan', 'open', 5, '')"]
TAKEN = "(9, 'Dan', 'closed', 5, 'x'), (10, 'Eve', 'open', 6, 'x'), (11, NULL, 'open', NULL, 'x')"


def indexes(db: Database) -> dict[str | None, Index]:
    with open_session(parse(db.url), side="source") as session:
        [table] = engine(db.engine).read_catalog(session).tables
    return {index.name: index for index in table.indexes}


def left_out(report: dbferry.Report) -> list[str]:
    return [note for note in report.notes if note.startswith("not moved")]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("postgresql", "sqlite"), ("postgresql", "mysql"), ("sqlite", "postgresql"), ("sqlite", "mysql"),
        ("mysql", "postgresql"), ("mysql", "sqlite"),
    ],
)  # fmt: skip
def test_what_can_be_said_is_made_and_bites(database: Make, source: str, target: str) -> None:
    held, made = database(source), database(target)
    held.sql(SOURCES[source])
    assert left_out(dbferry.migrate(held.url, made.url)) == []
    found = indexes(made)
    assert set(found) == {"one_name", "sums", "one_open", "few"}
    assert found["sums"].parts[0].expression
    assert found["sums"].parts[0].descending
    partial = target != "mysql" and source != "mysql"
    assert (found["one_open"].predicate is not None) == partial
    assert (found["few"].predicate is not None) == partial
    for row in BREAKS:
        with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
            made.sql(f"INSERT INTO t VALUES {row}")
    made.sql(f"INSERT INTO t VALUES {TAKEN}")
    assert made.rows("SELECT count(*) FROM t") == [(6,)]


def test_what_mariadb_has_no_index_on_is_named(pg_db: Database, maria_db: Database) -> None:
    pg_db.sql(SOURCES["postgresql"])
    report = dbferry.migrate(pg_db.url, maria_db.url)
    assert left_out(report) == [
        "not moved: index one_name of public.t (on an expression, which mariadb has no index on: trim(`a`))",
        "not moved: index one_open of public.t (partial, and mariadb has no index on an expression: "
        "(`state` = 'open'))",
        "not moved: index sums of public.t (on an expression, which mariadb has no index on: (`n` + 1))",
    ]
    [few] = indexes(maria_db).values()
    assert few.columns == ("c",)
    [table] = dbferry.plan(pg_db.url, maria_db.url, prepare="drop").tables
    assert "index `few`: on all rows, and not only where (n > 6)" in table.notes


@pytest.mark.parametrize("target", ["sqlite", "mysql"])
def test_what_cannot_be_said_is_named_with_its_text(
    pg_db: Database, database: Make, target: str
) -> None:
    made = database(target)
    pg_db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a text, b varchar(9), n int);"
        "CREATE INDEX hashes ON t (md5(a)); CREATE UNIQUE INDEX early ON t (n) WHERE b < 'm';"
        "CREATE UNIQUE INDEX equal ON t (n) NULLS NOT DISTINCT;"
        "INSERT INTO t VALUES (1, 'a', 'b', 1)"
    )
    report = dbferry.migrate(pg_db.url, made.url)
    notes = left_out(report)
    assert len(notes) == 3
    assert notes[0].startswith(
        "not moved: index early of public.t (partial: ((b)::text < 'm'::text); "
    )
    assert notes[1] == "not moved: index equal of public.t (NULLs are not distinct)"
    assert notes[2].startswith("not moved: index hashes of public.t (on an expression: md5(a); ")
    assert made.rows("SELECT id, a FROM t") == [(1, "a")]
