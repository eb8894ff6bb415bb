"""ON UPDATE CURRENT_TIMESTAMP of MySQL and MariaDB becomes a trigger where it is asked for."""

from collections.abc import Callable
from typing import Any

import pytest

import dbferry
from servers.database import Database

Make = Callable[[str], Database]
TABLE = """
CREATE TABLE t (id int PRIMARY KEY, n int, extra json, `at` timestamp NULL ON UPDATE CURRENT_TIMESTAMP,
    seen datetime(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3));
INSERT INTO t VALUES (1, 1, '{"a": 1}', '2000-01-01 00:00:00', '2000-01-01 00:00:00'), (2, 2, NULL, NULL, NULL)
"""
PAIRS = [(one, other) for one in ("mysql", "mariadb") for other in ("postgresql", "sqlite")]


def not_moved(report: dbferry.Report) -> list[str]:
    return [n.removeprefix("not moved: ") for n in report.notes if n.startswith("not moved: ")]


def years(db: Database, key: int = 1) -> list[Any]:
    """Of both moments."""
    [row] = db.rows(f"SELECT at, seen FROM t WHERE id = {key}")
    return [None if value is None else int(str(value)[:4]) for value in row]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_row_that_changes_gets_the_moment(database: Make, source: str, target: str) -> None:
    held, made = database(source), database(target)
    held.sql(TABLE)
    report = dbferry.migrate(held.url, made.url, include=["on-update"])
    assert not_moved(report) == []
    # No row was changed by its load.
    assert (years(made), years(made, 2)) == ([2000, 2000], [None, None])
    made.sql("UPDATE t SET n = 1 WHERE id = 1")
    assert years(made) == [2000, 2000]
    made.sql("UPDATE t SET n = 5, at = '2001-01-01 00:00:00' WHERE id = 1")
    at, seen = years(made)
    assert at == 2001
    assert seen > 2020
    made.sql("UPDATE t SET n = 7")
    assert min(*years(made), *years(made, 2)) > 2020


@pytest.mark.parametrize("target", ["postgresql", "sqlite"])
def test_tables_without_a_key_and_with_new_names_have_it_too(database: Make, target: str) -> None:
    held, made = database("mysql"), database(target)
    held.sql(
        "CREATE TABLE old (n int, made timestamp NULL ON UPDATE CURRENT_TIMESTAMP); INSERT INTO old VALUES (1, NULL)"
    )
    rules = [{"rename_table": "old", "to": "t"}, {"rename_column": "old.made", "to": "at"}]
    for prepare in ("create", "drop"):
        dbferry.migrate(held.url, made.url, include=["on-update"], rules=rules, prepare=prepare)
        assert made.rows("SELECT n, at FROM t") == [(1, None)]
        made.sql("UPDATE t SET n = 2")
        assert made.rows("SELECT n FROM t WHERE at IS NOT NULL") == [(2,)]


def test_where_it_is_not_asked_for_it_is_named_with_what_makes_it(database: Make) -> None:
    held, made = database("mysql"), database("sqlite")
    held.sql(TABLE)
    notes = not_moved(dbferry.migrate(held.url, made.url))
    hint = "(sqlite has none); hint: --include on-update makes a trigger that does the same"
    assert notes == [
        f"ON UPDATE CURRENT_TIMESTAMP of {held.name}.t.at {hint}",
        f"ON UPDATE CURRENT_TIMESTAMP(3) of {held.name}.t.seen {hint}",
    ]


@pytest.mark.parametrize(
    ("source", "target"), [("postgresql", "sqlite"), ("mysql", "duckdb"), ("mysql", "mariadb")]
)
def test_where_there_is_none_to_make_it_is_refused(
    database: Make, source: str, target: str
) -> None:
    held, made = database(source), database(target)
    held.sql("CREATE TABLE t (id int PRIMARY KEY)")
    with pytest.raises(dbferry.errors.RequestError, match=r"on-update of .* can't be included in"):
        dbferry.migrate(held.url, made.url, include=["on-update"])
