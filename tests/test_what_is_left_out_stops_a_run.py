"""With `on_left_out` a run doesn't start that would leave something behind."""

import shlex
from collections.abc import Callable

import pytest

import dbferry
from dbferry.errors import DbferryError, SchemaError
from servers.database import Database

Make = Callable[[str], Database]
HELD = (
    "CREATE TABLE t (id int PRIMARY KEY, name text DEFAULT CURRENT_USER); INSERT INTO t VALUES (1, 'a'); "
    "CREATE VIEW v AS SELECT md5(name) AS hash FROM t; CREATE VIEW fine AS SELECT id FROM t"
)


@pytest.mark.parametrize("target", ["mysql", "mariadb", "sqlite", "duckdb"])
def test_all_of_it_is_told_before_anything_is_touched(database: Make, target: str) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(HELD)
    with pytest.raises(DbferryError) as raised:
        dbferry.migrate(held.url, made.url, on_left_out="stop")
    told = [str(fault) for fault in getattr(raised.value, "faults", ())]
    assert raised.value.exit_code == 2
    assert any("not moved: view public.v: SELECT md5(" in text for text in told)
    assert any("not moved: default of public.t.name: CURRENT_USER" in text for text in told)
    tables = {"sqlite": "SELECT name FROM sqlite_schema"}.get(target, "SHOW TABLES")
    assert made.rows(tables) == []


def test_what_comes_along_whole_runs(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(HELD)
    assert dbferry.migrate(held.url, made.url, on_left_out="stop").state == "done"
    assert (
        dbferry.migrate(
            held.url, made.url, only="data", prepare="truncate", on_left_out="stop"
        ).rows
        == 1
    )


def test_by_default_it_is_named_and_the_rows_move(database: Make) -> None:
    held, made = database("postgresql"), database("sqlite")
    held.sql(HELD)
    report = dbferry.migrate(held.url, made.url, on_left_out="continue")
    assert len([note for note in report.notes if note.startswith("not moved: ")]) == 2
    assert made.rows("SELECT id FROM fine") == [(1,)]


def test_what_only_the_target_refuses_fails_at_the_end(database: Make) -> None:
    """Whether a view can be made is known when it is made."""
    held, made = database("sqlite"), database("mysql")
    held.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT id FROM t"
    )
    user = f"u{made.name[1:9]}"
    made.sql(
        f"CREATE USER {user}@'%' IDENTIFIED BY 'pw'; "
        f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX ON {made.name}.* TO {user}@'%'"
    )
    login = made.url.split("//")[1].split("@")[0]
    url = made.url.replace(login, f"{user}:pw")
    try:
        with pytest.raises(SchemaError, match=r"one object was not made: view main\.v") as raised:
            dbferry.migrate(held.url, url, on_left_out="stop")
        assert "CREATE SQL SECURITY DEFINER VIEW" in (raised.value.hint or "")
        assert made.rows("SELECT id FROM t") == [(1,)]
    finally:
        made.sql(f"DROP USER {user}@'%'")


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_a_right_that_is_missing_is_granted_and_the_rest_is_made(
    database: Make, sqlite_db: Database, target: str
) -> None:
    made = database(target)
    sqlite_db.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT); CREATE INDEX by_n ON t (n); INSERT INTO t VALUES (1, 2)"
    )
    user = f"u{made.name[1:9]}"
    grant = f"GRANT {{}} ON {made.name}.* TO {user}@'%'"
    made.sql(
        f"CREATE USER {user}@'%' IDENTIFIED BY 'pw'; {grant.format('SELECT, INSERT, UPDATE, DELETE, CREATE, DROP')}"
    )
    login = made.url.split("//")[1].split("@")[0]
    url = made.url.replace(login, f"{user}:pw")
    try:
        with pytest.raises(SchemaError, match="one object was not made: index `by_n`") as raised:
            dbferry.migrate(sqlite_db.url, url)
        hint = raised.value.hint or ""
        assert hint.startswith(
            "grant the right for it in the target, or make what is missing by hand"
        )
        assert "the same command again makes only what is missing" in hint
        made.sql(grant.format("ALTER, INDEX"))
        assert dbferry.migrate(sqlite_db.url, url).state == "done"
        assert made.rows("SHOW INDEX FROM t WHERE Key_name = 'by_n'")
    finally:
        made.sql(f"DROP USER {user}@'%'")


BESIDE = {
    "postgresql": "CREATE FUNCTION f(a int[]) RETURNS int LANGUAGE sql AS 'SELECT 1'; "
    "CREATE TABLE t (id int PRIMARY KEY); CREATE SEQUENCE s; GRANT SELECT, INSERT ON t TO PUBLIC; "
    "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
    "CREATE TRIGGER audit AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION g(); "
    "CREATE VIEW v AS SELECT md5('a') AS m; CREATE MATERIALIZED VIEW w AS SELECT md5('b') AS m; "
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true); SELECT lo_create(0)",
    "mysql": "CREATE TABLE t (id int PRIMARY KEY); CREATE TRIGGER audit AFTER INSERT ON t FOR EACH ROW SET @a = 1; "
    "CREATE PROCEDURE f() SELECT 1; CREATE VIEW v AS SELECT sha2('a', 256) AS m",
    "sqlite": "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TRIGGER audit AFTER INSERT ON t BEGIN SELECT 1; END; "
    "CREATE VIEW v AS SELECT total(1) AS m; CREATE VIRTUAL TABLE w USING fts5(a)",
}


@pytest.mark.parametrize("source", BESIDE)
def test_whatever_stands_beside_tables_may_be_excluded_as_the_hint_says(
    database: Make, source: str
) -> None:
    held, made = database(source), database("duckdb")
    held.sql(BESIDE[source])
    with pytest.raises(DbferryError) as raised:
        dbferry.migrate(held.url, made.url, on_left_out="stop")
    faults = getattr(raised.value, "faults", (raised.value,))
    assert len(faults) >= 3
    away = [
        shlex.split((fault.hint or "").rpartition("leave it out with --exclude ")[2])[0]
        for fault in faults
    ]
    report = dbferry.migrate(held.url, made.url, on_left_out="stop", exclude=away)
    assert report.state == "done"
    assert not [note for note in report.notes if note.startswith("not moved")]
    assert made.rows("SELECT count(*) FROM t") == [(0,)]


def test_a_pattern_for_tables_excludes_nothing_that_has_its_name_by_chance(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TABLE tmp_a (id int); CREATE TABLE t (id int); CREATE FUNCTION tmp_f() RETURNS int LANGUAGE sql "
             "AS 'SELECT 1'; CREATE FUNCTION other() RETURNS int LANGUAGE sql AS 'SELECT 2'")  # fmt: skip
    options = {"include": ["functions"], "exclude": ["*tmp_*", "function *other*"]}
    dbferry.migrate(held.url, made.url, **options)
    found = made.rows("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
    assert found == [("tmp_f",)]
    assert made.rows("SELECT relname FROM pg_class WHERE relname IN ('t', 'tmp_a')") == [("t",)]


def test_a_type_is_excluded_where_no_column_has_it(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TYPE mood AS ENUM ('a'); CREATE TYPE used AS ENUM ('a'); CREATE TYPE free AS (a int); "
             "CREATE TABLE t (id int PRIMARY KEY, v used)")  # fmt: skip
    made.sql("CREATE TYPE mood AS ENUM ('b')")
    with pytest.raises(DbferryError) as raised:
        dbferry.migrate(held.url, made.url, on_left_out="stop")
    assert "--exclude 'type public.mood'" in (raised.value.hint or "")
    away = ["type public.mood", "type *.free", "type public.u*"]
    report = dbferry.migrate(held.url, made.url, on_left_out="stop", exclude=away)
    assert "comes along all the same, for a column has it: type public.used" in report.notes
    found = made.rows(
        "SELECT typname FROM pg_type WHERE typname IN ('mood', 'used', 'free') ORDER BY 1"
    )
    assert found == [("mood",), ("used",)]
    with pytest.raises(DbferryError, match=r"nothing of the source matches `type public\.modo`"):
        dbferry.migrate(held.url, made.url, exclude=["type public.modo"])


@pytest.mark.parametrize("pattern", ["v", "main.v", "view main.v", "view *"])
def test_a_view_alone_may_be_excluded(database: Make, pattern: str) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql("CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT id FROM t")
    dbferry.migrate(held.url, made.url, exclude=[pattern])
    assert made.rows("SELECT name FROM sqlite_schema WHERE type = 'view'") == []


def test_what_excludes_nothing_is_an_error(database: Make) -> None:
    held, made = database("sqlite"), database("duckdb")
    held.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TRIGGER audit AFTER INSERT ON t BEGIN SELECT 1; END"
    )
    with pytest.raises(
        DbferryError, match=r"nothing of the source matches `trigger audti of main\.t`"
    ) as raised:
        dbferry.migrate(held.url, made.url, exclude=["trigger audti of main.t"])
    assert raised.value.hint == "did you mean `trigger audit of main.t`?"
