"""What engines answer about sequences that have none which stand for themselves, and give nothing to include.

Nor does any of their versions lack something that the planner asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from dbferry.catalog import Ability, Column, NumberSequence, Table
from dbferry.errors import InternalError

if TYPE_CHECKING:
    from dbferry.engines import NewTable


class Unnumbered:
    has_sequences = False
    includes: Collection[str] = ()
    on_update: Literal["declaration", "trigger"] | None = None

    def lacks(self, version: tuple[int, ...]) -> Collection[Ability]:
        return ()

    def makes_up(self, table: Table, column: Column) -> bool:
        return False

    def create_on_update(self, table: NewTable, values: Mapping[str, str]) -> Sequence[str]:
        return ()

    def _none(self) -> InternalError:
        return InternalError("sequences don't exist here")

    def create_sequence(self, sequence: NumberSequence) -> str:
        raise self._none()

    def own_sequence(
        self, sequence: NumberSequence, schema: str | None, table: str, column: str
    ) -> str:
        raise self._none()

    def draw(self, sequence: NumberSequence) -> str:
        raise self._none()

    def set_sequence(
        self, sequence: NumberSequence, columns: Sequence[tuple[str | None, str, str]]
    ) -> Sequence[str]:
        raise self._none()
