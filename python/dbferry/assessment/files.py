"""A target that is one file: what a new one holds, its folder, and the room on its disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from dbferry.assessment.finding import Finding, Level, TargetEnd, judged
from dbferry.catalog import Catalog


def new_file(engine: str, version: str) -> Catalog:
    """Nothing but its one schema, whose tables have names without case."""
    return Catalog(
        engine=engine,
        version=version,
        schemas=("main",),
        default_schema="main",
        tables=(),
        folds_tables=True,
    )


def check_file(end: TargetEnd) -> Iterable[Finding]:
    file = Path(end.path or "").absolute()
    folder = file.parent
    yield judged(
        "folder", folder.is_dir(), level=Level.BLOCKED,
        good=f"the folder {folder} is there", bad=f"there is no folder {folder}", fix="make it",
    )  # fmt: skip
    if not folder.is_dir():
        return
    may = os.access(folder, os.W_OK) and (not file.exists() or os.access(file, os.W_OK))
    yield judged(
        "writable", may, level=Level.BLOCKED,
        good="the file may be written", bad=f"{file} may not be written",
        fix="choose another folder, or give this user the right to write there",
    )  # fmt: skip
    free = shutil.disk_usage(folder).free
    yield judged(
        "free-disk", free >= end.room, level=Level.WARN,
        good=f"{shown_size(free)} are free on its disk",
        bad=f"{shown_size(free)} are free on its disk, and up to {shown_size(end.room)} may be needed",
        fix="make room, or choose another disk",
    )  # fmt: skip


def shown_size(size: int) -> str:
    """A size for people, to two digits or so."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            digits = 1 if amount < 10 and unit != "bytes" else 0
            return f"{amount:.{digits}f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"
