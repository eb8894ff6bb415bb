"""PostgreSQL 12 to 18."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from dbferry.catalog import Ability, Catalog, Column, ForeignKey, NativeType, Session, Table
from dbferry.engines import ACTIONS, Assessor, Engine, Holder, Measures, NewTable, Scope, Trial
from dbferry.engines.postgresql import (
    catalog,
    ddl,
    describe,
    dialect,
    indexes,
    probe,
    tables,
    types,
    whole,
)
from dbferry.engines.postgresql.phrases import PostgresqlPhrases
from dbferry.types import Declared, Facts, Verbatim, Verdict

if TYPE_CHECKING:
    from dbferry.guest import Burden
    from dbferry.ledger.room import Room

SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
NAME_BYTES = 63
# As any text of a catalog.
COMMENT_CHARACTERS = 1 << 28
# Sorting in memory is worth most below this, and a few sessions at once take as much each.
FINISHING = (
    "SELECT set_config('maintenance_work_mem', '512MB', false) FROM pg_catalog.pg_settings "
    "WHERE name = 'maintenance_work_mem' AND setting::bigint < 524288",
)
SINCE: Mapping[int, frozenset[Ability]] = {
    13: frozenset({"targets of extended statistics"}),
    14: frozenset({"multiranges", "statistics of expressions"}),
    15: frozenset(
        {
            "NULLS NOT DISTINCT",
            "SET NULL of some columns",
            "security_invoker",
            "UNLOGGED sequences",
        }
    ),
    17: frozenset({"exclusion constraints of partitioned tables", "MAINTAIN", "SET EXPRESSION"}),
    18: frozenset(
        {
            "WITHOUT OVERLAPS",
            "PERIOD",
            "NOT ENFORCED",
            "NOT NULL that is a constraint",
            "NOT VALID for foreign keys of partitioned tables",
        }
    ),
}
YOUNG_TYPES = {"xid8": 13, **dict.fromkeys(
    ("int4multirange", "int8multirange", "nummultirange", "tsmultirange", "tstzmultirange", "datemultirange"), 14
)}  # fmt: skip
"""The server's own that only newer ones know."""
NUMBERS = ("int2", "int4", "int8", "numeric")
TEXTS = frozenset({"text", "varchar", "bpchar"})


class Postgresql:
    phrases = PostgresqlPhrases()
    name = "postgresql"
    family = "postgresql"
    dialect = dialect.DIALECT
    has_schemas = True
    typed = True
    checks_identities = True
    on_update: Literal["declaration", "trigger"] | None = "trigger"
    has_steps = True
    comment_limits = (COMMENT_CHARACTERS, COMMENT_CHARACTERS)
    has_sequences = True
    includes = ("extensions", "functions", "triggers", "policies", "grants")
    check_scope: Scope = "table"
    trial_frame = ("BEGIN", "ROLLBACK")
    columns_limit = 1600
    index_scope: Scope = "schema"
    foreign_key_scope: Scope = "table"
    entry_bytes = indexes.ENTRY_BYTES
    has_partial_indexes = True
    actions = ACTIONS
    defers = True
    held_by: Collection[Holder] = ("view", "foreign key")
    checks_references = True
    builds_beside = True
    rejoins = True
    finishing = FINISHING
    measures = Measures("char_length(({c})::text)", "octet_length({c})")
    script_opening = ddl.SCRIPT_OPENING

    quote = staticmethod(ddl.quote)
    relation = staticmethod(ddl.relation)
    create_schema = staticmethod(ddl.create_schema)
    create_type = staticmethod(ddl.create_type)
    create_sequence = staticmethod(ddl.create_sequence)
    own_sequence = staticmethod(ddl.own_sequence)
    draw = staticmethod(ddl.draw)
    set_sequence = staticmethod(ddl.set_sequence)
    finish_table = staticmethod(ddl.finish_table)
    fit_index = staticmethod(indexes.fit)
    try_index = staticmethod(ddl.try_index)
    finish_references = staticmethod(ddl.finish_references)
    finish_checks = staticmethod(tables.finish_checks)
    create_on_update = staticmethod(ddl.create_on_update)
    create_view = staticmethod(ddl.create_view)
    try_view = staticmethod(ddl.try_view)
    print_view = staticmethod(ddl.print_view)
    drop_view = staticmethod(ddl.drop_view)
    describe_table = staticmethod(tables.describe_table)
    drop_foreign_key = staticmethod(ddl.drop_foreign_key)
    analyze_table = staticmethod(ddl.analyze_table)
    drop_table = staticmethod(tables.drop_table)
    truncate_table = staticmethod(ddl.truncate_table)
    empty_table = staticmethod(ddl.truncate_table)
    write_fault = staticmethod(whole.fault)
    begin_write = staticmethod(whole.begin)
    swap_table = staticmethod(ddl.swap_table)
    set_next = staticmethod(ddl.set_next)
    read = staticmethod(types.read)
    read_text = staticmethod(types.read_text)
    declare = staticmethod(types.declare)
    accept = staticmethod(types.accept)

    def assessor(self) -> Assessor:
        from dbferry.engines.postgresql import assessment

        return assessment

    def burden(self) -> Burden | None:
        from dbferry.engines.postgresql.burden import PostgresqlBurden

        return PostgresqlBurden()

    def ledger(self) -> Room | None:
        from dbferry.engines.postgresql.ledger import PostgresqlLedger

        return PostgresqlLedger()

    def read_catalog(
        self, session: Session, schemas: Collection[str] = (), *, alike: bool = True
    ) -> Catalog:
        return catalog.read(session, schemas, alike=alike)

    def complete(self, session: Session, table: Table) -> Table:
        return table

    def find_table(self, session: Session, schema: str | None, name: str) -> Catalog:
        return describe.find(session, schema, name)

    def describe(self, session: Session, sql: str) -> Catalog:
        return describe.query(session, sql)

    def probe(
        self, session: Session, table: Table, target: str, *, sample: bool = False
    ) -> Mapping[str, Facts]:
        """An Arrow reader waits for the first row, and not for a scan before it."""
        if target == "arrow" and sample:
            return {}
        return probe.run(session, table, target, self.source_relation(table), sample=sample)

    def verbatim(self, column: Column, source: Catalog, target: Catalog) -> Verbatim:
        """The same type in another PostgreSQL; what it names must be there."""
        return types.money(column.native, source, target) or Verbatim(
            declared=self._own(column.native, target)
        )

    def _own(self, native: NativeType, target: Catalog) -> Declared:
        scaled = native.scale is not None and not 0 <= native.scale <= (native.precision or 0)
        if scaled and "numeric" in (native.name, native.element) and target.numbers < (15,):
            plain = re.sub(r"\([^)]*\)", "", native.text)
            return Declared(
                native=replace(native, text=plain, precision=None, scale=None),
                verdict=Verdict.NOTE,
                code="N-SCALE",
                note=f"{native.text} is {plain}: before PostgreSQL 15 no scale lies beyond the precision",
            )
        if native.collation is not None and native.collation not in target.collations:
            return Declared(
                native=replace(native, collation=None),
                verdict=Verdict.NOTE,
                code="C-NAME",
                note=f"collation {native.collation} is not in the target: its database's own",
            )
        known = target.type_names
        if native.domain and not any(
            native.domain == ddl.relation(schema, name) for schema, name in known
        ):
            return Declared(
                native=replace(native, domain=None),
                verdict=Verdict.NOTE,
                code="X-DOMAIN",
                note=f"domain {native.domain} is not in the target: its base type",
            )
        bare = (native.element or native.name).lower()
        if native.schema == "pg_catalog" and target.numbers < (YOUNG_TYPES.get(bare, 0),):
            return Declared(
                native=native,
                verdict=Verdict.ERROR,
                code="X-TYPE",
                note=f"postgresql {target.numbers[0]} has no type {native.text}",
                hint="cast the column to text with a rule, or exclude the table",
            )
        if native.schema in (None, "pg_catalog") or (native.schema, bare) in {
            (schema, name.lower()) for schema, name in known
        }:
            return Declared(native=native)
        return Declared(
            native=native,
            verdict=Verdict.ERROR,
            code="X-TYPE",
            note=f"type {native.text} is not in the target",
            hint="create the type, or the extension that has it, in the target first",
        )

    def raw_transfer(self, session: Session, table: Table) -> str | None:
        return (
            "raw_binary"
            if all(c.native.binary and not c.native.domain for c in table.columns)
            else "raw"
        )

    def source_notes(self, session: Session, source: Catalog, target: Catalog) -> Sequence[str]:
        return ("source read under: exported snapshot",)

    def target_notes(self, session: Session) -> Sequence[str]:
        return ()

    def source_relation(self, table: Table) -> str:
        if table.query is not None:
            return f"(\n{table.query}\n) AS q"
        return ddl.own_rows(table.kind, table.schema, table.name)

    def kept_identities(
        self, columns: Sequence[str], primary_key: tuple[str, ...]
    ) -> Collection[str]:
        return columns

    def cut_by_place(self, table: Table) -> bool:
        if table.kind in ("view", "query") or table.query is not None:
            return False
        return table.kind != "partitioned" or bool(table.leaves)

    def fold_column(self, name: str) -> str:
        return name

    def fit_name(self, name: str) -> str:
        return name.encode()[:NAME_BYTES].decode(errors="ignore")

    def name_fault(self, name: str, what: str) -> tuple[str, str] | None:
        if "\0" in name or not name:
            return (
                f"no {what} of postgresql can have an empty name or U+0000 in it",
                "rename it in the source",
            )
        if what == "column" and name in SYSTEM_COLUMNS:
            return (
                f"`{name}` is a system column of every postgresql table",
                "rename the column in the source, or exclude the table",
            )
        return None

    def fit_rows(self, table: NewTable) -> tuple[NewTable, Mapping[str, str]]:
        return table, {}

    def makes_up(self, table: Table, column: Column) -> bool:
        return False

    def takes_partitioning(self, table: Table, source: Engine) -> bool:
        return source.name == self.name

    def create_table(self, table: NewTable, version: tuple[int, ...]) -> str:
        return tables.create_table(table, version)

    def try_table(self, table: NewTable, version: tuple[int, ...]) -> Trial:
        return tables.try_table(table)

    def generates(self, version: tuple[int, ...]) -> Collection[str]:
        return ("stored", "virtual") if version >= (18,) else ("stored",)

    def lacks(self, version: tuple[int, ...]) -> Collection[Ability]:
        return frozenset().union(*(SINCE[since] for since in SINCE if version < (since,)))

    def reference_fault(
        self, key: ForeignKey, columns: Sequence[NativeType], others: Sequence[NativeType]
    ) -> str | None:
        for one, other in zip(columns, others, strict=True):
            if not _comparable(one, other):
                return f"{one.text} can't refer to {other.text}"
        return None


def _comparable(one: NativeType, other: NativeType) -> bool:
    """True when a column of one type may refer to one of the other."""
    if one.name in NUMBERS and other.name in NUMBERS:
        # A whole number becomes a numeric by itself, and not the other way.
        return one.name != "numeric" or other.name == "numeric"
    return one.name == other.name or {one.name, other.name} <= TEXTS
