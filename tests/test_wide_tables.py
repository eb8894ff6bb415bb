"""Tables with more columns than the target can have are refused by the plan; the widest that fit arrive."""

from collections.abc import Callable

import pytest

import dbferry
import judge
from servers.database import Database


def wide(db: Database, columns: int, native: str, value: str) -> None:
    names = [f"c{number}" for number in range(columns)]
    db.sql(f"CREATE TABLE t ({', '.join(f'{name} {native}' for name in names)})")
    db.sql(f"INSERT INTO t VALUES ({', '.join([value] * columns)})")


@pytest.mark.parametrize(
    ("columns", "target"),
    [(1600, "postgresql"), (1000, "mysql"), (1000, "mariadb"), (1600, "sqlite"), (1600, "duckdb")],
)
def test_the_widest_table_arrives(
    database: Callable[[str], Database], pg_db: Database, columns: int, target: str
) -> None:
    made = database(target)
    wide(pg_db, columns, "smallint", "7")
    dbferry.migrate(pg_db.url, made.url)
    assert made.rows("SELECT * FROM t") == [(7,) * columns]


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_a_wider_one_is_refused(
    database: Callable[[str], Database], pg_db: Database, target: str
) -> None:
    made = database(target)
    wide(pg_db, 1018, "smallint", "7")
    with pytest.raises(dbferry.DbferryError) as caught:
        dbferry.migrate(pg_db.url, made.url)
    assert (caught.value.code, caught.value.exit_code) == ("R-WIDE", 2)
    assert judge.tables(made) == set()


def test_a_table_of_sqlite_with_too_many_columns_is_refused_by_the_plan(
    sqlite_db: Database, pg_db: Database
) -> None:
    wide(sqlite_db, 1700, "INTEGER", "7")
    with pytest.raises(dbferry.DbferryError) as caught:
        dbferry.migrate(sqlite_db.url, pg_db.url)
    assert (caught.value.code, caught.value.exit_code) == ("R-WIDE", 2)


def test_many_wide_texts_fit_a_row_of_mysql(
    database: Callable[[str], Database], pg_db: Database, mysql_db: Database
) -> None:
    """Sixty VARCHAR(1000) are more than the 65,535 bytes of a row: some become LONGTEXT."""
    wide(pg_db, 60, "varchar(1000)", "repeat('é', 1000)")
    dbferry.migrate(pg_db.url, mysql_db.url)
    assert judge.texts(mysql_db, "t", order="") == [("é" * 1000,) * 60]
