"""A sequence of MariaDB gives in MariaDB and in PostgreSQL what it would have given, and is named elsewhere."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

Make = Callable[[str], Database]
# What was done to a sequence, made by which statement.
CASES = {
    "never used": ("CREATE SEQUENCE s START WITH 5", ""),
    "used": ("CREATE SEQUENCE s NOCACHE", "SELECT nextval(s); SELECT nextval(s)"),
    "restarted": ("CREATE SEQUENCE s", "ALTER SEQUENCE s RESTART WITH 500"),
    "restarted below its start": (
        "CREATE SEQUENCE s START WITH 50 MINVALUE 1",
        "SELECT nextval(s); ALTER SEQUENCE s RESTART WITH 1",
    ),
    "downwards": (
        "CREATE SEQUENCE s INCREMENT BY -3 MINVALUE -900 MAXVALUE 900 START WITH 100 NOCACHE",
        "SELECT nextval(s)",
    ),
    "in circles": (
        "CREATE SEQUENCE s MINVALUE 1 MAXVALUE 3 CYCLE NOCACHE",
        "SELECT nextval(s); SELECT nextval(s)",
    ),
}
NEXT = {"mariadb": "SELECT nextval(s)", "postgresql": "SELECT nextval('s')"}
CREATED = "SHOW CREATE SEQUENCE s"


def not_moved(report: dbferry.Report) -> list[str]:
    return [n for n in report.notes if n.startswith("not moved: ")]


@pytest.mark.parametrize("target", NEXT)
@pytest.mark.parametrize("case", CASES)
def test_one_of_its_own_goes_on(database: Make, target: str, case: str) -> None:
    held, made = database("mariadb"), database(target)
    held.sql("CREATE TABLE t (id int PRIMARY KEY)")
    for statement in filter(None, CASES[case]):
        held.sql(statement)
    assert not_moved(dbferry.migrate(held.url, made.url)) == []
    assert [made.rows(NEXT[target]) for _ in range(3)] == [
        held.rows(NEXT["mariadb"]) for _ in range(3)
    ]


@pytest.mark.parametrize("case", CASES)
def test_it_is_created_as_it_was(database: Make, case: str) -> None:
    held, made = database("mariadb"), database("mariadb")
    held.sql("CREATE TABLE t (id int PRIMARY KEY)")
    held.sql(f"{CASES[case][0]} COMMENT 'it''s mine'")
    dbferry.migrate(held.url, made.url)
    [(_, told)] = held.rows(CREATED)
    assert made.rows(CREATED) == [("s", told.replace(held.name, made.name))]


@pytest.mark.parametrize("target", NEXT)
@pytest.mark.parametrize(("row", "following"), [(3, 500), (499, 500), (500, 501), (700, 701)])
def test_a_default_draws_from_it_and_passes_by_the_rows(
    database: Make, target: str, row: int, following: int
) -> None:
    held, made = database("mariadb"), database(target)
    held.sql(
        "CREATE SEQUENCE s NOCACHE; CREATE TABLE t (id bigint DEFAULT nextval(s) PRIMARY KEY, n int); "
        f"CREATE TABLE u (id bigint DEFAULT nextval(s) PRIMARY KEY, n int); INSERT INTO u VALUES ({row}, 1); "
        "ALTER SEQUENCE s RESTART WITH 500"
    )
    assert not_moved(dbferry.migrate(held.url, made.url)) == []
    made.sql("INSERT INTO t (n) VALUES (1)")
    assert made.rows("SELECT id FROM t") == [(following,)]
    [_, table] = dbferry.plan(held.url, made.url, prepare="truncate").tables
    assert list(map(str, table.differences)) == []


@pytest.mark.parametrize("target", NEXT)
def test_one_without_numbers_gives_none(database: Make, target: str) -> None:
    held, made = database("mariadb"), database(target)
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE SEQUENCE s MAXVALUE 2 NOCACHE; "
        "SELECT nextval(s); SELECT nextval(s)"
    )
    dbferry.migrate(held.url, made.url)
    for db in (held, made):
        with pytest.raises(Exception, match=r"run out|reached maximum"):
            db.rows(NEXT[db.engine])


@pytest.mark.parametrize("target", ["mysql", "sqlite", "duckdb"])
def test_it_is_named_elsewhere(database: Make, target: str) -> None:
    held, made = database("mariadb"), database(target)
    held.sql(
        "CREATE SEQUENCE s; CREATE TABLE t (id bigint DEFAULT nextval(s) PRIMARY KEY); "
        "INSERT INTO t VALUES (7)"
    )
    own, default = not_moved(dbferry.migrate(held.url, made.url))
    assert own == f"not moved: sequence {held.name}.s ({target} has none that stands for itself)"
    assert default.startswith(f"not moved: default of {held.name}.t.id: nextval(")
    assert made.rows("SELECT id FROM t") == [(7,)]


def test_one_of_postgresql_goes_on_in_mariadb(database: Make) -> None:
    held, made = database("postgresql"), database("mariadb")
    held.sql(
        "CREATE SEQUENCE s INCREMENT BY 5; CREATE SCHEMA other; CREATE SEQUENCE other.alone START WITH 9; "
        "CREATE TABLE t (id bigint DEFAULT nextval('s') PRIMARY KEY, n int); INSERT INTO t (n) VALUES (1), (2)"
    )
    assert not_moved(dbferry.migrate(held.url, made.url)) == []
    for db in (held, made):
        db.sql("INSERT INTO t (n) VALUES (3)")
    assert made.rows("SELECT max(id) FROM t") == held.rows("SELECT max(id) FROM t") == [(11,)]
    assert made.rows("SELECT nextval(other__alone)") == [(9,)]


def test_what_stands_beside_it_is_tried(database: Make) -> None:
    held, made = database("postgresql"), database("mariadb")
    held.sql(
        "CREATE SEQUENCE s; CREATE TABLE t (id bigint DEFAULT nextval('s') PRIMARY KEY, n int, "
        "more int GENERATED ALWAYS AS (n + 1) STORED, CONSTRAINT far CHECK (n < 99999999999999999999))"
    )
    dbferry.migrate(held.url, made.url)
    made.sql("INSERT INTO t (n) VALUES (1)")
    assert made.rows("SELECT id, more FROM t") == [(1, 2)]


def test_its_numbers_go_on_when_a_part_of_the_statements_is_run_by_hand(database: Make) -> None:
    held = database("mariadb")
    held.sql("CREATE SEQUENCE s; CREATE TABLE t (id bigint DEFAULT nextval(s) PRIMARY KEY)")
    files = dbferry.plan(held.url, database("mariadb").url).sql()
    texts = {file.name: file.text for file in files}
    assert "CREATE SEQUENCE IF NOT EXISTS" in texts["1-before-load.sql"]
    assert "EXECUTE IMMEDIATE concat(" in texts["4-next-values-and-statistics.sql"]


@pytest.mark.parametrize("source", NEXT)
def test_one_that_may_not_be_read_is_named(database: Make, source: str) -> None:
    held, made = database(source), database(source)
    held.sql("CREATE SEQUENCE s; CREATE TABLE t (id int PRIMARY KEY)")
    user = f"u{held.name[1:9]}"
    if source == "mariadb":
        held.sql(
            f"CREATE USER {user}@'%' IDENTIFIED BY 'pw'; GRANT SELECT, SHOW VIEW ON {held.name}.t TO {user}@'%'; "
            f"GRANT INSERT ON {held.name}.s TO {user}@'%'"
        )
    else:
        held.sql(f"CREATE ROLE {user} LOGIN PASSWORD 'pw'; GRANT SELECT ON t TO {user}")
    try:
        url = held.url.replace(held.url.split("//")[1].split("@")[0], f"{user}:pw")
        left = not_moved(dbferry.migrate(url, made.url))
        what = (
            "next number, step, bounds, cycle and cache" if source == "mariadb" else "next number"
        )
        schema = held.name if source == "mariadb" else "public"
        assert (
            f"not moved: {what} of sequence {schema}.s (this user may not read it); hint: grant SELECT on it in the source"
        ) in left
    finally:
        if source == "mariadb":
            held.sql(f"DROP USER {user}@'%'")
        else:
            held.sql(f"DROP OWNED BY {user}; DROP ROLE {user}")


@pytest.mark.parametrize("source", NEXT)
@pytest.mark.parametrize(("step", "numbers"), [(1, (1, 900, 2000)), (-1, (2000, 900, 1))])
def test_one_that_stands_does_not_go_back(
    database: Make, source: str, step: int, numbers: tuple[int, int, int]
) -> None:
    held, made = database(source), database("mariadb")
    first, further, _ = numbers
    default = "nextval('s')" if source == "postgresql" else "nextval(s)"
    create = f"CREATE SEQUENCE s INCREMENT BY {step} MINVALUE 1 MAXVALUE 2000 START WITH {first}"
    at_once = "NOCACHE" if source == "mariadb" else ""
    held.sql(
        f"{create} {at_once}; CREATE TABLE t (id bigint DEFAULT {default} PRIMARY KEY, n int); INSERT INTO t (n) VALUES (1)"
    )
    made.sql(f"{create} NOCACHE; ALTER SEQUENCE s RESTART WITH {further}")
    dbferry.migrate(held.url, made.url)
    assert made.rows(NEXT["mariadb"]) == [(further,)]


@pytest.mark.parametrize("target", ["mysql", "sqlite", "mariadb"])
def test_one_that_its_column_does_not_count_by_is_made_or_named(
    database: Make, target: str
) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(
        "CREATE TABLE t (id serial PRIMARY KEY, n int); CREATE SEQUENCE s START WITH 7 OWNED BY t.n; "
        "CREATE TABLE u (id int PRIMARY KEY, n int); CREATE SEQUENCE away OWNED BY u.n"
    )
    named = not_moved(dbferry.migrate(held.url, made.url, exclude=["u"]))
    if target == "mariadb":
        assert named == []
        assert made.rows(NEXT[target]) == [(7,)]
    else:
        assert named == [f"not moved: sequence public.s ({target} has none that stands for itself)"]
