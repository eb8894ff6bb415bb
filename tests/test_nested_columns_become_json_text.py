"""What is nested and has no counterpart is written as JSON where that is asked for; no value becomes another one."""

import datetime as dt
import decimal
import json
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dbferry
from servers.database import Database

TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


def written(held: Database, column: pa.Array) -> list[str | None]:
    table = pa.table({"id": range(len(column)), "c": column})
    dbferry.write(table, held.url, "t", mode="replace", on_loss="c:X-TYPE=text", parallel=1)
    return [text for (text,) in held.rows("SELECT c FROM t ORDER BY id")]


@pytest.mark.parametrize("engine", ["sqlite", "mysql", "postgresql"])
def test_null_empty_text_and_lookalikes_stay_apart(
    engine: str, database: Callable[[str], Database]
) -> None:
    rows = [
        [{"a": None, "b": [1.5, float("nan")]}, {"a": "", "b": None}],
        [{"a": "null", "b": []}, {"a": '"], [', "b": [float("-inf")]}, None],
        [],
        None,
    ]
    kind = pa.list_(pa.struct({"a": pa.string(), "b": pa.list_(pa.float64())}))
    found = written(database(engine), pa.array(rows, kind))
    assert found == [
        '[{"a": null, "b": [1.5, "NaN"]}, {"a": "", "b": null}]',
        '[{"a": "null", "b": []}, {"a": "\\"], [", "b": ["-inf"]}, null]',
        "[]",
        None,
    ]


def test_maps_unions_and_other_leaves(sqlite_db: Database) -> None:
    named = pa.array([[("k", 1), ("", None)], []], pa.map_(pa.string(), pa.int64()))
    assert written(sqlite_db, named) == ['{"k": 1, "": null}', "{}"]
    numbered = pa.array([[(2, b"\x01\xff")]], pa.map_(pa.int8(), pa.binary()))
    assert written(sqlite_db, numbered) == ['[[2, "01ff"]]']
    union = pa.UnionArray.from_sparse(
        pa.array([0, 1, 1], pa.int8()),
        [pa.array(["x", "", ""]), pa.array([0, 7, None], pa.int32())],
    )
    assert written(sqlite_db, union) == ['"x"', "7", None]
    moment = dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    leaves = {"d": decimal.Decimal("1.10"), "t": moment, "b": True}
    schema = pa.struct({"d": pa.decimal128(5, 2), "t": pa.timestamp("us", "UTC"), "b": pa.bool_()})
    found = written(sqlite_db, pa.array([leaves], schema))
    assert found == ['{"d": 1.10, "t": "2020-01-02T03:04:05Z", "b": true}']


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.lists(st.lists(st.none() | st.text(TEXT)) | st.none()) | st.none(), min_size=1))
def test_lists_of_lists_are_read_back_the_same(
    sqlite_db: Database, rows: list[list[list[str | None] | None] | None]
) -> None:
    kind = pa.list_(pa.list_(pa.string()))
    for given_as in (kind, pa.large_list(pa.list_view(pa.string()))):
        # A slice has a first element that isn't the first of its values.
        column = pa.array([[["before"]], *rows], given_as)[1:]
        found = written(sqlite_db, column)
        assert [text and json.loads(text) for text in found] == rows
