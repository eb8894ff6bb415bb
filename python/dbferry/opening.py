"""What a task opens before anything is decided: its two ends, their catalogs, and what it asks of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbferry.engines import engine
from dbferry.errors import DbferryError, RequestError
from dbferry.ledger.book import TABLES
from dbferry.mapping.shape import rename_schemas
from dbferry.mapping.task import losses, met_schemas, named_schemas, reached_schemas
from dbferry.pair import Pair
from dbferry.report import QUARANTINE
from dbferry.schema.sequences import set_anew
from dbferry.selection import Only, Options, Prepare
from dbferry.sessions import TakesStreams
from dbferry.urls import Endpoint, parse

if TYPE_CHECKING:
    from dbferry.catalog import Catalog
    from dbferry.items import Plan
    from dbferry.ledger.book import Book
    from dbferry.sessions import OpenSession
    from dbferry.task import Task


AGAIN_SECONDS = 0.05
"""After which a catalog that isn't wanted any more is told so again."""


@dataclass
class Ends:
    """What a task moves between, open on both sides."""

    task: Task
    source: Endpoint
    target: Endpoint
    reading: OpenSession
    """Plain SQL on the source."""
    session: OpenSession
    """Plain SQL on the target."""


def options_of(task: Task, *, sample: bool, begins_anew: bool = False) -> Options:
    """What a task asks of its plan."""
    return Options(
        tables=task.tables, exclude=task.exclude, schemas=task.schemas,
        prepare=Prepare(task.prepare), only=Only(task.only) if task.only else None,
        on_loss=[*task.on_loss, *losses(task.rules)], sample=sample, begins_anew=begins_anew,
        rules=task.rules, first_wins=task.style == "dms", range_bytes=task.range_mb << 20,
        partitions=task.partitions, include=task.include, notes=task.notes,
        puts_aside=task.on_bad_row == "quarantine", complete=task.on_left_out == "stop",
    )  # fmt: skip


def repeated(ends: Ends, one: Catalog, other: Catalog, plan: Plan) -> list[str]:
    """Of the plan of a run that was broken off what has to be done once more."""
    options = options_of(ends.task, sample=False)
    pair = Pair(one, hidden(other), options, ends.reading, ends.session)
    rename_schemas(pair)
    return set_anew(pair, plan.objects)


def check_pair(source: Endpoint, target: Endpoint) -> None:
    if source.engine == "duckdb":
        raise RequestError("duckdb can't be a source yet", hint="duckdb is a target only")
    if source.path is not None and target.path is not None:
        if Path(source.path).resolve() == Path(target.path).resolve():
            raise RequestError(
                "the source and the target are the same file", hint="name another file as target"
            )
    elif source.safe == target.safe and source.driver == target.driver:
        raise RequestError(
            "the source and the target are the same database", hint="name another database"
        )


def check_quarantine(ends: Ends, book: Book | None, *, tries: bool) -> None:
    """Rows are put aside in the transaction that commits the others; `tries` whether a driver keeps it is tried."""
    task, target, session = ends.task, ends.target, ends.session
    if task.on_bad_row != "quarantine" or task.only == "schema":
        return
    fault, way = None, "choose another target"
    # The plan of a file that isn't there yet is made in memory.
    if parse(task.target).path == ":memory:":
        fault, way = "rows can't be put aside in a database in memory", "choose a file"
    elif book is None:
        fault = "rows can't be put aside where there are no transactions"
    elif tries and isinstance(session, TakesStreams) and not session.sifts():
        fault = "rows can't be put aside by a driver that keeps no savepoints"
    if fault is not None:
        raise RequestError(
            fault, side="target", engine=target.engine, hint=f"{way}, or --on-bad-row stop"
        )


def read_source(
    task: Task, source: Endpoint, session: OpenSession
) -> tuple[Catalog, Sequence[str]]:
    """The catalog, and the schemas of it that the task is about by name."""
    named = named_schemas(task)
    one = read_catalog(source, session, "source", named)
    if met := met_schemas(task, one.schemas):
        named += met
        one = read_catalog(source, session, "source", named)
    return one, [*named, *([one.default_schema] if one.default_schema else [])]


def read_ends(
    task: Task, source: Endpoint, target: Endpoint, reading: OpenSession, writing: OpenSession
) -> tuple[Catalog, Catalog, list[str]]:
    """The catalogs of both ends, read side by side, and the schemas of the target that the task reaches."""

    def theirs(reached: Sequence[str]) -> Catalog:
        return read_catalog(target, writing, "target", reached, other=source.engine)

    guess = reached_schemas(task, named_schemas(task))
    with ThreadPoolExecutor(1) as beside:
        awaited = beside.submit(theirs, guess)
        try:
            one, known = read_source(task, source, reading)
            other = awaited.result()
        finally:
            # Where the source has failed, or Ctrl-C has come, nobody waits for the target; it may be between two questions.
            while wait([awaited], AGAIN_SECONDS).not_done:
                writing.cancel()
    reached = reached_schemas(task, known)
    return one, other if reached == guess else theirs(reached), reached


def read_catalog(
    endpoint: Endpoint,
    session: OpenSession,
    side: str,
    schemas: Sequence[str],
    *,
    other: str | None = None,
) -> Catalog:
    """`other` is the engine of the other end, where it matters."""
    one = engine(endpoint.engine)
    alike = other is None or engine(other).family == one.family
    try:
        return one.read_catalog(session, schemas, alike=alike)
    except DbferryError as error:
        error.side = error.side or side
        raise


def hidden(catalog: Catalog) -> Catalog:
    """Without the tables that dbferry keeps, which are nobody's business."""
    own = (*TABLES, QUARANTINE)
    return replace(catalog, tables=tuple(t for t in catalog.tables if t.name not in own))
