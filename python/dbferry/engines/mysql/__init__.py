"""MySQL 8.0 to 9.x and MariaDB from 10.6: one dialect, two flavours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from dbferry.catalog import (
    Catalog,
    Column,
    ForeignKey,
    Index,
    NativeType,
    Session,
    Table,
    UserType,
)
from dbferry.engines import (
    ACTIONS,
    Assessor,
    Engine,
    FittedIndex,
    Holder,
    Measures,
    NewTable,
    Scope,
    Trial,
)
from dbferry.engines.mysql import (
    catalog,
    ddl,
    declaration,
    describe,
    dialect,
    indexes,
    probe,
    sequences,
    twin,
    types,
    whole,
)
from dbferry.engines.mysql.phrases import MysqlPhrases
from dbferry.engines.unnumbered import Unnumbered
from dbferry.errors import InternalError
from dbferry.types import Context, Declared, Facts, Flight, Reading, Verbatim, Writing

if TYPE_CHECKING:
    from dbferry.guest import Burden
    from dbferry.ledger.room import Room

NAME_CHARACTERS = 64
ROW_BYTES = 65_535
BYTES_PER_CHARACTER = 4
TEXTS = frozenset({"char", "varchar"})


class Mysql(Unnumbered):
    phrases = MysqlPhrases()
    family = "mysql"
    has_schemas = True
    typed = True
    checks_identities = False
    on_update: Literal["declaration", "trigger"] | None = "declaration"
    has_steps = False
    comment_limits = (2048, 1024)
    trial_frame = ("", "")
    columns_limit = 1017
    index_scope: Scope = "table"
    foreign_key_scope: Scope = "schema"
    entry_bytes = None
    has_partial_indexes = False
    # InnoDB has no SET DEFAULT.
    actions = ACTIONS[:4]
    defers = False
    held_by: tuple[Holder, ...] = ("foreign key",)
    checks_references = False
    builds_beside = True
    rejoins = False
    finishing = ()
    measures = Measures("char_length({c})", "length({c})")
    script_opening = ddl.SCRIPT_OPENING

    create_sequence = staticmethod(sequences.create)
    draw = staticmethod(sequences.draw)
    set_sequence = staticmethod(sequences.set_next)
    quote = staticmethod(ddl.quote)
    relation = staticmethod(ddl.relation)
    create_schema = staticmethod(ddl.create_schema)
    drop_table = staticmethod(ddl.drop_table)
    truncate_table = staticmethod(ddl.truncate_table)
    empty_table = staticmethod(ddl.empty_table)
    write_fault = staticmethod(whole.fault)
    begin_write = staticmethod(whole.begin)
    swap_table = staticmethod(ddl.swap_table)
    set_next = staticmethod(ddl.set_next)
    finish_table = staticmethod(ddl.finish_table)
    try_index = staticmethod(ddl.try_index)
    finish_references = staticmethod(ddl.finish_references)
    finish_checks = staticmethod(ddl.finish_checks)
    create_view = staticmethod(ddl.create_view)
    try_view = staticmethod(ddl.try_view)
    print_view = staticmethod(ddl.print_view)
    drop_view = staticmethod(ddl.drop_view)
    drop_foreign_key = staticmethod(ddl.drop_foreign_key)
    analyze_table = staticmethod(ddl.analyze_table)
    read = staticmethod(types.read)
    read_text = staticmethod(types.read_text)

    def __init__(self, flavour: str) -> None:
        self.name = flavour
        self.check_scope: Scope = "table" if flavour == "mariadb" else "schema"
        self.has_sequences = flavour == "mariadb"
        self.dialect = dialect.MARIADB if flavour == "mariadb" else dialect.DIALECT

    def assessor(self) -> Assessor:
        from dbferry.engines.mysql import assessment

        return assessment

    def burden(self) -> Burden | None:
        from dbferry.engines.mysql.burden import MysqlBurden

        return MysqlBurden()

    def ledger(self) -> Room | None:
        from dbferry.engines.mysql.ledger import MysqlLedger

        return MysqlLedger()

    def read_catalog(
        self, session: Session, schemas: Collection[str] = (), *, alike: bool = True
    ) -> Catalog:
        return catalog.read(session, schemas)

    def complete(self, session: Session, table: Table) -> Table:
        return declaration.complete(session, table)

    def find_table(self, session: Session, schema: str | None, name: str) -> Catalog:
        return catalog.read(session, [schema] if schema else [], name)

    def describe(self, session: Session, sql: str) -> Catalog:
        return describe.query(session, sql)

    def probe(
        self, session: Session, table: Table, target: str, *, sample: bool = False
    ) -> Mapping[str, Facts]:
        """An Arrow reader waits for the first row, and not for a scan before it."""
        if target == "arrow" and sample:
            return {}
        return probe.run(session, table, target, self.source_relation(table), sample=sample)

    def declare(self, reading: Reading, context: Context) -> Declared:
        return types.declare(reading, context, self.name)

    def accept(self, native: NativeType, flight: Flight) -> Writing | None:
        return types.accept(native, flight, self.name)

    def verbatim(self, column: Column, source: Catalog, target: Catalog) -> Verbatim:
        if source.engine == target.engine:
            return twin.same(column.native)
        return twin.other(column.native, target)

    def raw_transfer(self, session: Session, table: Table) -> str | None:
        """An ENUM's error value is neither text nor a label: no bytes of its own load it again."""
        return (
            None if probe.has_error_labels(session, table, self.source_relation(table)) else "raw"
        )

    def source_notes(self, session: Session, source: Catalog, target: Catalog) -> Sequence[str]:
        return (f"source read under: {probe.snapshot_method(session)}",)

    def target_notes(self, session: Session) -> Sequence[str]:
        if session.query("SELECT @@global.local_infile") == [("1",)]:
            return ()
        return (
            "rows are inserted, which is slower than to load them: local_infile is off in the target; "
            "hint: SET GLOBAL local_infile = 1",
        )

    def source_relation(self, table: Table) -> str:
        if table.query is not None:
            return f"(\n{table.query}\n) AS q"
        return ddl.relation(table.schema, table.name)

    def kept_identities(
        self, columns: Sequence[str], primary_key: tuple[str, ...]
    ) -> Collection[str]:
        """One per table: that of the key, or the first."""
        return [name for name in columns if name in primary_key[:1]] or columns[:1]

    def cut_by_place(self, table: Table) -> bool:
        return False

    def fold_column(self, name: str) -> str:
        return name.lower()

    def fit_name(self, name: str) -> str:
        return name[:NAME_CHARACTERS]

    def name_fault(self, name: str, what: str) -> tuple[str, str] | None:
        hint = "rename it in the source, or exclude the table"
        if not name or "\0" in name or any(ord(character) > 0xFFFF for character in name):
            return (
                f"no {what} of {self.name} can have an empty name, U+0000 or characters "
                "above U+FFFF in it",
                hint,
            )
        if name.endswith(" "):
            return f"no {what} of {self.name} can have a name that ends with a blank", hint
        if what == "index" and name.upper() == "PRIMARY":
            return f"`{name}` is the name of every primary key of {self.name}", hint
        return None

    def fit_rows(self, table: NewTable) -> tuple[NewTable, Mapping[str, str]]:
        """Makes the widest VARCHARs outside of keys and indexes LONGTEXT until a row can be declared."""
        columns = list(table.columns)
        keys = [table.primary_key, *(index.columns for index in table.indexes)]
        keys += [key.columns for key in table.foreign_keys]
        kept = {name for key in keys for name in key}
        notes: dict[str, str] = {}
        while sum(_declared_bytes(column.native) for column in columns) > ROW_BYTES - 2048:
            wide = [
                i
                for i, c in enumerate(columns)
                if c.native.name in ("varchar", "varbinary") and c.name not in kept
            ]
            if not wide:
                break
            place = max(wide, key=lambda i: _declared_bytes(columns[i].native))
            native = columns[place].native
            name = "longtext" if native.name == "varchar" else "longblob"
            notes[columns[place].name] = f"{native.text} becomes {name}: a row is 65535 bytes"
            columns[place] = replace(
                columns[place], native=replace(native, name=name, text=name, length=None)
            )
        return replace(table, columns=tuple(columns)), notes

    def makes_up(self, table: Table, column: Column) -> bool:
        """The next number; the moment of now, where `explicit_defaults_for_timestamp` is off."""
        return column.identity is not None or (
            column.native.name == "timestamp" and not column.nullable
        )

    def create_type(self, wanted: UserType) -> str:
        raise InternalError("types of users don't exist here", engine=self.name)

    def takes_partitioning(self, table: Table, source: Engine) -> bool:
        if source.name == self.name:
            return True
        return source.family == self.family and twin.parts_alike(table)

    def create_table(self, table: NewTable, version: tuple[int, ...]) -> str:
        return ddl.create_table(table, self._exact(version))

    def describe_table(self, table: NewTable) -> Sequence[str]:
        return ()

    def try_table(self, table: NewTable, version: tuple[int, ...]) -> Trial:
        return ddl.try_table(table, self._exact(version))

    def generates(self, version: tuple[int, ...]) -> Collection[str]:
        return ("stored", "virtual")

    def _exact(self, version: tuple[int, ...]) -> str:
        """The only collations under which 'a', 'A' and 'a ' are three keys."""
        if self.name == "mariadb":
            return "utf8mb4_nopad_bin"
        return "utf8mb4_0900_bin" if version >= (8, 0, 17) else "utf8mb4_bin"

    def fit_index(self, index: Index, columns: Mapping[str, NativeType]) -> FittedIndex:
        return indexes.fit(index, columns, self.name)

    def reference_fault(
        self, key: ForeignKey, columns: Sequence[NativeType], others: Sequence[NativeType]
    ) -> str | None:
        for one, other in zip(columns, others, strict=True):
            same = (one.name, one.unsigned, one.charset) == (
                other.name, other.unsigned, other.charset,
            )  # fmt: skip
            texts = one.name in TEXTS and other.name in TEXTS and one.charset == other.charset
            if not (same or texts):
                return f"{one.text} can't refer to {other.text}"
        return None


def _declared_bytes(native: NativeType) -> int:
    if native.length is None or native.name in ("longtext", "longblob", "json"):
        return 12
    if native.name in ("char", "varchar"):
        return native.length * BYTES_PER_CHARACTER + 2
    if native.name in ("binary", "varbinary"):
        return native.length + 2
    return 8
