"""`read`: one table or one query as a stream of Arrow, for whoever takes the Arrow C stream interface.

The plan is the same as for a migration, with a stream as its target: the catalog names the columns, the source's
`read` makes a flight of each, and what would be lost is refused before the first row.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dbferry.catalog import Catalog, Column, Session, Table
from dbferry.engines import Engine, engine
from dbferry.engines.arrow.catalog import of_streams
from dbferry.errors import DbferryError, InternalError, RequestError, UnsupportedError, from_fields
from dbferry.items import Plan, TableItem
from dbferry.planner import make_plan
from dbferry.selection import Options
from dbferry.sessions import Reader, open_reader, open_session
from dbferry.urls import Endpoint, parse

QUERY = re.compile(
    r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*(?:SELECT|WITH|VALUES|TABLE)\b(?=\W)",
    re.DOTALL | re.IGNORECASE,
)
NAME = re.compile(r'"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^."`]+')
NAMES = re.compile(rf"(?:{NAME.pattern})(?:\.(?:{NAME.pattern}))*")

WORTH_SHARING = 32 << 20
"""Bytes of a table from which on another session is worth opening for it."""
MOST_SESSIONS = 8


class Schema:
    """The columns of a stream: names, and Arrow types as text; an Arrow schema for who takes one."""

    def __init__(self, columns: Sequence[tuple[str, str]], reader: Reader) -> None:
        self._columns = tuple(columns)
        self._reader = reader

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self._columns)

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(text for _, text in self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._columns)

    def __getitem__(self, name: str) -> str:
        """The type of a column."""
        return dict(self._columns)[name]

    def __str__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self._columns)

    def __repr__(self) -> str:
        return f"<dbferry.Schema\n{self}>"

    def __arrow_c_schema__(self) -> object:
        return self._reader.__arrow_c_schema__()


class Stream:
    """Rows that are read when somebody asks for them.

    Any consumer of the Arrow C stream interface takes it. Each one reads anew: connections are opened for its
    first batch, and closed after its last or when it lets go. Batches of a table that several sessions read come
    in no particular order.
    """

    def __init__(self, schema: Schema, reader: Reader, endpoint: Endpoint) -> None:
        self.schema = schema
        self._reader = reader
        self._endpoint = endpoint

    def comes_from(self, endpoint: Endpoint) -> bool:
        """True when it is read from that database, whoever asks."""
        ours = self._endpoint
        return (ours.engine, ours.hosts, ours.socket, ours.database, ours.path) == (
            endpoint.engine, endpoint.hosts, endpoint.socket, endpoint.database, endpoint.path,
        )  # fmt: skip

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._reader.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._reader.__arrow_c_schema__()

    @property
    def rows(self) -> int:
        """Rows that have been read so far, by the last consumer."""
        return self._reader.progress()[0]

    @property
    def losses(self) -> tuple[tuple[str, str, int], ...]:
        """Column, code and rows for every rule of `on_loss` that changed a value."""
        return tuple((column, code, rows) for _, column, code, rows in self._reader.losses())

    def check(self) -> None:
        """Raises the error that ended the reading, with its fields; a consumer knows its text only."""
        self._reader.check()

    def cancel(self) -> None:
        """Stops whoever reads, from any thread, and closes the connections."""
        self._reader.close()

    close = cancel

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<dbferry.Stream\n{self.schema}>"


def read(
    url: str,
    what: str,
    *,
    columns: Sequence[str] | None = None,
    parallel: int | None = None,
    batch_rows: int | None = None,
    on_loss: Sequence[str] | str = (),
    probe: bool = False,
) -> Stream:
    """A table or a query as a stream of Arrow batches, read when somebody asks for them.

    `what` is a query if it begins with SELECT, WITH, VALUES or TABLE, else the name of a table or view: `table` or
    `schema.table`, quoted where a name has a point in it. `columns` chooses and orders columns. `parallel` is the
    number of sessions that share a table, chosen by its size by default; one session reads a query. `batch_rows`
    bounds the rows of a batch. `on_loss` has the rules of `migrate` for values that Arrow can't hold. With `probe`
    all rows are looked at before types are chosen, where declarations leave a type open: SQLite's, of which
    a part is looked at otherwise, and PostgreSQL's numeric without a precision.

    Raises a `DbferryError`: now for what can be known now, and through the consumer, as its own exception, for
    what happens on the way; `Stream.check` raises the latter with its fields.

    >>> orders = read("sqlite:///shop.db", "orders", columns=["id", "total"])
    >>> print(orders.schema)
    id: int64
    total: decimal128(10, 2)
    >>> import pyarrow
    >>> pyarrow.table(orders)["total"].to_pylist()
    [Decimal('12.50'), None, Decimal('7.25')]
    >>> len(pyarrow.table(read("sqlite:///shop.db", "SELECT * FROM orders WHERE total > 10")))
    1
    """
    check_counts(parallel, batch_rows)
    check_texts(url=url, what=what)
    if isinstance(columns, str):
        raise RequestError("`columns` is a list of names", hint=f'write columns=["{columns}"]')
    if columns is not None:
        check_list("columns", columns)
    endpoint = parse(url)
    if endpoint.engine == "duckdb":
        raise RequestError("duckdb can't be a source yet", hint="duckdb reads its files as Arrow")
    rules = loss_rules(on_loss)
    with open_session(endpoint, side="source") as session:
        catalog = find(engine(endpoint.engine), session, what)
        item, table = _plan(catalog, session, columns, Options(on_loss=rules, sample=not probe))
    sizes: dict[str, Any] = {"workers": parallel or _sessions(endpoint, item)}
    if item.source.query is not None:
        sizes["workers"] = 1
    if batch_rows is not None:
        sizes["batch_rows"] = batch_rows
    hint = "read it with probe=True, which looks at all rows first" if item.sampled else None
    reader = open_reader(endpoint, json.dumps(sizes), json.dumps(table), hint)
    columns_told = [(c.target, c.target_type.text) for c in item.columns]
    return Stream(Schema(columns_told, reader), reader, endpoint)


def check_counts(parallel: object, batch_rows: object) -> None:
    for name, value, what in (
        ("parallel", parallel, "sessions"),
        ("batch_rows", batch_rows, "rows in a batch"),
    ):
        if value is not None and (type(value) is not int or value < 1):
            raise RequestError(f"`{name}` is the number of {what}, 1 or more")


def check_texts(**given: object) -> None:
    """Names, queries and URLs, by what their arguments are called."""
    for name, value in given.items():
        if not isinstance(value, str):
            raise RequestError(f"`{name}` is a text, and `{type(value).__name__}` is none")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise RequestError(
                f"`{name}` holds half of a character, which no database has",
                hint="it was decoded by another encoding than its own",
            )


def check_list(name: str, values: object) -> None:
    if not isinstance(values, Iterable):
        raise RequestError(f"`{name}` is a list of names")
    for value in values:
        check_texts(**{name: value})


def loss_rules(on_loss: object) -> tuple[str, ...]:
    """One rule, or several."""
    rules = (on_loss,) if isinstance(on_loss, str) else on_loss
    if not isinstance(rules, Iterable) or not all(isinstance(rule, str) for rule in rules):
        raise RequestError(
            "`on_loss` is a rule or a list of rules, each a text",
            hint='write on_loss="column:CODE=policy", or leave it away',
        )
    return tuple(rules)


def find(one: Engine, session: Session, what: str) -> Catalog:
    """The catalog of the one table, view or query that is asked for."""
    if is_query(what):
        return _described(one, session, re.sub(r"[\s;]+\Z", "", what))
    parts = name_parts(what)
    found = one.find_table(session, None, what or '""')
    if not found.tables and len(parts) == 2:
        found = _within(one.find_table(session, parts[0], parts[1]), parts[0])
    elif not found.tables and len(parts) == 1 and parts != (what,):
        found = one.find_table(session, None, parts[0])
    if len(found.tables) == 1:
        return found
    preferred = [table for table in found.tables if table.schema == found.default_schema]
    if len(preferred) == 1:
        return replace(found, tables=tuple(preferred))
    if found.tables:
        labels = " and ".join(f"`{table.label}`" for table in found.tables)
        raise RequestError(
            f"`{what}` is the name of {len(found.tables)} tables",
            side="source",
            engine=one.name,
            hint=f"write one of {labels}",
        )
    raise RequestError(
        f"no table of the source is called `{what}`",
        side="source",
        engine=one.name,
        hint=_nearest_table(one, session, what),
    )


def _described(one: Engine, session: Session, query: str) -> Catalog:
    """What a server doesn't understand is the query's fault, and no lack of the server's."""
    try:
        return one.describe(session, query)
    except (RequestError, UnsupportedError, InternalError) as error:
        if isinstance(error, InternalError) and error.code is None:
            raise
        hint = f"give a single query as {one.name} has it: SELECT, WITH, VALUES or TABLE"
        told = {**error.fields(), "kind": "request", "hint": error.hint or hint}
        raise from_fields(told) from None


def _within(found: Catalog, schema: str) -> Catalog:
    """Without the tables of that name in other schemas, which the engine may look into as well."""
    same = str.lower if found.folds_tables else str
    tables = tuple(t for t in found.tables if same(t.schema) == same(schema))
    return replace(found, tables=tables)


def is_query(what: str) -> bool:
    return QUERY.match(what) is not None


def name_parts(what: str) -> tuple[str, ...]:
    """`"my schema".table` is two names, without their quotes; nothing where the quotes don't match."""
    if NAMES.fullmatch(what) is None:
        return ()
    parts = []
    for part in NAME.findall(what):
        mark = part[0]
        parts.append(part[1:-1].replace(mark * 2, mark) if mark in '"`' and len(part) > 1 else part)
    return tuple(parts)


def _nearest_table(one: Engine, session: Session, what: str) -> str:
    if re.search(r"\s", what):
        return (
            "a query begins with SELECT, WITH, VALUES or TABLE; quote a name with blanks or points"
        )
    known = {
        name: table.label
        for table in one.read_catalog(session).tables
        for name in (table.name, table.label)
    }
    near = difflib.get_close_matches(what, known, 1)
    return f"did you mean `{known[near[0]]}`?" if near else "write it as table or schema.table"


def _plan(
    catalog: Catalog, session: Session, wanted: Sequence[str] | None, options: Options
) -> tuple[TableItem, dict[str, Any]]:
    """The plan of the one table, and what the engine is given of it."""
    (table,) = catalog.tables
    _check_names(catalog, table)
    chosen = _chosen(catalog, table, wanted)
    keys = [c for c in table.columns if c.name in table.primary_key and c not in chosen]
    asked = replace(table, columns=(*chosen, *keys))
    plan = _planned(replace(catalog, tables=(asked,)), session, options)
    (item,) = plan.tables
    columns = item.columns[: len(chosen)]
    native = item.native()
    native["columns"] = [
        {
            **made,
            "metadata": {"dbferry.native": f"{catalog.engine}:{column.source_type}"},
            "never_null": not (column.nullable or source.nullable),
        }
        for made, column, source in zip(native["columns"], columns, chosen, strict=False)
    ]
    one = engine(catalog.engine)
    plain = all(c.expression == one.quote(c.name) for c in columns)
    if table.query is not None and plain and list(chosen) == list(table.columns):
        # Sent as it is: some servers drop the order of a query inside of another. It may end with a comment.
        native["query"] = f"{table.query}\n"
    return replace(item, columns=columns), native


def _planned(catalog: Catalog, session: Session, options: Options) -> Plan:
    try:
        plan = make_plan(catalog, of_streams(()), options, session)
        plan.check()
    except DbferryError as error:
        for fault in (error, *getattr(error, "faults", ())):
            fault.side = fault.side or "source"
            fault.hint = fault.hint and fault.hint.replace("--on-loss ", "on_loss=")
        raise
    return plan


def _check_names(catalog: Catalog, table: Table) -> None:
    seen: set[str] = set()
    for column in table.columns:
        if column.name in seen:
            raise RequestError(
                f"two columns of the query are called `{column.name}`",
                side="source",
                engine=catalog.engine,
                hint="give each a name of its own with AS",
            )
        seen.add(column.name)


def _chosen(catalog: Catalog, table: Table, wanted: Sequence[str] | None) -> tuple[Column, ...]:
    if wanted is None:
        return table.columns
    if not wanted or len(set(wanted)) != len(wanted):
        what = "the same column twice" if wanted else "no column"
        raise RequestError(f"`columns` names {what}", table=table.label, engine=catalog.engine)
    chosen = []
    for name in wanted:
        column = table.column(name)
        if column is None:
            near = difflib.get_close_matches(name, [c.name for c in table.columns], 1)
            known = ", ".join(f"`{c.name}`" for c in table.columns[:20])
            raise RequestError(
                f"the table has no column `{name}`",
                table=table.label,
                engine=catalog.engine,
                side="source",
                hint=f"did you mean `{near[0]}`?" if near else f"its columns: {known}",
            )
        chosen.append(column)
    return tuple(chosen)


def _sessions(endpoint: Endpoint, item: TableItem) -> int:
    """One for a small table; for a large one as many as there are processors."""
    size = item.source.estimated_bytes
    if endpoint.path is not None and Path(endpoint.path).exists():
        size = Path(endpoint.path).stat().st_size
    worth = max(1, size // WORTH_SHARING)
    return min(worth, os.cpu_count() or 1, MOST_SESSIONS)
