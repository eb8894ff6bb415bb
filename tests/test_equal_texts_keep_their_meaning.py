"""Two texts that only one of the engines takes for equal: what asks for it isn't said in the target."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

Make = Callable[[str], Database]
LOOSE = (
    "text that differs by case, accents or blanks at its end is equal in only one of the engines"
)
IGNORING = {"mysql": "utf8mb4_0900_ai_ci", "mariadb": "utf8mb4_general_ci", "sqlite": "NOCASE"}
TARGETS = ("postgresql", "mysql", "mariadb", "sqlite", "duckdb")
PAIRS = [
    (one, other)
    for one in IGNORING
    for other in TARGETS
    if one != other and {one, other} != {"mysql", "mariadb"}
]


def not_moved(report: dbferry.Report) -> list[str]:
    return [n.removeprefix("not moved: ") for n in report.notes if n.startswith("not moved: ")]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_check_by_them_is_left_out_and_named_with_its_words(
    database: Make, source: str, target: str
) -> None:
    held, made = database(source), database(target)
    held.sql(
        f"CREATE TABLE t (id int PRIMARY KEY, name varchar(5) COLLATE {IGNORING[source]}, "
        "CONSTRAINT known CHECK (name IN ('x', 'y')), CONSTRAINT no CHECK (name <> 'z'), "
        "CONSTRAINT positive CHECK (id > 0)); INSERT INTO t VALUES (1, 'X'), (2, 'y')"
    )
    known, no = sorted(not_moved(dbferry.migrate(held.url, made.url)))
    assert known.startswith("check known of ")
    assert no.startswith("check no of ")
    assert f"({LOOSE}); hint: where that doesn't matter: (" in known
    assert f"({LOOSE}); hint: where that doesn't matter: (" in no
    condition = known.partition("doesn't matter: ")[2]
    assert made.rows(f"SELECT id FROM t WHERE {condition}") == [(2,)]
    assert made.rows("SELECT name FROM t ORDER BY id") == [("X",), ("y",)]
    with pytest.raises(Exception, match=r"(?i)check|constraint"):
        made.sql("INSERT INTO t VALUES (-1, 'x')")


@pytest.mark.parametrize(("source", "target"), [pair for pair in PAIRS if pair[1] != "duckdb"])
def test_a_column_computed_by_them_holds_its_values(
    database: Make, source: str, target: str
) -> None:
    held, made = database(source), database(target)
    held.sql(
        f"CREATE TABLE t (id int PRIMARY KEY, name varchar(5) COLLATE {IGNORING[source]}, "
        "is_x int GENERATED ALWAYS AS (CASE WHEN name = 'x' THEN 1 ELSE 0 END) STORED); "
        "INSERT INTO t (id, name) VALUES (1, 'X'), (2, 'x'), (3, 'y')"
    )
    [left] = not_moved(dbferry.migrate(held.url, made.url))
    assert left.startswith("generated column ")
    assert LOOSE in left
    assert made.rows("SELECT is_x FROM t ORDER BY id") == [(1,), (1,), (0,)]


def test_a_unique_key_by_a_condition_on_them_is_left_out(database: Make) -> None:
    held, made = database("sqlite"), database("postgresql")
    held.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, state TEXT COLLATE NOCASE); "
        "CREATE UNIQUE INDEX single ON t (id) WHERE state = 'open'; INSERT INTO t VALUES (1, 'OPEN')"
    )
    [left] = not_moved(dbferry.migrate(held.url, made.url))
    assert left.startswith("index single of ")
    assert LOOSE in left


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_blanks_at_the_end_of_a_char_count_for_nothing_in_both(database: Make, target: str) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, state char(3), "
        "CONSTRAINT known CHECK (state IN ('a  ', 'abc'))); INSERT INTO t VALUES (1, 'a'), (2, 'abc')"
    )
    assert not_moved(dbferry.migrate(held.url, made.url)) == []
    made.sql("INSERT INTO t VALUES (3, 'a')")
    for wrong in ("A", "ab"):
        with pytest.raises(Exception, match=r"(?i)check|constraint"):
            made.sql(f"INSERT INTO t VALUES (4, '{wrong}')")


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_a_pattern_meets_the_blanks_of_a_char_in_one_of_them(database: Make, target: str) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, state char(3), CONSTRAINT like_a CHECK (state LIKE '___')); "
        "INSERT INTO t VALUES (1, 'a')"
    )
    [left] = not_moved(dbferry.migrate(held.url, made.url))
    assert left.startswith("check like_a of ")
    assert LOOSE in left


@pytest.mark.parametrize("source", ["mysql", "mariadb"])
def test_a_char_of_bytes_comes_along_with_its_check(database: Make, source: str) -> None:
    held, made = database(source), database("postgresql")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, state char(3) COLLATE utf8mb4_bin, "
        "CONSTRAINT known CHECK (state IN ('a', 'abc'))); INSERT INTO t VALUES (1, 'a'), (2, 'abc')"
    )
    assert not_moved(dbferry.migrate(held.url, made.url)) == []
    for wrong in ("A", "ab"):
        with pytest.raises(Exception, match="known"):
            made.sql(f"INSERT INTO t VALUES (4, '{wrong}')")


def test_a_label_that_an_enum_lacks_is_no_condition(database: Make) -> None:
    """MySQL takes it for the label that differs by case alone."""
    held, made = database("mysql"), database("sqlite")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, mood enum('low', 'high'), "
        "CONSTRAINT calm CHECK (mood <> 'HIGH')); INSERT INTO t VALUES (1, 'low')"
    )
    [left] = not_moved(dbferry.migrate(held.url, made.url))
    assert left.startswith("check calm of ")
    assert "'HIGH' is no label of the enum" in left
