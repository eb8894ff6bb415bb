"""A column that fills values up is told, where the source's doesn't: blanks in the plan, zero bytes as a warning."""

from collections.abc import Callable

import pyarrow as pa
import pytest

import dbferry
from servers.database import Database

FAMILY = ["mariadb", "mysql"]


@pytest.mark.parametrize("engine", FAMILY)
def test_zero_bytes_that_are_added_are_a_warning(
    database: Callable[[str], Database], engine: str
) -> None:
    target = database(engine)
    target.sql("CREATE TABLE t (b binary(4), c char(4))")
    report = dbferry.write(pa.table({"b": [b"ab"], "c": ["x "]}), target.url, "t")
    [told] = report.tables[0].warnings
    assert (told.column, told.code) == ("b", "S-PAD")
    assert "zero bytes" in told.note
    assert target.rows("SELECT hex(b), c FROM t") == [("61620000", "x")]


@pytest.mark.parametrize("engine", FAMILY)
def test_values_of_that_length_need_no_word(
    database: Callable[[str], Database], engine: str
) -> None:
    target = database(engine)
    target.sql("CREATE TABLE t (b binary(4))")
    fixed = pa.table({"b": pa.array([b"abcd"], pa.binary(4))})
    assert not dbferry.write(fixed, target.url, "t").tables[0].warnings


@pytest.mark.parametrize("engine", ["postgresql", *FAMILY])
def test_a_plan_names_the_column_that_adds_blanks(
    database: Callable[[str], Database], sqlite_db: Database, engine: str
) -> None:
    target = database(engine)
    target.sql("CREATE TABLE t (c char(4))")
    sqlite_db.sql("CREATE TABLE t (c text)")
    [table] = dbferry.plan(sqlite_db.url, target.url, prepare="append").tables
    [column] = table.columns
    assert column.codes == ("S-PAD",)
    assert "blanks" in column.notes[0]
