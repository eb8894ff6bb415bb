"""MySQL and MariaDB make no key over JSON or long text: the plan says it, and how the key comes along all the same."""

from collections.abc import Callable

import pytest

import dbferry
from dbferry.errors import RequestError
from servers.database import Database

Make = Callable[[str], Database]
TARGETS = ["mysql", "mariadb"]


@pytest.mark.parametrize("target", TARGETS)
def test_bits_of_any_length_are_a_key_of_text(database: Make, target: str) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(
        "CREATE TABLE t (k varbit PRIMARY KEY, n varbit UNIQUE); INSERT INTO t VALUES (B'101', B'0'), (B'1010', NULL)"
    )
    dbferry.migrate(held.url, made.url)
    assert made.rows("SELECT k, n FROM t ORDER BY k") == [("101", "0"), ("1010", None)]
    for wrong in ("('101', NULL)", "('1', '0')"):
        with pytest.raises(Exception, match="Duplicate"):
            made.sql(f"INSERT INTO t VALUES {wrong}")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("declared", "value", "text"),
    [
        ("jsonb", "'[1, 2]'", "[1, 2]"),
        ("int[]", "'{1,2}'", "{1,2}"),
        ("varbit(5000)", "B'101'", "101"),
    ],
)
def test_the_plan_refuses_a_primary_key_until_it_may_be_text(
    database: Make, target: str, declared: str, value: str, text: str
) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(f"CREATE TABLE t (k {declared} PRIMARY KEY); INSERT INTO t VALUES ({value})")
    with pytest.raises(RequestError, match="no key holds a whole") as raised:
        dbferry.migrate(held.url, made.url)
    assert "'t.k:K-LENGTH=text'" in (raised.value.hint or "")
    assert made.rows("SHOW TABLES") == []
    dbferry.migrate(held.url, made.url, on_loss=["t.k:K-LENGTH=text"])
    assert made.rows("SELECT k FROM t") == [(text,)]
    with pytest.raises(Exception, match="Duplicate"):
        made.sql(f"INSERT INTO t VALUES ('{text}')")


@pytest.mark.parametrize("target", TARGETS)
def test_another_unique_key_is_named_and_its_column_keeps_its_type(
    database: Make, target: str
) -> None:
    held, made = database("postgresql"), database(target)
    held.sql("CREATE TABLE t (id int PRIMARY KEY, j jsonb UNIQUE); INSERT INTO t VALUES (1, '{}')")
    report = dbferry.migrate(held.url, made.url)
    assert [note for note in report.notes if note.startswith("not moved: ")] == [
        "not moved: index t_j_key of public.t (json can't be in an index)"
    ]
    assert made.rows("SELECT j FROM t") == [("{}",)]
