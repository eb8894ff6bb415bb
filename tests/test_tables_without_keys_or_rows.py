"""A table without a key, with duplicate rows, with rows of nothing, without rows, without columns."""

from collections.abc import Callable

import pytest

import dbferry
import judge
from servers.database import Database

SOURCES = ["postgresql", "mysql", "mariadb", "sqlite"]
TARGETS = [*SOURCES, "duckdb"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_duplicate_and_empty_rows_all_arrive(
    database: Callable[[str], Database], source: str, target: str
) -> None:
    held, made = database(source), database(target)
    held.sql(
        "CREATE TABLE t (a integer, b varchar(10));"
        "INSERT INTO t VALUES (1, 'x'), (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL), (2, '');"
        "CREATE TABLE hollow (a integer, b varchar(10))"
    )
    dbferry.migrate(held.url, made.url, batch_rows=1, range_rows=1)
    assert judge.texts(made, "t", order="") == judge.texts(held, "t", order="")
    assert judge.texts(made, "t", order="").count(("1", "x")) == 3
    assert judge.texts(made, "hollow", order="") == []
    assert judge.primary_key(made, "t") == []


@pytest.mark.parametrize("target", ["postgresql", "mysql", "mariadb", "sqlite", "duckdb"])
def test_table_without_columns_is_refused(
    database: Callable[[str], Database], pg_db: Database, target: str
) -> None:
    made = database(target)
    pg_db.sql("CREATE TABLE t ()")
    with pytest.raises(dbferry.DbferryError) as caught:
        dbferry.migrate(pg_db.url, made.url)
    assert caught.value.exit_code == 2
    assert caught.value.table == "public.t"
