"""A table among thousands is found without a look at the others."""

import time
from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

TABLES = 2000


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_the_catalog_of_others_is_not_read(
    database: Callable[[str], Database], engine: str
) -> None:
    held = database(engine)
    alone = planned(held)
    others = "".join(f"CREATE TABLE t{at} (a integer, b integer);" for at in range(TABLES))
    held.sql(f"BEGIN;{others}COMMIT")
    assert planned(held) < alone + 0.5


def planned(held: Database) -> float:
    held.sql("CREATE TABLE IF NOT EXISTS mine (a integer)")
    started = time.monotonic()
    assert dbferry.read(held.url, "mine").schema.names == ("a",)
    return time.monotonic() - started
