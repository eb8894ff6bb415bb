"""Rules are checked against the catalogs before anything moves, and errors name the rule."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import dbferry
from command import Command
from dbferry.errors import DbferryError
from servers.database import Database

Make = Callable[[str], Database]
SHOP = """
CREATE TABLE orders (id int PRIMARY KEY, total int, email varchar(20));
CREATE TABLE items (id int PRIMARY KEY, total int);
INSERT INTO orders VALUES (1, 2, 'a@x')
"""
FIXED = {"mask": "orders.email", "how": "fixed", "value": "x"}


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ([{"filter": "ordres", "where": "true"}], "rule 1 (filter: ordres) matches nothing"),
        ([{"rename_column": "orders.totl", "to": "x"}], "did you mean `orders.total`?"),
        ([{"rename_schema": "hr", "to": "x"}], "rule 1 (rename_schema: hr) matches nothing"),
        ([{"loss": "orders.nope", "policy": "null"}], "rule 1 (loss: orders.nope) matches nothing"),
        (
            [{"rename_table": "orders", "to": "a"}, {"rename_table": "*", "prefix": "b_"}],
            "rule 1 (rename_table: orders) and rule 2 (rename_table: *) are in conflict about the table",
        ),
        (
            [FIXED, {"set": "orders.email", "expression": "lower(email)"}],
            "rule 1 (mask: orders.email) and rule 2 (set: orders.email) are in conflict about column `email`",
        ),
        (
            [{"cast": "orders.email", "type": "text(30)"}, FIXED],
            "rule 2 (mask: orders.email) and rule 1 (cast: orders.email) are in conflict",
        ),
        ([{"cast": "orders.total", "type": "money"}], "there is no type `money`"),
        ([{"add": "orders.total", "value": 1}], "the table has a column `total` already"),
        ([{"add": "orders.x", "expression": "totl + 1"}], "rule 1 (add: orders.x) doesn't compile"),
        ([{"add": "orders.x", "expression": "sum(total)"}], "rule 1 (add: orders.x) doesn't compile"),
        ([{"filter": "orders", "where": "true) OR (true"}], "rule 1 (filter: orders) doesn't compile"),
        ([{"key": "orders", "columns": ["nope"]}], "the table has no column `nope`"),
        ([{"key": "orders", "columns": ["id"]}, {"key": "*", "columns": []}], "are in conflict"),
        ([{"filter": "items", "column": "nope", "any": [{"eq": 1}]}], "no column `nope`"),
    ],
)  # fmt: skip
def test_a_rule_without_sense_stops_the_run(
    database: Make, rules: list[dict[str, object]], why: str
) -> None:
    held, made = database("postgresql"), database("mysql")
    held.sql(SHOP)
    with pytest.raises(DbferryError) as raised:
        dbferry.migrate(held.url, made.url, rules=rules)
    faults = getattr(raised.value, "faults", (raised.value,))
    assert why in "; ".join(f"{fault} {fault.hint}" for fault in faults)
    assert raised.value.exit_code == 2
    assert made.rows("SHOW TABLES") == []


def test_all_faults_are_told_at_once(database: Make) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql(SHOP)
    rules = [{"remove": "orders.x"}, {"filter": "orders", "where": "oops"}, {"keep": "y.z"}]
    found = dbferry.plan(held.url, made.url, rules=rules).faults
    assert [str(fault)[:6] for fault in found] == ["rule 1", "rule 2", "rule 3"]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"mask": "a.b", "hwo": "null"}, "unknown field `rules.0.mask.hwo` (did you mean `how`?)"),
        ({"filtre": "a"}, "a rule has one of filter, "),
        ({"renam_table": "a", "to": "b"}, "(did you mean `rename_table`?)"),
        ({"mask": "a.b", "how": "shred"}, "rules.0.mask.how"),
        ({"mask": "a.b", "how": "scrambled"}, "(did you mean `scramble`?)"),
        ({"mask": "a.b", "how": "null", "value": 1}, "`null` takes no `value`"),
        ({"mask": "a.b", "how": "fixed"}, "`fixed` needs a `value`"),
        ({"filter": "a"}, "either `where`, or `column` with `any`"),
        ({"filter": "a", "column": "b", "any": [{"eq": 1, "gte": 2}]}, "one of eq, noteq"),
        ({"rename_table": "a"}, "how the name changes is missing"),
        ({"rename_table": "a", "to": "*"}, "more * than the pattern"),
        ({"add": "a.b"}, "one of `value`, `expression`, "),
    ],
)
def test_a_rule_of_another_form_is_no_task(rule: dict[str, object], why: str) -> None:
    with pytest.raises(DbferryError) as raised:
        dbferry.Task.of(source="sqlite:///a", target="sqlite:///b", rules=[rule])
    assert why in str(raised.value)
    assert raised.value.exit_code == 2


def test_of_two_rules_the_first_wins_where_it_is_asked_for(database: Make) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql(SHOP)
    report = dbferry.migrate(
        held.url, made.url, style="dms",
        rules=[
            {"rename_table": "orders", "to": "sales"},
            {"rename_table": "*", "case": "upper"},
            {"remove": "*.nope"},
        ],
    )  # fmt: skip
    assert made.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1") == [
        ("ITEMS",), ("sales",),
    ]  # fmt: skip
    assert "rule 3 (remove: *.nope) matches nothing that is moved" in report.notes


def test_a_task_file_has_rules_and_a_plan_tells_them(database: Make, tmp_path: Path) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql(SHOP)
    task = tmp_path / "task.yaml"
    task.write_text(
        f"source: {held.url}\ntarget: {made.url}\nrules:\n"
        "  - {filter: orders, where: total > 1}\n"
        "  - {rename_column: orders.total, to: amount}\n"
        "  - {mask: '*.email', how: fixed, value: '${HIDDEN}'}\n"
    )
    run = Command(tmp_path)
    told = run("plan", str(task), env={"HIDDEN": "xyz"})
    assert told.code == 0, told.err
    for text in ("rule 1 (filter: orders): only rows with total > 1", "total → amount",
                 "rule 3 (mask: *.email): masked, fixed"):  # fmt: skip
        assert text in told.out
    assert run("migrate", str(task), env={"HIDDEN": "xyz"}).code == 0
    assert made.rows("SELECT amount, email FROM orders") == [(2, "xyz")]
    schema = json.loads(run("schema").out)
    assert {"Filter", "Mask", "Merge"} <= set(schema["$defs"])


def test_an_assessment_knows_the_rules(database: Make) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql(SHOP)
    found = dbferry.assess(held.url, made.url, rules=[{"rename_table": "orders", "to": "sales"}])
    assert "sales" in str(found.to_dict())
    with pytest.raises(DbferryError, match=r"rule 1 \(remove: orders.nope\) matches nothing"):
        dbferry.assess(held.url, made.url, rules=[{"remove": "orders.nope"}])


def test_a_point_in_a_name_has_a_hint_that_works(database: Callable[[str], Database]) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql(
        """CREATE TABLE "we ird" (id integer PRIMARY KEY, "A.b" text); INSERT INTO "we ird" VALUES (1, 'x')"""
    )
    with pytest.raises(DbferryError) as raised:
        dbferry.migrate(held.url, made.url, rules=[{"mask": "we ird.A.b", "how": "null"}])
    assert raised.value.hint == "did you mean `we ird.A?b`?"
    dbferry.migrate(held.url, made.url, rules=[{"mask": "we ird.A?b", "how": "null"}])
    assert made.rows('SELECT * FROM "we ird"') == [(1, None)]
