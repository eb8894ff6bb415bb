"""Every case of `cases/` against every target.

A case is a table `t (id, v)` in one or several source engines: `type` and `literals` make it, or `setup` does.
What is expected of each target is a line, or a mapping for more:

    L bigint                the plan's verdict and the declared type in the target
    W/T-RANGE TEXT          … and one of the verdict's codes
    blocked N-NAN           the plan refuses, nothing is touched
    refused N-RANGE         a value is refused while it is copied

`texts` is what the judge reads in the target (the literals when absent, `source` for what it reads in the source); a
mapping may have its own, and `counts`: rows that a code touched; `classes`: storage classes in SQLite; `on_loss`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import dbferry
import judge
from servers.database import Database

HERE = Path(__file__).parent / "cases"
TARGETS = ("postgresql", "mysql", "mariadb", "sqlite", "duckdb")


class Case:
    """One case file, as seen from one source engine."""

    def __init__(self, path: Path, source: str) -> None:
        self.source = source
        self.name = f"{source}-{path.stem}"
        self.content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))

    def setup(self) -> str:
        if "setup" in self.content:
            return str(self.content["setup"])
        statements = [self.content.get("before", "")]
        statements.append(f"CREATE TABLE t (id integer PRIMARY KEY, v {self.content['type']})")
        statements += [
            f"INSERT INTO t VALUES ({number}, {text})"
            for number, text in enumerate(self.content["literals"], start=1)
        ]
        return ";\n".join(filter(None, statements)) + ";"

    def expected(self, target: str) -> dict[str, Any]:
        [entry] = [e for names, e in self.content["targets"].items() if target in _names(names)]
        if isinstance(entry, str):
            entry = {"is": entry}
        verdict, _, rest = entry["is"].partition(" ")
        wanted = {"counts": {}, "classes": None, "on_loss": [], **entry, "verdict": verdict}
        wanted["texts"] = entry.get("texts", self.content.get("texts", self.literals()))
        return {**wanted, "code": rest} if verdict in ("blocked", "refused") else {**wanted, "type": rest}

    def literals(self) -> list[str | None]:
        return [None if text == "NULL" else text for text in self.content.get("literals", [])]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _cases() -> list[Case]:
    """A folder is named for its source engine, or for several: `mysql_and_mariadb`."""
    return [
        Case(path, source)
        for path in sorted(HERE.glob("*/*.yaml"))
        for source in path.parent.name.split("_and_")
    ]


@pytest.fixture(scope="module")
def source(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Case, Database]]:
    """A case and the database that holds it; the targets of a case share it."""
    from conftest import _make_database

    case = request.param
    made = _make_database(case.source, request, tmp_path_factory.mktemp("source"))
    made.sql(case.setup())
    yield case, made
    made.drop()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", _cases(), indirect=True, ids=lambda case: case.name)
def test_case(
    source: tuple[Case, Database], database: Callable[[str], Database], target: str
) -> None:
    case, held = source
    wanted = case.expected(target)
    made = database(target)
    task = dbferry.Task.of(source=held.url, target=made.url, tables=["t"], on_loss=wanted["on_loss"])
    match wanted["verdict"]:
        case "blocked":
            assert codes_of_faults(task) == {wanted["code"]}
            assert not judge.tables(made)
        case "refused":
            with pytest.raises(dbferry.DbferryError) as caught:
                task.run()
            assert (caught.value.code, caught.value.column) == (wanted["code"], "v"), str(caught.value)
            assert "t" not in judge.tables(made)
        case _:
            arrives(task, wanted, held, made)


def codes_of_faults(task: dbferry.Task) -> set[str | None]:
    faults = task.plan().faults
    with pytest.raises(dbferry.DbferryError) as caught:
        task.run()
    assert caught.value.exit_code == 2
    return {fault.code for fault in faults}


def arrives(task: dbferry.Task, wanted: dict[str, Any], held: Database, made: Database) -> None:
    [table] = task.plan().to_dict()["tables"]
    [column] = [column for column in table["columns"] if column["name"] == "v"]
    verdict, _, code = wanted["verdict"].partition("/")
    report = task.run()
    texts = judge.texts(held, "t") if wanted["texts"] == "source" else None
    told = {
        "verdict": column["verdict"],
        "type": judge.types(made, "t")["v"],
        "texts": [row[1] for row in judge.texts(made, "t")],
        "counts": {w.code: w.rows for w in report.tables[0].warnings if w.rows is not None},
    }
    assert told == {
        "verdict": verdict,
        "type": wanted["type"],
        "texts": wanted["texts"] if texts is None else [row[1] for row in texts],
        "counts": wanted["counts"],
    }
    assert not code or code in column["codes"]
    assert judge.primary_key(made, "t") == ["id"]
    if wanted["classes"] is not None:
        assert judge.classes(made, "t", "v") == set(wanted["classes"])
