"""What isn't text is told as such, before anything is opened."""

from typing import Any

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import RequestError
from servers.database import Database

ROWS = pa.table({"id": [1]})


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("url", {"url": None}),
        ("url", {"url": 5}),
        ("what", {"what": b"t"}),
        ("what", {"what": "t\ud800"}),
        ("columns", {"columns": 5}),
        ("columns", {"columns": [1]}),
    ],
)
def test_of_read(name: str, given: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=f"^`{name}` "):
        dbferry.read(**{"url": "sqlite:///nowhere.db", "what": "t", **given})


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("url", {"url": None}),
        ("table", {"table": 5}),
        ("table", {"table": "t\udfff"}),
        ("primary_key", {"primary_key": 5}),
        ("primary_key", {"primary_key": [None]}),
    ],
)
def test_of_write(name: str, given: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=f"^`{name}` "):
        dbferry.write(ROWS, **{"url": "sqlite:///nowhere.db", "table": "t", **given})


def test_main_is_the_schema_of_a_file_in_any_case(sqlite_db: Database) -> None:
    dbferry.write(ROWS, sqlite_db.url, "MAIN.t", mode="create")
    assert sqlite_db.rows("SELECT id FROM t") == [(1,)]
    with pytest.raises(RequestError, match="no schemas but") as caught:
        dbferry.write(ROWS, sqlite_db.url, 'other."t"', mode="create")
    assert '\'"other.""t"""\'' in (caught.value.hint or "")
    dbferry.write(ROWS, sqlite_db.url, '"other.""t"""', mode="create")
    assert sqlite_db.rows("SELECT name FROM sqlite_master ORDER BY 1") == [('other."t"',), ("t",)]
