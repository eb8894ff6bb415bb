"""A write touches the table that is named and no other, and refuses what it couldn't take back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import psycopg
import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import BusyError, ConstraintError, DbferryError, MissingError, RequestError
from servers.database import Database, ServerDatabase

SERVERS = ("postgresql", "mariadb", "mysql")
FAMILY = ("mariadb", "mysql")
ROWS = pa.table({"id": [7], "a": [70]})

Make = Callable[[str], Database]
EVERY = pytest.mark.parametrize("engine", [*SERVERS, "sqlite"])


def standing(database: Database, name: str = "t", more: str = "") -> Database:
    quoted = f"`{name}`" if database.engine in FAMILY else f'"{name}"'
    database.sql(f"CREATE TABLE {quoted} (id INTEGER PRIMARY KEY, a INTEGER{more})")
    database.sql(f"INSERT INTO {quoted} (id, a) VALUES (1, 10)")
    return database


def ids(database: Database, name: str = "t") -> list[int]:
    quoted = f"`{name}`" if database.engine in FAMILY else f'"{name}"'
    return [int(row[0] or 0) for row in database.rows(f"SELECT id FROM {quoted} ORDER BY id")]


def tables(database: Database) -> list[str]:
    where = "schema()" if database.engine in FAMILY else "'public'"
    query = f"SELECT table_name FROM information_schema.tables WHERE table_schema = {where}"
    if database.engine == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    return sorted(str(row[0]) for row in database.rows(query))


@pytest.mark.parametrize("mode", ["append", "truncate", "replace"])
@pytest.mark.parametrize("engine", SERVERS)
def test_a_name_that_is_too_long_is_not_that_of_a_shorter_one(
    database: Make, engine: str, mode: dbferry.WriteMode
) -> None:
    name = "x" * (63 if engine == "postgresql" else 64)
    target = standing(database(engine), name)
    with pytest.raises(RequestError, match="longer than"):
        dbferry.write(ROWS, target.url, f"{name}y", mode=mode)
    assert ids(target, name) == [1]


@pytest.mark.parametrize("mode", ["truncate", "replace"])
@EVERY
def test_a_point_in_a_name_is_read_as_read_does(
    database: Make, engine: str, mode: dbferry.WriteMode
) -> None:
    target = standing(standing(database(engine), "a.b"), "b")
    dbferry.write(ROWS, target.url, "a.b", mode=mode)
    assert (ids(target, "a.b"), ids(target, "b")) == ([7], [1])
    assert pa.table(dbferry.read(target.url, "a.b"))["id"].to_pylist() == [7]


@pytest.mark.parametrize("name", ["nosuch.t", 'x"t', '"t', "x.y.t", '"".t', "", "t."])
@EVERY
def test_a_name_that_says_something_else_is_refused(database: Make, engine: str, name: str) -> None:
    target = standing(database(engine))
    for mode in ("append", "create", "replace", "truncate"):
        with pytest.raises((RequestError, MissingError)):
            dbferry.write(ROWS, target.url, name, mode=mode)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="no table of the source is called"):
        dbferry.read(target.url, name)
    assert ids(target) == [1]
    assert tables(target) == ["t"]


@pytest.mark.parametrize("mode", ["replace", "truncate"])
@EVERY
def test_a_table_that_foreign_keys_refer_to_stays(
    database: Make, engine: str, mode: dbferry.WriteMode
) -> None:
    target = standing(database(engine))
    target.sql(
        "CREATE TABLE child (t INTEGER, FOREIGN KEY (t) REFERENCES t (id) ON DELETE CASCADE)"
    )
    target.sql("INSERT INTO child VALUES (1)")
    with pytest.raises(RequestError, match="foreign key of child"):
        dbferry.write(ROWS, target.url, "t", mode=mode)
    assert ids(target) == [1]
    assert tables(target) == ["child", "t"]
    assert target.rows("SELECT t FROM child")
    assert dbferry.write(ROWS, target.url, "t").rows == 1


def test_a_table_that_a_view_reads_is_not_replaced(pg_db: Database) -> None:
    standing(pg_db).sql("CREATE VIEW v AS SELECT * FROM t")
    with pytest.raises(RequestError, match="the view v depends"):
        dbferry.write(ROWS, pg_db.url, "t", mode="replace")
    dbferry.write(ROWS, pg_db.url, "t", mode="truncate")
    assert ids(pg_db) == [7]


def test_views_of_sqlite_read_the_table_that_takes_the_place(sqlite_db: Database) -> None:
    standing(sqlite_db).sql("CREATE VIEW v AS SELECT id FROM t")
    sqlite_db.sql("CREATE VIEW broken AS SELECT * FROM nosuch")
    dbferry.write(ROWS, sqlite_db.url, "t", mode="replace")
    assert ids(sqlite_db, "v") == [7]
    assert tables(sqlite_db) == ["t"]


@pytest.mark.parametrize("mode", ["append", "truncate"])
@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_rows_that_refer_to_nothing_are_refused_as_a_whole(
    database: Make, engine: str, mode: dbferry.WriteMode
) -> None:
    target = database(engine)
    target.sql("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    target.sql("INSERT INTO p VALUES (10)")
    standing(target, more=", FOREIGN KEY (a) REFERENCES p (id)")
    rows = pa.table({"id": [2, 3, 4], "a": [10, None, 70]})
    with pytest.raises(ConstraintError):
        dbferry.write(rows, target.url, "t", mode=mode, batch_rows=1)
    assert ids(target) == [1]
    dbferry.write(rows.slice(0, 2), target.url, "t", mode=mode)
    assert ids(target) == ([2, 3] if mode == "truncate" else [1, 2, 3])


@pytest.mark.parametrize("mode", ["append", "truncate"])
def test_a_table_of_sqlite_that_refers_to_none_takes_no_rows(
    sqlite_db: Database, mode: dbferry.WriteMode
) -> None:
    standing(sqlite_db, more=", FOREIGN KEY (a) REFERENCES nosuch (id)")
    with pytest.raises(RequestError, match="refers to `nosuch`, which isn't there"):
        dbferry.write(ROWS, sqlite_db.url, "t", mode=mode)
    assert ids(sqlite_db) == [1]
    dbferry.write(ROWS, sqlite_db.url, "t", mode="replace")
    assert ids(sqlite_db) == [7]


def test_rows_of_sqlite_that_were_wrong_before_hinder_nothing(sqlite_db: Database) -> None:
    sqlite_db.sql("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    standing(sqlite_db, more=", FOREIGN KEY (a) REFERENCES p (id)")
    dbferry.write(pa.table({"id": [2], "a": pa.array([None], pa.int64())}), sqlite_db.url, "t")
    assert ids(sqlite_db) == [1, 2]


@EVERY
def test_rows_that_refer_to_nothing_are_refused(database: Make, engine: str) -> None:
    target = database(engine)
    target.sql("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    target.sql("INSERT INTO p VALUES (10)")
    standing(target, more=", FOREIGN KEY (a) REFERENCES p (id)")
    with pytest.raises(ConstraintError):
        dbferry.write(ROWS, target.url, "t")
    assert ids(target) == [1]
    dbferry.write(pa.table({"id": [2], "a": [10]}), target.url, "t")
    assert ids(target) == [1, 2]


@EVERY
def test_a_foreign_key_to_the_table_itself_stays_and_is_held(database: Make, engine: str) -> None:
    target = database(engine)
    target.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, FOREIGN KEY (a) REFERENCES t (id))"
    )
    parents = pa.table({"id": range(50_000), "a": [0] * 50_000})
    dbferry.write(parents, target.url, "t", parallel=4, batch_rows=1_000)
    with pytest.raises(ConstraintError):
        dbferry.write(pa.table({"id": [60_000], "a": [70_000]}), target.url, "t")
    assert len(ids(target)) == 50_000


@pytest.mark.parametrize("mode", ["append", "truncate"])
@pytest.mark.parametrize("engine", FAMILY)
def test_a_table_without_transactions_is_refused(
    database: Make, engine: str, mode: dbferry.WriteMode
) -> None:
    target = database(engine)
    target.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER) ENGINE = MyISAM")
    target.sql("INSERT INTO t VALUES (1, 10)")
    with pytest.raises(RequestError, match="MyISAM can't take all rows or none"):
        dbferry.write(pa.table({"id": [2, 1], "a": [1, 1]}), target.url, "t", mode=mode)
    assert ids(target) == [1]


@EVERY
def test_values_of_a_computed_column_are_refused_by_name(database: Make, engine: str) -> None:
    target = standing(database(engine), more=", twice INTEGER GENERATED ALWAYS AS (a * 2) STORED")
    with pytest.raises(RequestError, match="computes the values") as caught:
        dbferry.write(pa.table({"id": [7], "twice": [3]}), target.url, "t")
    assert caught.value.column == "twice"
    dbferry.write(ROWS, target.url, "t")
    assert ids(target) == [1, 7]


class Stopped(Exception):
    pass


@pytest.mark.parametrize("mode", ["create", "replace"])
@pytest.mark.parametrize("engine", [*SERVERS, "sqlite"])
def test_what_progress_raises_leaves_no_table(
    database: Make, engine: str, mode: dbferry.WriteMode
) -> None:
    target = standing(database(engine), "t" if mode == "replace" else "u")
    called = threading.Event()

    def batches() -> Iterator[pa.RecordBatch]:
        yield from ROWS.to_batches()
        assert called.wait(20)

    def stop(_: object) -> None:
        called.set()
        raise Stopped

    rows = pa.RecordBatchReader.from_batches(ROWS.schema, batches())
    before = tables(target)
    with pytest.raises(Stopped):
        dbferry.write(rows, target.url, "t", mode=mode, progress=stop)
    assert tables(target) == before


@pytest.mark.parametrize("engine", SERVERS)
def test_a_key_that_comes_twice_is_told_at_once(database: Make, engine: str) -> None:
    target = standing(database(engine))
    columns = {"id": [*range(100, 40_100), 105], "a": [0] * 40_001}
    with pytest.raises(ConstraintError):
        dbferry.write(pa.table(columns), target.url, "t", batch_rows=1_000)
    assert ids(target) == [1]


def test_a_lock_is_not_waited_for_without_end(pg_db: Database) -> None:
    standing(pg_db)
    with psycopg.connect(pg_db.url) as other:
        other.execute("INSERT INTO t VALUES (7, 0)")
        with pytest.raises(BusyError) as caught:
            dbferry.write(ROWS, pg_db.url, "t", parallel=2)
        assert "parallel=1" in (caught.value.hint or "")
        other.rollback()
    assert ids(pg_db) == [1]


READING = "SELECT id FROM {} WHERE id = 1"
HELD = {
    "postgresql": {"truncate": READING, "replace": READING, "itself": f"{READING} FOR UPDATE"},
    "mariadb": {"truncate": f"{READING} LOCK IN SHARE MODE", "replace": READING},
    "mysql": {"truncate": "LOCK TABLES {} READ", "replace": READING},
}


@pytest.mark.parametrize("engine", SERVERS)
def test_who_reads_a_table_is_not_waited_for_without_end(database: Make, engine: str) -> None:
    """All of an engine's ways at once, for each takes its ten seconds."""
    target = database(engine)
    assert isinstance(target, ServerDatabase)

    def refused(way: str) -> float:
        itself = way == "itself"
        rows = dbferry.read(target.url, way) if itself else ROWS
        started = time.monotonic()
        with pytest.raises(BusyError):
            dbferry.write(rows, target.url, way, mode="truncate" if itself else way)  # type: ignore[arg-type]
        return time.monotonic() - started

    with ExitStack() as stack:
        for way, lock in HELD[engine].items():
            standing(target, way)
            reader = stack.enter_context(
                closing(target.server.connect(target.name, autocommit=False))
            )
            reader.cursor().execute(lock.format(f"`{way}`" if engine in FAMILY else f'"{way}"'))
        before = tables(target)
        with ThreadPoolExecutor() as pool:
            took = list(pool.map(refused, HELD[engine]))
        assert tables(target) == before
        assert [ids(target, way) for way in HELD[engine]] == [[1]] * len(took)
    assert all(seconds < 20 for seconds in took)


@EVERY
def test_a_table_is_filled_with_its_own_rows(database: Make, engine: str) -> None:
    target = standing(database(engine))
    dbferry.write(dbferry.read(target.url, "t"), target.url, "t", mode="truncate")
    assert ids(target) == [1]
    dbferry.write(dbferry.read(target.url, "t"), target.url, "t", mode="replace")
    assert ids(target) == [1]


@pytest.mark.parametrize("value", [0, 1.5, True, "2"])
@pytest.mark.parametrize("name", ["parallel", "batch_rows"])
def test_numbers_that_are_none_are_refused(sqlite_db: Database, name: str, value: object) -> None:
    standing(sqlite_db)
    with pytest.raises(RequestError, match=f"`{name}` is the number"):
        dbferry.write(ROWS, sqlite_db.url, "t", **{name: value})  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=f"`{name}` is the number"):
        dbferry.read(sqlite_db.url, "t", **{name: value})  # type: ignore[arg-type]
    with pytest.raises(DbferryError, match="`columns` is a list"):
        dbferry.read(sqlite_db.url, "t", columns="id")


def test_a_value_that_does_not_fit_is_of_the_stream(pg_db: Database) -> None:
    with pytest.raises(DbferryError, match="U\\+0000") as caught:
        dbferry.write(pa.table({"s": ["a\0b"]}), pg_db.url, "t", mode="create")
    assert (caught.value.engine, caught.value.side) == ("arrow", "source")
