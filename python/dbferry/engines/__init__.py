"""The registry of engines: the one place in Python where an engine's name is matched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from dbferry.catalog import (
    Ability,
    Catalog,
    Check,
    Column,
    ForeignKey,
    Identity,
    Index,
    NativeType,
    NotNull,
    NumberSequence,
    Session,
    Statistics,
    Table,
    UserType,
    View,
)
from dbferry.engines.misfits import Misfits
from dbferry.errors import RequestError
from dbferry.phrases import Phrases
from dbferry.schema.dialect import Dialect
from dbferry.types import Context, Declared, Facts, Flight, Reading, Verbatim, Writing

if TYPE_CHECKING:
    from dbferry.assessment.finding import Finding, Pace, SourceEnd, TargetEnd
    from dbferry.assessment.finding import Room as Space
    from dbferry.guest import Burden
    from dbferry.ledger.room import Room


@dataclass(frozen=True, kw_only=True)
class NewColumn:
    """A column of a table to be created."""

    name: str
    native: NativeType
    nullable: bool
    identity: Identity | None = None
    default: str | None = None
    generated: str | None = None
    stored: bool = False
    on_update: str | None = None
    hidden: bool = False
    not_null: NotNull | None = None
    comment: str | None = None
    inherited: bool = False
    local: bool = True
    """As those of `Column`, of a table that inherits."""


@dataclass(frozen=True, kw_only=True)
class NewTable:
    """A table to be created."""

    schema: str | None
    name: str
    columns: tuple[NewColumn, ...]
    primary_key: tuple[str, ...] = ()
    row_key: tuple[str, ...] = ()
    """The primary key that it has already, of a table that stands."""
    exact_text: bool = False
    """True when the source compares text byte by byte, and so must the target's keys."""
    kind: str = "table"
    strict: bool = False
    primary_key_name: str | None = None
    primary_index: Index | None = None
    """What stands behind the key, between two of one family."""
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    comment: str | None = None
    charset: str | None = None
    collation: str | None = None
    """As `Table.collation`, between two of one engine."""
    declaration: str | None = None
    """The statement that makes it as it was in the source, where it may stay so."""
    statistics: tuple[Statistics, ...] = ()
    settings: tuple[tuple[str | None, str], ...] = ()
    """As `Table.settings`, between two of one engine."""
    comments: tuple[tuple[str, str], ...] = ()
    """As `Table.comments`."""
    expressions: tuple[tuple[str, str], ...] = ()
    """As `Table.expressions`."""
    replica_identity: str | None = None
    partitioning: str | None = None
    """What its rows are parted by, where partitions are kept."""
    partitions: tuple[NewTable, ...] = ()
    """Of all levels, parents first, as new as the table itself."""
    parent: tuple[str | None, str] | None = None
    bound: str | None = None
    order: tuple[tuple[str, str | None], ...] = ()
    """As `Table.order`."""
    unlogged: bool = False
    """As `Table.unlogged`, between two of one engine."""
    ancestors: tuple[tuple[str | None, str], ...] = ()
    """As `Table.ancestors`, where it goes on to inherit."""


@dataclass(frozen=True)
class Trial:
    """How a table is made only to see whether it can be: nothing of it stays."""

    make: str
    begin: str = ""
    end: str = ""


@dataclass(frozen=True)
class FittedIndex:
    """An index as an engine can have it."""

    index: Index | None
    """Nothing when there can't be such an index."""
    notes: tuple[str, ...] = ()
    """What is different about it; why there is none."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """An object that is made once the rows are in."""

    what: str
    """What messages call it, such as "index `by_date`"."""
    sql: str
    then: tuple[str, ...] = ()
    """What completes it: a key from its finished index, its comment, the proof of a foreign key's rows."""
    proof: str | None = None
    """A query that finds rows which break it."""
    undo: str | None = None
    """Takes it away again after a proof that found some."""
    told: str | None = None
    """What it is in the source's words, where `sql` is a translation; empty where it is nobody's to read."""
    singly: tuple[Step, ...] = ()
    """The same objects one by one, where `sql` makes several at once and fails as a whole."""
    misfits: tuple[Misfits, ...] = ()
    """The rows that are in its way, where they can be told."""


ACTIONS = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")


@dataclass(frozen=True)
class Measures:
    """How long the value of `{c}` is, in SQL."""

    characters: str
    octets: str
    """Of what holds bytes."""


Scope = Literal["database", "schema", "table"]
"""Within what a name is given once."""

Holder = Literal["view", "foreign key"]
"""What may keep a table from being dropped."""


class Assessor(Protocol):
    """What an engine tells of itself before a move; each folder has it in `assessment.py`."""

    def oldest(self, engine: str) -> tuple[int, ...]:
        """The oldest version that dbferry is made for."""

    def empty(self, engine: str, version: str | None, database: str) -> Catalog:
        """A fresh database, of the newest version that is known unless one is given."""

    def pace(self) -> Pace:
        """How fast it takes tables, and what room they need."""

    def sizes(self, session: Session, tables: Sequence[Table]) -> Mapping[str, Space]:
        """What tables take on the disk, by their labels; one that isn't there is not known."""

    def check_source(self, end: SourceEnd) -> Iterable[Finding]: ...
    def check_target(self, end: TargetEnd) -> Iterable[Finding]: ...


class Engine(Protocol):
    """What every engine answers; each folder holds the same files behind it."""

    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str:
        """Engines of one family share names and dialect: mysql and mariadb."""

    @property
    def dialect(self) -> Dialect | None:
        """What its expressions mean; nothing where it gets none and gives none."""

    @property
    def has_schemas(self) -> bool: ...
    @property
    def typed(self) -> bool:
        """True when every value of a column has the column's type."""

    @property
    def has_steps(self) -> bool:
        """True when an identity may count by more than one."""

    @property
    def columns_limit(self) -> int: ...
    @property
    def index_scope(self) -> Scope: ...
    @property
    def foreign_key_scope(self) -> Scope: ...
    @property
    def entry_bytes(self) -> int | None:
        """Of an index, where a longer one is refused only once its row is there."""

    @property
    def has_partial_indexes(self) -> bool: ...
    @property
    def actions(self) -> Collection[str]:
        """What a foreign key may do when the row that it refers to changes or goes."""

    @property
    def defers(self) -> bool:
        """True when a constraint may wait for the end of a transaction."""

    @property
    def held_by(self) -> Collection[Holder]:
        """What of others keeps one of its tables from being dropped."""

    @property
    def checks_references(self) -> bool:
        """True when a foreign key that stands is held, as far as the engine does so, while rows are loaded."""

    @property
    def builds_beside(self) -> bool:
        """True when indexes are built while other tables are loaded."""

    @property
    def rejoins(self) -> bool:
        """True when a snapshot outlives rows of it that nobody wants any more."""

    @property
    def finishing(self) -> Sequence[str]:
        """Settings of the sessions that build indexes."""

    @property
    def phrases(self) -> Phrases:
        """How rules are said to it."""

    def assessor(self) -> Assessor: ...
    def burden(self) -> Burden | None:
        """How its load is told; nothing where it has none."""

    def ledger(self) -> Room | None:
        """How it keeps a ledger; nothing where it can't."""

    @property
    def measures(self) -> Measures | None:
        """Nothing where it can't be asked about values."""

    @property
    def script_opening(self) -> Sequence[str] | None:
        """What a file of statements begins with for the engine's own client; nothing where there are none."""

    def read_catalog(
        self, session: Session, schemas: Collection[str] = (), *, alike: bool = True
    ) -> Catalog:
        """The database. Unless the other end is `alike`, what only this engine has beside tables may be left away."""

    def complete(self, session: Session, table: Table) -> Table:
        """With what only one question per table tells, and only another of this family asks for."""

    def find_table(self, session: Session, schema: str | None, name: str) -> Catalog:
        """The tables and views of this name, in one schema or in all, without a look at any other."""

    def describe(self, session: Session, sql: str) -> Catalog:
        """The result of one query as the only table; the query is not run."""

    def probe(
        self, session: Session, table: Table, target: str, *, sample: bool = False
    ) -> Mapping[str, Facts]:
        """What the rows tell of columns that their declarations leave open.

        With `sample` a part of a large table's rows may do; then the facts of each column say as `sampled` how
        many were looked at. What a sample promises is checked on every row in flight.
        """

    def read(self, column: Column, facts: Facts) -> Reading: ...
    def read_text(self, column: Column) -> Reading: ...
    def declare(self, reading: Reading, context: Context) -> Declared: ...
    def accept(self, native: NativeType, flight: Flight) -> Writing | None: ...
    def verbatim(self, column: Column, source: Catalog, target: Catalog) -> Verbatim:
        """A column of this family, as this target takes it."""

    def raw_transfer(self, session: Session, table: Table) -> str | None:
        """How the engine's own bytes travel; nothing when some values of the table can't."""

    def source_notes(self, session: Session, source: Catalog, target: Catalog) -> Sequence[str]:
        """What a plan says about reading this source as a whole."""

    def target_notes(self, session: Session) -> Sequence[str]:
        """What a plan says about writing this target as a whole."""

    def quote(self, name: str) -> str: ...
    def relation(self, schema: str | None, name: str) -> str: ...
    def source_relation(self, table: Table) -> str: ...
    def cut_by_place(self, table: Table) -> bool: ...
    def fold_column(self, name: str) -> str: ...
    def fit_name(self, name: str) -> str: ...
    def name_fault(self, name: str, what: str) -> tuple[str, str] | None: ...

    def fit_rows(self, table: NewTable) -> tuple[NewTable, Mapping[str, str]]: ...
    def takes_partitioning(self, table: Table, source: Engine) -> bool:
        """True when a table of that source is parted by the same words here."""

    def create_schema(self, schema: str) -> str: ...
    def create_type(self, wanted: UserType) -> str: ...

    @property
    def on_update(self) -> Literal["declaration", "trigger"] | None:
        """What puts a moment into a column by every update; nothing where nothing can."""

    def create_on_update(self, table: NewTable, values: Mapping[str, str]) -> Sequence[str]:
        """The trigger that does it in every row that changes, unless the column itself is changed. By column, in SQL."""

    @property
    def includes(self) -> Collection[str]:
        """The groups of extras that another of this engine can be given."""

    @property
    def has_sequences(self) -> bool:
        """True when sequences stand for themselves; else none of the following is asked."""

    def create_sequence(self, sequence: NumberSequence) -> str: ...
    def own_sequence(
        self, sequence: NumberSequence, schema: str | None, table: str, column: str
    ) -> str: ...
    def draw(self, sequence: NumberSequence) -> str:
        """The default that draws from a sequence and does nothing else."""

    def set_sequence(
        self, sequence: NumberSequence, columns: Sequence[tuple[str | None, str, str]]
    ) -> Sequence[str]:
        """Past its own last number, and those of the columns (schema, table, name) that draw from it."""

    def create_table(self, table: NewTable, version: tuple[int, ...]) -> str: ...
    def describe_table(self, table: NewTable) -> Sequence[str]:
        """The comments that don't stand in CREATE TABLE."""

    def try_table(self, table: NewTable, version: tuple[int, ...]) -> Trial: ...
    def generates(self, version: tuple[int, ...]) -> Collection[str]:
        """The sorts of generated columns that it has: `stored`, `virtual`."""

    def lacks(self, version: tuple[int, ...]) -> Collection[Ability]:
        """What other versions of the engine have and this one doesn't."""

    @property
    def trial_frame(self) -> tuple[str, str]:
        """What stands around all trials, where schemas and types may be made and taken back."""

    @property
    def comment_limits(self) -> tuple[int, int]:
        """Characters of a table's comment and of a column's, at most; 0 where there are none."""

    @property
    def check_scope(self) -> Scope: ...
    @property
    def checks_identities(self) -> bool:
        """True when a check may name a column that gives next values."""

    def create_view(self, view: View) -> Sequence[str]: ...
    def try_view(self, view: View) -> str | None:
        """A query that fails where a view was made that can't be read; nothing where making it tells that."""

    def print_view(self, view: View) -> Sequence[str]:
        """Statements of a trial, the last of which gives its query as a catalog has it; none where nothing tells."""

    def drop_view(self, view: View) -> str: ...
    def finish_table(self, table: NewTable) -> Sequence[Step]:
        """The keys and indexes that are made after the load."""

    def finish_checks(self, table: NewTable) -> Sequence[Step]:
        """The checks that aren't declared with the table, once its rows are in."""

    def finish_references(self, table: NewTable) -> Sequence[Step]:
        """The foreign keys, once every table has its keys."""

    def drop_foreign_key(self, schema: str | None, table: str, name: str) -> str | None:
        """Nothing where a foreign key can't be dropped, and doesn't hinder a load."""

    def fit_index(self, index: Index, columns: Mapping[str, NativeType]) -> FittedIndex:
        """What this engine makes of another's index, whose expressions are in its own words already."""

    def try_index(self, table: NewTable, index: Index) -> str | None:
        """The statement that makes it on the table of a trial; nothing where that can't have such a one."""

    def reference_fault(
        self, key: ForeignKey, columns: Sequence[NativeType], others: Sequence[NativeType]
    ) -> str | None:
        """Why columns of these types can't refer to those others."""

    def analyze_table(self, schema: str | None, name: str) -> str | None: ...
    def drop_table(self, schema: str | None, name: str) -> str: ...
    def truncate_table(self, relation: str) -> str:
        """Of what is quoted, without what inherits from it."""

    def empty_table(self, relation: str) -> str:
        """The same as a part of the transaction that it is run in."""

    def begin_write(self, table: Table | None, emptied: str | None) -> str | None:
        """What the transaction begins with that writes a stream into a table that stands, or was just made;
        `emptied` is the statement that removes the rows, where it is to be emptied."""

    def makes_up(self, table: Table, column: Column) -> bool:
        """True when a NULL for that column becomes another value, and no error."""

    def write_fault(self, session: Session, table: Table, mode: str) -> tuple[str, str] | None:
        """Why `write` can't do so to a table that stands, as a whole or at all; and what helps."""

    def swap_table(self, schema: str | None, fresh: str, name: str) -> Sequence[str]:
        """Drops `name` and gives its name to `fresh`, all or nothing."""

    def kept_identities(
        self, columns: Sequence[str], primary_key: tuple[str, ...]
    ) -> Collection[str]:
        """Those of the identity columns that may stay one."""

    def set_next(
        self, schema: str | None, table: str, column: str, identity: Identity
    ) -> Sequence[str]: ...


def engine(name: str) -> Engine:
    """The engine of this name."""
    match name:
        case "postgresql":
            from dbferry.engines.postgresql import Postgresql

            return Postgresql()
        case "mysql" | "mariadb":
            from dbferry.engines.mysql import Mysql

            return Mysql(name)
        case "sqlite":
            from dbferry.engines.sqlite import Sqlite

            return Sqlite()
        case "duckdb":
            from dbferry.engines.duckdb import Duckdb

            return Duckdb()
        case "adbc":
            from dbferry.engines.adbc import Adbc

            return Adbc()
        case "arrow":
            from dbferry.engines.arrow import Arrow

            return Arrow()
        case _:
            raise RequestError(
                f"unknown engine `{name}`",
                hint="engines: postgresql, mysql, mariadb, sqlite, duckdb, adbc",
            )
