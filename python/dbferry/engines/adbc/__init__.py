"""Any database with an ADBC driver: read as Arrow streams, loaded from Arrow streams."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import cast

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
from dbferry.engines.adbc import ddl, types
from dbferry.errors import InternalError
from dbferry.types import Facts, Verbatim


class Adbc:
    name = "adbc"
    family = "adbc"
    has_schemas = True
    typed = True
    has_steps = False
    columns_limit = 1_000_000
    index_scope: Scope = "table"
    foreign_key_scope: Scope = "table"
    defers = False
    builds_beside = False
    finishing = ()

    quote = staticmethod(ddl.quote)
    relation = staticmethod(ddl.relation)
    create_schema = staticmethod(ddl.create_schema)
    drop_table = staticmethod(ddl.drop_table)
    truncate_table = staticmethod(ddl.truncate_table)
    empty_table = staticmethod(ddl.truncate_table)
    swap_table = staticmethod(ddl.swap_table)
    read = staticmethod(types.read)
    read_text = staticmethod(types.read_text)
    declare = staticmethod(types.declare)
    accept = staticmethod(types.accept)

    def read_catalog(self, session: Session, schemas: Collection[str] = ()) -> Catalog:
        from dbferry.engines.adbc import catalog

        return catalog.read(session, schemas)

    def find_table(self, session: Session, schema: str | None, name: str) -> Catalog:
        from dbferry.engines.adbc import catalog

        return catalog.find(session, schema, name)

    def describe(self, session: Session, sql: str) -> Catalog:
        from dbferry.engines.adbc import catalog

        return catalog.query(session, sql)

    def probe(
        self, session: Session, table: Table, target: str, *, sample: bool = False
    ) -> Mapping[str, Facts]:
        """The types are those of the driver's streams: there is nothing left open."""
        return {}

    def verbatim(self, column: Column, source: Catalog, target: Catalog) -> Verbatim:
        """Two drivers share no types but Arrow's."""
        return Verbatim(declared=types.declared(types.read(column, {}), target.extensions))

    def raw_transfer(self, session: Session, table: Table) -> str | None:
        return None

    def source_notes(self, session: Session, source: Catalog, target: Catalog) -> Sequence[str]:
        from dbferry.engines.adbc.session import AdbcSession

        open_ = cast("AdbcSession", session)
        return [
            f"source read under {open_.method} ({open_.driver})",
            *(() if open_.point else ("the driver doesn't promise one point in time",)),
            *(
                (f"{open_.driver} chooses a column's type by its first rows",)
                if open_.vendor == "SQLite"
                else ()
            ),
        ]

    def target_notes(self, session: Session) -> Sequence[str]:
        from dbferry.engines.adbc.session import AdbcSession

        driver = cast("AdbcSession", session).driver
        return [f"new tables are made by {driver}: without keys, NOT NULL, defaults and indexes"]

    def source_relation(self, table: Table) -> str:
        if table.query is not None:
            return f"(\n{table.query}\n) AS q"
        return ddl.relation(table.schema, table.name)

    def kept_identities(
        self, columns: Sequence[str], primary_key: tuple[str, ...]
    ) -> Collection[str]:
        return ()

    def cut_by_place(self, table: Table) -> bool:
        return False

    def fold_column(self, name: str) -> str:
        return name

    def fit_name(self, name: str) -> str:
        return name

    def name_fault(self, name: str, what: str) -> tuple[str, str] | None:
        if not name or "\0" in name:
            return (
                f"no {what} can have an empty name or U+0000 in it",
                "rename it in the source, or exclude the table",
            )
        return None

    def fit_rows(self, table: NewTable) -> tuple[NewTable, Mapping[str, str]]:
        return table, {}

    def create_type(self, wanted: UserType) -> str:
        raise InternalError("a driver is given no types", engine=self.name)

    def create_table(self, table: NewTable, version: tuple[int, ...]) -> str:
        """The driver makes the table from the schema of the stream that it is given."""
        return ""

    def finish_table(self, table: NewTable) -> Sequence[Step]:
        return ()

    def finish_references(self, table: NewTable) -> Sequence[Step]:
        return ()

    def drop_foreign_key(self, schema: str | None, table: str, name: str) -> str | None:
        return None

    def index_fault(self, index: Index, columns: Sequence[NativeType]) -> str | None:
        return "a driver makes none"

    def reference_fault(
        self, key: ForeignKey, columns: Sequence[NativeType], others: Sequence[NativeType]
    ) -> str | None:
        return "a driver makes none"

    def analyze_table(self, schema: str | None, name: str) -> str | None:
        return None

    def set_next(
        self, schema: str | None, table: str, column: str, identity: Identity
    ) -> Sequence[str]:
        return ()
