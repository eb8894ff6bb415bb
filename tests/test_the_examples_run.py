"""The examples of the manual and of the docstrings do what they say; a shop in SQLite is all they need."""

import doctest
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

import dbferry
from dbferry import reading, writing

README = Path(__file__).parents[1] / "README.md"
SHOP = """
CREATE TABLE orders (id integer PRIMARY KEY, customer text, total decimal(10,2), placed timestamp);
INSERT INTO orders VALUES (1, 'ada', 12.5, '2024-02-29 12:00:00'), (2, 'bob', NULL, NULL),
                          (3, 'ada', 7.25, '2024-03-01 08:30:00');
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("shop.db")) as connection:
        connection.executescript(SHOP)


def blocks(section: str) -> list[str]:
    text = README.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_the_manual_on_arrow() -> None:
    found = blocks("Arrow in, Arrow out")
    assert found
    names: dict[str, object] = {}
    for block in found:
        exec(compile(block, "README.md", "exec"), names)


def test_the_manual_on_rules() -> None:
    text = README.read_text(encoding="utf-8").split("\n## Rules\n")[1].split("\n## ")[0]
    Path("task.yaml").write_text(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0])
    report = dbferry.Task.from_file("task.yaml").run()
    assert (report.tables[0].target, report.rows) == ("main.shop_orders", 1)
    with closing(sqlite3.connect("copy.db")) as connection:
        rows = connection.execute(
            "SELECT id, customer, placed_at, origin FROM shop_orders"
        ).fetchall()
    assert rows == [(3, "a**", "2024-03-01 08:30:00", "old shop")]


def test_the_manual_on_aws_dms() -> None:
    (block,) = blocks("From AWS DMS")
    exec(compile(block, "README.md", "exec"), {"dbferry": dbferry})
    with closing(sqlite3.connect("copy.db")) as connection:
        found = connection.execute("SELECT * FROM orders")
        assert [column[0] for column in found.description] == ["ID", "CUSTOMER", "TOTAL", "PLACED"]
        assert [row[0] for row in found.fetchall()] == [2, 3]


@pytest.mark.parametrize("module", [reading, writing], ids=["reading", "writing"])
def test_docstrings(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)
