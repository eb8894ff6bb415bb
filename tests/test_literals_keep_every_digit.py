"""A default that is a literal is the value in the target that it is in the source, whatever its type is there."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

Make = Callable[[str], Database]


def given(source: Database, target: Database) -> list[object]:
    """The row that came, and the one that the target's defaults make."""
    source.sql("INSERT INTO t (id) VALUES (1)")
    report = dbferry.migrate(source.url, target.url)
    assert not [note for note in report.notes if note.startswith("not moved")]
    target.sql("INSERT INTO t (id) VALUES (2)")
    return [row[1:] for row in target.rows("SELECT * FROM t ORDER BY id")]


@pytest.mark.parametrize("target", ["mysql", "mariadb", "sqlite"])
def test_a_double_of_many_digits(database: Make, target: str) -> None:
    source = database("postgresql")
    source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a float8 DEFAULT 1e100, b float8 DEFAULT -2.5e-70)"
    )
    [moved, made] = given(source, database(target))
    assert moved == made == (1e100, -2.5e-70)


def test_numbers_that_sqlite_keeps_as_text(database: Make) -> None:
    source = database("mysql")
    source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a bigint unsigned DEFAULT 18446744073709551615,"
        " b decimal(30,10) DEFAULT 12345678901234567890.5)"
    )
    [moved, made] = given(source, database("sqlite"))
    assert moved == made == ("18446744073709551615", "12345678901234567890.5000000000")


@pytest.mark.parametrize(("one", "other"), [("mysql", "mariadb"), ("mariadb", "mysql")])
def test_types_that_only_one_family_has(database: Make, one: str, other: str) -> None:
    source = database(one)
    source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a bit(8) DEFAULT b'11', b time(1) DEFAULT '-100:00:00.5',"
        " c set('x','y') DEFAULT 'x,y', d timestamp DEFAULT '2001-02-03 04:05:06')"
    )
    [moved, made] = given(source, database(other))
    assert moved == made
    assert None not in made
