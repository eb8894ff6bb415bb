"""`--include` takes several names at once or one after the other, and a task file the same as a list."""

from collections.abc import Callable
from pathlib import Path

import pytest

from command import Command, moved, refused
from servers.database import Database, SqliteDatabase


@pytest.mark.parametrize(
    "options",
    [["--include", "functions,triggers"], ["--include", "functions", "--include", "triggers"]],
)
def test_several_may_be_asked_for(
    dbferry: Command, database: Callable[[str], Database], pg_db: Database, options: list[str]
) -> None:
    made = database("postgresql")
    pg_db.sql(
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);"
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER noted BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); GRANT SELECT ON t TO PUBLIC"
    )
    told = " ".join(moved(dbferry.migrate(pg_db, made, *options)).out.split())
    assert told.count("not moved: ") == 1
    assert "not moved: grants on one object to PUBLIC (not asked for)" in told
    assert made.rows("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == [("noted",)]


def test_a_task_file_may_ask_for_it(
    dbferry: Command, sqlite_db: SqliteDatabase, tmp_path: Path
) -> None:
    sqlite_db.sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    sqlite_db.sql("CREATE TRIGGER noted AFTER INSERT ON t BEGIN DELETE FROM t; END")
    target = tmp_path / "made.db"
    task = tmp_path / "task.yaml"
    task.write_text(f"source: {sqlite_db.url}\ntarget: sqlite:///{target}\ninclude: [all]\n")
    assert "not moved" not in moved(dbferry("migrate", str(task))).out


def test_a_name_that_nobody_knows_is_refused(
    dbferry: Command, sqlite_db: SqliteDatabase, pg_db: Database
) -> None:
    result = dbferry.migrate(sqlite_db, pg_db, "--include", "trigers")
    refused(result, 2, "the field `include.0`", "'triggers'")
