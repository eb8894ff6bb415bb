"""Triggers, functions, policies, rights and large objects that stay behind are named, and refused where they can't go."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import dbferry
from servers.database import Database, ServerDatabase
from servers.postgres import PostgresServer

Make = Callable[[str], Database]
CODE = """
CREATE TABLE t (id int PRIMARY KEY, owner text);
CREATE TABLE away (id int PRIMARY KEY);
CREATE FUNCTION f(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE p() LANGUAGE sql AS '';
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int);
CREATE TRIGGER noted BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER gone BEFORE INSERT ON away FOR EACH ROW EXECUTE FUNCTION note();
CREATE RULE kept AS ON DELETE TO t DO INSTEAD NOTHING;
CREATE POLICY own ON t USING (owner = CURRENT_USER);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON t TO PUBLIC;
GRANT USAGE ON SCHEMA public TO pg_monitor;
GRANT SELECT ON t TO pg_monitor;
CREATE PUBLICATION every FOR ALL TABLES;
INSERT INTO t VALUES (1, 'a');
"""


def left_out(told: dbferry.Report | dbferry.Plan) -> list[str]:
    return [n.removeprefix("not moved: ") for n in told.notes if n.startswith("not moved: ")]


def test_between_two_postgresqls_each_is_named_with_what_brings_it(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(CODE + "CREATE EXTENSION citext")
    report = dbferry.migrate(held.url, made.url, exclude=["away"])
    asked = "(not asked for); hint: --include"
    assert sorted(left_out(report)) == sorted([
        f"extension citext {asked} extensions",
        f"function public.f(a integer, b text) {asked} functions",
        f"procedure public.p() {asked} functions",
        f"function public.note() {asked} functions",
        f"aggregate public.total(integer) {asked} functions",
        "publication every (dbferry makes none); hint: CREATE PUBLICATION every FOR ALL TABLES "
        "WITH (publish = 'insert, update, delete, truncate')",
        f"trigger noted of public.t {asked} triggers",
        f"rule kept of public.t {asked} triggers",
        f"policy own of public.t {asked} policies",
        "row security of public.t (not asked for: in the target all its rows are open to whoever may read it); "
        "hint: --include policies",
        f"grants on one object to PUBLIC {asked} grants",
        f"grants on 2 objects to pg_monitor {asked} grants",
    ])  # fmt: skip
    assert left_out(report) == left_out(
        dbferry.plan(held.url, made.url, exclude=["away"], prepare="drop")
    )


def test_what_belongs_to_no_named_table_is_not_asked_for(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(CODE)
    plan = dbferry.plan(held.url, made.url, tables=["t"], include=["policies", "grants"])
    assert [note.partition(" (")[0] for note in left_out(plan)] == [
        "trigger noted of public.t",
        "rule kept of public.t",
    ]
    assert [step.what for step in plan.views] == [
        "policy own of public.t",
        "row security of public.t",
        'grants on schema "public" to pg_monitor',
        "grants on table public.t to PUBLIC",
        "grants on table public.t to pg_monitor",
    ]  # fmt: skip


def test_what_an_exclusion_does_not_name_comes_along(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE away (id int); CREATE SEQUENCE s; CREATE SEQUENCE away_too"
    )
    report = dbferry.migrate(held.url, made.url, exclude=["away*"])
    assert left_out(report) == []
    assert made.rows("SELECT sequencename FROM pg_sequences") == [("s",)]


@pytest.mark.parametrize("target", ["mysql", "mariadb", "sqlite", "duckdb"])
def test_in_another_engine_they_are_named_too(database: Make, target: str) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(CODE)
    left = left_out(dbferry.migrate(held.url, made.url))
    assert (
        f"trigger noted of public.t (not carried to {target}); hint: make it there by hand" in left
    )
    assert f"function public.note() (not carried to {target}); hint: make it there by hand" in left
    assert f"policy own of public.t (not carried to {target}); hint: make it there by hand" in left


@pytest.mark.parametrize("source", ["mysql", "mariadb"])
@pytest.mark.parametrize("same", [True, False])
def test_those_of_mysql_and_mariadb_are_named(database: Make, source: str, *, same: bool) -> None:
    held = database(source)
    target = source if same else "postgresql"
    made = database(target)
    for statement in (
        "CREATE TABLE t (id int PRIMARY KEY)",
        "CREATE TRIGGER noted BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id",
        "CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1",
        "CREATE PROCEDURE p() SELECT 1",
        "CREATE EVENT daily ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
    ):
        held.sql(statement)
    report = dbferry.migrate(held.url, made.url)
    assert left_out(report) == [
        f"{what} (not carried to {target}); hint: make it there by hand"
        for what in (
            f"trigger noted of {held.name}.t",
            f"function {held.name}.f",
            f"procedure {held.name}.p",
            f"event {held.name}.daily",
        )
    ]


def test_triggers_of_sqlite_are_named_or_come_along(database: Make) -> None:
    held, made, other = database("sqlite"), database("sqlite"), database("postgresql")
    held.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT); CREATE TABLE log (id INT); INSERT INTO t VALUES (1, 1);"
        "CREATE VIEW v AS SELECT n FROM t;"
        "CREATE TRIGGER noted AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); UPDATE t SET n = 0; END;"
        "CREATE TRIGGER instead INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (NEW.n, NEW.n); END"
    )
    named = "trigger noted of main.t (not carried to postgresql); hint: make it there by hand"
    assert named in left_out(dbferry.migrate(held.url, other.url))
    assert left_out(dbferry.plan(held.url, made.url)) == [
        "trigger noted of main.t (not asked for); hint: --include triggers",
        "trigger instead of main.v (not asked for); hint: --include triggers",
    ]
    assert left_out(dbferry.migrate(held.url, made.url, include=["all"])) == []
    assert made.rows("SELECT * FROM t") == [(1, 1)]
    assert made.rows("SELECT * FROM log") == []
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger'"
    assert made.rows(schema) == held.rows(schema)


@pytest.mark.parametrize(
    ("source", "target", "asked", "message"),
    [
        ("postgresql", "mysql", ["triggers", "grants"], "grants and triggers of postgresql can't be included in mysql"),
        ("postgresql", "sqlite", ["all"], "nothing of postgresql can be included in sqlite"),
        ("sqlite", "sqlite", ["functions"], "functions of sqlite can't be included in sqlite"),
        ("mysql", "mysql", ["triggers"], "triggers of mysql can't be included in mysql"),
    ],
)  # fmt: skip
def test_what_cannot_be_included_is_refused(
    database: Make, source: str, target: str, asked: list[str], message: str
) -> None:
    held, made = database(source), database(target)
    held.sql("CREATE TABLE t (id int PRIMARY KEY)")
    with pytest.raises(dbferry.errors.RequestError, match=message) as caught:
        dbferry.migrate(held.url, made.url, include=asked)
    assert caught.value.hint


def test_rows_alone_need_nothing_besides(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    with pytest.raises(dbferry.errors.RequestError, match="`only: data` makes nothing"):
        dbferry.migrate(held.url, made.url, only="data", include=["triggers"])


def test_what_the_target_refuses_is_named_with_its_words(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(CODE)
    report = dbferry.migrate(held.url, made.url, include=["triggers", "grants"], exclude=["away"])
    (refused,) = [note for note in left_out(report) if note.startswith("trigger noted")]
    assert refused.endswith("(the target refuses it: function public.note() does not exist)")
    assert made.rows("SELECT id FROM t") == [(1,)]
    assert made.rows("SELECT has_table_privilege('pg_monitor', 't', 'SELECT')") == [(True,)]
    assert made.rows("SELECT rulename FROM pg_rules WHERE tablename = 't'") == [("kept",)]


def test_what_stands_in_its_place_is_named_before_any_row_moves(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE TYPE pair AS (a int); CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (id int PRIMARY KEY); "
        "CREATE FUNCTION f(pair) RETURNS int LANGUAGE sql AS 'SELECT 1'; "
        "CREATE FUNCTION note() RETURNS text LANGUAGE sql AS $$ SELECT 'a' $$"
    )
    made.sql(
        "CREATE TABLE pair (b int); CREATE TYPE mood AS ENUM ('b'); "
        "CREATE FUNCTION note() RETURNS int LANGUAGE sql AS 'SELECT 2'"
    )
    plan = dbferry.plan(held.url, made.url, include=["functions"])
    assert left_out(plan) == [
        "type public.mood (another of its name is in the target)",
        "function public.note() (another of its name is in the target)",
        'type public.pair (the target refuses it: type "pair" already exists)',
    ]
    report = dbferry.migrate(held.url, made.url, include=["functions"], prepare="drop")
    assert left_out(report)[-1] == (
        "function public.note() (the target refuses it: cannot change return type of existing function)"
    )
    assert made.rows("SELECT f(NULL::pair)") == [(1,)]


INSERT = {
    "postgresql": "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
    "CREATE TRIGGER noted BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); "
    "CREATE TRIGGER other BEFORE DELETE ON u FOR EACH ROW EXECUTE FUNCTION f(); "
    "CREATE TRIGGER off BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE u DISABLE TRIGGER off",
    "mysql": "CREATE TRIGGER noted BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id",
    "mariadb": "CREATE TRIGGER noted BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id",
    "sqlite": "CREATE TRIGGER noted AFTER INSERT ON t BEGIN SELECT 1; END",
}


@pytest.mark.parametrize("engine", INSERT)
def test_triggers_that_a_load_would_fire_are_told(database: Make, engine: str) -> None:
    held, made = database("sqlite"), database(engine)
    for db in (held, made):
        for table in ("t", "u"):
            db.sql(f"CREATE TABLE {table} (id int PRIMARY KEY)")
    made.sql(INSERT[engine])
    label = {"postgresql": "public.t", "sqlite": "main.t"}.get(engine, f"{made.name}.t")
    told = (
        f"triggers of {label} in the target fire for every row that is moved; "
        "hint: disable or drop them until the rows are in"
    )
    plan = dbferry.plan(held.url, made.url, prepare="truncate")
    assert [note for note in plan.notes if "fire" in note] == [told]
    plan = dbferry.plan(held.url, made.url, prepare="drop")
    assert not [note for note in plan.notes if "fire" in note]


def test_the_body_of_a_function_is_told_to_nobody(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY); "
        "CREATE FUNCTION early() RETURNS text LANGUAGE sql AS $$ SELECT 'secret' $$; "
        "CREATE FUNCTION late(t) RETURNS text LANGUAGE sql AS $$ SELECT 'secret' $$"
    )
    made.sql(
        "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no functions''; END'; "
        "CREATE EVENT TRIGGER no ON ddl_command_start WHEN TAG IN ('CREATE FUNCTION') EXECUTE FUNCTION no()"
    )
    report = dbferry.migrate(held.url, made.url, include=["functions"])
    assert left_out(report) == [
        "function public.early() (the target refuses it: no functions)",
        "function public.late(public.t) (the target refuses it: no functions)",
    ]


@contextmanager
def another_server() -> Iterator[Database]:
    """A database of a server without any roles of ours."""
    with PostgresServer() as server:
        yield ServerDatabase(server)


def test_roles_that_the_target_does_not_have_are_named(pg_db: Database) -> None:
    role = f"Odd {pg_db.name}"
    pg_db.sql(f'CREATE TABLE t (id int PRIMARY KEY); CREATE ROLE "{role}"')
    try:
        pg_db.sql(f'GRANT SELECT ON t TO "{role}"; GRANT USAGE ON SCHEMA public TO "{role}"')
        with another_server() as made:
            report = dbferry.migrate(pg_db.url, made.url, include=["all"])
            assert left_out(report) == [
                f"grants on 2 objects to {role} (the target has no such role); "
                f'hint: CREATE ROLE "{role}" there first'
            ]
    finally:
        pg_db.sql(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def test_owners_are_named_who_cannot_be_given_anything(pg_db: Database, database: Make) -> None:
    made, role = database("postgresql"), f"poor_{pg_db.name}"
    assert isinstance(made, ServerDatabase)
    pg_db.sql(
        f"CREATE TABLE t (id int PRIMARY KEY); CREATE VIEW v AS SELECT 1 AS n; CREATE ROLE {role} LOGIN PASSWORD 'p';"
        f"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION f() TO {role}"
    )
    made.sql(
        f"GRANT ALL ON SCHEMA public TO {role}; GRANT CREATE ON DATABASE {made.name} TO {role}"
    )
    try:
        poor = made.server.url(made.name, user=role, password="p")
        plan = dbferry.plan(pg_db.url, poor)
        assert left_out(plan) == [
            "function public.f() (not asked for); hint: --include functions",
            "ownership of 3 objects to ferry (not asked for); hint: --include grants",
            f"grants on one object to {role} (not asked for); hint: --include grants",
        ]
        # The rights and the owner of what doesn't come along are nobody's loss.
        for told in (
            dbferry.plan(pg_db.url, poor, include=["grants"]),
            dbferry.migrate(pg_db.url, poor, include=["grants"]),
        ):
            assert left_out(told) == [
                "function public.f() (not asked for); hint: --include functions",
                f"ownership of 2 objects to ferry ({role} can't become that role)",
            ]
    finally:
        for db in (made, pg_db):
            db.sql(f"DROP OWNED BY {role}")
        pg_db.sql(f"DROP ROLE {role}")


def test_large_objects_are_named_and_the_hint_moves_them(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    assert isinstance(held, ServerDatabase)
    assert isinstance(held.server, PostgresServer)
    held.sql("CREATE TABLE t (id int PRIMARY KEY, picture oid)")
    held.sql("INSERT INTO t VALUES (1, lo_from_bytea(0, 'abc'))")
    report = dbferry.migrate(held.url, made.url)
    (told,) = left_out(report)
    assert told == (
        "large objects of the database (1 large object, which dbferry doesn't read); hint: move them with "
        "pg_dump --blobs --data-only --exclude-table='*.*', or put their bytes into a bytea column first"
    )
    tool = [held.server.tool("pg_dump"), "--blobs", "--data-only", "--exclude-table=*.*", held.url]
    text = subprocess.run(tool, check=True, capture_output=True).stdout
    psql = [held.server.tool("psql"), "-q", made.url]
    subprocess.run(psql, check=True, input=text, capture_output=True)
    assert made.rows("SELECT lo_get(picture) FROM t") == [(b"abc",)]


def test_an_assessment_tells_what_a_person_has_to_do(database: Make) -> None:
    held = database("postgresql")
    held.sql(CODE + "SELECT lo_from_bytea(0, 'abc')")
    found = {
        (f.kind, f.object): f for f in dbferry.assess(held.url, "postgresql").objects
        if f.level == "manual"
    }  # fmt: skip
    assert found["function", "public.f(a integer, b text)"].fix == "--include functions"
    assert found["trigger", "noted of public.t"].table == "public.t"
    assert found["row security", "public.t"].why.startswith("not asked for: in the target all")
    assert found["large objects", "the database"].codes == ("X-LO",)
    assert all(f.minutes for f in found.values())
