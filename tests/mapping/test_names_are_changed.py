"""New names for schemas, tables and columns: keys, indexes and foreign keys follow."""

from collections.abc import Callable

import pytest

import dbferry
import judge
from dbferry.errors import DbferryError
from dbferry.mapping.renaming import renamed
from dbferry.mapping.rules import RenameTable
from dbferry.selection import pattern
from servers.database import Database

Make = Callable[[str], Database]
PAIRS = [
    ("postgresql", "postgresql"), ("postgresql", "mysql"), ("mariadb", "mariadb"), ("mysql", "sqlite"),
    ("sqlite", "postgresql"), ("sqlite", "mariadb"),
]  # fmt: skip
SHOP = """
CREATE TABLE old_customers (customerId int PRIMARY KEY, email varchar(40) UNIQUE);
CREATE TABLE old_orders (orderId int PRIMARY KEY, customerId int, placedAt varchar(20),
    FOREIGN KEY (customerId) REFERENCES old_customers (customerId));
CREATE INDEX by_day ON old_orders (placedAt);
INSERT INTO old_customers VALUES (1, 'a@x'), (2, 'b@x');
INSERT INTO old_orders VALUES (10, 1, 'today'), (11, 2, NULL)
"""


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_tables_and_columns_get_new_names(database: Make, source: str, target: str) -> None:
    held, made = database(source), database(target)
    held.sql(SHOP)
    rules = [
        {"rename_table": "old_*", "to": "new_*"},
        {"rename_column": "old_orders.orderid", "to": "number"}
        if source == "postgresql"
        else {"rename_column": "old_orders.orderId", "to": "number"},
        {"rename_column": "[op]*.placed*", "case": "snake"}
        if source == "postgresql"
        else {"rename_column": "*.placed*", "case": "snake", "prefix": "x"},
    ]
    if source == "postgresql":
        rules[2] = {"rename_column": "*.placed*", "suffix": "_at"}
    report = dbferry.migrate(held.url, made.url, rules=rules)
    day = "placedat_at" if source == "postgresql" else "xplaced_at"
    assert judge.tables(made) == {"new_customers", "new_orders"}
    assert judge.primary_key(made, "new_orders") == ["number"]
    assert made.rows(f"SELECT number, {day} FROM new_orders ORDER BY 1") == [
        (10, "today"),
        (11, None),
    ]
    assert not [note for note in report.notes if "not moved" in note]
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        made.sql(
            ("PRAGMA foreign_keys = ON;" if target == "sqlite" else "")
            + f"INSERT INTO new_orders (number, {'customerid' if source == 'postgresql' else judge.quote(made, 'customerId')}) VALUES (12, 3)"
        )
    # A second run finds what the first has made.
    dbferry.migrate(held.url, made.url, rules=rules, prepare="truncate")
    assert made.rows("SELECT count(*) FROM new_orders") == [(2,)]


@pytest.mark.parametrize("target", ["postgresql", "mysql"])
def test_schemas_get_new_names(database: Make, target: str) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(
        "CREATE SCHEMA hr; CREATE TABLE hr.staff (id int PRIMARY KEY); INSERT INTO hr.staff VALUES (1)"
    )
    new = f"{made.name}_people"
    dbferry.migrate(held.url, made.url, rules=[{"rename_schema": "h?", "to": new}])
    try:
        assert made.rows(f"SELECT id FROM {new}.staff") == [(1,)]
    finally:
        made.sql(f"DROP SCHEMA {new}" + (" CASCADE" if target == "postgresql" else ""))


@pytest.mark.parametrize(
    ("rule", "name", "new"),
    [
        ({"to": "x_*"}, "tmp_a", "x_a"),
        ({"to": "plain"}, "tmp_a", "plain"),
        ({"prefix": "p_", "suffix": "_s"}, "tmp_a", "p_tmp_a_s"),
        ({"strip_prefix": "tmp_"}, "tmp_a", "a"),
        ({"strip_prefix": "tmp_", "prefix": "old_"}, "tmp_a", "old_a"),
        ({"strip_suffix": "_b", "suffix": "_c"}, "tmp_a", "tmp_a"),
        ({"case": "upper"}, "tmp_a", "TMP_A"),
        ({"case": "snake"}, "tmp_OrderLineID2 x", "tmp_order_line_id2_x"),
        ({"case": "snake"}, "tmp_HTTPServer", "tmp_http_server"),
        ({"strip_prefix": "tmp_a"}, "tmp_a", "tmp_a"),
    ],
)
def test_how_a_name_changes(rule: dict[str, str], name: str, new: str) -> None:
    made = RenameTable.model_validate({"rename_table": "tmp_*", **rule})
    assert renamed(made, name, pattern("tmp_*").fullmatch(name)) == new


def test_two_tables_under_one_name_are_refused(database: Make) -> None:
    held, made = database("sqlite"), database("postgresql")
    held.sql("CREATE TABLE a (x int); CREATE TABLE b (x int)")
    with pytest.raises(DbferryError, match="meet in one name"):
        dbferry.migrate(held.url, made.url, rules=[{"rename_table": "a", "to": "b"}])


def test_two_columns_under_one_name_are_refused(database: Make) -> None:
    held, made = database("sqlite"), database("mysql")
    held.sql("CREATE TABLE a (x int, y int)")
    with pytest.raises(DbferryError, match="columns `x` and `y` meet in one name"):
        dbferry.migrate(held.url, made.url, rules=[{"rename_column": "a.y", "to": "X"}])
