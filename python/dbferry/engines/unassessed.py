"""The answers of an engine that an assessment has nothing to ask of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dbferry.assessment.finding import Finding, Level, Pace, Room, SourceEnd, TargetEnd
from dbferry.catalog import Catalog, Session, Table
from dbferry.errors import RequestError


def pace() -> Pace:
    return Pace()


def oldest(engine: str) -> tuple[int, ...]:
    return ()


def empty(engine: str, version: str | None, database: str) -> Catalog:
    raise RequestError(
        f"what {engine} takes is known only when it is asked",
        hint="give the URL of the target, or one of postgresql, mysql, mariadb, sqlite, duckdb",
    )


def sizes(session: Session, tables: Sequence[Table]) -> Mapping[str, Room]:
    return {}


def _unknown(side: str) -> Finding:
    return Finding(
        level=Level.INFO,
        kind="check",
        codes=("no-checks",),
        what=f"rights and settings of the {side} aren't known",
        why="a driver tells none of them",
    )


def check_source(end: SourceEnd) -> Iterable[Finding]:
    yield _unknown("source")


def check_target(end: TargetEnd) -> Iterable[Finding]:
    yield _unknown("target")
