"""A rule for losses that is none, or is for a column that isn't there, is told before anything moves."""

from __future__ import annotations

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import RequestError
from servers.database import Database

ROWS = pa.table({"made": [1]})


@pytest.mark.parametrize("given", [None, 5, [5], True])
def test_what_is_no_text(sqlite_db: Database, given: object) -> None:
    dbferry.write(ROWS, sqlite_db.url, "t", mode="create")
    with pytest.raises(RequestError, match="`on_loss` is a rule or a list"):
        dbferry.write(ROWS, sqlite_db.url, "t", on_loss=given)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="`on_loss` is a rule or a list"):
        dbferry.read(sqlite_db.url, "t", on_loss=given)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", ["made:T-ZERO=null", "t.mad*:T-ZERO=null", "*.*:*=null"])
@pytest.mark.parametrize("mode", ["append", "truncate", "replace"])
def test_a_column_that_is_there(sqlite_db: Database, mode: dbferry.WriteMode, rule: str) -> None:
    dbferry.write(ROWS, sqlite_db.url, "t", mode="create")
    assert dbferry.write(ROWS, sqlite_db.url, "t", mode=mode, on_loss=rule).rows == 1
    assert pa.table(dbferry.read(sqlite_db.url, "t", on_loss=rule)).num_rows > 0


@pytest.mark.parametrize("rule", ["maed:T-ZERO=null", "t.maed:T-ZERO=null"])
def test_a_column_that_is_not_there(sqlite_db: Database, rule: str) -> None:
    with pytest.raises(RequestError, match="no column is called so") as caught:
        dbferry.write(ROWS, sqlite_db.url, "t", mode="create", on_loss=rule)
    if rule.startswith("maed"):
        assert caught.value.hint == "did you mean `made`?"
    dbferry.write(ROWS, sqlite_db.url, "t", mode="create")
    with pytest.raises(RequestError, match="no column is called so"):
        dbferry.read(sqlite_db.url, "t", on_loss=rule)
    with pytest.raises(RequestError, match="no column is called so"):
        dbferry.plan(sqlite_db.url, "duckdb:///nosuch.duckdb", on_loss=[rule]).check()
