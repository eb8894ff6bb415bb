"""Keys that differ in case, accents, trailing blanks or composition stay different keys in the target."""

from collections.abc import Callable

import pytest

import dbferry
import fill
import judge
from servers.database import Database

KEYS = ["a", "A", "á", "a ", "ß", "ss", "ı", "I", "é", "e\u0301", "", " "]


@pytest.mark.parametrize("target", ["postgresql", "mysql", "mariadb", "sqlite", "duckdb"])
@pytest.mark.parametrize("source", ["postgresql", "sqlite"])
def test_every_key_arrives(database: Callable[[str], Database], source: str, target: str) -> None:
    held, made = database(source), database(target)
    held.sql("CREATE TABLE t (k varchar(5) NOT NULL PRIMARY KEY)")
    fill.insert(held, "t", [(key,) for key in KEYS])
    dbferry.migrate(held.url, made.url)
    assert judge.texts(made, "t", order="") == sorted(((key,) for key in KEYS), key=repr)
    assert judge.primary_key(made, "t") == ["k"]
