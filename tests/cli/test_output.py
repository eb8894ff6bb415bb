"""What the command prints, where, and with which exit code."""

import json
import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

import dbferry as package
from command import BINARY, Command, moved, refused
from servers.database import Database, SqliteDatabase

Make = Callable[[str], Database]

COUNT = {"type": "integer", "minimum": 0}
SECONDS = {"type": "number", "minimum": 0}
STATE = {"enum": ["done", "different", "failed", "unfinished"]}


def exactly(**properties: object) -> dict[str, object]:
    """An object with these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


WARNING = exactly(
    column={"type": "string"}, code={"type": "string", "pattern": "^[A-Z]-[A-Z0-9-]+$"},
    note={"type": "string"}, rows={"type": ["integer", "null"]},
)  # fmt: skip
REPORT = exactly(
    version={"type": "string"}, source={"type": "string"}, target={"type": "string"},
    snapshot={"type": "string"}, state=STATE,
    totals=exactly(tables=COUNT, rows=COUNT, bytes=COUNT, seconds=SECONDS, quarantined=COUNT,
                   warnings=COUNT),
    tables={"type": "array", "items": exactly(
        source={"type": "string"}, target={"type": "string"}, state=STATE, rows=COUNT, bytes=COUNT,
        seconds=SECONDS, source_rows={"type": ["integer", "null"]},
        target_rows={"type": ["integer", "null"]}, quarantined=COUNT, warnings={"type": "array", "items": WARNING},
    )},
    notes={"type": "array", "items": {"type": "string"}},
)  # fmt: skip


@pytest.fixture
def shop(sqlite_db: SqliteDatabase) -> SqliteDatabase:
    """Two tables."""
    sqlite_db.sql(
        "CREATE TABLE one (id integer PRIMARY KEY, v text); INSERT INTO one VALUES (1, 'x')"
    )
    sqlite_db.sql("CREATE TABLE two (id integer); INSERT INTO two VALUES (1), (2), (3)")
    return sqlite_db


@pytest.fixture
def copy(tmp_path: Path) -> SqliteDatabase:
    """An empty file to move to."""
    return SqliteDatabase(tmp_path)


def test_version_is_the_one_of_the_package(dbferry: Command) -> None:
    result = moved(dbferry("--version"))
    assert result.out == f"dbferry {package.__version__}\n"


def test_help_names_the_verbs(dbferry: Command) -> None:
    result = moved(dbferry("--help"))
    for verb in ("migrate", "plan", "demo", "schema"):
        assert re.search(rf"^\W*{verb} ", result.out, re.MULTILINE)


@pytest.mark.parametrize("verb", ["migrate", "plan"])
def test_help_of_a_verb_has_examples_and_exit_codes(dbferry: Command, verb: str) -> None:
    result = moved(dbferry(verb, "--help"))
    assert "Examples" in result.out
    assert re.search(rf"dbferry {verb} \w+://\S+ \w+://\S+", result.out)
    for code in ("0 ", "1 ", "2 "):
        assert code in result.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there_for(dbferry: Command, shell: str) -> None:
    result = moved(dbferry("--show-completion", shell))
    assert "dbferry" in result.out


def test_no_arguments_show_the_help_and_are_an_error(dbferry: Command) -> None:
    result = dbferry()
    assert result.code == 2
    assert "Usage" in result.out + result.err


def test_json_is_one_document_on_standard_output(
    dbferry: Command, shop: Database, copy: Database
) -> None:
    result = moved(dbferry.migrate(shop, copy, "--json"))
    report = json.loads(result.out)
    jsonschema.validate(report, REPORT)
    assert report["state"] == "done"
    assert report["totals"]["rows"] == 4
    assert {
        t["source"]: (t["rows"], t["source_rows"], t["target_rows"]) for t in report["tables"]
    } == {
        "main.one": (1, 1, 1),
        "main.two": (3, 3, 3),
    }


def test_json_of_a_failed_run_has_the_error_and_its_place(
    dbferry: Command, shop: Database, pg_db: Database
) -> None:
    shop.sql("INSERT INTO one VALUES (2, 'a' || char(0))")
    report = refused(dbferry.migrate(shop, pg_db, "--json"), 1).json
    error = report.pop("error")
    jsonschema.validate(report, REPORT)
    assert report["state"] == "failed"
    assert (error["table"], error["column"], error["row"]) == ("main.one", "v", 2)
    assert error["kind"] == "data"


def test_json_of_a_wrong_request_has_the_error(
    dbferry: Command, shop: Database, copy: Database
) -> None:
    result = refused(dbferry.migrate(shop, copy, "--json", "--tables", "nosuch"), 2)
    assert result.json["error"]["kind"] == "request"
    assert "nosuch" in result.json["error"]["message"]


def test_json_of_wrong_usage_is_json_too(dbferry: Command, shop: Database) -> None:
    result = dbferry("migrate", shop.url, "--json")
    assert result.code == 2
    assert result.json["error"]["kind"] == "request"


def test_json_of_a_plan_names_every_column_with_types_and_verdict(
    dbferry: Command, shop: Database, pg_db: Database
) -> None:
    plan = moved(dbferry("plan", shop.url, pg_db.url, "--json")).json
    columns = {
        (table["name"], c["name"]): (c["source_type"], c["target_type"], c["verdict"])
        for table in plan["tables"]
        for c in table["columns"]
    }
    assert columns == {
        ("main.one", "id"): ("INTEGER", "bigint", "L"),
        ("main.one", "v"): ("TEXT", "text", "L"),
        ("main.two", "id"): ("INTEGER", "bigint", "L"),
    }


def test_a_plan_moves_nothing(dbferry: Command, shop: Database, pg_db: Database) -> None:
    result = moved(dbferry("plan", shop.url, pg_db.url))
    for word in ("one", "two", "bigint", "TEXT"):
        assert word in result.out
    assert pg_db.rows(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    ) == [(0,)]


def test_a_plan_makes_no_file(dbferry: Command, shop: Database, tmp_path: Path) -> None:
    for scheme in ("sqlite", "duckdb"):
        path = tmp_path / f"new.{scheme}"
        moved(dbferry("plan", shop.url, f"{scheme}:///{path}"))
        assert not path.exists()


def test_a_plan_with_a_fault_ends_with_2_and_shows_the_rest(
    dbferry: Command, shop: Database, pg_db: Database
) -> None:
    shop.sql("CREATE TABLE three (v); INSERT INTO three VALUES (1), ('a')")
    result = dbferry("plan", shop.url, pg_db.url)
    assert result.code == 2
    assert "V-MIXED" in result.out + result.err
    assert "one" in result.out


def test_a_migration_without_a_terminal_shows_plain_lines(
    dbferry: Command, shop: Database, copy: Database
) -> None:
    result = moved(dbferry.migrate(shop, copy))
    assert "\x1b" not in result.out + result.err
    assert "\r" not in result.out + result.err
    assert "main.one" in result.out + result.err
    assert re.search(r"2 tables, 4 rows", result.out + result.err)


def test_quiet_says_nothing_at_all(dbferry: Command, shop: Database, copy: Database) -> None:
    result = moved(dbferry.migrate(shop, copy, "--quiet"))
    assert (result.out, result.err) == ("", "")


def test_quiet_still_says_what_went_wrong(dbferry: Command, shop: Database, copy: Database) -> None:
    result = refused(dbferry.migrate(shop, copy, "--quiet", "--tables", "nosuch"), 2, "nosuch")
    assert result.out == ""


def test_a_terminal_shows_a_live_display(dbferry: Command, shop: Database, copy: Database) -> None:
    shop.sql(
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) "
        "INSERT INTO two SELECT i FROM n"
    )
    ours, theirs = pty.openpty()
    environment = {**dbferry.environment({}), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [str(BINARY), "migrate", shop.url, copy.url, "--range-rows", "1000"],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
    )  # fmt: skip
    os.close(theirs)
    shown = everything(ours)
    assert process.wait(60) == 0
    assert b"\x1b[" in shown
    assert re.search(rb"\d/2 tables", shown)
    assert b"rows/s" in shown
    assert b"2 tables, 299,995 rows" in re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", shown)


def everything(terminal: int) -> bytes:
    """All that comes until the other end is closed."""
    shown = bytearray()
    try:
        while piece := os.read(terminal, 1 << 16):
            shown += piece
    except OSError:
        # Linux tells the end of a terminal as an error.
        pass
    finally:
        os.close(terminal)
    return bytes(shown)


def test_a_reader_that_leaves_is_no_traceback(
    dbferry: Command, shop: Database, copy: Database
) -> None:
    process = dbferry.start("plan", shop.url, copy.url)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.wait(60)
    process.stderr.close()
    assert "Traceback" not in said


def test_an_option_that_is_no_number_is_wrong_usage(
    dbferry: Command, shop: Database, copy: Database
) -> None:
    for option in ("--workers", "--batch-rows", "--range-mb"):
        result = dbferry.migrate(shop, copy, option, "many")
        assert result.code == 2
        assert option in result.err
        refused(dbferry.migrate(shop, copy, option, "0"), 2, option.strip("-").replace("-", "_"))


def test_an_unknown_way_to_prepare_is_told_with_the_known_ones(
    dbferry: Command, shop: Database, copy: Database
) -> None:
    result = refused(dbferry.migrate(shop, copy, "--prepare", "replace"), 2, "prepare")
    for known in ("create", "truncate", "drop", "append"):
        assert known in result.err


def test_a_rule_for_losses_that_is_not_understood_is_told(
    dbferry: Command, shop: Database, copy: Database
) -> None:
    for rule in ("v", "v=null", "one.v:S-NUL=vanish", "one.v:S-NUL=replace"):
        refused(dbferry.migrate(shop, copy, "--on-loss", rule), 2, f"`{rule}`", "hint: ")


@pytest.mark.parametrize("near", ["postgress", "mysq", "sqlit", "maria"])
def test_an_unknown_scheme_is_told_with_the_nearest(
    dbferry: Command, copy: Database, near: str
) -> None:
    result = refused(dbferry.migrate(f"{near}://host/db", copy), 2, f"`{near}`", "did you mean")
    assert "://" in result.err


def test_an_unknown_parameter_is_told_with_the_nearest(dbferry: Command, copy: Database) -> None:
    result = dbferry.migrate("postgresql://h/db?sslmod=require", copy)
    refused(result, 2, "`sslmod`", "did you mean `sslmode`?")


def test_the_demo_makes_moves_and_counts(dbferry: Command, tmp_path: Path) -> None:
    result = moved(dbferry("demo", str(tmp_path / "demo"), "--rows", "3000"))
    assert (tmp_path / "demo" / "copy.duckdb").exists()
    assert (tmp_path / "demo" / "copy.db").exists()
    assert (result.out + result.err).count("done") >= 22
