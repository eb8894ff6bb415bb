"""The report before any move: `assess_task` asks both sides, plans without touching, and weighs what it met.

`finding` is one line of it, `objects` makes lines of a plan, each engine's `assessment.py` checks its servers,
`estimate` says how much there is, `report` holds it all, `text` and `page` show it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dbferry
from dbferry.assessment.estimate import Estimate, estimate
from dbferry.assessment.finding import Finding, Level, SourceEnd, TargetEnd, supported
from dbferry.assessment.objects import of_plan
from dbferry.assessment.report import Assessment, Party
from dbferry.counts import rows_of
from dbferry.engines import engine
from dbferry.errors import RequestError
from dbferry.items import Plan
from dbferry.mapping.task import reached_schemas, withholding
from dbferry.opening import check_pair, options_of, read_catalog, read_source
from dbferry.patience import Contact, opened
from dbferry.planner import make_plan
from dbferry.selection import select
from dbferry.sessions import OpenSession, open_session
from dbferry.urls import SCHEMES, Endpoint, parse

if TYPE_CHECKING:
    from dbferry.catalog import Catalog
    from dbferry.task import Task

ENGINES = tuple(dict.fromkeys(SCHEMES.values()))
NAMED = re.compile(r"(?P<engine>[a-z]+)(?::(?P<version>\d+(?:\.\d+)*))?", re.IGNORECASE)


NOT_ASKED = Finding(
    level=Level.INFO,
    codes=("not-asked",),
    kind="check",
    what="its rights and settings weren't looked at, and no expression was tried on it",
    fix="give the URL of the target, and it is asked",
)


def assess_task(task: Task, *, sample: bool = False) -> Assessment:
    """Assesses a task whose target is a URL, or the name of an engine as in `postgresql` or `mysql:8.0`.

    All rows are looked at where types depend on them; with `sample` a part of the large tables.
    """
    return opened(task.retry_seconds, partial(_assessed, task, sample))


def _assessed(task: Task, sample: bool, contact: Contact) -> Assessment:
    with withholding(task.rules), ExitStack() as stack:
        source = parse(task.source)
        contact.begin(source, parse(task.target) if "://" in task.target else source)
        reading = stack.enter_context(open_session(source, side="source"))
        contact.let_in("source")
        one, theirs = read_source(task, source, reading)
        target, writing, other = _target(task, source, one, theirs, stack)
        contact.let_in("target")
        options = options_of(task, sample=sample)
        tables, _ = select(one, options)
        asked = SourceEnd(session=reading, catalog=one, tables=tables, workers=task.workers)
        checks = (_version(one), *engine(one.engine).assessor().check_source(asked))
        readable = _readable(one, checks)
        if readable.tables or not one.tables:
            plan = make_plan(readable, other, options, reading, writing)
        else:
            plan = Plan(source_engine=one.engine, target_engine=other.engine, tables=())
        if task.rules and not plan.tables:
            # Rules without sense leave nothing to assess.
            plan.check()
        about = _estimate(plan, reading, readable)
        return Assessment(
            version=dbferry.__version__,
            made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
            source=Party(engine=one.engine, version=one.version, url=source.safe),
            target=Party(
                engine=other.engine, version=other.version, url=target.safe if target else None
            ),
            objects=tuple(of_plan(plan)),
            source_checks=checks,
            target_checks=_check_target(task, plan, target, writing, other, about),
            estimate=about,
        )


def _readable(source: Catalog, checks: Sequence[Finding]) -> Catalog:
    """The source without what its checks say can't be read: one table, or everything."""
    blocking = [f for f in checks if f.level is Level.BLOCKED and "version" not in f.codes]
    if any(not f.table for f in blocking):
        return replace(source, tables=())
    closed = {f.table for f in blocking}
    return replace(source, tables=tuple(t for t in source.tables if t.label not in closed))


def _target(
    task: Task, source: Endpoint, one: Catalog, theirs: Sequence[str], stack: ExitStack
) -> tuple[Endpoint | None, OpenSession | None, Catalog]:
    """The target, a session on it and what it holds; the first two only where a URL was given."""
    if "://" not in task.target:
        return None, None, _supposed(task.target, one.default_schema or "main")
    target = parse(task.target)
    check_pair(source, target)
    opened = target
    if target.path is not None and not Path(target.path).exists():
        opened = replace(target, path=":memory:")
    writing = stack.enter_context(open_session(opened, side="target"))
    other = read_catalog(target, writing, "target", reached_schemas(task, theirs), other=one.engine)
    return target, writing, other


def _supposed(text: str, database: str) -> Catalog:
    """What a new database would hold of an engine that is named, as in `postgresql` or `mysql:8.0`."""
    match = NAMED.fullmatch(text)
    name = SCHEMES.get(match["engine"].lower()) if match else None
    if match is None or name is None:
        raise RequestError(
            f"`{text}` is neither a URL nor the name of an engine",
            hint=f"engines: {', '.join(ENGINES)}; with a version as in postgresql:16",
        )
    return engine(name).assessor().empty(name, match["version"], database)


def _estimate(plan: Plan, reading: OpenSession, source: Catalog) -> Estimate:
    one = engine(source.engine)
    tables = [item.source for item in plan.tables]
    uncounted = [t for t in tables if t.estimated_rows <= 0]
    return estimate(
        plan.tables,
        one.assessor().sizes(reading, tables),
        {t.label: rows_of(reading, one.source_relation(t)) for t in uncounted},
        target=plan.target_engine,
        pace=engine(plan.target_engine).assessor().pace(),
    )


def _check_target(
    task: Task,
    plan: Plan,
    target: Endpoint | None,
    writing: OpenSession | None,
    other: Catalog,
    about: Estimate,
) -> tuple[Finding, ...]:
    if target is None or writing is None:
        return (_version(other), NOT_ASKED)
    asked = TargetEnd(
        session=writing,
        catalog=other,
        items=plan.tables,
        workers=task.workers,
        path=target.path,
        room=about.disk[1],
    )
    return (_version(other), *engine(other.engine).assessor().check_target(asked))


def _version(catalog: Catalog) -> Finding:
    return supported(catalog, engine(catalog.engine).assessor().oldest(catalog.engine))
