"""`dbferry assess`: its exit codes, its three forms, and what is wrong with a call."""

import json
import shlex
from pathlib import Path

import pytest

from command import Command, refused
from servers.database import SqliteDatabase


@pytest.fixture
def shop(sqlite_db: SqliteDatabase) -> SqliteDatabase:
    """Nothing blocks; one column's type depends on its rows, and a view isn't moved."""
    sqlite_db.sql(
        "CREATE TABLE orders (id integer PRIMARY KEY, at text NOT NULL);"
        "INSERT INTO orders VALUES (1, 'now'); CREATE VIEW latest AS SELECT total(id) FROM orders"
    )
    return sqlite_db


@pytest.fixture
def blocked(shop: SqliteDatabase) -> SqliteDatabase:
    """A column of mixed classes."""
    shop.sql(
        "CREATE TABLE mixed (id integer PRIMARY KEY, v); INSERT INTO mixed VALUES (1, x'00'), (2, 'a')"
    )
    return shop


def test_without_a_target_it_is_postgresql_and_said_so(
    dbferry: Command, shop: SqliteDatabase
) -> None:
    result = dbferry("assess", shop.url)
    assert result.code == 0, result.err
    assert "postgresql" in result.out
    assert "by its name only: a new, empty database is supposed" in result.out
    assert "nothing is in the way" in result.out


def test_what_blocks_makes_exit_code_4(dbferry: Command, blocked: SqliteDatabase) -> None:
    result = dbferry("assess", blocked.url)
    assert (result.code, result.err) == (4, "")
    assert "1 in the way" in result.out
    assert "choose --on-loss 'mixed.v:V-MIXED=text'" in result.out


def test_the_hint_helps(dbferry: Command, blocked: SqliteDatabase) -> None:
    result = dbferry("assess", blocked.url, "--on-loss", "mixed.v:V-MIXED=text")
    assert result.code == 0, result.out


@pytest.mark.parametrize(
    ("level", "code"), [("blocked", 0), ("manual", 4), ("decide", 4), ("ok", 4)]
)
def test_the_level_that_fails_is_chosen(
    dbferry: Command, shop: SqliteDatabase, level: str, code: int
) -> None:
    assert dbferry("assess", shop.url, "--fail-on", level, "--quiet").code == code


def test_quiet_says_nothing(dbferry: Command, blocked: SqliteDatabase) -> None:
    result = dbferry("assess", blocked.url, "-q")
    assert (result.code, result.out, result.err) == (4, "", "")


def test_json_holds_everything_and_nothing_else_is_said(
    dbferry: Command, blocked: SqliteDatabase
) -> None:
    result = dbferry("assess", blocked.url, "mysql:8.0", "--json")
    told = result.json
    assert (result.code, told["level"], told["target"]["version"]) == (4, "blocked", "8.0")
    columns = {o["object"]: o for o in told["objects"] if o["kind"] == "column"}
    assert set(columns) == {"main.orders.id", "main.orders.at", "main.mixed.id", "main.mixed.v"}
    mixed = columns["main.mixed.v"]
    assert (mixed["level"], mixed["codes"]) == ("blocked", ["V-MIXED"])
    assert (mixed["probed"]["blobs"], mixed["probed"]["texts"], mixed["probed"]["rows"]) == (
        1,
        1,
        2,
    )
    (view,) = [o for o in told["objects"] if o["kind"] == "view"]
    assert (view["level"], view["codes"], view["object"]) == ("manual", ["X-VIEW"], "main.latest")
    assert view["original"] == "CREATE VIEW latest AS SELECT total(id) FROM orders"
    assert told["estimate"]["rows"] == 3
    assert sum(told["counts"].values()) == sum(
        len(told[name]) for name in ("objects", "source_checks", "target_checks")
    )


def test_a_page_is_written_beside_the_text(
    dbferry: Command, shop: SqliteDatabase, tmp_path: Path
) -> None:
    result = dbferry("assess", shop.url, "--html", str(tmp_path / "r.html"))
    assert result.code == 0
    assert "nothing is in the way" in result.out
    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")


def test_a_page_that_cannot_be_written_is_an_error(
    dbferry: Command, shop: SqliteDatabase, tmp_path: Path
) -> None:
    result = dbferry("assess", shop.url, "--html", str(tmp_path / "none" / "r.html"))
    refused(result, 2, "r.html", "can't be written")


@pytest.mark.parametrize("target", ["oracle", "postgres 16", "mysql:eight", "adbc"])
def test_a_target_that_is_no_engine_is_refused(
    dbferry: Command, shop: SqliteDatabase, target: str
) -> None:
    refused(dbferry("assess", shop.url, target), 2, f"`{target}`", "postgresql:16")


def test_a_version_that_is_too_old_blocks(dbferry: Command, shop: SqliteDatabase) -> None:
    result = dbferry("assess", shop.url, "postgresql:9.6")
    assert result.code == 4
    assert "postgresql 9.6 is older than 12" in result.out


def test_a_task_file_is_assessed(dbferry: Command, blocked: SqliteDatabase, tmp_path: Path) -> None:
    task = {"source": blocked.url, "target": "mariadb", "exclude": ["mixed"]}
    (tmp_path / "task.json").write_text(json.dumps(task))
    result = dbferry("assess", str(tmp_path / "task.json"), "--json")
    assert result.code == 0, result.out
    assert result.json["target"]["engine"] == "mariadb"


def test_the_rules_of_a_task_are_followed(
    dbferry: Command, shop: SqliteDatabase, tmp_path: Path
) -> None:
    rules = [{"rename_table": "*", "prefix": "shop_"}, {"filter": "orders", "where": "id > 7"}]
    task = {"source": shop.url, "target": "postgresql", "rules": rules}
    (tmp_path / "task.json").write_text(json.dumps(task))
    told = dbferry("assess", str(tmp_path / "task.json"), "--json").json
    (table,) = [o for o in told["objects"] if o["kind"] == "table"]
    assert table["what"] == 'create "public"."shop_orders"'
    assert told["estimate"]["rows"] == 0


def test_a_pattern_that_matches_nothing_is_in_the_way(
    dbferry: Command, shop: SqliteDatabase
) -> None:
    result = dbferry("assess", shop.url, "--tables", "order")
    assert result.code == 4
    assert "no table of the source matches `order`" in result.out


def test_a_name_that_controls_a_terminal_is_harmless(
    dbferry: Command, shop: SqliteDatabase
) -> None:
    shop.sql('CREATE TABLE "a\x1b[31m[red]" (id integer)')
    result = dbferry("assess", shop.url)
    assert "\x1b" not in result.out
    assert r"a\x1b[31m[red]" in result.out


def test_little_room_and_no_right_to_write_are_told(
    dbferry: Command, shop: SqliteDatabase, tmp_path: Path
) -> None:
    shop.sql(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
        "INSERT INTO orders SELECT i, hex(randomblob(500)) FROM n"
    )
    folder = tmp_path / "disk"
    folder.mkdir()
    place = shlex.quote(str(folder))
    alone = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    for options, name, level in (
        ("size=1m", "free-disk", "warn"), ("size=90m,ro", "writable", "blocked")
    ):  # fmt: skip
        mount = f"mount -t tmpfs -o {options} tmpfs {place}"
        prefix = (*alone, f'{mount} && exec "$0" "$@"')
        url = f"sqlite:///{folder}/copy.db"
        told = dbferry("assess", shop.url, url, "--json", prefix=prefix).json
        levels = {check["codes"][0]: check["level"] for check in told["target_checks"]}
        assert levels[name] == level
