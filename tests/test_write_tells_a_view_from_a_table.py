"""A view takes no stream: it is named as what it is, and stays."""

from collections.abc import Callable

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import RequestError
from servers.database import Database

ROWS = pa.table({"id": [1]})


@pytest.mark.parametrize("mode", ["append", "create", "replace", "truncate"])
@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "sqlite", "duckdb"])
def test_a_view_is_no_table(
    database: Callable[[str], Database], engine: str, mode: dbferry.WriteMode
) -> None:
    target = database(engine)
    target.sql("CREATE TABLE t (id INTEGER); CREATE VIEW v AS SELECT id FROM t")
    with pytest.raises(RequestError, match="a view of this name"):
        dbferry.write(ROWS, target.url, "v", mode=mode)
    assert target.rows("SELECT * FROM v") == []
