"""AWS DMS's table mappings as they are: the examples of its manual, each with the effect that it promises."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dbferry
import judge
from command import Command
from dbferry.errors import DbferryError
from servers.database import Database, ServerDatabase
from servers.postgres import PostgresServer

Make = Callable[[str], Database]
SCHEMA = """
CREATE SCHEMA "Test";
CREATE TABLE "Test"."Actor" (actor_id int PRIMARY KEY, first_name varchar(20), last_name varchar(20), "Pre_x" int,
    col_a int, col_b int, born timestamp(3));
CREATE TABLE "Test"."ITEM_DMS" (id int PRIMARY KEY, "ITEM-NAME" varchar(20) NOT NULL, "BOM" int NOT NULL, amount numeric(8,2));
CREATE TABLE "Test"."DMSinternal" (id int);
CREATE SCHEMA other;
CREATE TABLE other.thing (id int);
INSERT INTO "Test"."Actor" VALUES (1, 'Ada', 'Byron', 5, 1, 2, '1815-12-10 01:02:03.456'), (2, 'Grace', NULL, NULL, 3, 4, NULL);
INSERT INTO "Test"."ITEM_DMS" VALUES (1, 'nut 12', 7, 10.00);
INSERT INTO other.thing VALUES (1)
"""


def include(**more: Any) -> dict[str, Any]:
    locator = {"schema-name": "Test", "table-name": "%", **more.pop("locator", {})}
    return {"rule-type": "selection", "rule-id": "1", "rule-name": "1", "object-locator": locator,
            "rule-action": "include", **more}  # fmt: skip


def change(action: str, target: str, number: int = 2, /, **more: Any) -> dict[str, Any]:
    locator = {"schema-name": "Test", **more.pop("locator", {})}
    return {"rule-type": "transformation", "rule-id": str(number), "rule-name": str(number),
            "rule-action": action, "rule-target": target, "object-locator": locator, **more}  # fmt: skip


def mapping(*rules: dict[str, Any]) -> dict[str, Any]:
    if not any(rule["rule-type"] == "selection" for rule in rules):
        rules = (include(), *rules)
    return {"rules": list(rules)}


@pytest.fixture(scope="module")
def held(postgres: PostgresServer) -> Iterator[Database]:
    """One source for all examples; none of them writes to it."""
    made = ServerDatabase(postgres)
    made.sql(SCHEMA)
    yield made
    made.drop()


@pytest.fixture(scope="module")
def empty(postgres: PostgresServer) -> Iterator[Database]:
    """A target for plans alone."""
    made = ServerDatabase(postgres)
    yield made
    made.drop()


@pytest.fixture
def planned(held: Database, empty: Database) -> Callable[..., dict[str, Any]]:
    """A function: rules to the plan's tables by their names in the source."""

    def plan(*rules: dict[str, Any]) -> dict[str, Any]:
        made = dbferry.plan(held.url, empty.url, dms_mappings=mapping(*rules))
        made.check()
        return {table["name"]: table for table in made.to_dict()["tables"]}

    return plan


ALL = {"Test.Actor", "Test.ITEM_DMS", "Test.DMSinternal"}


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ([include()], ALL),
        ([include(locator={"schema-name": "%"})], ALL | {"other.thing"}),
        (
            [include(), {**include(locator={"table-name": "DMS%"}), "rule-id": "2", "rule-name": "2",
                         "rule-action": "exclude"}],
            ALL - {"Test.DMSinternal"},
        ),
        ([include(locator={"table-name": "ITEM_DMS"}, **{"rule-action": "explicit"})], {"Test.ITEM_DMS"}),
        ([include(locator={"table-name": "ITEM[_]DMS"})], {"Test.ITEM_DMS"}),
        ([include(locator={"table-name": "_tem%"})], set()),
        ([include(locator={"table-name": "[A-D]%"})], {"Test.Actor", "Test.DMSinternal"}),
        ([include(locator={"schema-name": "o_her"})], {"other.thing"}),
    ],
)  # fmt: skip
def test_selection(
    planned: Callable[..., dict[str, Any]], rules: list[dict[str, Any]], wanted: set[str]
) -> None:
    if not wanted:
        with pytest.raises(DbferryError, match="no tables to move"):
            planned(*rules)
        return
    tables = planned(*rules)
    assert set(tables) == wanted
    # A schema keeps its name.
    for name, table in tables.items():
        assert table["target"].replace('"', "") == name


@pytest.mark.parametrize(
    ("rule", "table", "target"),
    [
        (change("rename", "schema", value="Test1"), "Test.Actor", '"Test1"."Actor"'),
        (change("convert-lowercase", "schema"), "Test.Actor", '"test"."Actor"'),
        (
            change("rename", "table", locator={"table-name": "Actor"}, value="Actor1"),
            "Test.Actor", '"Test"."Actor1"',
        ),
        (
            change("convert-lowercase", "table", locator={"table-name": "Actor"}),
            "Test.Actor", '"Test"."actor"',
        ),
        (
            change("add-prefix", "table", locator={"table-name": "%"}, value="DMS_"),
            "Test.Actor", '"Test"."DMS_Actor"',
        ),
        (
            change("remove-suffix", "table", locator={"table-name": "%"}, value="_DMS"),
            "Test.ITEM_DMS", '"Test"."ITEM"',
        ),
        (
            change("replace-suffix", "table", locator={"table-name": "%"}, value="_X", **{"old-value": "_DMS"}),
            "Test.ITEM_DMS", '"Test"."ITEM_X"',
        ),
        (
            change("remove-suffix", "table", locator={"table-name": "%"}, value="_DMS"),
            "Test.Actor", '"Test"."Actor"',
        ),
    ],
)  # fmt: skip
def test_schemas_and_tables_are_renamed(
    planned: Callable[..., dict[str, Any]], rule: dict[str, Any], table: str, target: str
) -> None:
    assert planned(rule)[table]["target"] == target


COLUMNS = ["actor_id", "first_name", "last_name", "Pre_x", "col_a", "col_b", "born"]
EVERY = {"schema-name": "%", "table-name": "%", "column-name": "%"}


@pytest.mark.parametrize(
    ("rules", "columns"),
    [
        (
            [change("rename", "column", locator={"table-name": "Actor", "column-name": "first_name"},
                    value="fname")],
            ["actor_id", "fname", *COLUMNS[2:]],
        ),
        ([change("remove-column", "column", locator={"table-name": "Actor", "column-name": "col%"})],
         ["actor_id", "first_name", "last_name", "Pre_x", "born"]),
        ([change("convert-uppercase", "column", locator=EVERY)], [name.upper() for name in COLUMNS]),
        ([change("replace-prefix", "column", locator=EVERY, value="NewPre_", **{"old-value": "Pre_"})],
         ["actor_id", "first_name", "last_name", "NewPre_x", "col_a", "col_b", "born"]),
        ([change("include-column", "column", locator={"table-name": "Actor", "column-name": "actor_id"}),
          change("include-column", "column", 3, locator={"table-name": "Actor", "column-name": "col_a"})],
         ["actor_id", "col_a"]),
        # Of two that are for one column the lower rule-id is followed, wherever it stands.
        ([change("convert-uppercase", "column", 5, locator=EVERY),
          change("rename", "column", 4, locator={"table-name": "Actor", "column-name": "col_a"}, value="first")],
         ["ACTOR_ID", "FIRST_NAME", "LAST_NAME", "PRE_X", "first", "COL_B", "BORN"]),
        ([change("convert-uppercase", "column", 3, locator=EVERY),
          change("remove-column", "column", 4, locator={"table-name": "Actor", "column-name": "col_a"})],
         [name.upper() for name in COLUMNS]),
        ([change("add-suffix", "column", locator={**EVERY, "data-type": "datetime"}, value="_at")],
         [*COLUMNS[:-1], "born_at"]),
    ],
)  # fmt: skip
def test_columns_are_renamed_and_removed(
    planned: Callable[..., dict[str, Any]], rules: list[dict[str, Any]], columns: list[str]
) -> None:
    assert [c["target"] for c in planned(*rules)["Test.Actor"]["columns"]] == columns


def test_what_reaches_the_target(held: Database, database: Make, tmp_path: Path) -> None:
    made = database("postgresql")
    actor, item = {"table-name": "Actor"}, {"table-name": "ITEM_DMS"}
    text = {"type": "string", "length": 50}

    def add(number: int, name: str, expression: str | None, **kind: Any) -> dict[str, Any]:
        more = {"expression": expression} if expression else {}
        return change("add-column", "column", number, locator=actor, value=name, **more,
                      **{"data-type": kind or text})  # fmt: skip

    rules = mapping(
        add(2, "FULL_NAME", "$first_name||'_'||$last_name"),
        add(3, "Operation", "operation_indicator('D', 'U', 'I')"),
        add(4, "transact_id", "$AR_H_STREAM_POSITION"),
        add(5, "came_from", "$AR_M_SOURCE_SCHEMA || '.' || $AR_M_SOURCE_TABLE_NAME"),
        add(6, "goes_to", "$AR_M_MODIFIED_SCHEMA || '.' || $AR_M_MODIFIED_TABLE_NAME"),
        add(7, "last_updated", None, type="datetime", precision=6),
        add(8, "kind", "CASE WHEN $Pre_x >= 5 THEN upper($first_name) ELSE ifnull($last_name, 'none') END"),
        add(9, "hashed", "hash_sha256($first_name)", type="string", length=64),
        add(10, "loaded", "$AR_H_COMMIT_TIMESTAMP", type="datetime", precision=6),
        change("rename", "table", 11, locator=actor, value="people"),
        change("data-masking-hash-mask", "column", 12, locator={**actor, "column-name": "last_name"}),
        change("data-masking-digits-mask", "column", 13, locator={**item, "column-name": "ITEM-NAME"}, value="#"),
        change("change-data-type", "column", 14, locator={**item, "column-name": "amount"},
               **{"data-type": {"type": "numeric", "precision": 12, "scale": 4}}),
        change("define-primary-key", "table", 15, locator=item,
               **{"primary-key-def": {"name": "ITEM-primary-key", "columns": ["ITEM-NAME", "BOM"]}}),
        change("define-primary-key", "table", 16, locator=item,
               **{"primary-key-def": {"name": "ITEM-unique-idx", "origin": "unique-index",
                                      "columns": ["id", "BOM"]}}),
    )  # fmt: skip
    # What is masked can't be a key: as AWS DMS does, but by name and before the run.
    with pytest.raises(DbferryError, match="part of a key"):
        dbferry.migrate(held.url, made.url, dms_mappings=_without(rules, 15, masked_key=True))
    report = dbferry.migrate(held.url, made.url, dms_mappings=_without(rules, 13))
    sha = [hashlib.sha256(name.encode()).hexdigest().upper() for name in ("Ada", "Grace", "Byron")]
    wanted = '"FULL_NAME", "Operation", transact_id, came_from, goes_to, last_updated, kind, hashed, last_name'
    assert made.rows(f'SELECT {wanted} FROM "Test".people ORDER BY actor_id') == [
        ("Ada_Byron", "I", None, "Test.Actor", "Test.people", None, "ADA", sha[0], sha[2]),
        (None, "I", None, "Test.Actor", "Test.people", None, "none", sha[1], None),
    ]
    assert made.rows(
        "SELECT count(*) FROM \"Test\".people WHERE loaded > now() - interval '1 hour'"
    ) == [(2,)]
    assert any(
        "$AR_H_STREAM_POSITION: a load has no stream position" in note for note in report.notes
    )
    keys = made.rows(
        "SELECT conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = '\"Test\".\"ITEM_DMS\"'::regclass AND contype IN ('p', 'u') ORDER BY 1"
    )
    assert keys == [
        ("ITEM-primary-key", "p", 'PRIMARY KEY ("ITEM-NAME", "BOM")'),
        ("ITEM-unique-idx", "u", 'UNIQUE (id, "BOM")'),
    ]
    types = {c.name: c.type for c in _columns(made, "ITEM_DMS")}
    assert types["amount"] == "numeric(12,4)"


def _without(rules: dict[str, Any], number: int, *, masked_key: bool = False) -> dict[str, Any]:
    kept = [rule for rule in rules["rules"] if rule["rule-id"] != str(number)]
    if masked_key:
        kept.append(change("data-masking-digits-mask", "column", 99, value="#",
                           locator={"table-name": "Actor", "column-name": "actor_id"}))  # fmt: skip
    return {"rules": kept}


def _columns(db: Database, table: str) -> list[judge.Column]:
    rows = db.rows(
        "SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull FROM pg_attribute "
        f'WHERE attrelid = \'"Test"."{table}"\'::regclass AND attnum > 0'
    )
    return [judge.Column(*row) for row in rows]


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ([("actor_id", [("gte", "2")])], [2]),
        ([("actor_id", [("lte", "1"), ("between", "2", "3")])], [1, 2]),
        ([("actor_id", [("ste", "5")]), ("last_name", [("eq", "Byron")])], [1]),
        ([("last_name", [("null",)])], [2]),
        ([("actor_id", [("notbetween", "2", "9")])], [1]),
        ([("actor_id", [("noteq", "50")]), ("last_name", [("notnull",)])], [1]),
        ([("born", [("gte", "1815-01-01")])], [1]),
    ],
)
def test_filters(
    held: Database, database: Make, filters: list[tuple[str, list[tuple[str, ...]]]], ids: list[int]
) -> None:
    made = database("sqlite")

    def condition(operator: str, *values: str) -> dict[str, str]:
        names = ["value"] if len(values) == 1 else ["start-value", "end-value"]
        return {"filter-operator": operator, **dict(zip(names, values, strict=False))}

    told = [{"filter-type": "source", "column-name": column,
             "filter-conditions": [condition(*each) for each in conditions]}
            for column, conditions in filters]  # fmt: skip
    rules = mapping(include(locator={"table-name": "Actor"}, filters=told))
    dbferry.migrate(held.url, made.url, dms_mappings=rules)
    table = judge.tables(made).pop()
    found = [row[0] for row in made.rows(f'SELECT actor_id FROM "{table}" ORDER BY 1')]
    assert found == ids


def test_a_mysql_source_finds_schemas_by_pattern(database: Make) -> None:
    held, made = database("mysql"), database("postgresql")
    names = [f"{held.name}_{end}" for end in ("one", "two")]
    for name in names:
        held.sql(f"CREATE SCHEMA {name}; CREATE TABLE {name}.t (id int PRIMARY KEY, s varchar(5));"
                 f"INSERT INTO {name}.t VALUES (1, 'A'), (2, 'a')")  # fmt: skip
    try:
        rules = mapping(
            include(locator={"schema-name": f"{held.name}%"}),
            change("add-column", "column", locator={"schema-name": "%", "table-name": "%"}, value="x",
                   expression="CASE $s WHEN 'a' THEN 'small' ELSE $s || '!' END"),
        )  # fmt: skip
        dbferry.migrate(held.url, made.url, dms_mappings=rules)
    finally:
        for name in names:
            held.sql(f"DROP SCHEMA {name}")
    for name in names:
        assert made.rows(f"SELECT x FROM {name}.t ORDER BY id") == [("A!",), ("small",)]


def test_a_mysql_target_that_has_the_tables_is_seen(held: Database, database: Make) -> None:
    made = database("mysql")
    rules = mapping(
        include(locator={"table-name": "Actor"}),
        change("convert-lowercase", "table", locator={"table-name": "%"}),
        change("rename", "schema", 3, value=f"{made.name}_x"),
    )
    try:
        for mode in ("DO_NOTHING", "TRUNCATE_BEFORE_LOAD", "DROP_AND_CREATE"):
            settings = {"FullLoadSettings": {"TargetTablePrepMode": mode}}
            dbferry.migrate(held.url, made.url, dms_mappings=rules, dms_settings=settings)
            assert made.rows(f"SELECT count(*) FROM {made.name}_x.actor") == [(2,)]
    finally:
        made.sql(f"DROP SCHEMA IF EXISTS {made.name}_x")


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ([change("rename", "column", locator={"column-nmae": "x"}, value="y")],
         "column-nmae` (did you mean `column-name`?)"),
        ([change("renam", "column", value="y")], "(did you mean `rename`?)"),
        ([{**change("rename", "column", value="y"), "rule-type": "transfomation"}], "(did you mean `transformation`?)"),
        ([change("add-prefix", "table")], "`add-prefix` needs `value`"),
        ([change("remove-column", "table")], "`remove-column` is for rule-target column"),
        ([change("rename", "table", value="a"), change("rename", "table", value="b")], "two rules have the rule-id 2"),
        ([include(**{"rule-action": "exclude"})], "at least one selection rule"),
        ([include(filters=[{"filter-type": "source", "column-name": "x",
                            "filter-conditions": [{"filter-operator": "between", "value": "1"}]}])],
         "`between` takes start-value and end-value"),
        ([include(locator={"table-name": "a%"}, **{"rule-action": "explicit"})], "explicit takes exact names"),
        ([change("change-data-type", "column", **{"data-type": {"type": "tuple"}})], "targets that are no databases"),
        ([change("add-column", "column", value="x", expression="randomblob(3)")], "`RANDOMBLOB("),
        ([change("add-column", "column", value="x", expression="$nothing")], "no column or header `nothing`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    held: Database, database: Make, rules: list[dict[str, Any]], why: str
) -> None:
    with pytest.raises(DbferryError) as raised:
        dbferry.migrate(held.url, database("sqlite").url, dms_mappings=mapping(*rules))
    faults = getattr(raised.value, "faults", (raised.value,))
    assert why in "; ".join(map(str, faults))
    assert raised.value.exit_code == 2


def test_what_is_not_used_is_named(held: Database, empty: Database) -> None:
    rules = mapping(
        include(locator={"table-type": "all"}, **{"load-order": "2"}),
        {"rule-type": "table-settings", "rule-id": "3", "rule-name": "3",
         "object-locator": {"schema-name": "Test", "table-name": "Actor"},
         "parallel-load": {"type": "ranges", "columns": ["actor_id"], "boundaries": [["1000"], ["3000"]]},
         "lob-settings": {"mode": "limited", "bulk-max-size": "16"}},
        change("rename", "table-tablespace", 4, locator={"table-name": "Actor", "table-tablespace-name": "s"},
               value="t"),
        change("add-before-image-columns", "column", 5, locator={"table-name": "Actor"},
               **{"before-image-def": {"column-prefix": "BI_", "column-suffix": "", "column-filter": "pk-only"}}),
        {"rule-type": "object-mapping", "rule-id": "6", "rule-name": "6", "rule-action": "map-record-to-record",
         "object-locator": {"schema-name": "Test", "table-name": "x"}, "target-table-name": "y"},
        change("remove-column", "column", 7, locator={"table-name": "Actor", "column-name": "absent"}),
    )  # fmt: skip
    notes = dbferry.plan(held.url, empty.url, dms_mappings=rules).notes
    for text in ("rule-id 1: load-order", "rule-id 1: views", "rule-id 3: parallel-load ranges",
                 "rule-id 3: lob-settings limited", "rule-id 4: tablespaces", "rule-id 5: a load has no images",
                 "rule-id 6: object-mapping", "matches nothing that is moved"):  # fmt: skip
        assert [note for note in notes if text in note], text


def test_the_command_takes_both_files_and_writes_the_same_task(
    held: Database, database: Make, tmp_path: Path
) -> None:
    first, second = database("postgresql"), database("postgresql")
    rules = mapping(
        include(locator={"table-name": "Actor"}),
        change("rename", "schema", value="New${x}$$"),
        change("add-column", "column", 3, locator={"table-name": "%"}, value="n", expression="$col_a + 1",
               **{"data-type": {"type": "int8"}}),
        change("data-masking-digits-randomize", "column", 4, locator={"table-name": "%", "column-name": "first_name"}),
    )  # fmt: skip
    settings = {"FullLoadSettings": {"TargetTablePrepMode": "DROP_AND_CREATE", "MaxFullLoadSubTasks": 3,
                                     "CommitRate": 1000, "CreatePkAfterFullLoad": False},
                "TargetMetadata": {"LobMaxSize": 32}, "PostProcessingRules": None}  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps(rules))
    (tmp_path / "s.json").write_text(json.dumps(settings))
    run = Command(tmp_path)
    done = run(
        "migrate",
        held.url,
        first.url,
        "--dms-mappings",
        "m.json",
        "--dms-settings",
        "s.json",
        "--json",
    )
    assert done.code == 0, done.err
    assert any("CreatePkAfterFullLoad is not used" in note for note in done.json["notes"])
    made = run("convert-dms", "m.json", "s.json")
    assert made.code == 0, made.err
    assert "warning: TargetMetadata: LobMaxSize is not used" in made.err
    assert "# TargetMetadata: LobMaxSize is not used" in made.out
    for text in ("prepare: drop", "workers: 3", "batch_rows: 1000"):
        assert text in made.out
    (tmp_path / "task.yaml").write_text(made.out)
    urls = {"DBFERRY_SOURCE": held.url, "DBFERRY_TARGET": second.url, "DBFERRY_MASK_KEY": "k" * 20}
    again = run("migrate", "task.yaml", env=urls)
    assert again.code == 0, again.err
    for db in (first, second):
        rows = db.rows('SELECT n, first_name FROM "New${x}$$"."Actor" ORDER BY 1')
        assert rows == [(2, "Ada"), (4, "Grace")]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"FullLoadSettings": {"CommitRat": 1}}, "`FullLoadSettings.CommitRat` (did you mean `CommitRate`?)"),
        ({"FullLoadSetings": {}}, "unknown key `FullLoadSetings` (did you mean `FullLoadSettings`?)"),
        ({"FullLoadSettings": {"TargetTablePrepMode": "ERASE"}}, "TargetTablePrepMode is one of"),
        ({"FullLoadSettings": {"MaxFullLoadSubTasks": "many"}}, "MaxFullLoadSubTasks is a number"),
        ({"ErrorBehavior": {"DataErrorPolicy": "SKIP"}}, "ErrorBehavior.DataErrorPolicy is one of LOG_ERROR"),
    ],
)  # fmt: skip
def test_settings_that_are_wrong_are_named(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(DbferryError) as raised:
        dbferry.Task.from_dms("sqlite:///a", "sqlite:///b", mapping(), settings)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("behavior", "fields"),
    [
        ({"DataErrorPolicy": "LOG_ERROR", "DataErrorEscalationCount": 50},
         {"on_bad_row": "quarantine", "max_bad_rows": 50}),
        ({"DataErrorPolicy": "IGNORE_RECORD", "DataErrorEscalationCount": 0, "TableErrorPolicy": "STOP_TASK"},
         {"on_bad_row": "quarantine", "max_bad_rows": 1000, "on_table_error": "stop"}),
        ({"DataErrorPolicy": "STOP_TASK", "TableErrorPolicy": "SUSPEND_TABLE"},
         {"on_bad_row": "stop", "on_table_error": "stop"}),
        ({"DataErrorPolicy": "SUSPEND_TABLE", "RecoverableErrorCount": 0},
         {"on_bad_row": "stop", "on_table_error": "continue", "retries": 0}),
        ({"RecoverableErrorCount": -1}, {"retries": 8}),
    ],
)  # fmt: skip
def test_what_becomes_of_errors_is_taken(behavior: dict[str, Any], fields: dict[str, Any]) -> None:
    settings = {"ErrorBehavior": behavior}
    task = dbferry.Task.from_dms("sqlite:///a", "sqlite:///b", mapping(), settings)
    assert {name: getattr(task, name) for name in fields} == fields


def test_every_key_of_the_settings_is_taken_or_named() -> None:
    from dbferry.mapping.dms.settings import KNOWN

    content = {
        group: {key: 1 for key, why in keys.items() if why is not None}
        for group, keys in KNOWN.items()
    }
    told = " ".join(dbferry.Task.from_dms("sqlite:///a", "sqlite:///b", mapping(), content).notes)
    for group, keys in content.items():
        assert group in told or not keys
        assert all(key in told for key in keys)


def test_what_the_console_of_aws_writes_is_taken() -> None:
    """Groups and keys that say nothing, and those that no page of the guide tells of."""
    rule = include(
        locator={"table-name": "%"}, filters=[], **{"load-order": None, "rule-id": 447422326}
    )
    rule |= {"parallel-load": None, "isAutoSegmentationChecked": False}
    settings = {
        "FullLoadSettings": {"TargetTablePrepMode": None, "MaxFullLoadSubTasks": None, "CommitRate": 10000},
        "ErrorBehavior": {"DataErrorPolicy": None, "RecoverableErrorCount": None},
        "TTSettings": {"EnableTT": False, "FailTaskOnTTFailure": False, "TTS3Settings": None},
        "ControlTablesSettings": {"historyTimeslotInMinutes": 5, "CommitPositionTableEnabled": False},
        "TargetMetadata": None,
        "PostProcessingRules": None,
    }  # fmt: skip
    task = dbferry.Task.from_dms("sqlite:///a", "sqlite:///b", {"rules": [rule]}, settings)
    assert (task.prepare, task.batch_rows) == ("append", 10000)
    rule |= {"parallel-load": {"type": "partitions-auto"}, "isAutoSegmentationChecked": True}
    task = dbferry.Task.from_dms("sqlite:///a", "sqlite:///b", {"rules": [rule]})
    assert [note for note in task.notes if "447422326: parallel-load partitions-auto" in note]


def test_the_target_schema_of_the_settings_takes_all(held: Database, empty: Database) -> None:
    settings = {"TargetMetadata": {"TargetSchema": "all_of_it"}}
    plan = dbferry.plan(held.url, empty.url, dms_mappings=mapping(), dms_settings=settings)
    assert {table.destination.schema for table in plan.tables} == {"all_of_it"}


@pytest.mark.parametrize("source", ["postgresql", "mysql", "mariadb", "sqlite"])
def test_dates_and_random_numbers_are_said_by_every_source(database: Make, source: str) -> None:
    started, made = database(source), database("sqlite")
    kind = "datetime" if source != "postgresql" else "timestamp"
    started.sql(
        f"CREATE TABLE t (id int PRIMARY KEY, at {kind}, day date); "
        "INSERT INTO t VALUES (1, '2024-02-29 03:04:05', '1999-12-31'), (2, NULL, NULL)"
    )
    told = {
        "d": "date($at)",
        "c": "time($at)",
        "m": "datetime($at)",
        "w": "strftime('%d.%m.%Y T%H:%M:%S %j', $at)",
        "y": "strftime('%Y', $day)",
        "n": "date('now')",
        "r": "random() || ''",
    }
    schema = {"postgresql": "public", "sqlite": "main"}.get(source, started.name)
    everything = {"schema-name": schema, "table-name": "%"}
    rules = mapping(
        include(locator=everything),
        *(
            change("add-column", "column", number, locator=everything, value=name, expression=text,
                   **{"data-type": {"type": "string", "length": 40}})
            for number, (name, text) in enumerate(told.items(), start=2)
        ),
    )  # fmt: skip
    dbferry.migrate(started.url, made.url, dms_mappings=rules)
    assert made.rows("SELECT d, c, m, w, y FROM t ORDER BY id") == [
        ("2024-02-29", "03:04:05", "2024-02-29 03:04:05", "29.02.2024 T03:04:05 060", "1999"),
        (None,) * 5,
    ]
    assert made.rows("SELECT count(DISTINCT r), count(DISTINCT n) FROM t") == [(2, 1)]


@pytest.mark.parametrize(
    "text", ["date($born, '+1 day')", "strftime('%s', $born)", "date('2024-01-01')"]
)
def test_dates_that_servers_tell_in_their_own_ways_are_refused(
    database: Make, held: Database, text: str
) -> None:
    rules = mapping(change("add-column", "column", value="x", expression=text))
    with pytest.raises(DbferryError) as raised:
        dbferry.migrate(held.url, database("sqlite").url, dms_mappings=rules)
    assert "has no certain counterpart in postgresql" in str(raised.value)
