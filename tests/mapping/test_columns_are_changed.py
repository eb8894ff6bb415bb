"""Columns that rules add, compute, remove or cast, and the keys of a table."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

import dbferry
import judge
from dbferry.errors import DbferryError
from servers.database import Database

Make = Callable[[str], Database]
SOURCES = ["postgresql", "mariadb", "mysql", "sqlite"]
PAIRS = [
    ("postgresql", "postgresql"), ("postgresql", "mysql"), ("mariadb", "mariadb"), ("mysql", "sqlite"),
    ("sqlite", "postgresql"), ("sqlite", "mariadb"),
]  # fmt: skip
ITEMS = """
CREATE TABLE items (id int PRIMARY KEY, code varchar(20) NOT NULL UNIQUE, price int NOT NULL, secret varchar(9));
INSERT INTO items VALUES (1, 'x1', 250, 's'), (2, 'x2', 1999, NULL);
CREATE TABLE uses (id int PRIMARY KEY, item int, code varchar(20),
    CONSTRAINT by_item FOREIGN KEY (item) REFERENCES items (id),
    CONSTRAINT by_code FOREIGN KEY (code) REFERENCES items (code));
INSERT INTO uses VALUES (1, 1, 'x1'), (2, 2, NULL)
"""


def moved(
    database: Make, source: str, target: str, *rules: dict[str, object], **more: object
) -> tuple[Database, dbferry.Report]:
    held, made = database(source), database(target)
    held.sql(ITEMS)
    return made, dbferry.migrate(held.url, made.url, rules=rules, **more)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_columns_are_added(database: Make, source: str, target: str) -> None:
    made, _ = moved(
        database, source, target,
        {"add": "items.country", "value": "Côte d'Ivoire"},
        {"add": "items.release", "value": 7},
        {"add": "items.came_from", "source": "table"},
        {"add": "items.double_price", "expression": "price * 2"},
        {"add": "items.blank", "expression": "NULLIF(price, price) -- a comment"},
        {"add": "items.loaded", "source": "load_time"},
        {"set": "*.code", "expression": "UPPER(code)"},
    )  # fmt: skip
    names = "id, code, country, release, came_from, double_price, blank"
    names = names.replace("release", judge.quote(made, "release"))
    assert made.rows(f"SELECT {names} FROM items ORDER BY id") == [
        (1, "X1", "Côte d'Ivoire", 7, "items", 500, None),
        (2, "X2", "Côte d'Ivoire", 7, "items", 3998, None),
    ]
    (loaded,) = {row[0] for row in made.rows("SELECT loaded FROM items")}
    when = loaded if isinstance(loaded, datetime) else datetime.fromisoformat(loaded)
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    assert timedelta(0) <= datetime.now(UTC) - when < timedelta(minutes=5)
    with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
        made.sql("INSERT INTO items (id, code, price) VALUES (3, 'X1', 1)")


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_removed_columns_take_their_keys_along(database: Make, source: str, target: str) -> None:
    made, report = moved(database, source, target, {"remove": "items.code"}, {"remove": "*.secret"})
    assert [column.name for column in judge.columns(made, "items")] == ["id", "price"]
    assert made.rows("SELECT id, price FROM items ORDER BY id") == [(1, 250), (2, 1999)]
    left = [
        note for note in report.notes if note.startswith("not moved") and "removes `code`" in note
    ]
    assert len(left) == 2, report.notes
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        made.sql(
            ("PRAGMA foreign_keys = ON;" if target == "sqlite" else "")
            + "INSERT INTO uses VALUES (3, 9, NULL)"
        )


def test_only_kept_columns_move(database: Make) -> None:
    made, _ = moved(
        database, "mysql", "postgresql", {"keep": "items.id"}, {"keep": "items.pr*"},
        {"add": "items.more", "value": 1},
    )  # fmt: skip
    assert [column.name for column in judge.columns(made, "items")] == ["id", "price", "more"]
    assert [column.name for column in judge.columns(made, "uses")] == ["id", "item", "code"]


@pytest.mark.parametrize("target", ["postgresql", "mariadb", "sqlite"])
def test_a_table_gets_another_key(database: Make, target: str) -> None:
    made, report = moved(
        database, "postgresql", target,
        {"key": "items", "columns": ["code", "price"]}, {"key": "uses", "columns": []},
    )  # fmt: skip
    assert judge.primary_key(made, "items") == ["code", "price"]
    assert judge.primary_key(made, "uses") == []
    assert any(
        "by_item of public.uses (a rule gives public.items another key)" in n for n in report.notes
    )
    assert not any("by_code" in note for note in report.notes)


@pytest.mark.parametrize(
    ("target", "types"),
    [
        ("postgresql", {"price": "numeric(10,2)", "code": "text", "id": "bigint"}),
        ("mysql", {"price": "decimal(10,2)", "code": "varchar(40)", "id": "bigint"}),
        ("sqlite", {"price": "NUMERIC(10,2)", "code": "VARCHAR(40)", "id": "INTEGER"}),
    ],
)
@pytest.mark.parametrize("source", ["mariadb", "sqlite"])
def test_types_are_cast(database: Make, source: str, target: str, types: dict[str, str]) -> None:
    wide = "text" if target == "postgresql" else "text(40)"
    made, _ = moved(
        database, source, target,
        {"cast": "items.price", "type": "decimal(10,2)"}, {"cast": "items.code", "type": wide},
        {"cast": "items.id", "type": "int64"},
        tables=["items"],
    )  # fmt: skip
    assert {name: judge.types(made, "items")[name] for name in types} == types
    assert [float(row[0]) for row in made.rows("SELECT price FROM items ORDER BY id")] == [
        250,
        1999,
    ]


@pytest.mark.parametrize("target", ["postgresql", "sqlite"])
def test_a_value_that_does_not_fit_a_cast_stops_the_run(database: Make, target: str) -> None:
    for rule in (
        {"cast": "items.price", "type": "int8"},
        {"cast": "items.code", "type": "text(1)"},
    ):
        with pytest.raises(DbferryError) as raised:
            moved(database, "postgresql", target, rule)
        assert raised.value.column == rule["cast"].partition(".")[2]
        assert raised.value.kind == "data"


def test_a_cast_obeys_the_policy_for_losses(database: Make) -> None:
    made, _ = moved(
        database, "postgresql", "mysql",
        {"cast": "items.price", "type": "int8"}, {"loss": "items.price", "code": "N-RANGE", "policy": "clamp"},
    )  # fmt: skip
    assert made.rows("SELECT price FROM items ORDER BY id") == [(127,), (127,)]


@pytest.mark.parametrize(
    ("column", "kind"), [("code", "date"), ("price", "uuid"), ("code", "int32")]
)
def test_a_cast_without_a_sense_is_refused(database: Make, column: str, kind: str) -> None:
    with pytest.raises(DbferryError, match=f"can't be cast to {kind}") as raised:
        moved(database, "postgresql", "sqlite", {"cast": f"items.{column}", "type": kind})
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("target", ["postgresql", "mysql"])
def test_defaults_and_checks_that_still_hold_come_along(database: Make, target: str) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(9) DEFAULT 'none', b varchar(9) DEFAULT 'x', c int CHECK (c > 0), "
        "d int, CONSTRAINT both_ways CHECK (d > 0 AND length(b) < 9)); INSERT INTO t VALUES (1, 'ab', 'b', 1, 2)"
    )
    report = dbferry.migrate(
        held.url, made.url,
        rules=[
            {"mask": "t.a", "how": "partial", "first": 1},
            {"set": "t.b", "expression": "7"},
            {"rename_column": "t.c", "to": "e"},
        ],
    )  # fmt: skip
    made.sql("INSERT INTO t (id, e) VALUES (2, 3)")
    assert made.rows("SELECT a, b, e FROM t ORDER BY id") == [("a*", 7, 1), ("none", None, 3)]
    with pytest.raises(Exception, match=r"(?i)check"):
        made.sql("INSERT INTO t (id, e) VALUES (3, 0)")
    made.sql("INSERT INTO t (id, e, d) VALUES (4, 1, -1)")
    told = "; ".join(report.notes)
    assert "check both_ways of public.t (a rule changes `b`)" in told
    assert (
        "not moved: default of public.t.b (rules change its type): 'x'::character varying" in told
    )


def test_indexes_on_expressions_outlive_the_key(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(9), b int);"
        "CREATE UNIQUE INDEX by_small ON t (lower(a)); CREATE INDEX of_b ON t (b) WHERE b > 0;"
        "CREATE INDEX on_sum ON t ((id + b)); INSERT INTO t VALUES (1, 'A', 1)"
    )
    rules: list[dict[str, object]] = [{"key": "t", "columns": []}, {"remove": "t.b"}]
    report = dbferry.migrate(held.url, made.url, rules=rules)
    found = made.rows("SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1")
    assert found == [("by_small",)]
    left = [note for note in report.notes if "of_b" in note or "on_sum" in note]
    assert len(left) == 2, report.notes
