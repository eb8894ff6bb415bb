"""A driver that can't be loaded or let in says so, with what helps and without a secret."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import dbferry
from dbferry.engines.adbc.session import library
from dbferry.errors import ConnectError, DbferryError, RequestError
from dbferry.urls import parse
from servers.database import Database
from servers.server import PASSWORD
from through import adbc


def test_an_unknown_driver_is_told_with_what_to_install(sqlite_db: Database) -> None:
    with pytest.raises(RequestError, match="ADBC driver `nosuch` was not found") as caught:
        dbferry.plan(sqlite_db.url, "adbc+nosuch://host/db")
    assert "pip install adbc-driver-nosuch" in (caught.value.hint or "")


def test_a_library_that_is_not_there_is_told_by_its_path(sqlite_db: Database) -> None:
    with pytest.raises(RequestError, match=r"/no/such/driver\.so") as caught:
        dbferry.plan(sqlite_db.url, "adbc+sqlite:///x.db?driver=/no/such/driver.so")
    assert "driver=" in (caught.value.hint or "")


def test_a_missing_package_is_told_with_how_to_install_it(
    sqlite_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_manager", None)
    with pytest.raises(RequestError, match="`adbc_driver_manager` is needed") as caught:
        dbferry.plan(sqlite_db.url, "adbc+sqlite:///x.db")
    assert caught.value.hint == "pip install 'dbferry[adbc]'"


def test_a_wrong_password_is_refused_and_not_told(sqlite_db: Database, pg_db: Database) -> None:
    url = adbc(pg_db).replace("secret", "wr0ngsecret")
    with pytest.raises(ConnectError) as caught:
        dbferry.plan(sqlite_db.url, url)
    told = f"{caught.value} {caught.value.fields()}"
    assert "wr0ng" not in told
    assert PASSWORD not in told


@pytest.mark.parametrize("password", ["hid:den/x", "hid#den", "hid/den"])
def test_a_password_that_breaks_the_url_is_not_told(sqlite_db: Database, password: str) -> None:
    with pytest.raises(DbferryError) as caught:
        dbferry.plan(sqlite_db.url, f"adbc+postgresql://u:{password}@127.0.0.1:1/db")
    told = f"{caught.value} {caught.value.fields()}"
    assert not [piece for piece in ("hid", "den") if piece in told], told


def test_a_driver_is_loaded_by_its_path(database: Callable[[str], Database]) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql("CREATE TABLE t (id integer, name text); INSERT INTO t VALUES (1, 'a');")
    endpoint = parse(adbc(made))
    assert endpoint.driver is not None
    path = library(endpoint.driver)
    assert Path(path).is_file()
    report = dbferry.migrate(held.url, f"{adbc(made)}?driver={path}")
    assert (report.state, made.rows("SELECT * FROM t")) == ("done", [(1, "a")])
    assert path not in report.target


def test_a_third_driver_takes_tables_too(sqlite_db: Database, tmp_path: Path) -> None:
    """DuckDB's library is an ADBC driver of another maker."""
    import duckdb

    library = next(Path(duckdb.__file__).parent.parent.glob("_duckdb*.so"))
    sqlite_db.sql("CREATE TABLE t (id integer, name text, day date)")
    sqlite_db.sql("INSERT INTO t VALUES (1, 'a', '2020-01-01'), (2, NULL, NULL)")
    file = tmp_path / "third.duckdb"
    url = f"adbc+duckdb://?driver={library}&entrypoint=duckdb_adbc_init&option.path={file}"
    report = dbferry.migrate(sqlite_db.url, url)
    assert report.state == "done"
    with duckdb.connect(file) as connection:
        rows = connection.execute("SELECT id, name, day::varchar FROM t ORDER BY id").fetchall()
    assert rows == [(1, "a", "2020-01-01"), (2, None, None)]


def test_duckdbs_own_package_is_a_driver(sqlite_db: Database, tmp_path: Path) -> None:
    sqlite_db.sql("CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    copy = tmp_path / "copy.duckdb"
    url = f"adbc+duckdb://?entrypoint=duckdb_adbc_init&option.path={copy}"
    assert dbferry.migrate(sqlite_db.url, url).rows == 2
    assert copy.exists()
