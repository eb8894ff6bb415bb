"""SQLite 3."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from dbferry.catalog import (
    Catalog,
    Column,
    ForeignKey,
    NativeType,
    Session,
    Table,
    UserType,
)
from dbferry.engines import (
    ACTIONS,
    Assessor,
    Engine,
    Holder,
    Measures,
    NewTable,
    Scope,
    Step,
    Trial,
)
from dbferry.engines.sqlite import catalog, ddl, describe, dialect, indexes, probe, types, whole
from dbferry.engines.sqlite.phrases import SqlitePhrases
from dbferry.engines.unnumbered import Unnumbered
from dbferry.errors import InternalError
from dbferry.types import Facts, Verbatim

if TYPE_CHECKING:
    from dbferry.ledger.room import Room

_FOLD = str.maketrans({chr(c): chr(c + 32) for c in range(ord("A"), ord("Z") + 1)})


class Sqlite(Unnumbered):
    includes = ("triggers",)
    phrases = SqlitePhrases()
    name = "sqlite"
    family = "sqlite"
    dialect = dialect.DIALECT
    has_schemas = False
    typed = False
    checks_identities = True
    on_update: Literal["declaration", "trigger"] | None = "trigger"
    has_steps = False
    comment_limits = (0, 0)
    check_scope: Scope = "table"
    trial_frame = ("BEGIN", "ROLLBACK")
    columns_limit = 2000
    index_scope: Scope = "database"
    foreign_key_scope: Scope = "table"
    entry_bytes = None
    has_partial_indexes = True
    actions = ACTIONS
    defers = True
    held_by: Collection[Holder] = ()
    checks_references = True
    # A file has one writer at a time.
    builds_beside = False
    rejoins = True
    finishing = ()
    measures = Measures("length({c})", "length(CAST({c} AS BLOB))")
    script_opening = ddl.SCRIPT_OPENING

    quote = staticmethod(ddl.quote)
    relation = staticmethod(ddl.relation)
    drop_table = staticmethod(ddl.drop_table)
    truncate_table = staticmethod(ddl.truncate_table)
    empty_table = staticmethod(ddl.truncate_table)
    begin_write = staticmethod(whole.begin)
    write_fault = staticmethod(whole.fault)
    swap_table = staticmethod(ddl.swap_table)
    set_next = staticmethod(ddl.set_next)
    finish_table = staticmethod(ddl.finish_table)
    fit_index = staticmethod(indexes.fit)
    try_index = staticmethod(ddl.try_index)
    finish_references = staticmethod(ddl.finish_references)
    create_on_update = staticmethod(ddl.create_on_update)
    create_view = staticmethod(ddl.create_view)
    try_view = staticmethod(ddl.try_view)
    print_view = staticmethod(ddl.print_view)
    drop_view = staticmethod(ddl.drop_view)
    analyze_table = staticmethod(ddl.analyze_table)
    read = staticmethod(types.read)
    read_text = staticmethod(types.read_text)
    declare = staticmethod(types.declare)
    accept = staticmethod(types.accept)

    def assessor(self) -> Assessor:
        from dbferry.engines.sqlite import assessment

        return assessment

    def burden(self) -> None:
        return None

    def ledger(self) -> Room | None:
        from dbferry.engines.sqlite.ledger import SqliteLedger

        return SqliteLedger()

    def read_catalog(
        self, session: Session, schemas: Collection[str] = (), *, alike: bool = True
    ) -> Catalog:
        return catalog.read(session, schemas)

    def complete(self, session: Session, table: Table) -> Table:
        return table

    def find_table(self, session: Session, schema: str | None, name: str) -> Catalog:
        return catalog.read(session, (), name)

    def describe(self, session: Session, sql: str) -> Catalog:
        return describe.query(session, sql)

    def probe(
        self, session: Session, table: Table, target: str, *, sample: bool = False
    ) -> Mapping[str, Facts]:
        # Between two files values travel with their class.
        return {} if target == "sqlite" else probe.run(session, table, sample=sample)

    def verbatim(self, column: Column, source: Catalog, target: Catalog) -> Verbatim:
        return Verbatim(declared=types.own(column.native))

    def raw_transfer(self, session: Session, table: Table) -> str | None:
        return "raw"

    def source_notes(self, session: Session, source: Catalog, target: Catalog) -> Sequence[str]:
        notes = ["source read under: one version of the file"]
        encoding = source.settings.get("encoding", "UTF-8")
        if encoding != "UTF-8":
            # SQLite itself joins a lone high surrogate and what follows it to one character.
            notes.append(
                f"the source keeps text as {encoding}, and it is read as UTF-8: "
                "surrogates without their half change"
            )
        return notes

    def target_notes(self, session: Session) -> Sequence[str]:
        return ()

    def source_relation(self, table: Table) -> str:
        return f"(\n{table.query}\n) AS q" if table.query is not None else ddl.quote(table.name)

    def kept_identities(
        self, columns: Sequence[str], primary_key: tuple[str, ...]
    ) -> Collection[str]:
        return primary_key if len(primary_key) == 1 else ()

    def cut_by_place(self, table: Table) -> bool:
        return table.kind == "table" and table.query is None

    def fold_column(self, name: str) -> str:
        """Only ASCII letters are folded."""
        return name.translate(_FOLD)

    def fit_name(self, name: str) -> str:
        return name

    def name_fault(self, name: str, what: str) -> tuple[str, str] | None:
        hint = "rename it in the source, or exclude the table"
        if "\0" in name:
            return f"no {what} of sqlite can have U+0000 in its name", hint
        if what == "table" and self.fold_column(name).startswith("sqlite_"):
            return f"table names that begin with `sqlite_` are sqlite's own: `{name}`", hint
        return None

    def fit_rows(self, table: NewTable) -> tuple[NewTable, Mapping[str, str]]:
        return table, {}

    def makes_up(self, table: Table, column: Column) -> bool:
        """A rowid, NOT NULL or not; a key with DESC in it is none, and holds NULLs."""
        if column.identity is not None:
            return True
        alone = table.kind != "without_rowid" and table.primary_key == (column.name,)
        return alone and not column.nullable and column.native.text.upper() == "INTEGER"

    def takes_partitioning(self, table: Table, source: Engine) -> bool:
        return False

    def create_schema(self, schema: str) -> str:
        raise InternalError("schemas don't exist here", engine=self.name)

    def create_type(self, wanted: UserType) -> str:
        raise InternalError("types of users don't exist here", engine=self.name)

    def create_table(self, table: NewTable, version: tuple[int, ...]) -> str:
        return ddl.create_table(table)

    def describe_table(self, table: NewTable) -> Sequence[str]:
        return ()

    def try_table(self, table: NewTable, version: tuple[int, ...]) -> Trial:
        return ddl.try_table(table)

    def generates(self, version: tuple[int, ...]) -> Collection[str]:
        return ("stored", "virtual")

    def finish_checks(self, table: NewTable) -> Sequence[Step]:
        """They are declared with the table, and every row is checked as it comes."""
        return ()

    def drop_foreign_key(self, schema: str | None, table: str, name: str) -> str | None:
        return None

    def reference_fault(
        self, key: ForeignKey, columns: Sequence[NativeType], others: Sequence[NativeType]
    ) -> str | None:
        return None
