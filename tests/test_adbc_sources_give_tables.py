"""A database behind an ADBC driver is read whole: every user table, with the values that its driver gives."""

import contextlib
import sqlite3
from collections.abc import Callable

import pytest

import dbferry
import judge
from dbferry.engines.adbc.session import AdbcSession
from dbferry.errors import DataError, DbferryError
from dbferry.sessions import OpenSession, open_session
from dbferry.urls import parse
from servers.database import Database, SqliteDatabase
from through import adbc

PERSON = """
CREATE TABLE person (
  id integer PRIMARY KEY, name text, born date, balance numeric(12,3), ratio numeric, photo bytea, active boolean,
  seen timestamptz, made timestamp, at time, score double precision, key uuid, extra json
);
INSERT INTO person VALUES
  (1, 'Zoë', '0001-01-01', -12.300, 'NaN', '\\x00ff', true, '2024-02-29 23:59:59.999999+00', '9999-12-31 23:59:59',
   '23:59:59.999999', 'NaN', '00112233-4455-6677-8899-aabbccddeeff', '{"a": [1, null]}'),
  (2, '', '9999-12-31', 99999.999, 1234567890123456789012345678901234567890.00001, '', false,
   '1970-01-01 00:00:00+00', '1970-01-01', '00:00', -0.5, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '1'),
  (3, 'x', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE empty (id bigint, name text);
"""
THINGS = """
CREATE TABLE thing (id integer PRIMARY KEY, name text, weight real, body blob);
INSERT INTO thing VALUES (1, 'Zoë', 1.5, x'00ff'), (-9223372036854775808, '', -1e308, x''), (3, NULL, NULL, NULL);
CREATE VIEW seen AS SELECT * FROM thing;
"""


def test_postgresql_gives_its_tables_to_postgresql(database: Callable[[str], Database]) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(PERSON)
    report = dbferry.migrate(adbc(held), made.url)
    assert (report.state, report.rows) == ("done", 3)
    assert report.source.startswith("adbc+postgresql://")
    assert judge.texts(made, "person") == judge.texts(held, "person")
    assert judge.primary_key(made, "person") == ["id"]
    assert judge.texts(made, "empty", "") == []
    assert judge.types(made, "person") == {
        **judge.types(held, "person"),
        "seen": "timestamp(6) with time zone",
        "made": "timestamp(6) without time zone",
        "at": "time(6) without time zone",
    }


def test_sqlite_gives_its_tables_to_sqlite(database: Callable[[str], Database]) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql(THINGS)
    report = dbferry.migrate(adbc(held), made.url)
    assert [table.source for table in report.tables] == ["thing"]
    assert judge.texts(made, "thing") == judge.texts(held, "thing")


def test_sqlite_gives_its_tables_to_postgresql(
    sqlite_db: Database, database: Callable[[str], Database]
) -> None:
    sqlite_db.sql(THINGS)
    made = database("postgresql")
    dbferry.migrate(adbc(sqlite_db), made.url)
    assert judge.types(made, "thing") == {
        "id": "bigint", "name": "text", "weight": "double precision", "body": "bytea",
    }  # fmt: skip
    assert judge.texts(made, "thing") == judge.texts(sqlite_db, "thing")


def test_a_driver_gives_its_tables_to_another(
    database: Callable[[str], Database], sqlite_db: Database
) -> None:
    held = database("postgresql")
    held.sql(PERSON)
    report = dbferry.migrate(adbc(held), adbc(sqlite_db), on_loss=["score:N-NAN=null"])
    assert (report.state, report.rows) == ("done", 3)
    rows = sqlite_db.rows("SELECT id, name, born, balance, photo FROM person ORDER BY id")
    assert rows == [
        (1, "Zoë", "0001-01-01", "-12.300", b"\0\xff"),
        (2, "", "9999-12-31", "99999.999", b""),
        (3, "x", None, None, None),
    ]


def test_types_that_the_driver_has_no_form_for_come_as_the_database_s_text(
    database: Callable[[str], Database],
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TYPE mood AS ENUM ('sad', 'très gai')")
    held.sql(
        "CREATE TABLE t (id integer PRIMARY KEY, m mood, i interval, n inet, a integer[], p money, o oid, z timetz)"
    )
    held.sql(
        "INSERT INTO t VALUES (1, 'très gai', '1 mon 2 days 03:00', '10.0.0.1/8', '{1,NULL}', '12.34', "
        "4294967295, '01:02:03+02'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
    )
    dbferry.migrate(adbc(held), made.url)
    assert judge.texts(made, "t") == [
        ("1", "très gai", "1 mon 2 days 03:00:00", "10.0.0.1/8", "{1,NULL}", "12.34", "4294967295", "01:02:03+02"),
        ("2", *[None] * 7),
    ]  # fmt: skip


def test_partitions_are_read_once(database: Callable[[str], Database]) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TABLE t (id integer) PARTITION BY RANGE (id)")
    held.sql("CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10)")
    held.sql("INSERT INTO t VALUES (1), (2)")
    report = dbferry.migrate(adbc(held), made.url)
    assert [(table.source, table.rows) for table in report.tables] == [("public.t", 2)]


def test_a_moment_that_the_driver_bends_is_refused(database: Callable[[str], Database]) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TABLE t (id integer, v date); INSERT INTO t VALUES (1, 'infinity')")
    with pytest.raises(DataError) as caught:
        dbferry.migrate(adbc(held), made.url)
    assert (caught.value.table, caught.value.column) == ("public.t", "v")


def test_a_value_of_another_class_than_the_first_rows_is_an_error(
    database: Callable[[str], Database],
) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql("CREATE TABLE t (v)")
    held.sql(
        "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 40000) INSERT INTO t SELECT v FROM n"
    )
    held.sql("INSERT INTO t VALUES ('hidden')")
    with pytest.raises(DbferryError) as caught:
        dbferry.migrate(adbc(held), made.url)
    assert caught.value.table == "t"
    assert "hidden" not in str(caught.value)
    assert judge.tables(made) == set()


def test_a_source_file_is_not_made(
    sqlite_db: Database, database: Callable[[str], Database]
) -> None:
    made = database("sqlite")
    url = adbc(sqlite_db).replace(sqlite_db.name, "nosuchfile")
    with pytest.raises(DbferryError):
        dbferry.migrate(url, made.url)


def test_all_tables_of_postgresql_are_of_one_point_in_time(pg_db: Database) -> None:
    pg_db.sql("CREATE TABLE a (id integer); CREATE TABLE b (id integer);")
    with open_session(parse(adbc(pg_db)), side="source") as session:
        _is_one_point(session, pg_db.sql)


def test_all_tables_of_sqlite_are_of_one_point_in_time(sqlite_db: SqliteDatabase) -> None:
    with contextlib.closing(sqlite3.connect(sqlite_db.path, isolation_level=None)) as writer:
        # It stays open: two copies of SQLite in one process would end each other's locks.
        writer.execute("PRAGMA journal_mode = WAL")
        writer.executescript("CREATE TABLE a (id integer); CREATE TABLE b (id integer);")
        with open_session(parse(adbc(sqlite_db)), side="source") as session:
            _is_one_point(session, writer.executescript)


def _is_one_point(session: OpenSession, write: Callable[[str], object]) -> None:
    assert isinstance(session, AdbcSession)
    assert (session.point, session.method) == (True, "one transaction")
    assert session.query("SELECT count(*) FROM a") == [("0",)]
    write("INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);")
    assert session.query("SELECT count(*) FROM b") == [("0",)]
