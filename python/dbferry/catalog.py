"""The engine-neutral model of a database: what every engine's catalog is read into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Literal, Protocol

Ability = Literal[
    "NULLS NOT DISTINCT", "SET NULL of some columns", "security_invoker", "MAINTAIN", "WITHOUT OVERLAPS", "PERIOD",
    "exclusion constraints of partitioned tables", "NOT ENFORCED", "NOT NULL that is a constraint",
    "NOT VALID for foreign keys of partitioned tables", "UNLOGGED sequences",
    "multiranges", "statistics of expressions", "targets of extended statistics", "SET EXPRESSION",
]  # fmt: skip
"""What only some versions of an engine can be given, in the words of its messages."""


class Session(Protocol):
    """A connection for plain SQL: catalogs, probes, DDL; every value as the server prints it."""

    @property
    def version(self) -> str: ...

    def query(self, sql: str) -> list[tuple[str | None, ...]]: ...
    def describe(self, sql: str) -> str: ...


@dataclass(frozen=True, kw_only=True)
class NativeType:
    """A column's type as its own engine declares it."""

    name: str
    """The bare name in lower case: what types are chosen by."""
    text: str
    """The full declaration, ready for that engine's DDL."""
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    unsigned: bool = False
    labels: tuple[str, ...] = ()
    charset: str | None = None
    collation: str | None = None
    schema: str | None = None
    """Where a type made by a user or an extension lives."""
    kind: str = "base"
    """PostgreSQL's sort of type: base, enum, array, composite, range, domain's base."""
    domain: str | None = None
    """The quoted domain that this type is the base of."""
    element: str | None = None
    """The element's name, of an array."""
    binary: bool = True
    """False when its binary form means nothing on another server: numbers of objects."""


class IdentityKind(StrEnum):
    ALWAYS = "always"
    BY_DEFAULT = "by_default"
    AUTO_INCREMENT = "auto_increment"
    SERIAL = "serial"
    ROWID = "rowid"
    """SQLite's INTEGER PRIMARY KEY without AUTOINCREMENT: no promise about deleted values."""


@dataclass(frozen=True, kw_only=True)
class NumberSequence:
    """A sequence of numbers that others draw from; PostgreSQL and MariaDB only."""

    schema: str
    name: str
    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int | None = None
    """Numbers that are taken at once, where it isn't what the engine takes by itself."""
    cycle: bool = False
    last: int | None = None
    """The last number that it gave; absent when it gave none, or isn't readable."""
    restart: int | None = None
    """What it gives first when it has given none since it was set so; absent when that is its start."""
    readable: bool = True
    unlogged: bool = False
    """As that of a table."""
    described: bool = True
    """False when no more is known of it than its name and its comment."""
    comment: str | None = None
    owner: tuple[str, str, str] | None = None
    """Schema, table and column that it is dropped with."""

    @property
    def label(self) -> str:
        """How messages and reports call it."""
        return f"sequence {self.schema}.{self.name}"

    @property
    def first(self) -> int:
        """What it gives as long as it gave none."""
        return self.start if self.restart is None else self.restart

    @property
    def following(self) -> int:
        """What it gives next, within its bounds or beyond them."""
        return self.first if self.last is None else self.last + self.increment


def further(step: int, *numbers: int | None) -> int | None:
    """Of those numbers that are known the one that counting by this step comes to last."""
    known = [number for number in numbers if number is not None]
    return (max if step > 0 else min)(known, default=None)


@dataclass(frozen=True, kw_only=True)
class Identity:
    kind: IdentityKind
    sequence: NumberSequence | None = None
    """The sequence behind it; PostgreSQL only."""
    next_value: int | None = None
    """What the source would give next; absent when it is not known."""
    increment: int = 1


@dataclass(frozen=True, kw_only=True)
class NotNull:
    """A NOT NULL as a constraint, where something about it isn't as by itself; PostgreSQL 18 only."""

    name: str
    inherited: bool = True
    """False when tables that inherit from this one are free of it."""
    local: bool = True
    """False when it is there only because its table inherits it."""
    comment: str | None = None


@dataclass(frozen=True, kw_only=True)
class Column:
    name: str
    position: int
    native: NativeType
    nullable: bool = True
    default: str | None = None
    """What follows the word DEFAULT in its own engine."""
    identity: Identity | None = None
    generated: str | None = None
    """The expression of a generated column."""
    stored: bool = False
    """True for a generated column whose values are kept, and not computed when they are read."""
    on_update: str | None = None
    """What every update puts into it by itself; MySQL and MariaDB only."""
    draws: NumberSequence | None = None
    """The sequence that its default draws from; PostgreSQL and MariaDB only."""
    hidden: bool = False
    """True when `SELECT *` leaves it out."""
    not_null: NotNull | None = None
    comment: str | None = None
    inherited: bool = False
    """True when a table that this one inherits from has it as well; PostgreSQL only."""
    local: bool = True
    """False when it is there for nothing else."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One column, or one expression, of an index."""

    column: str | None = None
    expression: str | None = None
    """In its engine's words, where it is no column."""
    descending: bool = False
    nulls_first: bool | None = None
    """Where NULLs lie, if not where the engine puts them by itself; PostgreSQL only."""
    prefix: int | None = None
    """So many characters or bytes of it count; MySQL and MariaDB only."""
    collation: str | None = None
    """One that isn't its column's."""
    exact: bool = True
    """False when that collation takes different values for the same."""
    operators: str | None = None
    """An operator class that isn't its type's; PostgreSQL only."""


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index or the constraint that one stands for."""

    name: str | None
    """Absent where the engine made up a name of its own."""
    parts: tuple[Part, ...]
    unique: bool = False
    constraint: bool = False
    """True when it was declared as a constraint of the table."""
    exclusion: bool = False
    """True for a constraint by operators and not by equality; only its own definition tells it."""
    period: bool = False
    """WITHOUT OVERLAPS: its last column is a period, and no two of one key overlap; PostgreSQL 18 and MariaDB."""
    deferrable: bool = False
    deferred: bool = False
    """Checked at the end of a transaction unless it asks otherwise."""
    method: str = "btree"
    """Such as `hash`, `gin`, `fulltext` or `spatial`."""
    parser: str | None = None
    """What parts text into words, if not what does by itself; MySQL and MariaDB only."""
    include: tuple[str, ...] = ()
    """Columns that it holds and isn't ordered by."""
    predicate: str | None = None
    """Which rows are in it, in its engine's words."""
    nulls_distinct: bool = True
    hidden: bool = False
    """Kept up to date and not used by queries."""
    comment: str | None = None
    constraint_comment: str | None = None
    own: str | None = None
    """Its definition as its own server prints it, for another of that kind; without its name and its table
    where that can be said without them."""
    options: str | None = None
    """How it is kept, which `own` tells as well; PostgreSQL only."""
    alterations: tuple[str, ...] = ()
    """What is altered about it once it is there, in its own server's words."""
    clustered: bool = False
    identifies: bool = False
    """True when it tells rows apart in the replication of changes."""
    parent: tuple[str, str] | None = None
    """Schema and name of the index of a whole table that this one of a partition belongs to."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns, without what is an expression."""
        return tuple(part.column for part in self.parts if part.column is not None)

    @property
    def is_key(self) -> bool:
        """True when no two rows have the same in these columns, and a foreign key may refer to them."""
        plain = all(part.column is not None and part.prefix is None for part in self.parts)
        return self.unique and plain and self.predicate is None


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    name: str | None
    columns: tuple[str, ...]
    schema: str
    table: str
    references: tuple[str, ...]
    """The columns of the other table, one for each; empty when they are its primary key."""
    kind: str = "table"
    """The other table's, of a key that is to be made."""
    on_update: str = "NO ACTION"
    on_delete: str = "NO ACTION"
    set_columns: tuple[str, ...] = ()
    """Those that a delete sets, where it isn't all of them; PostgreSQL only."""
    full: bool = False
    """MATCH FULL: all columns are NULL or none."""
    deferrable: bool = False
    deferred: bool = False
    valid: bool = True
    """False when the rows that were there before it may break it."""
    enforced: bool = True
    period: bool = False
    """True when the last column is a PERIOD, which rows of the other table cover; PostgreSQL 18 only."""
    comment: str | None = None


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What a server gathers about columns together; PostgreSQL only."""

    schema: str
    name: str
    own: str
    """Its definition between its name and its table."""
    expressions: bool = False
    """True when it is of more than columns."""
    target: int | None = None
    comment: str | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    name: str | None
    """Absent where it was given none."""
    expression: str
    """Without the parentheses around it."""
    column: str | None = None
    """The column that it belongs to; MariaDB and SQLite only."""
    forbids_null: str | None = None
    """The column that it is a NOT NULL of, which old rows may break; PostgreSQL 18 only."""
    valid: bool = True
    """False when rows that were there before it may break it; PostgreSQL only."""
    enforced: bool = True
    inherited: bool = True
    """False when tables that inherit from this one are free of it; PostgreSQL only."""
    local: bool = True
    """False when it is there only because its table inherits it."""
    comment: str | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    schema: str
    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    primary_key_name: str | None = None
    kind: str = "table"
    """`table`, `partitioned`, `parent` (read without its children), `without_rowid`, `view` or `query`."""
    strict: bool = False
    query: str | None = None
    """The query whose result it is; nothing for what stands in the database."""
    leaves: tuple[tuple[str, str], ...] = ()
    """Schema and name of every leaf of a partitioned table."""
    partitioning: str | None = None
    """What its rows are parted by, as its own server prints it; absent where it can't be made so again."""
    partitions: tuple[Table, ...] = ()
    """Those of all levels, parents first; PostgreSQL only. They have no columns of their own."""
    parent: tuple[str, str] | None = None
    """Schema and name of the table that this is a partition of."""
    bound: str | None = None
    """Which rows of it a partition holds."""
    order: tuple[tuple[str, str | None], ...] = ()
    """The columns of a partition, where they come in another order than those of its parent, each with the name
    of its NOT NULL, if that is a constraint."""
    unlogged: bool = False
    """True when a crash of its server empties it; PostgreSQL only."""
    ancestors: tuple[tuple[str, str], ...] = ()
    """Schema and name of the tables that it inherits from without being a part of them; PostgreSQL only."""
    filtered: bool = False
    """True when policies may hide rows of it from whoever has read the catalog; PostgreSQL only."""
    estimated_rows: int = 0
    estimated_bytes: int = 0
    indexes: tuple[Index, ...] = ()
    """Unique ones and constraints among them; without the primary key's."""
    primary_index: Index | None = None
    """What stands behind the primary key, where its columns don't tell all."""
    foreign_keys: tuple[ForeignKey, ...] = ()
    statistics: tuple[Statistics, ...] = ()
    replica_identity: str | None = None
    """`FULL` or `NOTHING`; absent when a key or an index tells rows apart."""
    checks: tuple[Check, ...] = ()
    comment: str | None = None
    charset: str | None = None
    collation: str | None = None
    """Of columns that declare none; MySQL and MariaDB only."""
    settings: tuple[tuple[str | None, str], ...] = ()
    """How it is kept, or the column that is named is, where that isn't as by itself; PostgreSQL only."""
    comments: tuple[tuple[str, str], ...] = ()
    """Of a partition, those of its columns."""
    expressions: tuple[tuple[str, str], ...] = ()
    """What columns of a partition are computed by, where those of its parent are by something else."""
    declaration: str | None = None
    """The statement that made it; SQLite only."""
    left_out: tuple[str, ...] = ()
    """Indexes and keys of it that are seen and not carried, one phrase each."""

    @property
    def label(self) -> str:
        """How messages and reports call it."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @property
    def telling(self) -> tuple[str, ...]:
        """Columns that tell each row from all others: the primary key, or else a unique key without NULLs."""
        required = {column.name for column in self.columns if not column.nullable}
        keys = (index.columns for index in self.indexes if index.is_key)
        return self.primary_key or next((key for key in keys if required.issuperset(key)), ())

    @cached_property
    def keyed(self) -> frozenset[str]:
        """The columns that a key or a foreign key is made of."""
        keys = [self.primary_key, *(index.columns for index in self.indexes if index.unique)]
        return frozenset(
            name for key in (*keys, *(f.columns for f in self.foreign_keys)) for name in key
        )

    @cached_property
    def indexed(self) -> frozenset[str]:
        """The columns of which a B-tree holds whole values."""
        trees = [index for index in self.indexes if index.method == "btree"]
        parts = [part for index in trees for part in index.parts if part.prefix is None]
        return frozenset((*self.primary_key, *(part.column for part in parts if part.column)))

    @cached_property
    def _columns(self) -> dict[str, Column]:
        return {column.name: column for column in reversed(self.columns)}

    def column(self, name: str) -> Column | None:
        return self._columns.get(name)

    def takes_null(self, column: Column) -> bool:
        """True when a new row may have NULL there."""
        return column.nullable and all(c.forbids_null != column.name for c in self.checks)


@dataclass(frozen=True)
class Attribute:
    """A part of a composite type."""

    name: str
    type: str
    collation: str | None = None
    comment: str | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class UserType:
    """A type that a database defines itself."""

    schema: str
    name: str
    kind: str
    labels: tuple[str, ...] = ()
    base: str | None = None
    """What a domain or a range is made of, as its engine declares it."""
    options: tuple[str, ...] = ()
    """What else is said of a range, in its engine's words."""
    multirange: str | None = None
    """The name of the type that holds several of a range, in the same schema."""
    nullable: bool = True
    not_null: NotNull | None = None
    default: str | None = None
    collation: str | None = None
    checks: tuple[Check, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    needs: tuple[tuple[str, str, str], ...] = ()
    """Schema and name of the types that it is made of, and how `base` and `attributes` print them."""
    extension: str | None = None
    """The one that it belongs to."""
    comment: str | None = None

    @property
    def label(self) -> str:
        """How messages and reports call it."""
        return f"type {self.schema}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class View:
    schema: str
    name: str
    query: str
    """As its engine prints it."""
    declaration: str | None = None
    """The statement that made it; SQLite only."""
    columns: tuple[str, ...] = ()
    """Their names, where the query doesn't tell them all; SQLite only."""
    materialized: bool = False
    filled: bool = True
    """False for a materialized view without rows."""
    options: tuple[str, ...] = ()
    """In its engine's own words."""
    needs: tuple[tuple[str, str], ...] = ()
    """Schema and name of the tables and views that it reads."""
    indexes: tuple[Index, ...] = ()
    statistics: tuple[Statistics, ...] = ()
    comment: str | None = None
    defaults: tuple[tuple[str, str], ...] = ()
    """What rows that are put in through it have, by column; PostgreSQL only."""
    comments: tuple[tuple[str, str], ...] = ()
    """Those of its columns; PostgreSQL only."""
    settings: tuple[tuple[str | None, str], ...] = ()
    """As those of a table; of a materialized view."""

    @property
    def label(self) -> str:
        """How messages and reports call it."""
        return f"{'materialized ' if self.materialized else ''}view {self.schema}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class Extra:
    """What stands beside tables and views: an extension, a function, a trigger, a policy, a grant."""

    kind: str
    """Such as `function`, as messages call it."""
    name: str = ""
    """Without its schema and its table."""
    group: str | None = None
    """What it is asked for by, such as `triggers`, or `itself`; absent when it can't be made again."""
    sql: tuple[str, ...] = ()
    """Statements that make it, in its own server's words."""
    drop: str | None = None
    """Takes it away, where another is made or it would hold a table that it is made of."""
    schema: str | None = None
    home: str | None = None
    """The schema that its statements name alone, where it isn't known by one."""
    table: tuple[str, str] | None = None
    """Schema and name of the table or view that it belongs to."""
    needs: tuple[tuple[str, str], ...] = ()
    """Schema and name of the tables and views that it is made of."""
    role: str | None = None
    """Whom it gives rights to."""
    of: tuple[str, str | None, str] | None = None
    """Kind, schema and name of the one that it gives rights to."""
    ability: Ability | None = None
    """What the server must have."""
    fires: bool = False
    """True for what is run for every row that is put into its table."""

    @property
    def label(self) -> str:
        """How messages and reports call it."""
        words = [self.kind, ".".join(filter(None, [self.schema, self.name]))]
        owned = self.table is not None and self.role is None
        words += [f"of {'.'.join(filter(None, self.table or ()))}"] if owned else []
        words += [f"to {self.role}"] if self.role else []
        return " ".join(filter(None, words))


@dataclass(frozen=True, kw_only=True)
class Catalog:
    engine: str
    version: str
    schemas: tuple[str, ...]
    tables: tuple[Table, ...]
    default_schema: str | None = None
    """Where unqualified names live; absent on a MySQL session without a database."""
    types: tuple[UserType, ...] = ()
    views: tuple[View, ...] = ()
    sequences: tuple[NumberSequence, ...] = ()
    """Those that don't belong to an identity."""
    folds_tables: bool = False
    """True when table names that differ only in case are one name."""
    skipped: tuple[str, ...] = ()
    """What was seen and is not carried, one phrase each."""
    extras: tuple[Extra, ...] = ()
    """In an order in which they can be made."""
    roles: frozenset[str] | None = None
    """Whom rights may be given to; absent where nobody was asked."""
    user: str | None = None
    """Who owns what this session makes; absent where nobody was asked, or nobody owns anything."""
    heirs: frozenset[str] = frozenset()
    """Those of the roles whom this user may give what it owns."""
    extensions: frozenset[str] = frozenset()
    collations: frozenset[str] = frozenset()
    """The names it knows, as types tell them."""
    settings: Mapping[str, str] = field(default_factory=dict)

    def table(self, schema: str, name: str) -> Table | None:
        return self._by_place.get((schema, name.lower() if self.folds_tables else name))

    @cached_property
    def _by_place(self) -> Mapping[tuple[str, str], Table]:
        fold = str.lower if self.folds_tables else str
        return {(table.schema, fold(table.name)): table for table in reversed(self.tables)}

    @cached_property
    def firing(self) -> frozenset[tuple[str, str] | None]:
        """Schema and name of the tables whose triggers are run for every row that is put in."""
        return frozenset(extra.table for extra in self.extras if extra.fires)

    @cached_property
    def type_names(self) -> frozenset[tuple[str, str]]:
        """Schema and name of the types that it defines."""
        return frozenset((wanted.schema, wanted.name) for wanted in self.types)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version's leading numbers: `10.11.6-MariaDB` is (10, 11, 6)."""
        numbers: list[int] = []
        for part in self.version.replace("-", ".").split("."):
            if not part.isdigit():
                break
            numbers.append(int(part))
        return tuple(numbers)
