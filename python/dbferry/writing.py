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
from dbferry.counts import is_there, rows_of
from dbferry.engines import Engine, engine
from dbferry.engines.arrow import catalog as arrow
from dbferry.errors import (
    BusyError,
    DbferryError,
    ExistsError,
    Interrupted,
    MissingError,
    RequestError,
    from_fields,
)
from dbferry.items import Plan
from dbferry.load import check_free, load_table
from dbferry.planner import make_plan
from dbferry.progress import Progress, ProgressCallback
from dbferry.reading import (
    Stream,
    check_counts,
    check_list,
    check_texts,
    loss_rules,
    name_parts,
)
from dbferry.report import Report, TableReport
from dbferry.selection import Options, Prepare
from dbferry.sessions import OpenSession, TakesStreams, check_file, open_session
from dbferry.urls import Endpoint, parse

Mode = Literal["append", "create", "replace", "truncate"]

# What a migration's options are called here.
WORDS = (
    ("--prepare drop", 'mode="replace"'),
    ("--prepare truncate", 'mode="truncate"'),
    ("--prepare append", 'mode="append"'),
    ("--on-loss ", "on_loss="),
    (", or exclude the table", ""),
    ("in the source", "in the stream"),
    ("column or table.column, by their names in the stream", "column, by its name in the stream"),
    ("give one another name by a rule `rename_column`", "rename one in the stream"),
    ("exclude it", "give it a column"),
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
    check_counts(parallel, batch_rows)
    check_texts(url=url, table=table)
    key = (primary_key,) if isinstance(primary_key, str) else primary_key
    check_list("primary_key", key)
    key = tuple(key)
    if len(set(key)) != len(key):
        raise RequestError("`primary_key` names the same column twice")
    if key and mode in ("append", "truncate"):
        raise RequestError("`primary_key` is for a table that is made", hint='use mode="create"')
    rules = loss_rules(on_loss)
    endpoint = parse(url)
    if mode in ("append", "truncate"):
        check_file(endpoint)
    try:
        incoming = _native.take_stream(stream)
    except TypeError as error:
        lazy = callable(getattr(stream, "collect", None))
        raise RequestError(
            str(error),
            hint="give what its .collect() returns"
            if lazy
            else "give a table or a stream of pyarrow, polars, pandas or DuckDB, or dbferry.read(…)",
        ) from None
    try:
        with open_session(endpoint, side="target") as session:
            work = _Write.plan(endpoint, session, incoming, table, mode, key, rules)
            work.reads_itself = isinstance(stream, Stream) and stream.comes_from(endpoint)
            return work.run(incoming, _sizes(work, parallel, batch_rows), progress)
    except DbferryError as error:
        _told_by(stream, error)
        _of_stream(error, table)
        raise


def _of_stream(error: DbferryError, table: str) -> None:
    """Says in an error, and in all that it is made of, what `write` calls things."""
    error.table = table
    for part in getattr(error, "faults", (error,)):
        # What the writer finds wrong with a value is of the stream, and not of an engine's.
        part.engine = "arrow" if part.side == "source" else part.engine
        part.table, part.hint = table, _in_words(part.hint)


def _sizes(work: _Write, parallel: int | None, batch_rows: int | None) -> dict[str, Any]:
    # What empties a table and what fills it are one transaction, so one session. Two of them that meet in a key wait
    # for each other, where one is told at once that the key is there.
    # Nor do they see the rows of each other that a key of the table refers to.
    table = work.standing if work.mode == "append" else None
    keys = table and (table.primary_key, *(index.unique for index in table.indexes))
    itself = table and any(
        (key.schema, key.table) == (table.schema, table.name) for key in table.foreign_keys
    )
    alone = work.mode == "truncate" or itself or (any(keys or ()) and parallel is None)
    workers = parallel or min(MOST_SESSIONS, max(2, os.cpu_count() or 2))
    sizes: dict[str, Any] = {"workers": 1 if alone else workers}
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
    reads_itself: bool = False
    """True when the rows come from the database that they go to, perhaps from the same table."""

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
        catalog, schema, name = _place(other, session, label)
        home = schema or catalog.default_schema or ""
        standing = catalog.table(home, name)
        if any((view.schema, view.name) == (home, name) for view in catalog.views):
            raise RequestError(
                "the target has a view of this name", side="target", engine=other.name,
                hint="name the table that it reads, or another one",
            )  # fmt: skip
        _check_mode(mode, standing, label)
        _check_standing(other, session, standing, mode, {f["name"] for f in incoming.fields()})
        if mode == "replace" and standing is not None:
            # A rule may name the table, which has another name for now.
            rules = tuple(r.removeprefix(f"{label}.").removeprefix(f"{name}.") for r in rules)
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
            _check_outcome(outcome)
            self._finish()
        except (KeyboardInterrupt, DbferryError) as error:
            snapshot.cancel()
            # In no variable here: an error that its own traceback holds would keep the stream and its sessions open.
            raise self._failed(error, report, sizes) from None
        except BaseException:
            # What `progress` raises is the caller's own.
            snapshot.cancel()
            self._undo(Interrupted("the write was interrupted"))
            raise
        return replace(report, seconds=time.monotonic() - started)

    def _failed(
        self, error: BaseException, report: Report, sizes: Mapping[str, Any]
    ) -> DbferryError:
        """What a write ends with, once the target is as it was."""
        interrupted = Interrupted("the write was interrupted")
        failure = error if isinstance(error, DbferryError) else interrupted
        failure.side = failure.side or "target"
        if isinstance(failure, BusyError) and sizes["workers"] > 1:
            failure.hint = "if two rows have the same key, parallel=1 tells which"
        self._undo(failure)
        failure.report = report
        return failure

    @property
    def _other(self) -> Engine:
        return engine(self.endpoint.engine)

    def _begin(self) -> None:
        (item,) = self.planned.tables
        if isinstance(self.session, TakesStreams):
            check_free(self.session, item)
            self.session.begin()
            if self.mode == "truncate":
                self.session.execute(self._other.empty_table(item.counted))
        made = item.action == "create"
        # The foreign keys of a table that stands stay, so that rows which break them are refused before any is there.
        for statement in (*(self.planned.objects if made else ()), *item.before):
            self.session.execute(statement)
        self.made = made

    def _copy(
        self, snapshot: _native.Snapshot, watch: _Watch
    ) -> tuple[dict[str, Any], list[list[Any]]]:
        (item,) = self.planned.tables
        if isinstance(self.session, TakesStreams):
            before = 0 if self.made else self._count()
            return load_table(snapshot, self.session, item, before, lambda r: watch([r]))
        native = item.native()
        standing = None if self.made else self.standing
        emptied = self._emptied(item.counted) if self.mode == "truncate" else None
        native["opening"] = self._other.begin_write(standing, emptied)
        target = json.dumps(self.endpoint.native())
        told = snapshot.copy(target, json.dumps([native]), "[{}]", watch, '{"together": true}')
        [outcome] = json.loads(told)["outcomes"]
        return outcome, [[item.name, *lost] for _, *lost in outcome["losses"]]

    def _emptied(self, relation: str) -> str:
        if self.reads_itself:
            # TRUNCATE would keep out who reads the table for us, and each would wait for the other.
            return f"DELETE FROM {relation}"
        return self._other.empty_table(relation)

    def _count(self) -> int:
        (item,) = self.planned.tables
        return rows_of(self.session, item.counted)

    def _finish(self) -> None:
        """Keys of a table that was made; the new table in the place of the old one."""
        (item,) = self.planned.tables
        ddl = self.planned.ddl()
        statements = [*ddl.indexes, *ddl.foreign_keys] if self.made else []
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
        streams = isinstance(self.session, TakesStreams)
        # A library makes the table with its rows, or finds that somebody else has made one meanwhile.
        made = self.made and not (streams and isinstance(failure, ExistsError))
        # A statement of `_finish` may have left a transaction open.
        with suppress(DbferryError):
            if isinstance(self.session, TakesStreams):
                self.session.rollback()
                made = made and is_there(self.session, item.target)
            else:
                self.session.execute("ROLLBACK")
        if not made:
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
            notes=tuple(
                note.replace(f"{item.source.label}:", f"{name}:", 1) for note in self.planned.notes
            ),
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


def _place(other: Engine, session: OpenSession, label: str) -> tuple[Catalog, str | None, str]:
    """The catalog in which a table is named, its schema if one is said, and its name.

    As for `read`, a table that is called so as a whole comes first.
    """
    parts = name_parts(label)
    catalog = other.read_catalog(session, [parts[0]] if len(parts) == 2 else [], alike=False)
    if parts != (label,) and label:
        whole = catalog if len(parts) != 2 else other.read_catalog(session, [], alike=False)
        if whole.table(whole.default_schema or "", label) is not None:
            return whole, None, label
    if not 0 < len(parts) < 3:
        raise RequestError(
            f"`{label}` is no name of a table",
            hint="write it as table or schema.table, in quotes where a name has a point or a quote in it",
        )
    schema, name = parts[0] if len(parts) == 2 else None, parts[-1]
    home = catalog.default_schema or ""
    if schema and not other.has_schemas and schema.lower() != home.lower():
        quoted = label.replace('"', '""')
        raise RequestError(
            f"{other.name} has no schemas but `{home}`",
            hint=f"""a table with a point in its name is written '"{quoted}"'""",
        )
    if other.fit_name(name) != name:
        raise RequestError(
            f"the name of the table is longer than {other.name} allows",
            hint=f"the longest of it would be `{other.fit_name(name)}`",
        )
    if schema and other.has_schemas and schema not in catalog.schemas:
        raise MissingError(
            f"the target has no schema `{schema}`", side="target", engine=other.name,
            hint="create it first, or quote a name that has a point in it",
        )  # fmt: skip
    return catalog, schema if other.has_schemas else None, name


def _check_standing(
    other: Engine, session: OpenSession, standing: Table | None, mode: Mode, given: set[str]
) -> None:
    """What the target couldn't take back, and what it would compute in place of what is given."""
    if standing is None:
        return
    fault = other.write_fault(session, standing, mode)
    if fault is not None:
        raise RequestError(fault[0], side="target", engine=other.name, hint=fault[1])
    folded = {other.fold_column(name) for name in given}
    for column in standing.columns if mode != "replace" else ():
        if column.generated is not None and other.fold_column(column.name) in folded:
            raise RequestError(
                "the target computes the values of this column",
                side="target", engine=other.name, column=column.name, hint="leave it out of the stream",
            )  # fmt: skip


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


def _check_outcome(outcome: Mapping[str, Any]) -> None:
    if outcome.get("error"):
        raise from_fields(outcome["error"])
    if outcome["state"] != "done":
        raise Interrupted("the write was interrupted")


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
