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
        "CREATE UNIQUE INDEX equal ON t (n) NULLS NOT DISTINCT; CREATE STATISTICS together ON b, n FROM t;"
        "ALTER TABLE t ADD CONSTRAINT apart EXCLUDE (n WITH =) WHERE (n > 5);"
        "INSERT INTO t VALUES (1, 'a', 'b', 1)"
    )
    report = dbferry.migrate(pg_db.url, made.url)
    notes = left_out(report)
    assert len(notes) == 5
    assert notes[0] == (
        "not moved: index apart of public.t (an exclusion constraint: "
        "EXCLUDE USING btree (n WITH =) WHERE ((n > 5)))"
    )
    assert notes[1].startswith(
        "not moved: index early of public.t (partial: ((b)::text < 'm'::text); "
    )
    assert notes[2] == "not moved: index equal of public.t (NULLs are not distinct)"
    assert notes[3].startswith("not moved: index hashes of public.t (on an expression: md5(a); ")
    assert notes[4] == f"not moved: statistics together of public.t ({target} has none)"
    assert made.rows("SELECT id, a FROM t") == [(1, "a")]


@pytest.mark.parametrize("target", ["postgresql", "sqlite"])
def test_hidden_and_spatial_indexes_are_named_and_hidden_keys_bite(
    maria_db: Database, database: Make, target: str
) -> None:
    made = database(target)
    maria_db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, n int, m int, g geometry NOT NULL, KEY later (n) IGNORED,"
        " UNIQUE KEY one (m) IGNORED COMMENT 'not yet', SPATIAL KEY places (g));"
        "INSERT INTO t VALUES (1, 1, 1, ST_GeomFromText('POINT(1 2)'))"
    )
    spatial = {
        "postgresql": "spatial: extensions such as PostGIS or pgvector bring types with such an index",
        "sqlite": "spatial: sqlite has B-trees only",
    }
    assert left_out(dbferry.migrate(maria_db.url, made.url, on_loss=["*.g:*=text"])) == [
        f"not moved: index later of {maria_db.name}.t (hidden from queries in the source, and guards nothing)",
        f"not moved: index places of {maria_db.name}.t ({spatial[target]})",
    ]
    [table] = dbferry.plan(maria_db.url, made.url, prepare="drop", on_loss=["*.g:*=text"]).tables
    notes = {note for note in table.notes if note.startswith("index `one`")}
    assert "index `one`: used by queries here, and hidden from them in the source" in notes
    assert ("index `one`: without its comment: not yet" in notes) == (target == "sqlite")
    with pytest.raises(Exception, match=r"(?i)unique"):
        made.sql("INSERT INTO t SELECT 2, n, m, g FROM t")


def test_a_key_that_takes_letters_of_either_case_for_the_same_is_named(
    sqlite_db: Database, pg_db: Database
) -> None:
    sqlite_db.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);"
        "CREATE UNIQUE INDEX one ON t (a COLLATE NOCASE); CREATE INDEX folded ON t (a COLLATE NOCASE DESC)"
    )
    assert left_out(dbferry.migrate(sqlite_db.url, pg_db.url)) == [
        "not moved: index one of main.t (its collation takes different values for the same)"
    ]
    [table] = dbferry.plan(sqlite_db.url, pg_db.url, prepare="drop").tables
    assert "index `folded`: in the order of its column's collation" in table.notes
    assert indexes(pg_db)["folded"].parts[0].descending


@pytest.mark.parametrize("target", ["mysql", "mariadb", "sqlite"])
def test_what_waits_for_the_end_of_a_transaction_is_checked_at_once(
    pg_db: Database, database: Make, target: str
) -> None:
    made = database(target)
    pg_db.sql(
        "CREATE TABLE t (id int, a int, CONSTRAINT t_key PRIMARY KEY (id) INCLUDE (a) DEFERRABLE,"
        " CONSTRAINT one_a UNIQUE (a) INCLUDE (id) DEFERRABLE)"
    )
    [table] = dbferry.plan(pg_db.url, made.url).tables
    assert [note for note in table.notes if "`one_a`" in note or "primary key" in note] == [
        "primary key: without its columns (a)", "primary key: checked at once",
        "index `one_a`: checked at once", "index `one_a`: without its columns (id)",
    ]  # fmt: skip


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_a_column_that_an_index_has_twice_is_in_it_once(database: Make, target: str) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, n int, m int); CREATE UNIQUE INDEX twice ON t (n, m, n DESC, m)"
    )
    [table] = dbferry.plan(held.url, made.url).tables
    assert "index `twice`: with each column once" in table.notes
    assert dbferry.migrate(held.url, made.url).state == "done"
    assert indexes(made)["twice"].columns == ("n", "m")


@pytest.mark.parametrize(("target", "most"), [("mysql", 16), ("mariadb", 32), ("postgresql", 32)])
def test_one_on_more_columns_than_the_target_takes_is_named(
    database: Make, sqlite_db: Database, target: str, most: int
) -> None:
    made, names = database(target), [f"c{n}" for n in range(most + 1)]
    sqlite_db.sql(f"CREATE TABLE t ({' int, '.join(names)} int)")
    for name, columns in (("fits", names[1:]), ("more", names)):
        sqlite_db.sql(f"CREATE INDEX {name} ON t ({', '.join(columns)})")
    assert left_out(dbferry.migrate(sqlite_db.url, made.url)) == [
        f"not moved: index more of main.t (an index has {most} columns at most in {target})"
    ]
    assert [name for name in indexes(made) if name] == ["fits"]


def test_an_index_called_as_every_primary_key_gets_another_name(
    pg_db: Database, mysql_db: Database
) -> None:
    pg_db.sql('CREATE TABLE t (id int PRIMARY KEY, n int); CREATE INDEX "Primary" ON t (n)')
    [table] = dbferry.plan(pg_db.url, mysql_db.url).tables
    assert "index `Primary` is called `t_Primary`" in table.notes
    dbferry.migrate(pg_db.url, mysql_db.url)
    assert "t_Primary" in indexes(mysql_db)
