"""What engines answer that make tables without keys and indexes, or with few, and aren't assessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from dbferry.catalog import ForeignKey, Identity, Index, NativeType, Session, Table, View
from dbferry.engines import (
    ACTIONS,
    Assessor,
    Engine,
    FittedIndex,
    Holder,
    Measures,
    NewTable,
    Scope,
    Step,
    Trial,
)
from dbferry.engines.unnumbered import Unnumbered
from dbferry.phrases import PlainPhrases
from dbferry.schema.dialect import Dialect

if TYPE_CHECKING:
    from dbferry.ledger.room import Room


class Keyless(Unnumbered):
    """The answers of an engine that adds nothing to a table once rows are in."""

    no_keys = ""
    """Why there are none."""
    dialect: Dialect | None = None
    comment_limits = (0, 0)
    trial_frame = ("", "")
    check_scope: Scope = "table"
    phrases = PlainPhrases()
    checks_identities = True
    has_steps = False
    measures: Measures | None = None
    script_opening: Sequence[str] | None = None
    index_scope: Scope = "table"
    foreign_key_scope: Scope = "table"
    entry_bytes = None
    has_partial_indexes = False
    actions = ACTIONS
    defers = False
    held_by: Collection[Holder] = ()
    checks_references = True
    builds_beside = False
    rejoins = True
    finishing = ()

    def takes_partitioning(self, table: Table, source: Engine) -> bool:
        return False

    def begin_write(self, table: Table | None, emptied: str | None) -> str | None:
        return emptied

    def write_fault(self, session: Session, table: Table, mode: str) -> tuple[str, str] | None:
        return None

    def complete(self, session: Session, table: Table) -> Table:
        return table

    def assessor(self) -> Assessor:
        from dbferry.engines import unassessed

        return unassessed

    def burden(self) -> None:
        return None

    def ledger(self) -> Room | None:
        return None

    def kept_identities(
        self, columns: Sequence[str], primary_key: tuple[str, ...]
    ) -> Collection[str]:
        return ()

    def fit_rows(self, table: NewTable) -> tuple[NewTable, Mapping[str, str]]:
        return table, {}

    def finish_table(self, table: NewTable) -> Sequence[Step]:
        return ()

    def describe_table(self, table: NewTable) -> Sequence[str]:
        return ()

    def try_table(self, table: NewTable, version: tuple[int, ...]) -> Trial:
        return Trial("")

    def generates(self, version: tuple[int, ...]) -> Collection[str]:
        return ()

    def create_view(self, view: View) -> Sequence[str]:
        return ()

    def try_view(self, view: View) -> str | None:
        return None

    def print_view(self, view: View) -> Sequence[str]:
        return ()

    def drop_view(self, view: View) -> str:
        return ""

    def finish_checks(self, table: NewTable) -> Sequence[Step]:
        return ()

    def finish_references(self, table: NewTable) -> Sequence[Step]:
        return ()

    def drop_foreign_key(self, schema: str | None, table: str, name: str) -> str | None:
        return None

    def fit_index(self, index: Index, columns: Mapping[str, NativeType]) -> FittedIndex:
        return FittedIndex(None, (self.no_keys,))

    def try_index(self, table: NewTable, index: Index) -> str | None:
        return None

    def reference_fault(
        self, key: ForeignKey, columns: Sequence[NativeType], others: Sequence[NativeType]
    ) -> str | None:
        return self.no_keys

    def analyze_table(self, schema: str | None, name: str) -> str | None:
        return None

    def set_next(
        self, schema: str | None, table: str, column: str, identity: Identity
    ) -> Sequence[str]:
        return ()
