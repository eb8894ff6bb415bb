"""With `--prepare drop` what stands beside tables is made anew where it differs; else it stays, with its owner."""

import uuid
from collections.abc import Callable, Iterator

import pytest

import dbferry
from servers.database import Database

Make = Callable[[str], Database]
FUNCTIONS = """
CREATE TYPE pair AS (a int, b int);
CREATE FUNCTION more(a pair, b pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT a.a > b.a';
CREATE FUNCTION sum_of(pair) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.a + $1.b';
CREATE FUNCTION first_of(pair) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.a';
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
"""
# What stands in the source, and of the same name in the target.
DIFFERENT = {
    "aggregate": ("CREATE AGGREGATE total (int) (SFUNC = {}, STYPE = int)", "int4pl", "int4larger"),
    "operator": ("CREATE OPERATOR >>> (FUNCTION = more, LEFTARG = pair, RIGHTARG = pair{})", "", ", RESTRICT = scalargtsel"),
    "cast": ("CREATE CAST (pair AS int) WITH FUNCTION {}(pair)", "sum_of", "first_of"),
    "conversion": ("CREATE CONVERSION mine FOR 'LATIN1' TO 'UTF8' FROM {}", "iso8859_1_to_utf8", "iso8859_1_to_utf8"),
    "text search configuration": ("CREATE TEXT SEARCH CONFIGURATION mine (COPY = {})", "english", "simple"),
    "event trigger": ("CREATE EVENT TRIGGER watched_{{}} ON {} EXECUTE FUNCTION watch()", "sql_drop", "ddl_command_end"),
}  # fmt: skip


def left_out(told: dbferry.Report | dbferry.Plan) -> list[str]:
    return [note for note in told.notes if note.startswith("not moved")]


@pytest.mark.parametrize("kind", DIFFERENT)
def test_one_of_another_definition_is_made_anew(database: Make, kind: str) -> None:
    held, made = database("postgresql"), database("postgresql")
    create, ours, theirs = DIFFERENT[kind]
    for db, word in ((held, ours), (made, theirs)):
        db.sql(FUNCTIONS)
        db.sql("CREATE TABLE t (id int PRIMARY KEY); " + create.format(word).format("x"))
    if kind == "conversion":
        made.sql(
            "ALTER CONVERSION mine RENAME TO other; CREATE DEFAULT CONVERSION mine FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; DROP CONVERSION other"
        )
    stays = dbferry.plan(held.url, made.url, include=["functions", "triggers"])
    assert [kind in note and "another of its name" in note for note in left_out(stays)] == [True]
    report = dbferry.migrate(held.url, made.url, include=["functions", "triggers"], prepare="drop")
    assert left_out(report) == []
    again = dbferry.plan(held.url, made.url, include=["functions", "triggers"])
    assert left_out(again) == []


def test_what_something_else_is_made_of_is_named(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    create, ours, theirs = DIFFERENT["aggregate"]
    for db, word in ((held, ours), (made, theirs)):
        db.sql("CREATE TABLE t (id int PRIMARY KEY); " + create.format(word))
    made.sql("CREATE VIEW its AS SELECT total(n) FROM (VALUES (1)) AS v (n)")
    report = dbferry.migrate(held.url, made.url, include=["functions"], prepare="drop")
    assert left_out(report) == [
        "not moved: aggregate public.total(integer) (the target refuses it: cannot drop function total(integer) "
        "because other objects depend on it)"
    ]


OWNERS = """
SELECT relname, relowner::regrole::text FROM pg_class WHERE relname IN ('t', 'new', 's', 'v')
UNION ALL SELECT typname, typowner::regrole::text FROM pg_type WHERE typname IN ('mood', 'positive')
UNION ALL SELECT collname, collowner::regrole::text FROM pg_collation WHERE collname = 'mine'
UNION ALL SELECT stxname, stxowner::regrole::text FROM pg_statistic_ext WHERE stxname LIKE 'of_%'
UNION ALL SELECT proname, proowner::regrole::text FROM pg_proc WHERE proname = 'f'
UNION ALL SELECT nspname, nspowner::regrole::text FROM pg_namespace WHERE nspname IN ('apart', 'renamed') ORDER BY 1"""


@pytest.fixture
def owner(database: Make) -> Iterator[str]:
    name, server = f"owner_{uuid.uuid4().hex[:12]}", database("postgresql")
    server.sql(f"CREATE ROLE {name}")
    yield name
    server.sql(f"DROP ROLE {name}")


@pytest.mark.parametrize("renamed", [{}, {"apart": "renamed"}])
@pytest.mark.parametrize("prepare", ["append", "drop"])
def test_what_is_not_made_keeps_its_owner(
    owner: str, database: Make, prepare: str, renamed: dict[str, str]
) -> None:
    held, made = database("postgresql"), database("postgresql")
    schema = renamed.get("apart", "apart")
    for db, place in ((held, "apart"), (made, schema)):
        db.sql(
            f"CREATE SCHEMA {place}; CREATE TABLE {place}.t (id int PRIMARY KEY, n int); CREATE SEQUENCE {place}.s; "
            f"CREATE TYPE {place}.mood AS ENUM ('low'); CREATE DOMAIN {place}.positive AS int; "
            f"CREATE COLLATION {place}.mine (locale = 'C'); CREATE STATISTICS {place}.of_t ON id, n FROM {place}.t; "
            f"CREATE TABLE {place}.away (id int, n int); CREATE STATISTICS {place}.of_away ON id, n FROM {place}.away; "
            f"CREATE FUNCTION {place}.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"
        )
    held.sql("CREATE TABLE apart.new (id int PRIMARY KEY)")
    kinds = (
        "SCHEMA apart",
        "TABLE apart.t",
        "TABLE apart.new",
        "SEQUENCE apart.s",
        "TYPE apart.mood",
        "DOMAIN apart.positive",
        "COLLATION apart.mine",
        "STATISTICS apart.of_t",
        "STATISTICS apart.of_away",
        "FUNCTION apart.f()",
    )
    try:
        held.sql("; ".join(f"ALTER {kind} OWNER TO {owner}" for kind in kinds))
        report = dbferry.migrate(
            held.url,
            made.url,
            include=["functions", "grants"],
            prepare=prepare,
            schemas=renamed,
            exclude=["away"],
        )
        anew = {"new", *({"t", "of_t"} if prepare == "drop" else ())}
        names = ("f", "mine", "mood", "new", "of_away", "of_t", "positive", "s", "t", schema)
        assert made.rows(OWNERS) == [
            (name, owner if name in anew else "ferry") for name in sorted(names)
        ]
        assert left_out(report) == []
    finally:
        for db in (held, made):
            db.sql(f"REASSIGN OWNED BY {owner} TO CURRENT_USER; DROP OWNED BY {owner}")
