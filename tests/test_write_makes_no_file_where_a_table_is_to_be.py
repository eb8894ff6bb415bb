"""`append` and `truncate` are for tables that are there: a SQLite file that isn't stays so."""

from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest

import dbferry
from dbferry.errors import RequestError


@pytest.mark.parametrize("mode", ["append", "truncate"])
def test_it_is_refused(tmp_path: Path, mode: Literal["append", "truncate"]) -> None:
    with pytest.raises(RequestError, match="there is no file"):
        dbferry.write(pa.table({"id": [1]}), f"sqlite:///{tmp_path}/new.db", "t", mode=mode)
    assert list(tmp_path.iterdir()) == []
