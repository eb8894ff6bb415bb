"""Task files: YAML or JSON, with the environment's variables, checked before anything is touched."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from command import Command, moved, refused
from servers.database import Database, SqliteDatabase


@pytest.fixture
def shop(sqlite_db: SqliteDatabase) -> SqliteDatabase:
    """Three tables."""
    for name in ("orders", "items", "tmp_x"):
        sqlite_db.sql(
            f"CREATE TABLE {name} (id integer PRIMARY KEY); INSERT INTO {name} VALUES (1)"
        )
    return sqlite_db


@pytest.fixture
def copy(tmp_path: Path) -> SqliteDatabase:
    """An empty file to move to."""
    return SqliteDatabase(tmp_path)


@pytest.fixture
def task(tmp_path: Path) -> Path:
    return tmp_path / "task.yaml"


def names(db: Database) -> set[str]:
    return {
        name
        for (name,) in db.rows(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
    }


def test_a_task_file_says_what_the_options_say(
    dbferry: Command, shop: Database, copy: Database, task: Path
) -> None:
    content = {
        "source": shop.url, "target": copy.url, "tables": ["*"], "exclude": ["tmp_*"],
        "prepare": "drop", "workers": 2, "batch_rows": 7, "range_mb": 1, "range_rows": 1,
        "large_values_mb": 10, "on_loss": ["*.*:S-NUL=null"], "schemas": {},
    }  # fmt: skip
    for path, text in (
        (task, yaml.safe_dump(content)),
        (task.with_suffix(".json"), json.dumps(content)),
    ):
        path.write_text(text)
        moved(dbferry("migrate", str(path)))
        assert names(copy) == {"orders", "items"}


def test_an_option_of_the_command_line_comes_before_the_file(
    dbferry: Command, shop: Database, copy: Database, task: Path
) -> None:
    task.write_text(f"source: {shop.url}\ntarget: {copy.url}\ntables: [orders]\n")
    moved(dbferry("migrate", str(task), "--tables", "items"))
    assert names(copy) == {"items"}


def test_a_plan_takes_a_task_file(
    dbferry: Command, shop: Database, copy: Database, task: Path
) -> None:
    task.write_text(f"source: {shop.url}\ntarget: {copy.url}\n")
    result = moved(dbferry("plan", str(task)))
    assert "orders" in result.out


def test_variables_of_the_environment_are_put_in(
    dbferry: Command, shop: SqliteDatabase, copy: Database, task: Path
) -> None:
    task.write_text("source: sqlite:///${SHOP}\ntarget: ${COPY_URL}\ntables: ['${WHICH}']\n")
    environment = {"SHOP": str(shop.path), "COPY_URL": copy.url, "WHICH": "orders"}
    moved(dbferry("migrate", str(task), env=environment))
    assert names(copy) == {"orders"}


def test_two_dollar_signs_are_one(
    dbferry: Command, shop: Database, tmp_path: Path, task: Path
) -> None:
    task.write_text(f"source: {shop.url}\ntarget: sqlite:///{tmp_path}/a$$b$.db\n")
    moved(dbferry("migrate", str(task)))
    assert (tmp_path / "a$b$.db").exists()


def test_a_variable_that_is_not_set_is_named(dbferry: Command, task: Path) -> None:
    task.write_text("source: sqlite:///${NOSUCHVARIABLE}\ntarget: sqlite:///x\n")
    refused(dbferry("migrate", str(task)), 2, "`NOSUCHVARIABLE`", "not set", "hint: ")


def test_an_unknown_key_is_told_with_the_nearest(dbferry: Command, task: Path) -> None:
    task.write_text("source: sqlite:///a\ntarget: sqlite:///b\nworker: 2\nexcluded: [x]\n")
    result = refused(dbferry("migrate", str(task)), 2, "unknown field `worker`")
    assert "did you mean `workers`?" in result.err
    assert "did you mean `exclude`?" in result.err


def test_missing_keys_are_named_at_once(dbferry: Command, task: Path) -> None:
    task.write_text("workers: 2\n")
    refused(dbferry("migrate", str(task)), 2, "`source` is missing", "`target` is missing")


def test_a_value_of_the_wrong_kind_is_named(dbferry: Command, task: Path) -> None:
    task.write_text("source: sqlite:///a\ntarget: sqlite:///b\nworkers: many\nprepare: swap\n")
    refused(dbferry("migrate", str(task)), 2, "`workers`", "`prepare`", "truncate")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must hold a mapping"),
        ("- a\n- b\n", "must hold a mapping"),
        ("just words\n", "must hold a mapping"),
        ("source: [unclosed\n", "not valid YAML"),
        ("source: a\n\tsource: b\n", "not valid YAML"),
        ("a: &a [*a]\nsource: *a\n", "task"),
    ],
)
def test_a_file_that_is_no_task_is_told(dbferry: Command, task: Path, text: str, said: str) -> None:
    task.write_text(text)
    refused(dbferry("migrate", str(task)), 2, said)


def test_a_missing_file_is_named(dbferry: Command, tmp_path: Path) -> None:
    refused(dbferry("migrate", str(tmp_path / "none.yaml")), 2, str(tmp_path / "none.yaml"))


def test_a_file_that_is_no_text_is_named(dbferry: Command, task: Path) -> None:
    task.write_bytes(b"source: \xff\xfe\n")
    refused(dbferry("migrate", str(task)), 2, str(task), "UTF-8")


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.system", "!!python/object/new:os.system", "!!python/name:os.system"],
)
def test_yaml_makes_no_objects_of_python(
    dbferry: Command, task: Path, tmp_path: Path, tag: str
) -> None:
    mark = tmp_path / "mark"
    task.write_text(f"source: {tag} ['touch {mark}']\ntarget: sqlite:///x\n")
    refused(dbferry("migrate", str(task)), 2, "not valid YAML")
    assert not mark.exists()


def test_yaml_that_grows_without_end_is_refused(dbferry: Command, task: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    task.write_text("\n".join([*lines, "source: *a11", "target: sqlite:///x", ""]))
    limit = ("sh", "-c", 'ulimit -v 2000000 && ulimit -t 5 && exec "$0" "$@"')
    refused(dbferry("migrate", str(task), prefix=limit), 2, "task")


def test_a_deep_file_is_refused(dbferry: Command, task: Path) -> None:
    task.with_suffix(".json").write_text('{"source": ' + "[" * 100_000)
    refused(dbferry("migrate", str(task.with_suffix(".json"))), 2, "task file")
    task.write_text("source: " + "[" * 50_000)
    refused(dbferry("migrate", str(task)), 2, "task file")


def test_the_schema_takes_what_the_command_takes(dbferry: Command) -> None:
    schema = moved(dbferry("schema")).json
    jsonschema.Draft202012Validator.check_schema(schema)
    good = {"source": "sqlite:///a", "target": "sqlite:///b", "workers": 2, "prepare": "drop"}
    jsonschema.validate(good, schema)
    for wrong in ({"workers": "many"}, {"prepare": "swap"}, {"nosuch": 1}, {"batch_rows": 0}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, **wrong}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"source": "sqlite:///a"}, schema)


def test_the_schema_describes_every_field(dbferry: Command) -> None:
    schema = moved(dbferry("schema")).json
    assert all(field.get("description") for field in schema["properties"].values())
