"""Whatever exports Arrow is taken: every producer, encoding and shape; or refused with the column's name."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import DataError, RequestError
from servers.database import Database
from servers.fresh import filled

SERVERS = ("postgresql", "mariadb", "mysql", "sqlite")
Make = Callable[[str], Database]


def there_and_back(target: Database, rows: pa.Table) -> pa.Table:
    dbferry.write(rows, target.url, "t", mode="replace", parallel=1)
    return pa.table(dbferry.read(target.url, "t", parallel=1))


TYPES: dict[str, pa.Array] = {
    "bool": pa.array([True, False, None]),
    "int8": pa.array([-128, 127, None], pa.int8()),
    "int16": pa.array([-32768, 32767, None], pa.int16()),
    "int32": pa.array([-(2**31), 2**31 - 1, None], pa.int32()),
    "int64": pa.array([-(2**63), 2**63 - 1, None], pa.int64()),
    "uint8": pa.array([0, 255, None], pa.uint8()),
    "uint16": pa.array([0, 65535, None], pa.uint16()),
    "uint32": pa.array([0, 2**32 - 1, None], pa.uint32()),
    "uint64": pa.array([0, 2**64 - 1, None], pa.uint64()),
    "float32": pa.array([0.1, -1.5, None], pa.float32()),
    "float64": pa.array([0.1, -1e300, None], pa.float64()),
    "decimal": pa.array([Decimal("1.20"), Decimal("-9999999.99"), None], pa.decimal128(9, 2)),
    "text": pa.array(["", "ünï 🦀", None]),
    "large_text": pa.array(["a", "b" * 1000, None], pa.large_string()),
    "view_text": pa.array(["short", "longer than twelve bytes", None], pa.string_view()),
    "binary": pa.array([b"", b"\x00\xff", None]),
    "large_binary": pa.array([b"\x00", b"b" * 1000, None], pa.large_binary()),
    "view_binary": pa.array([b"short", b"\xff" * 20, None], pa.binary_view()),
    "date32": pa.array([dt.date(1970, 1, 1), dt.date(2024, 2, 29), None]),
    "date64": pa.array([dt.date(1970, 1, 1), dt.date(2024, 2, 29), None], pa.date64()),
    "time32": pa.array([dt.time(0, 0), dt.time(23, 59, 59), None], pa.time32("s")),
    "time64": pa.array([dt.time(0, 0), dt.time(23, 59, 59, 999999), None], pa.time64("us")),
    "time_ns": pa.array([1000, 86_399_999_999_000, None], pa.time64("ns")),
    "stamp_s": pa.array([981_173_106, None, None], pa.timestamp("s")),
    "stamp_ns": pa.array([981_173_106_000_789_000, None, None], pa.timestamp("ns")),
    "instant": pa.array([981_173_106_000_789, None, None], pa.timestamp("us", "UTC")),
    "dictionary": pa.array(["x", "y", None]).dictionary_encode(),
    "runs": pa.RunEndEncodedArray.from_arrays([2, 3], ["same", "other"]),
    "nothing": pa.nulls(3),
}


MYSQLS = ("mysql", "mariadb")


@pytest.fixture(scope="module")
def holding(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Make]:
    """A database of an engine, the same for all."""
    with filled(lambda db: None, request, tmp_path_factory) as made:
        yield made


@pytest.mark.parametrize("engine", SERVERS)
@pytest.mark.parametrize("name", TYPES)
def test_values_come_back_as_they_went(holding: Make, engine: str, name: str) -> None:
    rows = pa.table({"id": pa.array([1, 2, 3]), "v": TYPES[name]})
    if (engine, name) == ("sqlite", "uint64"):
        # Its integers have 63 bits and a sign.
        with pytest.raises(DataError, match="range of the target's integers"):
            there_and_back(holding(engine), rows)
        return
    came = there_and_back(holding(engine), rows).sort_by("id")["v"].to_pylist()
    values = TYPES[name].to_pylist()
    assert came == ([_of_mysql(v) for v in values] if engine in MYSQLS else values)


def _of_mysql(value: object) -> object:
    """A time of day is a span of time there, and an instant a wall clock in UTC."""
    match value:
        case dt.time():
            moment = dt.datetime.combine(dt.date.min, value, dt.UTC)
            return moment - dt.datetime.min.replace(tzinfo=dt.UTC)
        case dt.datetime():
            return value.replace(tzinfo=None)
        case _:
            return value


def test_an_array_is_taken_as_well_as_a_stream(sqlite_db: Database) -> None:
    batch = pa.record_batch({"a": [1, 2, 3]})
    assert dbferry.write(batch, sqlite_db.url, "t", mode="create").rows == 3
    assert dbferry.write(batch.to_struct_array(), sqlite_db.url, "t").rows == 3
    assert dbferry.write(pa.table({"a": [4]}).to_reader(), sqlite_db.url, "t").rows == 1


def test_an_instant_of_any_zone_is_told_in_utc(sqlite_db: Database) -> None:
    moment = pa.array([981_173_106_000_000], pa.timestamp("us", "Europe/Berlin"))
    rows = pa.table({"kept": moment, "told": moment})
    dbferry.write(rows, sqlite_db.url, "t", mode="create", on_loss=["told:*=text"])
    assert sqlite_db.rows("SELECT kept, told FROM t") == [
        ("2001-02-03 04:05:06+00:00", "2001-02-03T04:05:06Z")
    ]


def test_every_library_is_taken(pg_db: Database) -> None:
    dbferry.write(duckdb.sql("SELECT 1 AS a, 'x' AS b"), pg_db.url, "t", mode="create")
    for library in (pl, pd):
        dbferry.write(library.DataFrame({"a": [2], "b": ["y"]}), pg_db.url, "t")
    assert pg_db.rows("SELECT a::text, b FROM t ORDER BY a") == [("1", "x"), ("2", "y"), ("2", "y")]


def test_what_read_gives_is_taken(pg_db: Database, sqlite_db: Database) -> None:
    pg_db.sql("CREATE TABLE s AS SELECT i, i::text AS t FROM generate_series(1, 50000) AS i")
    report = dbferry.write(dbferry.read(pg_db.url, "s"), sqlite_db.url, "t", mode="create")
    assert report.rows == 50_000
    assert sqlite_db.rows("SELECT count(DISTINCT i), sum(i) FROM t") == [(50_000, 1_250_025_000)]


def test_an_error_of_a_stream_of_ours_keeps_its_fields(
    pg_db: Database, sqlite_db: Database
) -> None:
    pg_db.sql("CREATE TABLE s (i numeric); INSERT INTO s VALUES (1)")
    stream = dbferry.read(pg_db.url, "SELECT 1 / (i - 1) AS x FROM s")
    with pytest.raises(DataError, match="division by zero") as caught:
        dbferry.write(stream, sqlite_db.url, "t", mode="create")
    assert (caught.value.code, caught.value.engine) == ("22012", "postgresql")
    assert sqlite_db.rows("SELECT name FROM sqlite_master") == []


@pytest.mark.parametrize("engine", SERVERS)
def test_shapes_at_the_border(database: Make, engine: str) -> None:
    target = database(engine)
    empty = pa.table({"a": pa.array([], pa.int64())})
    assert dbferry.write(empty, target.url, "t", mode="create").rows == 0
    schema = empty.schema
    none, one = pa.record_batch([[]], schema=schema), pa.record_batch([[1]], schema=schema)
    several = pa.RecordBatchReader.from_batches(schema, [none, one, none, none, one, none])
    assert dbferry.write(several, target.url, "t").rows == 2
    assert (
        dbferry.write(pa.table({"a": range(200_000)}), target.url, "t", batch_rows=7_001).rows
        == 200_000
    )
    assert [int(row[0] or 0) for row in target.rows("SELECT count(*) FROM t")] == [200_002]


def test_a_thousand_columns(pg_db: Database, sqlite_db: Database) -> None:
    rows = pa.table({f"c{number}": [number, None] for number in range(1_000)})
    for target in (pg_db, sqlite_db):
        assert dbferry.write(rows, target.url, "wide", mode="create").rows == 2
        assert target.rows("SELECT c999 FROM wide WHERE c0 = 0") in ([("999",)], [(999,)])


NESTED = {
    "a struct": pa.array([{"x": 1}]),
    "a list of numbers": pa.array([[1]]),
    "a map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
    "a list of lists": pa.array([[[1]]]),
    "an interval": pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
}


@pytest.mark.parametrize("engine", SERVERS)
@pytest.mark.parametrize("what", NESTED)
def test_what_no_column_holds_is_refused_by_name(database: Make, engine: str, what: str) -> None:
    if engine == "postgresql" and what in ("a list of numbers", "an interval"):
        what = "a list of lists"
    with pytest.raises(RequestError) as caught:
        dbferry.write(pa.table({"deep": NESTED[what]}), database(engine).url, "t", mode="create")
    assert (caught.value.column, caught.value.code) == ("deep", "X-TYPE")
    assert caught.value.hint


def test_names_and_shapes_that_cannot_be(sqlite_db: Database) -> None:
    def refused(stream: object, **options: Any) -> RequestError:
        with pytest.raises(RequestError) as caught:
            dbferry.write(stream, sqlite_db.url, "t", mode="create", **options)
        return caught.value

    twice = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert refused(twice).column == "a"
    assert "columns" in refused(pa.table({})).message
    assert "no Arrow stream" in refused([1, 2]).message
    assert "not rows" in refused(pa.chunked_array([[1, 2]])).message
    assert refused(pa.table({"a": [1]}), primary_key="b").column == "b"
    assert "parallel" in refused(pa.table({"a": [1]}), parallel=0).message


def test_too_fine_values_are_an_error_with_their_row(pg_db: Database) -> None:
    def write(values: pa.Array, **options: Any) -> None:
        rows = pa.table({"v": values})
        dbferry.write(rows, pg_db.url, "t", mode="replace", parallel=1, **options)

    fine = pa.array([1000, 2000, 2001], pa.timestamp("ns"))
    with pytest.raises(DataError) as caught:
        write(fine)
    assert (caught.value.code, caught.value.column, caught.value.row) == ("T-SCALE", "v", 3)
    write(fine, on_loss="v:T-SCALE=null")
    assert pg_db.rows("SELECT count(*)::text, count(v)::text FROM t") == [("3", "2")]
    with pytest.raises(DataError) as caught:
        write(pa.array([0, 86_400_001], pa.int64()).cast(pa.int64()).view(pa.date64()))
    assert (caught.value.code, caught.value.row) == ("T-SCALE", 2)


def test_rows_that_are_null_as_a_whole_are_refused(sqlite_db: Database) -> None:
    rows = pa.array([{"a": 1}, None])
    with pytest.raises(DataError, match="NULL as a whole"):
        dbferry.write(rows, sqlite_db.url, "t", mode="create")


def test_text_that_is_not_utf8_is_refused(pg_db: Database) -> None:
    offsets, data = pa.py_buffer(b"\0\0\0\0\1\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xff\xfe")
    lies = pa.StringArray.from_buffers(2, offsets, data)
    with pytest.raises(DataError) as caught:
        dbferry.write(pa.table({"s": lies}), pg_db.url, "t", mode="create")
    assert (caught.value.code, caught.value.column, caught.value.row) == ("S-UTF8", "s", 2)


def test_extension_types_are_honoured(pg_db: Database) -> None:
    key = uuid.uuid4()
    rows = pa.table(
        {
            "u": pa.array([key.bytes], pa.uuid()),
            "j": pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}'])),
        }
    )
    dbferry.write(rows, pg_db.url, "t", mode="create")
    assert pg_db.rows("SELECT u::text, j ->> 'a' FROM t") == [(str(key), "1")]


def test_not_null_comes_from_the_stream(pg_db: Database) -> None:
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False), pa.field("b", pa.int64())])
    dbferry.write(pa.table([[1], [None]], schema=schema), pg_db.url, "t", mode="create")
    query = "SELECT is_nullable FROM information_schema.columns WHERE table_name = 't' ORDER BY 1"
    assert pg_db.rows(query) == [("NO",), ("YES",)]


def test_progress_is_told_and_may_stop_the_write(pg_db: Database) -> None:
    def endless() -> Iterator[pa.RecordBatch]:
        batch = pa.record_batch({"a": range(1_000)})
        while True:
            yield batch

    def stop(progress: dbferry.Progress) -> None:
        if progress.rows:
            raise KeyboardInterrupt

    schema = pa.schema([("a", pa.int64())])
    with pytest.raises(dbferry.DbferryError, match="interrupted"):
        dbferry.write(
            pa.RecordBatchReader.from_batches(schema, endless()),
            pg_db.url, "t", mode="create", progress=stop,
        )  # fmt: skip
    assert pg_db.rows("SELECT to_regclass('t')::text") == [(None,)]


def test_a_frame_that_is_not_computed_yet(sqlite_db: Database) -> None:
    with pytest.raises(RequestError, match="LazyFrame") as caught:
        dbferry.write(pl.LazyFrame({"a": [1]}), sqlite_db.url, "t", mode="create")
    assert ".collect()" in (caught.value.hint or "")


@pytest.mark.parametrize("mode", ["create", "replace", "append"])
@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_a_name_of_a_column_that_is_cut_is_told(
    database: Make, engine: str, mode: dbferry.WriteMode
) -> None:
    target, long = database(engine), "x" * 70
    short = "x" * (63 if engine == "postgresql" else 64)
    rows = pa.table({long: [1]})
    if mode != "create":
        assert dbferry.write(rows, target.url, "t", mode="create").rows == 1
    notes = dbferry.write(rows, target.url, "t", mode=mode).notes
    assert f"t: the name of the column `{long}` is cut to `{short}`" in notes
