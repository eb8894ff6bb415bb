"""Types are chosen by a sample of a large table; a row that doesn't fit makes the run begin anew."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

import dbferry
from command import Command
from dbferry.errors import DbferryError
from faults.ends import served
from faults.moments import Stage
from faults.points import Victim, at
from servers.database import Database

ROWS = 150_000
ODD = 77_777
MADE = f"""
CREATE TABLE small (id INTEGER PRIMARY KEY, v TEXT);
INSERT INTO small VALUES (1, 'a');
CREATE TABLE large (id INTEGER PRIMARY KEY, amount DECIMAL(5,2), day DATE);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
INSERT INTO large SELECT i, 12.25, '2024-02-29' FROM n;
"""


def source(folder: Path, odd: str) -> str:
    path = folder / "source.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(MADE)
        connection.execute(f"UPDATE large SET {odd} WHERE id = {ODD}")
    return f"sqlite:///{path}"


def test_a_sample_that_holds_is_enough(tmp_path: Path, pg_db: Database) -> None:
    report = dbferry.migrate(source(tmp_path, "amount = 3.5"), pg_db.url)
    assert report.rows == ROWS + 1
    assert not any("sample" in note for note in report.notes)
    assert pg_db.rows(
        "SELECT sum(amount)::text, max(day)::text FROM large WHERE id > 77776 AND id < 77779"
    ) == [("15.75", "2024-02-29")]


def test_a_row_outside_the_sample_changes_the_type(tmp_path: Path, pg_db: Database) -> None:
    report = dbferry.migrate(source(tmp_path, "amount = 1234.5678"), pg_db.url)
    assert report.rows == ROWS + 1
    assert any("begun anew" in note for note in report.notes)
    assert pg_db.rows(f"SELECT amount::text FROM large WHERE id = {ODD}") == [("1234.5678",)]
    assert pg_db.rows("SELECT count(*)::text FROM large") == [(str(ROWS),)]


def test_what_inherits_from_a_table_that_is_emptied_again_keeps_its_rows(
    tmp_path: Path, pg_db: Database
) -> None:
    pg_db.sql("CREATE TABLE small (id bigint, v text); CREATE TABLE heir () INHERITS (small)")
    pg_db.sql("INSERT INTO heir VALUES (8, 'b')")
    report = dbferry.migrate(source(tmp_path, "amount = 1234.5678"), pg_db.url)
    assert any("begun anew" in note for note in report.notes)
    assert pg_db.rows("SELECT id, v FROM small ORDER BY id") == [(1, "a"), (8, "b")]


def test_a_row_that_nothing_holds_is_refused_and_nothing_stays(
    tmp_path: Path, pg_db: Database
) -> None:
    pg_db.sql("CREATE TABLE small (id bigint PRIMARY KEY, v text)")
    with pytest.raises(DbferryError, match="one column") as caught:
        dbferry.migrate(source(tmp_path, "amount = x'00'"), pg_db.url)
    assert caught.value.column == "amount"
    assert pg_db.rows("SELECT count(*)::text FROM small") == [("0",)]
    assert pg_db.rows("SELECT to_regclass('large') IS NULL") == [(True,)]


def test_a_plan_looks_at_every_row(tmp_path: Path) -> None:
    plan = dbferry.plan(source(tmp_path, "amount = 1234.5678"), f"duckdb:///{tmp_path}/copy.duckdb")
    (large,) = [table for table in plan.tables if table.source.name == "large"]
    assert large.sampled == 0
    assert "values beyond" in " ".join(large.columns[1].notes)


def test_what_a_standing_column_is_too_small_for_is_found_and_nothing_stays(
    tmp_path: Path, pg_db: Database
) -> None:
    pg_db.sql("CREATE TABLE large (id smallint, amount numeric(5,2), day date)")
    url = source(tmp_path, "amount = 3.5")
    with pytest.raises(DbferryError, match="too small for some values") as caught:
        dbferry.migrate(url, pg_db.url, tables=["large"], prepare="append")
    assert (caught.value.column, caught.value.exit_code) == ("id", 2)
    assert pg_db.rows("SELECT count(*)::text FROM large") == [("0",)]


def test_a_run_that_goes_on_begins_anew_too(tmp_path: Path, pg_db: Database) -> None:
    url = source(tmp_path, "amount = 1234.5678")
    command, victim = Command(tmp_path), Victim()
    with ExitStack() as stack:
        end = served(pg_db, stack)
        args = ["migrate", url, end.url, "--range-rows", "5000", "--workers", "1"]
        moment = at("the commit of a range", 3, Stage.UNANSWERED, victim.kill)
        victim.runs(command, args, end, moment)
        result = command(*args)
    assert result.code == 0, result.err
    assert "begun anew" in result.out + result.err
    assert pg_db.rows(f"SELECT amount::text FROM large WHERE id = {ODD}") == [("1234.5678",)]
    assert pg_db.rows("SELECT count(*)::text FROM large") == [(str(ROWS),)]


def test_an_assessment_of_a_sample_tells_of_small_columns(tmp_path: Path, pg_db: Database) -> None:
    pg_db.sql("CREATE TABLE large (id smallint, amount numeric(5,2), day date)")
    found = dbferry.assess(source(tmp_path, "amount = 3.5"), pg_db.url, sample=True)
    assert any("too small for some values" in str(line.to_dict()) for line in found.objects)


def test_triggers_never_see_rows_that_are_taken_back(tmp_path: Path, pg_db: Database) -> None:
    pg_db.sql("CREATE TABLE large (id smallint, amount numeric(5,2), day date)")
    pg_db.sql("CREATE TABLE seen (n int)")
    pg_db.sql(
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN INSERT INTO seen VALUES (1); RETURN NULL; END'"
    )
    pg_db.sql("CREATE TRIGGER see AFTER INSERT ON large EXECUTE FUNCTION see()")
    url = source(tmp_path, "amount = 3.5")
    with pytest.raises(DbferryError, match="too small for some values"):
        dbferry.migrate(url, pg_db.url, tables=["large"], prepare="append")
    assert pg_db.rows("SELECT count(*)::text FROM seen") == [("0",)]


def test_rows_that_stand_are_never_taken_away(tmp_path: Path, pg_db: Database) -> None:
    pg_db.sql("CREATE TABLE large (id bigint, amount numeric(5,2), day date)")
    pg_db.sql("INSERT INTO large VALUES (0, 1, NULL)")
    url = source(tmp_path, "amount = 1234.5678")
    with pytest.raises(DbferryError):
        dbferry.migrate(url, pg_db.url, tables=["large"], prepare="append")
    assert pg_db.rows("SELECT count(*)::text FROM large WHERE id = 0") == [("1",)]
