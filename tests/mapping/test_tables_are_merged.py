"""Several tables become one, and their rows are counted in sum."""

from collections.abc import Callable

import pytest

import dbferry
import judge
from dbferry.errors import DbferryError
from servers.database import Database

Make = Callable[[str], Database]
PAIRS = [
    ("postgresql", "postgresql"), ("postgresql", "mysql"), ("mariadb", "mariadb"), ("mysql", "sqlite"),
    ("sqlite", "postgresql"), ("sqlite", "mariadb"),
]  # fmt: skip
SHARDS = (
    "\n".join(
        f"""CREATE TABLE orders_{n} (id int PRIMARY KEY, shop varchar(10) NOT NULL, total decimal(8,2));
CREATE INDEX by_shop_{n} ON orders_{n} (shop);
INSERT INTO orders_{n} VALUES ({n}1, 'a', 1.5), ({n}2, 'b', NULL);"""
        for n in (1, 2, 3)
    )
    + """
CREATE TABLE notes (id int PRIMARY KEY, part int, FOREIGN KEY (part) REFERENCES orders_2 (id));
INSERT INTO notes VALUES (1, 22)"""
)
MERGE = {"merge": "orders_?", "into": "orders"}


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_the_rows_of_all_tables_are_in_one(database: Make, source: str, target: str) -> None:
    held, made = database(source), database(target)
    held.sql(SHARDS)
    report = dbferry.migrate(
        held.url, made.url,
        rules=[
            MERGE,
            {"filter": "orders_3", "where": "shop = 'a'"},
            {"add": "orders_*.origin", "source": "table"},
        ],
    )  # fmt: skip
    assert judge.tables(made) == {"orders", "notes"}
    assert made.rows("SELECT id, shop, origin FROM orders ORDER BY id") == [
        (11, "a", "orders_1"), (12, "b", "orders_1"), (21, "a", "orders_2"), (22, "b", "orders_2"),
        (31, "a", "orders_3"),
    ]  # fmt: skip
    assert judge.primary_key(made, "orders") == ["id"]
    counts = {(t.target.rpartition(".")[2], t.source_rows, t.target_rows) for t in report.tables}
    assert counts == {("orders", 5, 5), ("notes", 1, 1)}
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        made.sql(
            ("PRAGMA foreign_keys = ON;" if target == "sqlite" else "")
            + "INSERT INTO notes VALUES (2, 99)"
        )
    made.sql("INSERT INTO notes VALUES (3, 31)")


@pytest.mark.parametrize("source", ["postgresql", "mysql"])
def test_schemas_are_merged(database: Make, source: str) -> None:
    held, made = database(source), database("postgresql")
    names = [f"{held.name}_{n}" for n in "ab"]
    for name in names:
        held.sql(
            f"CREATE SCHEMA {name}; CREATE TABLE {name}.users (id int PRIMARY KEY, email varchar(20));"
            f"INSERT INTO {name}.users VALUES (1, '{name[-1]}')"
        )
    try:
        dbferry.migrate(
            held.url, made.url, tables=[f"{name}.users" for name in names],
            rules=[
                {"merge": f"{held.name}_[ab].users", "into": "everyone.users"},
                {"add": "*.tenant", "source": "schema"},
                {"key": "*.users", "columns": ["tenant", "id"]},
            ],
        )  # fmt: skip
    finally:
        if source == "mysql":
            for name in names:
                held.sql(f"DROP SCHEMA {name}")
    rows = made.rows("SELECT tenant, id, email FROM everyone.users ORDER BY 1")
    assert rows == [(names[0], 1, "a"), (names[1], 1, "b")]


def test_merged_rows_that_share_a_key_are_told(database: Make) -> None:
    held, made = database("sqlite"), database("postgresql")
    held.sql("CREATE TABLE a (id integer PRIMARY KEY); CREATE TABLE b (id integer PRIMARY KEY);"
             "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)")  # fmt: skip
    with pytest.raises(
        DbferryError, match="every row is in the target, and one object was not made"
    ):
        dbferry.migrate(held.url, made.url, rules=[{"merge": "[ab]", "into": "ab"}])


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("id int PRIMARY KEY", "it has no column `shop`"),
        ("id int, shop varchar(10), total decimal(8,2), x int", "only it has a column `x`"),
        ("id int, shop int, total decimal(8,2)", "its `shop` is "),
    ],
)
def test_tables_that_are_not_alike_are_refused(database: Make, table: str, why: str) -> None:
    held, made = database("postgresql"), database("sqlite")
    held.sql(f"{SHARDS}; CREATE TABLE orders_4 ({table})")
    with pytest.raises(DbferryError) as raised:
        dbferry.migrate(held.url, made.url, rules=[MERGE])
    assert why in str(raised.value)
    assert "rule 1 (merge: orders_?) can't merge `public.orders_4`" in str(raised.value)


def test_columns_in_another_order_or_under_another_name_come_together(database: Make) -> None:
    held, made = database("mariadb"), database("sqlite")
    held.sql(
        "CREATE TABLE a (x int, y varchar(5)); INSERT INTO a VALUES (1, 'one');"
        "CREATE TABLE b (why varchar(5), x int); INSERT INTO b VALUES ('two', 2)"
    )
    dbferry.migrate(
        held.url, made.url,
        rules=[{"merge": "[ab]", "into": "c"}, {"rename_column": "b.why", "to": "y"}],
    )  # fmt: skip
    assert made.rows("SELECT x, y FROM c ORDER BY 1") == [(1, "one"), (2, "two")]
