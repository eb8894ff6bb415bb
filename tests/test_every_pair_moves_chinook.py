"""Chinook, a small music shop of eleven tables, arrives row for row on every way."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

import dbferry
import judge
from chinook import CHINOOK, fill_chinook
from servers.database import Database
from servers.fresh import filled

SOURCES = ["postgresql", "mysql", "mariadb", "sqlite"]


@pytest.fixture(scope="module")
def chinook(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Database]]:
    """A function: engine to a database that holds Chinook."""
    with filled(fill_chinook, request, tmp_path_factory) as holding:
        yield holding


@pytest.mark.parametrize("target", [*SOURCES, "duckdb"])
@pytest.mark.parametrize("source", SOURCES)
def test_every_row_of_chinook_arrives(
    chinook: Callable[[str], Database],
    database: Callable[[str], Database],
    source: str,
    target: str,
) -> None:
    held, made = chinook(source), database(target)
    report = dbferry.migrate(held.url, made.url)
    assert report.state == "done"
    assert {table.source.rpartition(".")[2]: table.rows for table in report.tables} == {
        name: len(table["rows"]) for name, table in CHINOOK.items()
    }
    for name, table in CHINOOK.items():
        order = ", ".join(judge.quote(made, column) for column in table["key"])
        rows = made.rows(f"SELECT * FROM {judge.quote(made, name)} ORDER BY {order}")
        natives = [native for _, native, _ in table["columns"]]
        assert [_plain(row, natives) for row in rows] == [tuple(row) for row in table["rows"]], name
        assert judge.primary_key(made, name) == table["key"]
        required = {column for column, _, required in table["columns"] if required}
        assert required <= {c.name for c in judge.columns(made, name) if not c.nullable} | _rowid(
            made, table
        )


def _rowid(db: Database, table: dict[str, Any]) -> set[str]:
    """SQLite's INTEGER PRIMARY KEY is never NULL, though its catalog doesn't say so."""
    return set(table["key"]) if db.engine == "sqlite" and len(table["key"]) == 1 else set()


def _plain(row: tuple[Any, ...], natives: list[str]) -> tuple[Any, ...]:
    """Dates and decimals in the form of the data file."""
    return tuple(_value(value, native) for value, native in zip(row, natives, strict=True))


def _value(value: Any, native: str) -> Any:
    match value:
        case datetime():
            return value.isoformat(sep=" ")
        case Decimal() | float() | int() if native.startswith("NUMERIC"):
            return f"{value:.2f}"
        case _:
            return value
