"""Arrow: rows that come from, or go to, whoever speaks the Arrow C stream interface.

There is no server and no SQL here: a relation is a stream, its catalog is its schema.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from dbferry.catalog import (
    Catalog,
    Column,
    ForeignKey,
    Identity,
    Index,
    NativeType,
    Session,
    Table,
    UserType,
)
from dbferry.engines import NewTable, Scope, Step
from dbferry.engines.arrow import catalog, types
from dbferry.errors import InternalError
from dbferry.types import Facts, Verbatim


class Arrow:
    name = "arrow"
    family = "arrow"
    has_schemas = False
    typed = True
    has_steps = False
    columns_limit = 1_000_000
    index_scope: Scope = "table"
    foreign_key_scope: Scope = "table"
    defers = False
    builds_beside = False
    finishing = ()

    read = staticmethod(types.read)
    read_text = staticmethod(types.read_text)
    declare = staticmethod(types.declare)
    accept = staticmethod(types.accept)

    def read_catalog(self, session: Session, schemas: Collection[str] = ()) -> Catalog:
        """An empty place; `catalog.of_streams` makes one of what stands there."""
        return catalog.of_streams(())

    def find_table(self, session: Session, schema: str | None, name: str) -> Catalog:
        raise self._no_objects()

    def describe(self, session: Session, sql: str) -> Catalog:
        raise self._no_objects()

    def probe(
        self, session: Session, table: Table, target: str, *, sample: bool = False
    ) -> Mapping[str, Facts]:
        """A stream can be read once: nothing is known before its rows come."""
        return {}

    def verbatim(self, column: Column, source: Catalog, target: Catalog) -> Verbatim:
        raise InternalError("a stream has no bytes of its own", engine=self.name)

    def raw_transfer(self, session: Session, table: Table) -> str | None:
        return None

    def source_notes(self, session: Session, source: Catalog, target: Catalog) -> Sequence[str]:
        return ()

    def target_notes(self, session: Session) -> Sequence[str]:
        return ()

    def quote(self, name: str) -> str:
        return name

    def relation(self, schema: str | None, name: str) -> str:
        return name

    def source_relation(self, table: Table) -> str:
        return table.name

    def cut_by_place(self, table: Table) -> bool:
        return False

    def fold_column(self, name: str) -> str:
        return name

    def fit_name(self, name: str) -> str:
        return name

    def name_fault(self, name: str, what: str) -> tuple[str, str] | None:
        return None

    def fit_rows(self, table: NewTable) -> tuple[NewTable, Mapping[str, str]]:
        return table, {}

    def create_schema(self, schema: str) -> str:
        raise self._no_objects()

    def create_type(self, wanted: UserType) -> str:
        raise self._no_objects()

    def create_table(self, table: NewTable, version: tuple[int, ...]) -> str:
        """Nothing is made for a stream; this is how a plan shows its schema."""
        return "\n".join(f"{column.name}: {column.native.text}" for column in table.columns)

    def finish_table(self, table: NewTable) -> Sequence[Step]:
        return ()

    def finish_references(self, table: NewTable) -> Sequence[Step]:
        return ()

    def drop_foreign_key(self, schema: str | None, table: str, name: str) -> str | None:
        return None

    def index_fault(self, index: Index, columns: Sequence[NativeType]) -> str | None:
        return "a stream has none"

    def reference_fault(
        self, key: ForeignKey, columns: Sequence[NativeType], others: Sequence[NativeType]
    ) -> str | None:
        return "a stream has none"

    def analyze_table(self, schema: str | None, name: str) -> str | None:
        return None

    def drop_table(self, schema: str | None, name: str) -> str:
        raise self._no_objects()

    def truncate_table(self, schema: str | None, name: str) -> str:
        raise self._no_objects()

    def empty_table(self, schema: str | None, name: str) -> str:
        raise self._no_objects()

    def swap_table(self, schema: str | None, fresh: str, name: str) -> Sequence[str]:
        raise self._no_objects()

    def kept_identities(
        self, columns: Sequence[str], primary_key: tuple[str, ...]
    ) -> Collection[str]:
        return ()

    def set_next(
        self, schema: str | None, table: str, column: str, identity: Identity
    ) -> Sequence[str]:
        return ()

    def _no_objects(self) -> InternalError:
        return InternalError("a stream has no objects beside it", engine=self.name)
