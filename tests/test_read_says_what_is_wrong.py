"""What can't be read is refused before the first row, or by the consumer with its place and a hint."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import DataError, MissingError, RequestError
from servers.database import Database

SOURCES = ["postgresql", "mysql", "mariadb", "sqlite"]


def refused(url: str, what: str, **options: object) -> dbferry.DbferryError:
    with pytest.raises(dbferry.DbferryError) as caught:
        dbferry.read(url, what, **options)  # type: ignore[arg-type]
    assert caught.value.side == "source"
    return caught.value


@pytest.mark.parametrize("engine", SOURCES)
def test_names_and_queries(database: Callable[[str], Database], engine: str) -> None:
    held = database(engine)
    held.sql("CREATE TABLE orders (id integer, total integer)")
    error = refused(held.url, "oders")
    assert isinstance(error, RequestError)
    assert error.message == "no table of the source is called `oders`"
    assert "orders`?" in (error.hint or "")
    error = refused(held.url, "orders", columns=["totl"])
    assert (error.message, error.hint) == (
        "the table has no column `totl`",
        "did you mean `total`?",
    )
    assert "begins with SELECT" in (refused(held.url, "DELETE FROM orders").hint or "")
    error = refused(held.url, "SELECT id AS x, total AS x FROM orders")
    assert error.message == "two columns of the query are called `x`"
    for wrong in (
        "SELECT nope FROM orders",
        "SELECT 1; SELECT 2",
        "WITH x AS (SELECT 1) DELETE FROM orders",
    ):
        assert refused(held.url, wrong).message
    with pytest.raises(RequestError, match="names no column"):
        dbferry.read(held.url, "orders", columns=[])
    with pytest.raises(RequestError, match="twice"):
        dbferry.read(held.url, "orders", columns=["id", "id"])


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_a_query_that_would_write_is_refused(
    database: Callable[[str], Database], engine: str
) -> None:
    held = database(engine)
    held.sql("CREATE TABLE t (n integer)")
    write = {
        "postgresql": "WITH w AS (INSERT INTO t VALUES (1) RETURNING n) SELECT n FROM w",
        "mysql": "SELECT n FROM t WHERE n = 1 INTO @x",
        "mariadb": "SELECT n FROM t WHERE n = 1 INTO @x",
    }[engine]
    with pytest.raises((dbferry.DbferryError, pa.ArrowException)):
        pa.table(dbferry.read(held.url, write))
    assert held.rows("SELECT count(*) FROM t")[0][0] == 0


def test_names_with_points_blanks_and_schemas(pg_db: Database, sqlite_db: Database) -> None:
    pg_db.sql(
        "CREATE SCHEMA s; CREATE TABLE s.t (a integer); CREATE TABLE t (b integer);"
        'CREATE TABLE s."odd.name" (c integer); CREATE TABLE "select" (d integer);'
        "CREATE VIEW s.v AS SELECT 1 AS e"
    )
    for what, column in {
        "s.t": "a", "t": "b", 's."odd.name"': "c", "odd.name": "c", "select": "d", "v": "e",
    }.items():  # fmt: skip
        assert dbferry.read(pg_db.url, what).schema.names == (column,)
    sqlite_db.sql('CREATE TABLE "two words" (a integer)')
    assert dbferry.read(sqlite_db.url, "two words").schema.names == ("a",)
    assert dbferry.read(sqlite_db.url, "main.[two words]".replace("[", '"').replace("]", '"'))


def test_a_value_that_doesn_t_fit_is_an_error_with_its_place(pg_db: Database) -> None:
    pg_db.sql("CREATE TABLE t (d date); INSERT INTO t VALUES ('2024-01-01'), ('infinity')")
    stream = dbferry.read(pg_db.url, "t")
    with pytest.raises(pa.ArrowException, match=r"T-INF.*postgresql source.*column `d`, row 2"):
        pa.table(stream)
    with pytest.raises(DataError) as caught:
        stream.check()
    assert (caught.value.code, caught.value.column, caught.value.row) == ("T-INF", "d", 2)
    stream = dbferry.read(pg_db.url, "t", on_loss="t.d:T-INF=null")
    assert pa.table(stream)["d"].null_count == 1
    assert stream.losses == (("d", "T-INF", 1),)


def test_mixed_classes_of_sqlite_are_named_before_the_first_row(sqlite_db: Database) -> None:
    sqlite_db.sql("CREATE TABLE t (x integer); INSERT INTO t VALUES (1), ('word')")
    error = refused(sqlite_db.url, "t")
    assert (error.code, error.column) == ("V-MIXED", "x")
    table = pa.table(dbferry.read(sqlite_db.url, "t", on_loss=["t.x:V-MIXED=text"]))
    assert table["x"].to_pylist() == ["1", "word"]


def test_what_a_sample_has_not_shown_is_an_error_at_its_row(sqlite_db: Database) -> None:
    sqlite_db.sql(
        "CREATE TABLE t (x integer);"
        "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 200000)"
        " INSERT INTO t SELECT n FROM s; UPDATE t SET x = 'word' WHERE rowid = 150001"
    )
    stream = dbferry.read(sqlite_db.url, "t", parallel=1)
    assert stream.schema["x"] == "int64"
    with pytest.raises(pa.ArrowException, match=r"column `x`.*probe=True"):
        pa.table(stream)
    error = refused(sqlite_db.url, "t", probe=True)
    assert (error.code, error.column) == ("V-MIXED", "x")


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql"])
def test_a_table_of_another_schema_is_not_taken_for_one_of_this(
    database: Callable[[str], Database], engine: str
) -> None:
    held = database(engine)
    other = f"{held.name}_other"
    held.sql(
        f"CREATE TABLE t (ours integer); CREATE SCHEMA {other}; CREATE TABLE {other}.t (theirs integer)"
    )
    try:
        assert dbferry.read(held.url, f"{other}.t").schema.names == ("theirs",)
        assert dbferry.read(held.url, "t").schema.names == ("ours",)
        with pytest.raises(RequestError, match="no table of the source is called"):
            dbferry.read(held.url, "nosuch.t")
    finally:
        held.sql(f"DROP TABLE {other}.t; DROP SCHEMA {other}")


@pytest.mark.parametrize("engine", SOURCES)
@pytest.mark.parametrize("query", ["SELECT 1; SELECT 2", "SELECT FROM WHERE", "SELECT n frm t x y"])
def test_a_query_that_is_none_is_the_fault_of_the_request(
    database: Callable[[str], Database], engine: str, query: str
) -> None:
    error = refused(database(engine).url, query)
    assert isinstance(error, RequestError)
    assert "single query" in (error.hint or "")


def test_a_table_behind_a_driver_of_sqlite_is_in_main(sqlite_db: Database) -> None:
    sqlite_db.sql("CREATE TABLE t (a integer)")
    sqlite_db.sql("INSERT INTO t VALUES (7)")
    for name in ("main.t", "t", '"main"."t"'):
        assert pa.table(dbferry.read(f"adbc+{sqlite_db.url}", name))["a"].to_pylist() == [7]
    assert "is called `main.tt`" in refused(f"adbc+{sqlite_db.url}", "main.tt").message


def test_a_file_behind_a_driver_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "nosuch" / "a.db"
    error = refused(f"adbc+sqlite:///{missing}", "t")
    assert (error.message, error.kind) == (f"no file `{missing}`", "missing")
    with pytest.raises(MissingError, match="no folder"):
        dbferry.write(pa.table({"a": [1]}), f"adbc+sqlite:///{missing}", "t", mode="create")
    assert not missing.parent.exists()


def test_what_fails_behind_a_driver_has_its_place(sqlite_db: Database) -> None:
    sqlite_db.sql("CREATE TABLE t (a integer)")
    sqlite_db.sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
                  "INSERT INTO t SELECT i FROM n; INSERT INTO t VALUES ('x')")  # fmt: skip
    stream = dbferry.read(f"adbc+{sqlite_db.url}", "t")
    with pytest.raises(pa.ArrowInvalid, match="table `t`"):
        pa.table(stream)
    with pytest.raises(DataError) as caught:
        stream.check()
    assert (caught.value.engine, caught.value.side, caught.value.table) == ("adbc", "source", "t")


def test_a_query_that_writes_is_told_so(pg_db: Database) -> None:
    pg_db.sql("CREATE TABLE t (n integer)")
    stream = dbferry.read(pg_db.url, "WITH w AS (INSERT INTO t VALUES (1) RETURNING n) TABLE w")
    with pytest.raises(Exception, match="nothing is written where rows are read"):
        pa.table(stream)
    assert pg_db.rows("SELECT * FROM t") == []
