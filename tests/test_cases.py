"""Every case of `cases/` from its source engine to every target.

A case is a table with the columns `id` and `v`, in the engine that its folder names: `type` and `literals` make it, or
`setup` does, where `<table>` stands for its name. What is expected of each target is a line, or a mapping for more:

    L bigint                the plan's verdict and the declared type in the target
    W/T-RANGE TEXT          … and one of the verdict's codes
    blocked N-NAN           the plan refuses, nothing is touched
    refused N-RANGE         a value is refused while it is copied

`texts` is what the judge reads in the target (the literals when absent, `source` for what it reads in the source); a
mapping may have its own, and `counts`: rows that a code touched; `classes`: storage classes in SQLite; `on_loss`: codes
and policies; `before`: SQL for the target; `column`: what a refusal names, where that isn't `v`.

All tables of an engine lie in one database and travel in one run; only when that run fails do they travel alone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import dbferry
import judge
from dbferry.report import TableReport
from servers.database import Database
from servers.fresh import make_database

HERE = Path(__file__).parent / "cases"
TARGETS = ("postgresql", "mysql", "mariadb", "sqlite", "duckdb")


@dataclass(frozen=True)
class Case:
    """One case file, as seen from one source engine."""

    table: str
    source: str
    content: dict[str, Any] = field(hash=False)

    def setup(self) -> str:
        if "setup" in self.content:
            return str(self.content["setup"]).replace("<table>", self.table)
        statements = [
            self.content.get("before", ""),
            f"CREATE TABLE {self.table} (id integer PRIMARY KEY, v {self.content['type']})",
        ]
        statements += [
            f"INSERT INTO {self.table} VALUES ({number}, {text})"
            for number, text in enumerate(self.content["literals"], start=1)
        ]
        return ";\n".join(filter(None, statements)) + ";"

    def expected(self, target: str) -> "Expected":
        [entry] = [e for names, e in self.content["targets"].items() if target in _names(names)]
        entry = {"is": entry} if isinstance(entry, str) else dict(entry)
        first, _, rest = entry.pop("is").partition(" ")
        verdict, _, code = first.partition("/")
        entry.setdefault("texts", self.content.get("texts", self._literals()))
        if verdict in ("blocked", "refused"):
            return Expected(verdict, code=rest, **entry)
        return Expected(verdict, code=code, type=rest, **entry)

    def _literals(self) -> list[str | None]:
        return [None if text == "NULL" else text for text in self.content.get("literals", [])]


@dataclass(frozen=True)
class Expected:
    """What one target is to make of a case."""

    verdict: str
    code: str
    texts: Any
    type: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    classes: list[str] | None = None
    on_loss: list[str] = field(default_factory=list)
    before: str = ""
    column: str | None = "v"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


@cache
def all_cases() -> list[Case]:
    """A folder is named for its source engine, or for several: `mysql_and_mariadb`."""
    return [
        Case(f"t_{path.stem}", source, yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in sorted(HERE.glob("*/*.yaml"))
        for source in path.parent.name.split("_and_")
    ]


class Yard:
    """The databases that hold the cases, and what came of each group of them."""

    def __init__(self, make: Callable[[str], Database]) -> None:
        self.make = make
        self.held = cache(self._hold)
        self.moved = cache(self._move)
        self.faults = cache(self._block)

    def task(
        self, cases: Iterable[Case], target: Database, prepare: dbferry.task.Prepare = "create"
    ) -> dbferry.Task:
        cases = list(cases)
        wanted = {case: case.expected(target.engine) for case in cases}
        for before in {expected.before for expected in wanted.values()} - {""}:
            if prepare == "create":
                target.sql(before)
        return dbferry.Task.of(
            source=self.held(cases[0].source).url,
            target=target.url,
            tables=[case.table for case in cases],
            prepare=prepare,
            on_loss=[f"{case.table}.v:{rule}" for case in cases for rule in wanted[case].on_loss],
        )

    def _hold(self, engine: str) -> Database:
        made = self.make(engine)
        for case in all_cases():
            if case.source == engine:
                made.sql(case.setup())
        return made

    def _move(self, source: str, target: str) -> "Moved | None":
        """The run of all cases that arrive; None when it failed."""
        cases = _group(source, target, lambda verdict: verdict not in ("blocked", "refused"))
        made = self.make(target)
        try:
            return Moved.by(self.task(cases, made), made)
        except dbferry.DbferryError:
            return None

    def _block(self, source: str, target: str) -> dict[str, set[str | None]]:
        """The codes of the faults of all cases that are blocked, by table."""
        cases = _group(source, target, lambda verdict: verdict == "blocked")
        made = self.make(target)
        task = self.task(cases, made)
        with pytest.raises(dbferry.DbferryError) as caught:
            task.run()
        assert caught.value.exit_code == 2
        assert not judge.tables(made)
        faults = defaultdict(set)
        for fault in task.plan().faults:
            faults[str(fault.table).rpartition(".")[2]].add(fault.code)
        return faults


def _group(source: str, target: str, belongs: Callable[[str], bool]) -> list[Case]:
    return [
        case
        for case in all_cases()
        if case.source == source and belongs(case.expected(target).verdict)
    ]


@dataclass(frozen=True)
class Moved:
    """A run that came to its end."""

    target: Database
    columns: dict[str, dict[str, Any]]
    reports: dict[str, TableReport]

    @classmethod
    def by(cls, task: dbferry.Task, target: Database) -> "Moved":
        plan, report = task.plan().to_dict(), task.run()
        columns = {
            table["name"].rpartition(".")[2]: column
            for table in plan["tables"]
            for column in table["columns"]
            if column["name"] == "v"
        }
        reports = {table.source.rpartition(".")[2]: table for table in report.tables}
        return cls(target, columns, reports)


@pytest.fixture(scope="session")
def yard(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Yard]:
    # The servers first, so that they outlive what lies on them.
    for server in ("postgres", "mysql", "mariadb"):
        request.getfixturevalue(server)
    with ExitStack() as stack:

        def make(engine: str) -> Database:
            made = make_database(engine, request, tmp_path_factory.mktemp(engine))
            stack.callback(made.drop)
            return stack.enter_context(judge.keeping(made))

        yield Yard(make)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", all_cases(), ids=lambda case: f"{case.source}-{case.table}")
def test_case(yard: Yard, case: Case, target: str) -> None:
    expected = case.expected(target)
    match expected.verdict:
        case "blocked":
            assert yard.faults(case.source, target).get(case.table) == {expected.code}
        case "refused":
            refuses(yard, case, yard.make(target), expected)
        case _:
            moved = yard.moved(case.source, target)
            if moved is None:
                made = yard.make(target)
                moved = Moved.by(yard.task([case], made), made)
            arrives(yard.held(case.source), case.table, moved, expected)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", ["postgresql", "mysql", "mariadb", "sqlite"])
def test_what_a_plan_has_made_does_not_differ(yard: Yard, source: str, target: str) -> None:
    moved = yard.moved(source, target)
    assert moved is not None
    cases = _group(source, target, lambda verdict: verdict not in ("blocked", "refused"))
    plan = yard.task(cases, moved.target, "truncate").plan()
    told = [f"{item.name}: {found}" for item in plan.tables for found in item.differences]
    assert told == []
    assert {fault.code for fault in plan.faults} <= {"X-TYPE", "T-ZERO"}


def refuses(yard: Yard, case: Case, made: Database, expected: Expected) -> None:
    with pytest.raises(dbferry.DbferryError) as caught:
        yard.task([case], made).run()
    assert (caught.value.code, caught.value.column) == (expected.code, expected.column)
    assert case.table not in judge.tables(made)


def arrives(held: Database, table: str, moved: Moved, expected: Expected) -> None:
    column, report, made = moved.columns[table], moved.reports[table], moved.target
    known = judge.columns(made, table)
    texts = expected.texts
    if texts == "source":
        texts = [row[1] for row in judge.texts(held, table)]
    told = {
        "verdict": column["verdict"],
        "type": known[1].type,
        "texts": [row[1] for row in judge.texts(made, table, known=known)],
        "counts": {w.code: w.rows for w in report.warnings if w.rows is not None},
    }
    assert told == {
        "verdict": expected.verdict,
        "type": expected.type.replace("<table>", table),
        "texts": texts,
        "counts": expected.counts,
    }
    assert not expected.code or expected.code in column["codes"]
    if expected.classes is not None:
        assert judge.classes(made, table, "v") == set(expected.classes)
