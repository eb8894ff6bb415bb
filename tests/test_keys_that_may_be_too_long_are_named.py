"""PostgreSQL refuses a long entry of an index only when it is written: the plan names what may be."""

import random
from collections.abc import Callable

import pytest

import dbferry
from dbferry.errors import SchemaError
from servers.database import Database

Make = Callable[[str], Database]
NOISE = "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=6000))
DECLARED = {
    "sqlite": "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT, c TEXT); CREATE INDEX by_b ON t (b)",
    "mariadb": "CREATE TABLE t (id int PRIMARY KEY, a text UNIQUE, b varchar(700), c text, KEY by_b (b))",
}


@pytest.mark.parametrize("source", ["sqlite", "mariadb"])
def test_a_long_key_is_named_before_the_load_and_refused_after_it(
    database: Make, source: str
) -> None:
    held, made = database(source), database("postgresql")
    held.sql(
        f"{DECLARED[source]}; INSERT INTO t VALUES (1, '{NOISE}', 'é', 'c'), (2, 'a', 'b', '{NOISE}')"
    )
    [table] = dbferry.plan(held.url, made.url).tables
    key, size = {"sqlite": ("t_a_key", 24000), "mariadb": ("a", 6000)}[source]
    assert [note for note in table.notes if "longest" in note] == [
        f"index `{key}`: its longest entry may have up to {size} bytes, and one that is still longer than 2704 when "
        "postgresql has compressed it is refused"
    ]
    with pytest.raises(SchemaError, match=f"index `{key}` of .*exceeds"):
        dbferry.migrate(held.url, made.url)
    assert made.rows("SELECT count(*) FROM t") == [(2,)]
    assert made.rows("SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1") == [
        ("by_b",), ("t_pkey",),
    ]  # fmt: skip


def test_a_long_key_that_compresses_is_made(sqlite_db: Database, pg_db: Database) -> None:
    sqlite_db.sql(f"{DECLARED['sqlite']}; INSERT INTO t VALUES (1, '{'x' * 6000}', 'b', 'c')")
    assert dbferry.migrate(sqlite_db.url, pg_db.url).state == "done"
    found = pg_db.rows("SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1")
    assert found == [("by_b",), ("t_a_key",), ("t_pkey",)]
