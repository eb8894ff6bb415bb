"""Any database with an ADBC driver: read as Arrow streams, loaded from Arrow streams."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from dbferry.catalog import (
    Catalog,
    Column,
    Session,
    Table,
    UserType,
)
from dbferry.engines import NewTable
from dbferry.engines.adbc import ddl, types
from dbferry.engines.keyless import Keyless
from dbferry.errors import InternalError
from dbferry.types import Facts, Verbatim

if TYPE_CHECKING:
    from dbferry.ledger.room import Room


class Adbc(Keyless):
    name = "adbc"
    family = "adbc"
    has_schemas = True
    typed = True
    columns_limit = 1_000_000
    no_keys = "a driver makes none"

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

    def ledger(self) -> Room | None:
        from dbferry.engines.adbc.ledger import AdbcLedger

        return AdbcLedger()

    def read_catalog(
        self, session: Session, schemas: Collection[str] = (), *, alike: bool = True
    ) -> Catalog:
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

    def create_type(self, wanted: UserType) -> str:
        raise InternalError("a driver is given no types", engine=self.name)

    def create_table(self, table: NewTable, version: tuple[int, ...]) -> str:
        """The driver makes the table from the schema of the stream that it is given."""
        return ""
