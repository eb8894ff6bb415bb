"""Arrow: rows that come from, or go to, whoever speaks the Arrow C stream interface.

There is no server and no SQL here: a relation is a stream, its catalog is its schema.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from dbferry.catalog import (
    Catalog,
    Column,
    Session,
    Table,
    UserType,
)
from dbferry.engines import NewTable
from dbferry.engines.arrow import catalog, types
from dbferry.engines.keyless import Keyless
from dbferry.errors import InternalError
from dbferry.types import Facts, Verbatim


class Arrow(Keyless):
    name = "arrow"
    family = "arrow"
    has_schemas = False
    typed = True
    columns_limit = 1_000_000
    no_keys = "a stream has none"

    read = staticmethod(types.read)
    read_text = staticmethod(types.read_text)
    declare = staticmethod(types.declare)
    accept = staticmethod(types.accept)

    def read_catalog(
        self, session: Session, schemas: Collection[str] = (), *, alike: bool = True
    ) -> Catalog:
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

    def create_schema(self, schema: str) -> str:
        raise self._no_objects()

    def create_type(self, wanted: UserType) -> str:
        raise self._no_objects()

    def create_table(self, table: NewTable, version: tuple[int, ...]) -> str:
        """Nothing is made for a stream; this is how a plan shows its schema."""
        return "\n".join(f"{column.name}: {column.native.text}" for column in table.columns)

    def drop_table(self, schema: str | None, name: str) -> str:
        raise self._no_objects()

    def truncate_table(self, relation: str) -> str:
        raise self._no_objects()

    def empty_table(self, relation: str) -> str:
        raise self._no_objects()

    def swap_table(self, schema: str | None, fresh: str, name: str) -> Sequence[str]:
        raise self._no_objects()

    def _no_objects(self) -> InternalError:
        return InternalError("a stream has no objects beside it", engine=self.name)
