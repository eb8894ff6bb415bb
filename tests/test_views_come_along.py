"""Views are made last, each after those that it reads, and show what they showed in the source."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

Make = Callable[[str], Database]
TABLES = "CREATE TABLE t (id int PRIMARY KEY, name varchar(20)); CREATE TABLE u (id int PRIMARY KEY, t int)"
ROWS = "INSERT INTO t VALUES (1, 'a'), (2, 'it''s'), (3, NULL); INSERT INTO u VALUES (1, 2), (2, 2)"
# `a_last` is made after `z_first`, whatever their names say.
VIEWS = """
CREATE VIEW z_first AS SELECT t.id, t.name, count(u.id) AS many FROM t LEFT JOIN u ON u.t = t.id GROUP BY t.id, t.name;
CREATE VIEW a_last AS SELECT id, many + 1 AS more, 'it''s t.x' AS said FROM z_first WHERE name IS NOT NULL
"""
SAME = ["postgresql", "mysql", "mariadb", "sqlite"]


def not_moved(report: dbferry.Report) -> list[str]:
    return [n.removeprefix("not moved: ") for n in report.notes if n.startswith("not moved: ")]


@pytest.mark.parametrize("prepare", ["create", "drop"])
@pytest.mark.parametrize("engine", SAME)
def test_they_show_the_same(database: Make, engine: str, prepare: str) -> None:
    held, made = database(engine), database(engine)
    held.sql(f"{TABLES}; {ROWS}; {VIEWS}")
    if prepare == "drop":
        dbferry.migrate(held.url, made.url)
    report = dbferry.migrate(held.url, made.url, prepare=prepare)
    assert not_moved(report) == []
    for view in ("z_first", "a_last"):
        query = f"SELECT * FROM {view} ORDER BY id"
        assert made.rows(query) == held.rows(query) != []
    made.sql("INSERT INTO u VALUES (3, 2)")
    assert made.rows("SELECT more FROM a_last WHERE id = 2") == [(4,)]


def test_a_second_run_leaves_those_that_stand(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(f"{TABLES}; {ROWS}; {VIEWS}")
    dbferry.migrate(held.url, made.url)
    made.sql("DROP VIEW a_last; CREATE VIEW a_last AS SELECT 3 AS n")
    report = dbferry.migrate(held.url, made.url, prepare="truncate")
    # One that is the same is nothing to name.
    assert not_moved(report) == ["view public.a_last (one of its name is in the target already)"]


def test_options_and_rows_of_postgresql_stay(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        f"{TABLES}; {ROWS}; CREATE SCHEMA other; "
        "CREATE VIEW other.v WITH (security_barrier) AS SELECT * FROM t WHERE id > 1 WITH LOCAL CHECK OPTION; "
        "CREATE MATERIALIZED VIEW filled AS SELECT count(*) FROM other.v; "
        "CREATE MATERIALIZED VIEW empty AS SELECT 1 AS one WITH NO DATA; COMMENT ON VIEW other.v IS 'mine'"
    )
    report = dbferry.migrate(held.url, made.url, schemas={"other": "another"})
    assert not_moved(report) == []
    query = (
        "SELECT relname, relkind, relispopulated, reloptions, obj_description(oid, 'pg_class') FROM pg_class "
        "WHERE relkind IN ('v', 'm') AND relnamespace::regnamespace::text !~ 'pg_|information' ORDER BY 1"
    )
    assert made.rows(query) == held.rows(query)
    assert made.rows("SELECT * FROM filled") == [(2,)]
    assert made.rows("SELECT id FROM another.v ORDER BY 1") == [(2,), (3,)]


def test_those_that_cannot_be_made_are_named_and_the_rest_is(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        f"{TABLES}; {ROWS}; {VIEWS}; CREATE TABLE away (id int); CREATE VIEW reads_away AS SELECT * FROM away; "
        "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW calls AS SELECT f(id) FROM t"
    )
    report = dbferry.migrate(held.url, made.url, exclude=["away"])
    away, function, calls = not_moved(report)
    assert function == "function public.f(integer) (not asked for); hint: --include functions"
    # PostgreSQL before 16 writes each column of a view with its table.
    assert away.replace("away.id", "id") == (
        "view public.reads_away: SELECT id FROM public.away; (it reads public.away, which is not moved)"
    )
    assert calls.startswith("view public.calls: CREATE VIEW")
    assert "the target refuses it: function public.f(integer) does not exist" in calls
    assert made.rows("SELECT count(*) FROM a_last") == [(2,)]


def test_tables_that_are_named_come_alone(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(f"{TABLES}; {ROWS}; {VIEWS}")
    report = dbferry.migrate(held.url, made.url, tables=["t", "u"])
    assert not_moved(report) == []
    assert made.rows("SELECT count(*) FROM pg_views WHERE schemaname = 'public'") == [(0,)]
