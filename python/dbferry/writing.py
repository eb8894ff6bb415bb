"""`write`: rows that are Arrow already, into one table, all of them or none.

The plan is the same as for a migration, with a stream as its source: what the target can't hold is refused before
the first row, or at its row. Several sessions write parts of the stream, and none commits before every
row was accepted by its server.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import dbferry
from dbferry import _native
from dbferry.catalog import Catalog, Table
from dbferry.counts import rows_of
from dbferry.engines import Engine, engine
from dbferry.engines.arrow import catalog as arrow
from dbferry.errors import (
    DbferryError,
    ExistsError,
    Interrupted,
    MissingError,
    RequestError,
    from_fields,
)
from dbferry.items import Plan
from dbferry.load import load_table
from dbferry.planner import make_plan
from dbferry.progress import Progress, ProgressCallback
from dbferry.reading import Stream, name_parts
from dbferry.report import Report, TableReport
from dbferry.selection import Options, Prepare
from dbferry.sessions import OpenSession, TakesStreams, open_session
from dbferry.urls import Endpoint, parse

Mode = Literal["append", "create", "replace", "truncate"]

# What a migration's options are called here.
WORDS = (
    ("--prepare drop", 'mode="replace"'),
    ("--prepare truncate", 'mode="truncate"'),
    ("--prepare append", 'mode="append"'),
    ("--on-loss ", "on_loss="),
)
MOST_SESSIONS = 4


def write(
    stream: object,
    url: str,
    table: str,
    *,
    mode: Mode = "append",
    primary_key: Sequence[str] | str = (),
    parallel: int | None = None,
    batch_rows: int | None = None,
    on_loss: Sequence[str] | str = (),
    progress: ProgressCallback | None = None,
) -> Report:
    """Writes a stream of Arrow into a table (`table` or `schema.table`): every row, or none.

    `stream` is anything that exports `__arrow_c_stream__` or `__arrow_c_array__`: tables, batches and readers of
    pyarrow, data frames of polars and pandas, relations of DuckDB, what `read` returns.

    `mode`: `append` adds to a table that is there, by the names of its columns (those that the stream lacks get their
    default); `create` makes the table, and refuses one that is there; `replace` makes it anew beside
    the old one, which stays as it is until the new one is whole and takes its place (its indexes, grants
    and foreign keys are not kept); `truncate` empties a table and fills it in one transaction, by one session.

    `primary_key` names the key of a table that is made. `parallel` is the number of sessions. `on_loss` has the rules
    of `migrate` for values that the target can't hold. `progress` is called about ten times a second.

    Raises a `DbferryError`, and leaves the target as it was.

    >>> import dbferry, pyarrow
    >>> people = pyarrow.table({"id": [1, 2], "name": ["ada", "bob"]})
    >>> dbferry.write(people, "sqlite:///shop.db", "people", mode="create", primary_key="id").rows
    2
    >>> dbferry.write(dbferry.read("sqlite:///shop.db", "people"), "sqlite:///copy.db", "people",
    ...               mode="create").state
    'done'
    """
    if mode not in get_args(Mode):
        raise RequestError(f"unknown mode `{mode}`", hint=f"modes: {', '.join(get_args(Mode))}")
    if parallel is not None and parallel < 1:
        raise RequestError("`parallel` is the number of sessions, 1 or more")
    if batch_rows is not None and batch_rows < 1:
        raise RequestError("`batch_rows` is the number of rows in a batch, 1 or more")
    key = (primary_key,) if isinstance(primary_key, str) else tuple(primary_key)
    if key and mode in ("append", "truncate"):
        raise RequestError("`primary_key` is for a table that is made", hint='use mode="create"')
    rules = (on_loss,) if isinstance(on_loss, str) else tuple(on_loss)
    endpoint, sizes = parse(url), _sizes(mode, parallel, batch_rows)
    try:
        incoming = _native.take_stream(stream)
    except TypeError as error:
        raise RequestError(
            str(error),
            hint="give a table or a stream of pyarrow, polars, pandas or DuckDB, or dbferry.read(…)",
        ) from None
    try:
        with open_session(endpoint, side="target") as session:
            work = _Write.plan(endpoint, session, incoming, table, mode, key, rules)
            return work.run(incoming, sizes, progress)
    except DbferryError as error:
        _told_by(stream, error)
        error.table = table
        for part in getattr(error, "faults", (error,)):
            part.table, part.hint = table, _in_words(part.hint)
        raise


def _sizes(mode: Mode, parallel: int | None, batch_rows: int | None) -> dict[str, Any]:
    # What empties a table and what fills it are one transaction, so one session.
    workers = parallel or min(MOST_SESSIONS, max(2, os.cpu_count() or 2))
    sizes: dict[str, Any] = {"workers": 1 if mode == "truncate" else workers}
    if batch_rows is not None:
        sizes["batch_rows"] = batch_rows
    return sizes


def _told_by(stream: object, error: DbferryError) -> None:
    """A stream of ours knows more of its own failure than Arrow can carry."""
    if not isinstance(stream, Stream) or error.side != "source":
        return
    try:
        stream.check()
    except DbferryError as cause:
        cause.report = error.report
        raise cause from None


def _in_words(hint: str | None) -> str | None:
    if hint is None:
        return None
    for theirs, ours in WORDS:
        hint = hint.replace(theirs, ours)
    # There is one table, and a new one may have another name at first.
    return re.sub(r"on_loss='(?:[^':]*\.)?", "on_loss='", hint)


@dataclass
class _Write:
    endpoint: Endpoint
    session: OpenSession
    label: str
    mode: Mode
    planned: Plan
    standing: Table | None
    """The table that is there."""
    made: bool = False
    """True once a table of ours is in the target."""

    @classmethod
    def plan(
        cls,
        endpoint: Endpoint,
        session: OpenSession,
        incoming: _native.Incoming,
        label: str,
        mode: Mode,
        key: tuple[str, ...],
        rules: tuple[str, ...],
    ) -> _Write:
        """Decides everything; raises what can't be done."""
        other = engine(endpoint.engine)
        parts = name_parts(label)
        if not 0 < len(parts) < 3:
            raise RequestError(
                f"`{label}` is no name of a table", hint="write it as table or schema.table"
            )
        schema, name = parts[0] if len(parts) == 2 else None, parts[-1]
        catalog = other.read_catalog(session, [schema] if schema else [], alike=False)
        standing = _standing(catalog, other, schema, name)
        _check_mode(mode, standing, label)
        if mode == "replace" and standing is not None:
            name = other.fit_name(f"dbferry_{secrets.token_hex(4)}_{name}")
        source = _source(name, incoming.fields(), key)
        options = Options(
            schemas={arrow.SCHEMA: schema} if schema else {},
            prepare=Prepare.APPEND if mode in ("append", "truncate") else Prepare.CREATE,
            on_loss=rules,
        )
        planned = make_plan(arrow.of_streams([source]), catalog, options, session, session)
        planned.check()
        return cls(endpoint, session, label, mode, planned, standing)

    def run(
        self,
        incoming: _native.Incoming,
        sizes: Mapping[str, Any],
        progress: ProgressCallback | None,
    ) -> Report:
        started = time.monotonic()
        snapshot = _native.open_streams(lambda _: incoming, json.dumps(sizes))
        watch = _Watch(self.label, progress, started)
        report = self._report({}, [], started)
        try:
            self._begin()
            outcome, losses = self._copy(snapshot, watch)
            report = self._report(outcome, losses, started)
            if outcome.get("error"):
                raise from_fields(outcome["error"])
            if outcome["state"] != "done":
                raise Interrupted("the write was interrupted")
            self._finish()
        except (KeyboardInterrupt, DbferryError) as error:
            snapshot.cancel()
            failure = (
                error
                if isinstance(error, DbferryError)
                else Interrupted("the write was interrupted")
            )
            failure.side = failure.side or "target"
            self._undo(failure)
            failure.report = report
            raise failure from None
        return replace(report, seconds=time.monotonic() - started)

    @property
    def _other(self) -> Engine:
        return engine(self.endpoint.engine)

    def _begin(self) -> None:
        (item,) = self.planned.tables
        if isinstance(self.session, TakesStreams):
            self.session.begin()
            if self.mode == "truncate":
                place = item.destination
                self.session.execute(self._other.empty_table(place.schema, place.name))
        for statement in (*self.planned.objects, *item.before):
            self.session.execute(statement)
        self.made = item.action == "create"

    def _copy(
        self, snapshot: _native.Snapshot, watch: _Watch
    ) -> tuple[dict[str, Any], list[list[Any]]]:
        (item,) = self.planned.tables
        if isinstance(self.session, TakesStreams):
            before = 0 if self.made else self._count()
            return load_table(snapshot, self.session, item, before, lambda r: watch([r]))
        native = item.native()
        if self.mode == "truncate":
            native["opening"] = self._other.empty_table(
                item.destination.schema, item.destination.name
            )
        target = json.dumps(self.endpoint.native())
        told = snapshot.copy(target, json.dumps([native]), "[{}]", watch, '{"together": true}')
        copied, losses = json.loads(told)
        return copied["outcomes"][0], losses

    def _count(self) -> int:
        (item,) = self.planned.tables
        return rows_of(self.session, item.target)

    def _finish(self) -> None:
        """Keys of a table that was made; the new table in the place of the old one."""
        (item,) = self.planned.tables
        ddl = self.planned.ddl()
        statements = [*ddl.indexes, *ddl.foreign_keys] if self.made else []
        for step in item.put_back:
            statements += [step.sql, *step.then]
        if self.mode == "replace" and self.standing is not None:
            statements += self._other.swap_table(
                item.destination.schema, item.destination.name, self.standing.name
            )
        for statement in statements:
            self.session.execute(statement)
        if isinstance(self.session, TakesStreams):
            self.session.commit()

    def _undo(self, failure: DbferryError) -> None:
        (item,) = self.planned.tables
        # A statement of `_finish` may have left a transaction open.
        with suppress(DbferryError):
            if isinstance(self.session, TakesStreams):
                self.session.rollback()
            else:
                self.session.execute("ROLLBACK")
        if not self.made:
            for step in item.put_back:
                with suppress(DbferryError):
                    self.session.execute(step.sql)
            return
        place = item.destination
        try:
            self.session.execute(self._other.drop_table(place.schema, place.name))
        except DbferryError:
            left = f"{item.target} was made and couldn't be dropped: drop it"
            failure.hint = f"{failure.hint}; {left}" if failure.hint else left

    def _report(
        self, outcome: Mapping[str, Any], losses: Sequence[Sequence[Any]], started: float
    ) -> Report:
        (item,) = self.planned.tables
        place = item.destination
        name = self.standing.name if self.standing else place.name
        moved = TableReport.of("arrow stream", (place.schema, name), outcome, item.warnings(losses))
        return Report(
            version=dbferry.__version__,
            source="arrow stream",
            target=self.endpoint.safe,
            snapshot="arrow stream",
            seconds=time.monotonic() - started,
            tables=(moved,),
            notes=self.planned.notes,
        )


def _source(name: str, fields: Sequence[Mapping[str, Any]], key: tuple[str, ...]) -> Table:
    names = [field["name"] for field in fields]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RequestError(
            f"the stream has several columns of the name `{twice[0]}`", side="source",
            column=twice[0], hint="rename all but one",
        )  # fmt: skip
    for name_ in key:
        if name_ not in names:
            raise RequestError("the stream has no such column for the key", column=name_)
    table = arrow.table(name, fields)
    columns = tuple(
        replace(column, nullable=column.nullable and column.name not in key)
        for column in table.columns
    )
    return replace(table, columns=columns, primary_key=key)


def _standing(catalog: Catalog, other: Engine, schema: str | None, name: str) -> Table | None:
    place = schema if schema and other.has_schemas else catalog.default_schema
    return catalog.table(place or "", other.fit_name(name))


def _check_mode(mode: Mode, standing: Table | None, label: str) -> None:
    if mode in ("append", "truncate") and standing is None:
        raise MissingError(
            "the target has no such table", table=label, side="target",
            hint='choose mode="create", or create the table first',
        )  # fmt: skip
    if mode == "create" and standing is not None:
        raise ExistsError(
            "the target has a table of this name", table=label, side="target",
            hint='choose mode="append", "truncate" or "replace"',
        )  # fmt: skip


class _Watch:
    """Turns the engine's readings into a `Progress` for whoever asked."""

    def __init__(self, label: str, progress: ProgressCallback | None, started: float) -> None:
        self._label = label
        self._progress = progress
        self._started = started

    def __call__(self, readings: Sequence[tuple[int, int, int, int]]) -> None:
        if self._progress is None:
            return
        self._progress(Progress.of(readings, started=self._started, current=self._label))
