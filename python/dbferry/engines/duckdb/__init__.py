"""DuckDB, as a target through the Arrow seam."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbferry.catalog import (
    Catalog,
    Column,
    Index,
    NativeType,
    Session,
    Table,
    UserType,
)
from dbferry.engines import Assessor, FittedIndex, NewTable, Scope, Trial
from dbferry.engines.duckdb import catalog, ddl, dialect, types
from dbferry.engines.keyless import Keyless
from dbferry.errors import InternalError, RequestError
from dbferry.schema.dialect import Dialect
from dbferry.types import Facts, Reading, Verbatim

if TYPE_CHECKING:
    from dbferry.ledger.room import Room


class Duckdb(Keyless):
    name = "duckdb"
    family = "duckdb"
    has_schemas = True
    typed = True
    columns_limit = 5000
    index_scope: Scope = "schema"
    script_opening = ()
    dialect: Dialect | None = dialect.DIALECT
    comment_limits = (1 << 20, 1 << 20)
    no_keys = "duckdb adds none to a table that is there"

    quote = staticmethod(ddl.quote)
    relation = staticmethod(ddl.relation)
    create_schema = staticmethod(ddl.create_schema)
    drop_table = staticmethod(ddl.drop_table)
    truncate_table = staticmethod(ddl.truncate_table)
    finish_table = staticmethod(ddl.finish_table)
    empty_table = staticmethod(ddl.truncate_table)
    swap_table = staticmethod(ddl.swap_table)
    create_view = staticmethod(ddl.create_view)
    print_view = staticmethod(ddl.print_view)
    drop_view = staticmethod(ddl.drop_view)
    describe_table = staticmethod(ddl.describe_table)
    declare = staticmethod(types.declare)
    accept = staticmethod(types.accept)

    def assessor(self) -> Assessor:
        from dbferry.engines.duckdb import assessment

        return assessment

    def burden(self) -> None:
        return None

    def ledger(self) -> Room | None:
        from dbferry.engines.duckdb.ledger import DuckdbLedger

        return DuckdbLedger()

    def read_catalog(
        self, session: Session, schemas: Collection[str] = (), *, alike: bool = True
    ) -> Catalog:
        return catalog.read(session, schemas)

    def _no_source(self) -> RequestError:
        return RequestError(
            "duckdb is a target only",
            engine=self.name,
            hint="give the duckdb URL as the second one",
        )

    def find_table(self, session: Session, schema: str | None, name: str) -> Catalog:
        whole = catalog.read(session)
        named = (table for table in whole.tables if table.name == name)
        return replace(whole, tables=tuple(t for t in named if schema in (None, t.schema)))

    def describe(self, session: Session, sql: str) -> Catalog:
        raise self._no_source()

    def probe(
        self, session: Session, table: Table, target: str, *, sample: bool = False
    ) -> Mapping[str, Facts]:
        raise self._no_source()

    def read(self, column: Column, facts: Facts) -> Reading:
        """What kind its values are; none are read."""
        return types.read(column)

    def read_text(self, column: Column) -> Reading:
        raise self._no_source()

    def verbatim(self, column: Column, source: Catalog, target: Catalog) -> Verbatim:
        raise self._no_source()

    def raw_transfer(self, session: Session, table: Table) -> str | None:
        raise self._no_source()

    def source_notes(self, session: Session, source: Catalog, target: Catalog) -> Sequence[str]:
        raise self._no_source()

    def target_notes(self, session: Session) -> Sequence[str]:
        return ()

    def source_relation(self, table: Table) -> str:
        raise self._no_source()

    def cut_by_place(self, table: Table) -> bool:
        return False

    def fold_column(self, name: str) -> str:
        return name.lower()

    def fit_name(self, name: str) -> str:
        return name

    def name_fault(self, name: str, what: str) -> tuple[str, str] | None:
        if not name or "\0" in name:
            return (
                f"no {what} of duckdb can have an empty name or U+0000 in it",
                "rename it in the source, or exclude the table",
            )
        return None

    def fit_rows(self, table: NewTable) -> tuple[NewTable, Mapping[str, str]]:
        """A key of spans or lists can't be declared; such a table has none."""
        unfit = [
            column
            for column in table.columns
            if column.name in table.primary_key and column.native.name in types.NO_KEY
        ]
        if not unfit:
            return table, {}
        return replace(table, primary_key=()), {
            column.name: f"the table has no primary key: duckdb has none of {column.native.text}"
            for column in unfit
        }

    def create_type(self, wanted: UserType) -> str:
        raise InternalError("types are written in place here", engine=self.name)

    def create_table(self, table: NewTable, version: tuple[int, ...]) -> str:
        return ddl.create_table(table)

    def try_table(self, table: NewTable, version: tuple[int, ...]) -> Trial:
        return ddl.try_table(table)

    def fit_index(self, index: Index, columns: Mapping[str, NativeType]) -> FittedIndex:
        if not index.unique:
            return FittedIndex(None, ("duckdb scans without them",))
        if not index.is_key:
            return FittedIndex(None, ("duckdb has keys of whole columns only",))
        wrong = next((columns[n] for n in index.columns if columns[n].name in types.NO_KEY), None)
        if wrong:
            return FittedIndex(None, (f"duckdb has no key of {wrong.text}",))
        return FittedIndex(index)
