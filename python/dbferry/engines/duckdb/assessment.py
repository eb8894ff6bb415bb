"""What an assessment asks of a file of DuckDB, a target only."""

from __future__ import annotations

from collections.abc import Iterable

from dbferry.assessment.files import check_file, new_file
from dbferry.assessment.finding import Finding, Pace, TargetEnd
from dbferry.catalog import Catalog
from dbferry.engines.unassessed import check_source, sizes

__all__ = ["check_source", "check_target", "empty", "oldest", "pace", "sizes"]

OLDEST = (1, 3)
NEWEST = "1.4"


def pace() -> Pace:
    return Pace(bytes=60_000_000, table=0.03, room=0.35)


def oldest(engine: str) -> tuple[int, ...]:
    return OLDEST


def empty(engine: str, version: str | None, database: str) -> Catalog:
    return new_file(engine, version or NEWEST)


def check_target(end: TargetEnd) -> Iterable[Finding]:
    yield from check_file(end)
