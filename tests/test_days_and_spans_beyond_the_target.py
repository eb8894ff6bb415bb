"""Days, moments and spans that the target's calendar hasn't are refused at their row, or as a policy says."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import DataError
from servers.database import Database

Make = Callable[[str], Database]
FIRST, LAST = -2_440_588, 2_145_042_905
"""Days of 4714-11-24 BC and of 5874897-12-31, the first and the last of PostgreSQL."""
HOURS = 3_600_000_000
LONGEST = (838 * 3600 + 59 * 60 + 59) * 1_000_000


def days(*values: int | None) -> pa.Table:
    return pa.table({"v": pa.array(values, pa.int32()).cast(pa.date32())})


def test_the_first_and_the_last_day_of_postgresql_are_kept(pg_db: Database) -> None:
    dbferry.write(days(FIRST, LAST, None), pg_db.url, "t", mode="create")
    assert pg_db.rows("SELECT v::text FROM t ORDER BY v") == [
        ("4714-11-24 BC",), ("5874897-12-31",), (None,),
    ]  # fmt: skip


@pytest.mark.parametrize(("day", "nearest"), [(FIRST - 1, FIRST), (LAST + 1, LAST)])
def test_a_day_beyond_them(pg_db: Database, day: int, nearest: int) -> None:
    with pytest.raises(DataError, match="outside the years") as caught:
        dbferry.write(days(0, day), pg_db.url, "t", mode="create")
    assert (caught.value.code, caught.value.column, caught.value.row) == ("T-RANGE", "v", 2)
    for policy, kept in (("null", None), ("clamp", nearest), ("replace:2000-01-01", 10_957)):
        rule = f"v:T-RANGE={policy}"
        dbferry.write(days(day), pg_db.url, "t", mode="replace", on_loss=rule)
        read = pa.table(dbferry.read(pg_db.url, "t"))["v"]
        assert read.cast(pa.int32()).to_pylist() == [kept]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_a_moment_before_the_calendar(pg_db: Database, zone: str | None) -> None:
    first = FIRST * 24 * HOURS
    rows = pa.table({"v": pa.array([first, first - 1], pa.timestamp("us", zone))})
    with pytest.raises(DataError) as caught:
        dbferry.write(rows, pg_db.url, "t", mode="create")
    assert (caught.value.code, caught.value.row) == ("T-RANGE", 2)
    for policy, kept in (("null", None), ("clamp", first)):
        dbferry.write(rows, pg_db.url, "t", mode="replace", on_loss=f"v:T-RANGE={policy}")
        read = pa.table(dbferry.read(pg_db.url, "t", parallel=1))["v"]
        assert read.cast(pa.int64()).to_pylist() == [first, kept]


def test_arrays_of_days_are_taken_as_before(pg_db: Database) -> None:
    lists = pa.array([[0, None], []], pa.list_(pa.int32())).cast(pa.list_(pa.date32()))
    dbferry.write(pa.table({"v": lists}), pg_db.url, "t", mode="create")
    assert pg_db.rows("SELECT v::text FROM t") == [("{1970-01-01,NULL}",), ("{}",)]


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_span_that_is_too_long(database: Make, engine: str, sign: int) -> None:
    target = database(engine)
    longest = LONGEST + (999_999 if engine == "mariadb" else 0)
    values = pa.array([sign * longest, sign * (longest + 1)], pa.duration("us"))
    rows = pa.table({"v": values})
    with pytest.raises(DataError, match="longer than 838") as caught:
        dbferry.write(rows, target.url, "t", mode="create")
    assert (caught.value.code, caught.value.column, caught.value.row) == ("T-SPAN", "v", 2)
    policies = (("null", None), ("clamp", sign * longest), ("replace:-100:00:00", -100 * HOURS))
    for policy, kept in policies:
        rule = f"v:T-SPAN={policy}"
        dbferry.write(rows, target.url, "t", mode="replace", on_loss=rule, parallel=1)
        read = pa.table(dbferry.read(target.url, "t", parallel=1))["v"]
        assert read.cast(pa.int64()).to_pylist() == [sign * longest, kept]
