"""`read` and `write` through an ADBC driver: the same streams as from a native engine."""

from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import DbferryError, RequestError
from servers.database import Database
from servers.server import wait_until
from through import adbc

MAKE = "CREATE TABLE t (id integer PRIMARY KEY, price numeric(10,2), name text)"
FILL = "INSERT INTO t VALUES (1, 1.50, 'a'), (2, NULL, NULL)"
ROWS = [
    {"id": 1, "price": Decimal("1.50"), "name": "a"},
    {"id": 2, "price": None, "name": None},
]


@pytest.fixture
def filled(pg_db: Database) -> Database:
    pg_db.sql(MAKE)
    pg_db.sql(FILL)
    return pg_db


def test_a_table_is_read_with_its_types(filled: Database) -> None:
    stream = dbferry.read(adbc(filled), "t")
    assert list(stream.schema) == [
        ("id", "int32"),
        ("price", "decimal128(10, 2)"),
        ("name", "utf8"),
    ]
    assert pa.table(stream).to_pylist() == ROWS
    assert stream.rows == 2
    assert pa.table(stream).to_pylist() == ROWS, "each consumer reads anew"


@pytest.mark.parametrize(
    "what", ["t", "public.t", '"t"', "TABLE t", "SELECT * FROM t ORDER BY id;"]
)
def test_tables_and_queries_are_read(filled: Database, what: str) -> None:
    rows = pa.table(dbferry.read(adbc(filled), what)).to_pylist()
    assert sorted(rows, key=lambda row: row["id"]) == ROWS


def test_chosen_columns_are_read(filled: Database) -> None:
    table = pa.table(dbferry.read(adbc(filled), "t", columns=["name", "id"]))
    assert table.column_names == ["name", "id"]


def test_a_view_is_read(filled: Database) -> None:
    filled.sql("CREATE VIEW v AS SELECT name FROM t WHERE id = 1")
    assert pa.table(dbferry.read(adbc(filled), "v")).to_pylist() == [{"name": "a"}]


def test_a_table_of_sqlite_is_read(sqlite_db: Database) -> None:
    sqlite_db.sql("CREATE TABLE t (id integer, name text); INSERT INTO t VALUES (1, 'a');")
    assert pa.table(dbferry.read(adbc(sqlite_db), "t")).to_pylist() == [{"id": 1, "name": "a"}]
    query = "SELECT name AS n FROM t"
    assert pa.table(dbferry.read(adbc(sqlite_db), query)).to_pylist() == [{"n": "a"}]


def test_a_stream_outlives_what_read_gave(filled: Database) -> None:
    filled.sql("INSERT INTO t SELECT n, 1, 'x' FROM generate_series(3, 200000) AS n")
    reader = pa.RecordBatchReader.from_stream(dbferry.read(adbc(filled), "t"))
    assert sum(batch.num_rows for batch in reader) == 200000


def test_an_unread_stream_holds_no_session(filled: Database) -> None:
    stream = dbferry.read(adbc(filled), "t")
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    wait_until(lambda: filled.rows(sessions) == [(1,)], "the end of the driver's session")
    assert stream.schema.names == ("id", "price", "name")


def test_a_wrong_name_and_a_wrong_query_are_told(filled: Database) -> None:
    with pytest.raises(RequestError, match="no table of the source is called `tt`"):
        dbferry.read(adbc(filled), "tt")
    with pytest.raises(DbferryError, match='column "nosuch" does not exist') as caught:
        dbferry.read(adbc(filled), "SELECT nosuch FROM t")
    assert (caught.value.kind, caught.value.side) == ("missing", "source")


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_a_stream_is_written(database: Callable[[str], Database], engine: str) -> None:
    made = database(engine)
    table = pa.table({"id": [1, 2], "name": ["a", None]})
    assert dbferry.write(table, adbc(made), "t", mode="create").rows == 2
    assert made.rows("SELECT * FROM t ORDER BY id") == [(1, "a"), (2, None)]
    dbferry.write(table, adbc(made), "t")
    assert made.rows("SELECT count(*) FROM t") == [(4,)]
    dbferry.write(table, adbc(made), "t", mode="truncate")
    assert made.rows("SELECT count(*) FROM t") == [(2,)]
    dbferry.write(table.slice(0, 1), adbc(made), "t", mode="replace")
    assert made.rows("SELECT * FROM t") == [(1, "a")]


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_a_write_that_fails_leaves_the_table_as_it_was(
    database: Callable[[str], Database], engine: str
) -> None:
    made = database(engine)
    made.sql("CREATE TABLE t (id bigint UNIQUE)")
    made.sql("INSERT INTO t VALUES (7)")
    for mode in ("append", "truncate"):
        with pytest.raises(DbferryError):
            dbferry.write(pa.table({"id": [1, 1]}), adbc(made), "t", mode=mode)
        assert made.rows("SELECT * FROM t") == [(7,)]
