"""Filters: rows that don't fulfil a condition stay where they are, and both sides count those that do."""

import re
from collections.abc import Callable

import pytest

import dbferry
from dbferry.errors import DbferryError
from servers.database import Database

Make = Callable[[str], Database]
SOURCES = ["postgresql", "mariadb", "mysql", "sqlite"]
KEY = "a key that nobody knows"
ORDERS = """
CREATE TABLE orders (id int PRIMARY KEY, shop varchar(10), total decimal(8,2), note varchar(100));
INSERT INTO orders VALUES (1, 'north', 10.5, 'a'), (2, 'south', 20, NULL), (3, 'north', 30, 'it''s'),
    (4, NULL, 40, 'b'), (5, 'east', NULL, 'c');
CREATE TABLE parts (id int PRIMARY KEY, part int REFERENCES orders (id));
INSERT INTO parts VALUES (1, 1), (2, 3)
"""


def ids(db: Database, table: str = "orders") -> list[int]:
    return [row[0] for row in db.rows(f"SELECT id FROM {table} ORDER BY id")]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("postgresql", "postgresql"),
        ("mariadb", "mysql"),
        ("mysql", "postgresql"),
        ("sqlite", "duckdb"),
    ],
)
def test_only_rows_of_the_condition_move(database: Make, source: str, target: str) -> None:
    held, made = database(source), database(target)
    held.sql(ORDERS)
    report = dbferry.migrate(
        held.url, made.url,
        rules=[
            {"filter": "orders", "where": "total > 10 -- and no less"},
            {"filter": "*ders", "where": "shop = 'north' OR shop IS NULL"},
        ],
    )  # fmt: skip
    assert ids(made) == [1, 3, 4]
    assert ids(made, "parts") == [1, 2]
    counted = {table.source.rpartition(".")[2]: table for table in report.tables}
    assert (counted["orders"].source_rows, counted["orders"].target_rows) == (3, 3)


COMPARISONS = [
    ("id", [{"eq": 2}], [2]),
    ("id", [{"noteq": 2}], [1, 3, 4, 5]),
    ("id", [{"lte": 2}], [1, 2]),
    ("id", [{"gte": "4"}], [4, 5]),
    ("id", [{"between": ["2", "3"]}, {"eq": 5}], [2, 3, 5]),
    ("id", [{"notbetween": [2, 4]}], [1, 5]),
    ("shop", [{"null": True}], [4]),
    ("shop", [{"null": False}], [1, 2, 3, 5]),
    ("note", [{"eq": "it's"}, {"null": True}], [2, 3]),
]


@pytest.mark.parametrize("source", SOURCES)
def test_a_column_is_compared_without_sql(database: Make, source: str) -> None:
    held = database(source)
    held.sql(ORDERS)
    for column, any_, wanted in COMPARISONS:
        made = database("sqlite")
        rules = [{"filter": "orders", "column": column, "any": any_}]
        dbferry.migrate(held.url, made.url, tables=["orders"], rules=rules)
        assert ids(made) == wanted, (column, any_)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("postgresql", r"part \d of \d"),
        ("mariadb", "`id` >= "),
        ("mysql", "`id` >= "),
        ("sqlite", "whole table"),
    ],
)
def test_a_large_table_is_cut_with_its_filter(database: Make, source: str, place: str) -> None:
    """Every row that is wanted arrives once, and an error names a part of the table and no part of its query."""
    held, made = database(source), database("sqlite")
    held.sql("CREATE TABLE big (id int PRIMARY KEY, fill varchar(400))")
    for start in range(1, 9001, 3000):
        rows = ", ".join(f"({i}, '{'x' * 390}')" for i in range(start, start + 3000))
        held.sql(f"INSERT INTO big VALUES {rows}")
    if source != "sqlite":
        held.sql("ANALYZE big" if source == "postgresql" else "ANALYZE TABLE big")
    rules: list[dict[str, object]] = [{"filter": "big", "where": "id % 3 = 0"}]
    if source != "sqlite":
        rules.append({"mask": "big.fill", "how": "hash", "key": KEY})
    task = dbferry.Task.of(source=held.url, target=made.url, range_mb=1, workers=2, rules=rules)
    assert task.run().rows == 3000
    found = made.rows("SELECT count(*), min(id), max(id), count(DISTINCT id) FROM big")
    assert found == [(3000, 3, 9000, 3000)]
    made.sql("DROP TABLE big; CREATE TABLE big (id int CHECK (id < 8990), fill varchar(400))")
    with pytest.raises(DbferryError) as raised:
        task.run()
    assert re.search(place, raised.value.range or "")
    told = f"{raised.value.fields()} {raised.value.report and raised.value.report.to_dict()}"
    assert "SELECT" not in told
    assert KEY.encode().hex() not in told


def test_partitions_are_filtered(database: Make) -> None:
    held, made = database("postgresql"), database("mariadb")
    held.sql(
        "CREATE TABLE p (id int, at int, PRIMARY KEY (id, at)) PARTITION BY LIST (at);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);"
        "INSERT INTO p SELECT i, 1 + i % 2 FROM generate_series(1, 10) i"
    )
    dbferry.migrate(held.url, made.url, tables=["p"], rules=[{"filter": "p", "where": "id > 4"}])
    assert ids(made, "p") == [5, 6, 7, 8, 9, 10]
    other = database("postgresql")
    rules: list[dict[str, object]] = [
        {"remove": "p.at"},
        {"key": "p", "columns": ["id"]},
        {"filter": "p", "where": "at = 2"},
    ]
    dbferry.migrate(held.url, other.url, tables=["p"], rules=rules)
    assert ids(other, "p") == [1, 3, 5, 7, 9]
    with pytest.raises(DbferryError, match="partitions can't be kept"):
        dbferry.migrate(
            held.url, other.url, tables=["p"], rules=rules, partitions="keep", prepare="drop"
        )


@pytest.mark.parametrize("source", SOURCES)
def test_a_condition_that_does_not_compile_is_named(database: Make, source: str) -> None:
    held, made = database(source), database("sqlite")
    held.sql(ORDERS)
    for condition in ("nonsense > 1", "total >", "count(*) > 1", "total > 1) AND (("):
        with pytest.raises(
            DbferryError, match=r"rule 1 \(filter: orders\) doesn't compile"
        ) as raised:
            dbferry.migrate(held.url, made.url, rules=[{"filter": "orders", "where": condition}])
        assert raised.value.exit_code == 2
    assert made.rows("SELECT count(*) FROM sqlite_schema") == [(0,)]
