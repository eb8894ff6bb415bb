"""A column with fewer digits of a second takes what fits; what doesn't is refused at its row, or as a policy says."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import DataError, DbferryError
from servers.database import Database

Make = Callable[[str], Database]
WALL = pa.timestamp("us")
MOMENT = pa.timestamp("us", "UTC")
EVERY = pytest.mark.parametrize(
    ("engine", "native", "kind", "step"),
    [
        ("mysql", "DATETIME", WALL, 1_000_000),
        ("mariadb", "DATETIME", WALL, 1_000_000),
        ("mysql", "TIMESTAMP(0)", MOMENT, 1_000_000),
        ("mariadb", "TIMESTAMP(2)", MOMENT, 10_000),
        ("mysql", "TIME", pa.duration("us"), 1_000_000),
        ("mariadb", "TIME(1)", pa.time64("us"), 100_000),
        ("postgresql", "timestamp(3)", WALL, 1_000),
        ("postgresql", "timestamptz(0)", MOMENT, 1_000_000),
        ("postgresql", "time(0)", pa.time64("us"), 1_000_000),
    ],
)


def column(database: Database) -> pa.Array:
    return pa.table(dbferry.read(database.url, "t", parallel=1))["v"].combine_chunks()


@EVERY
def test_what_fits_is_kept(
    database: Make, engine: str, native: str, kind: pa.DataType, step: int
) -> None:
    target = database(engine)
    target.sql(f"CREATE TABLE t (v {native} NULL)")
    values = [86_300_000_000 + step, 3_600_000_000, None]
    dbferry.write(pa.table({"v": pa.array(values, kind)}), target.url, "t", parallel=1)
    assert column(target).cast(pa.int64()).to_pylist() == values


@EVERY
def test_what_does_not_fit_is_refused_at_its_row(
    database: Make, engine: str, native: str, kind: pa.DataType, step: int
) -> None:
    target = database(engine)
    target.sql(f"CREATE TABLE t (v {native} NULL)")
    rows = pa.table({"v": pa.array([3_600_000_000, 3_600_000_000 + step // 2], kind)})
    with pytest.raises(DataError, match="digits of a fraction") as caught:
        dbferry.write(rows, target.url, "t")
    assert (caught.value.code, caught.value.column, caught.value.row) == ("T-SCALE", "v", 2)
    assert target.rows("SELECT v FROM t") == []
    for policy, kept in (("null", None), ("clamp", 3_600_000_000)):
        dbferry.write(rows, target.url, "t", mode="truncate", on_loss=f"v:T-SCALE={policy}")
        assert column(target).cast(pa.int64()).to_pylist() == [3_600_000_000, kept]


def test_clamp_cuts_what_is_before_1970_as_it_is_written(mysql_db: Database) -> None:
    mysql_db.sql("CREATE TABLE t (v DATETIME NULL, s TIME NULL)")
    rows = pa.table(
        {"v": pa.array([-500_000], WALL), "s": pa.array([-1_500_000], pa.duration("us"))}
    )
    dbferry.write(rows, mysql_db.url, "t", on_loss="*:T-SCALE=clamp")
    assert mysql_db.rows("SELECT CONCAT(v), CONCAT(s) FROM t") == [
        ("1969-12-31 23:59:59", "-00:00:01")
    ]


def test_a_replacement_is_one_that_fits(mysql_db: Database) -> None:
    mysql_db.sql("CREATE TABLE t (v DATETIME NULL)")
    rows = pa.table({"v": pa.array([500_000], WALL)})
    dbferry.write(rows, mysql_db.url, "t", on_loss="v:T-SCALE=replace:2000-01-01 00:00:00")
    assert mysql_db.rows("SELECT CONCAT(v) FROM t") == [("2000-01-01 00:00:00",)]
    with pytest.raises(DbferryError, match="replacement"):
        dbferry.write(rows, mysql_db.url, "t", on_loss="v:T-SCALE=replace:2000-01-01 00:00:00.5")


def test_what_is_too_fine_for_any_has_no_replacement(sqlite_db: Database) -> None:
    rows = pa.table({"v": pa.array([1], pa.timestamp("ns"))})
    with pytest.raises(DataError, match="finer than a microsecond") as caught:
        dbferry.write(rows, sqlite_db.url, "t", mode="create", on_loss="v:T-SCALE=replace:0")
    assert "can't be carried out here" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("policy", "left"), [("null", None), ("clamp", "05.123457"), ("text", "05.123456789")]
)
def test_a_text_of_sqlite_that_is_too_fine(
    sqlite_db: Database, policy: str, left: str | None
) -> None:
    sqlite_db.sql(
        "CREATE TABLE t (v DATETIME); INSERT INTO t VALUES ('2001-02-03 04:05:05.123456789')"
    )
    with pytest.raises(pa.ArrowException, match="T-SCALE"):
        pa.table(dbferry.read(sqlite_db.url, "t"))
    [value] = pa.table(dbferry.read(sqlite_db.url, "t", on_loss=f"v:T-SCALE={policy}"))["v"]
    assert value.as_py() is None if left is None else str(value.as_py()).endswith(left)


def test_a_migration_that_appends(pg_db: Database, mysql_db: Database) -> None:
    pg_db.sql("CREATE TABLE t (id integer PRIMARY KEY, v timestamp)")
    pg_db.sql("INSERT INTO t VALUES (1, '2001-02-03 04:05:06')")
    mysql_db.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v DATETIME NULL)")
    assert dbferry.migrate(pg_db.url, mysql_db.url, prepare="append").rows == 1
    pg_db.sql("UPDATE t SET id = 2, v = '2001-02-03 04:05:06.5'")
    with pytest.raises(DbferryError) as caught:
        dbferry.migrate(pg_db.url, mysql_db.url, prepare="append")
    assert (caught.value.code, caught.value.column) == ("T-SCALE", "v")
    assert mysql_db.rows("SELECT CONCAT(v) FROM t") == [("2001-02-03 04:05:06",)]
