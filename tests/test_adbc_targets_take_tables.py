"""A database behind an ADBC driver takes tables whole: each in one transaction, or not at all."""

from collections.abc import Callable

import pytest

import dbferry
import judge
from dbferry.errors import DataError, DbferryError, TargetNotEmptyError
from servers.database import Database
from through import adbc

MAKE = """
CREATE TABLE person (
  id integer PRIMARY KEY, name text NOT NULL, born date, balance numeric(12,3), photo bytea, active boolean,
  seen timestamptz, made timestamp, at time, score double precision, key uuid, extra json
);
INSERT INTO person VALUES
  (1, 'Zoë', '0001-01-01', -12.300, '\\x00ff', true, '2024-02-29 23:59:59.999999+00', '9999-12-31 23:59:59',
   '23:59:59.999999', 'NaN', '00112233-4455-6677-8899-aabbccddeeff', '{"a": [1, null]}'),
  (2, '', '9999-12-31', 99999.999, '', false, '1970-01-01 00:00:00+00', '1970-01-01', '00:00', -0.5,
   'ffffffff-ffff-ffff-ffff-ffffffffffff', '1'),
  (3, 'x', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE empty (id bigint, name text);
"""
PLAIN = "CREATE TABLE t (id integer, name text); INSERT INTO t VALUES (1, 'a'), (2, NULL);"


@pytest.fixture
def filled(database: Callable[[str], Database]) -> Database:
    db = database("postgresql")
    db.sql(MAKE)
    return db


def test_a_table_arrives_in_postgresql_with_the_driver_s_types(
    filled: Database, database: Callable[[str], Database]
) -> None:
    made = database("postgresql")
    report = dbferry.migrate(filled.url, adbc(made))
    assert report.state == "done"
    assert report.target.startswith("adbc+postgresql://")
    assert judge.types(made, "person") == {
        "id": "integer", "name": "text", "born": "date", "balance": "numeric", "photo": "bytea",
        "active": "boolean", "seen": "timestamp with time zone", "made": "timestamp without time zone",
        "at": "time without time zone", "score": "double precision", "key": "uuid", "extra": "json",
    }  # fmt: skip
    wanted = [list(row) for row in judge.texts(filled, "person")]
    for row in wanted:
        # The driver's numeric has no declared scale: zeros at the end are not kept.
        row[3] = row[3] and row[3].rstrip("0")
    assert [list(row) for row in judge.texts(made, "person")] == wanted
    assert judge.texts(made, "empty", "") == []


def test_what_sqlite_s_driver_refuses_arrives_as_text(
    filled: Database, sqlite_db: Database
) -> None:
    plan = dbferry.plan(filled.url, adbc(sqlite_db), tables=["person"])
    notes = {column.name: (str(column.verdict), column.notes) for column in plan.tables[0].columns}
    assert notes["balance"] == ("Ln", ("the ADBC driver stores it as text",))
    assert notes["id"] == ("L", ())
    dbferry.migrate(filled.url, adbc(sqlite_db), on_loss=["score:N-NAN=null"])
    rows = sqlite_db.rows("SELECT id, name, born, balance, photo, active FROM person ORDER BY id")
    assert rows == [
        (1, "Zoë", "0001-01-01", "-12.300", b"\0\xff", 1),
        (2, "", "9999-12-31", "99999.999", b"", 0),
        (3, "x", None, None, None, None),
    ]


def test_an_unsigned_number_that_the_driver_would_wrap_keeps_its_digits(
    database: Callable[[str], Database],
) -> None:
    held, made = database("mariadb"), database("postgresql")
    held.sql("CREATE TABLE t (v bigint unsigned)")
    held.sql("INSERT INTO t VALUES (18446744073709551615), (0), (NULL)")
    dbferry.migrate(held.url, adbc(made))
    assert judge.texts(made, "t", "") == [("0",), ("18446744073709551615",), (None,)]


def test_the_plan_says_what_the_driver_doesn_t_make(filled: Database, sqlite_db: Database) -> None:
    notes = dbferry.plan(filled.url, adbc(sqlite_db)).notes
    assert any("without keys, NOT NULL, defaults and indexes" in note for note in notes)
    assert any("ADBC SQLite Driver" in note for note in notes)


def test_a_plan_leaves_nothing_behind(
    filled: Database, database: Callable[[str], Database]
) -> None:
    made = database("postgresql")
    dbferry.plan(filled.url, adbc(made))
    assert judge.tables(made) == set()


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_rows_are_appended_replaced_and_refused(
    database: Callable[[str], Database], engine: str
) -> None:
    held, made = database(engine), database(engine)
    held.sql(PLAIN)
    dbferry.migrate(held.url, adbc(made))
    with pytest.raises(TargetNotEmptyError):
        dbferry.migrate(held.url, adbc(made))
    report = dbferry.migrate(held.url, adbc(made), prepare="append")
    assert (report.state, len(made.rows("SELECT * FROM t"))) == ("done", 4)
    dbferry.migrate(held.url, adbc(made), prepare="truncate")
    assert judge.texts(made, "t") == [("1", "a"), ("2", None)] or engine == "sqlite"
    assert len(made.rows("SELECT * FROM t")) == 2
    dbferry.migrate(held.url, adbc(made), prepare="drop")
    assert len(made.rows("SELECT * FROM t")) == 2


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_a_row_that_can_t_be_carried_leaves_no_table(
    database: Callable[[str], Database], engine: str
) -> None:
    held, made = database("postgresql"), database(engine)
    held.sql("CREATE TABLE t (id integer, born date)")
    held.sql("INSERT INTO t SELECT n, '2020-01-01' FROM generate_series(1, 50000) AS n")
    held.sql("INSERT INTO t VALUES (0, 'infinity')")
    with pytest.raises(DataError) as caught:
        dbferry.migrate(held.url, adbc(made))
    assert (caught.value.table, caught.value.column) == ("public.t", "born")
    assert judge.tables(made) == set()


def test_a_row_that_the_database_refuses_is_an_error_of_its_table(
    database: Callable[[str], Database],
) -> None:
    held, made = database("sqlite"), database("postgresql")
    held.sql("CREATE TABLE t (id integer, name text); INSERT INTO t VALUES (1, 'a'), (2, 'a');")
    made.sql("CREATE TABLE t (id bigint, name text UNIQUE)")
    with pytest.raises(DbferryError) as caught:
        dbferry.migrate(held.url, adbc(made))
    assert (caught.value.kind, caught.value.table) == ("constraint", "main.t")
    assert "a" not in (caught.value.detail or "")
    assert made.rows("SELECT * FROM t") == []
