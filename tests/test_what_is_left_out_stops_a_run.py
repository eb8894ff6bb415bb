"""With `on_left_out` a run doesn't start that would leave something behind."""

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
