"""A plan as files of SQL, one per stage, that the target's own client runs as they are.

The rows go between the first and the second: by `dbferry migrate --data-only`, or by any other way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import dbferry
from dbferry.engines import engine
from dbferry.errors import RequestError, printable

if TYPE_CHECKING:
    from dbferry.items import Plan, TableItem

STAGES: Mapping[str, tuple[str, str]] = {
    "before": (
        "1-before-load.sql",
        "before the load: schemas, types and tables",
    ),
    "indexes": (
        "2-keys-and-indexes.sql",
        "after the load: keys and indexes",
    ),
    "foreign_keys": (
        "3-constraints.sql",
        "after the load, once all keys are there: constraints; a SELECT proves the rows and must find none",
    ),
    "analyze": (
        "4-next-values-and-statistics.sql",
        "after the load: next values of identities and sequences, statistics",
    ),
    "views": (
        "5-views.sql",
        "last of all: views, each after those that it reads, and what was included besides",
    ),
}
"""What each stage of a plan's statements is called as a file, and what stands in it."""


@dataclass(frozen=True)
class Script:
    """One file. `text` ends with a line feed and holds no password."""

    name: str
    text: str


def scripts(plan: Plan) -> list[Script]:
    """The files in the order in which they are run. Raises what stands in the plan's way."""
    plan.check()
    other = engine(plan.target_engine)
    opening = other.script_opening
    if opening is None:
        raise RequestError(
            "the target's driver makes its tables from the rows: there is no SQL to write",
            side="target",
            engine=plan.target_engine,
            hint="choose a target that needs no driver",
        )
    made = datetime.now(UTC)
    told = _told(plan)
    files = []
    for stage, statements in vars(plan.ddl()).items():
        name, what = STAGES[stage]
        lines = [*_header(plan, name, what, made), *(told if stage == "before" else ())]
        blocks = [_commented(lines)]
        if statements:
            blocks += ["\n".join(opening)] * bool(opening)
            blocks += map(_ended, statements)
        else:
            blocks.append("-- There is nothing to do here.")
        files.append(Script(name, "\n\n".join(blocks) + "\n"))
    return files


def write(plan: Plan, folder: Path) -> list[Path]:
    """Writes the files into a folder that is empty or not there; gives their paths."""
    files = scripts(plan)
    check_folder(folder)
    paths = [folder / file.name for file in files]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, file in zip(paths, files, strict=True):
            path.write_text(file.text, encoding="utf-8")
    except OSError as error:
        raise RequestError(f"`{folder}` can't be written: {error.strerror}") from None
    return paths


def check_folder(folder: Path) -> None:
    """Raises a RequestError unless the folder is empty or not there."""
    try:
        found = next(folder.iterdir(), None)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise RequestError(f"`{folder}` is a file", hint="name a folder") from None
    except OSError as error:
        raise RequestError(f"`{folder}` can't be read: {error.strerror}") from None
    if found is not None:
        raise RequestError(
            f"the folder `{folder}` is not empty: it holds `{found.name}`",
            hint="name an empty folder, or one that isn't there yet",
        )


def _ended(statement: str) -> str:
    """With its semicolon, which a comment at the end mustn't hide."""
    comment = "--" in statement.rpartition("\n")[2]
    return f"{statement}\n;" if comment else f"{statement};"


def _header(plan: Plan, name: str, what: str, made: datetime) -> list[str]:
    every = " ".join(name for name, _ in STAGES.values())
    return [
        f"{name}: {what}",
        f"from {plan.source}",
        f"to   {plan.target}",
        f"by dbferry {dbferry.__version__} on {made:%Y-%m-%d %H:%M} UTC",
        f"in this order: {every}",
        "the rows go between the first and the second: dbferry migrate --data-only SOURCE TARGET",
    ]


def _told(plan: Plan) -> list[str]:
    """What a reader must know of the plan: what isn't moved, and what changes on the way."""
    changes = [line for item in plan.tables for line in _changes(item)]
    heading = ["", "what changes on the way:"] if changes else []
    return ["", *plan.lasting_notes, *heading, *changes]


def _changes(item: TableItem) -> list[str]:
    lines = [f"{item.name}: {told}" for told in (*item.notes, *item.differences)]
    for column in item.columns:
        if column.notes:
            codes = " ".join(column.codes)
            lines.append(f"{item.name}.{column.name}: {codes} {'; '.join(column.notes)}")
    return lines


def _commented(lines: Sequence[str]) -> str:
    return "\n".join(f"-- {printable(line)}".rstrip() for line in lines)
