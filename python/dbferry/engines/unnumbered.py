"""What engines answer about sequences that have none which stand for themselves, and give nothing to include."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dbferry.catalog import NumberSequence
from dbferry.errors import InternalError


class Unnumbered:
    has_sequences = False
    includes: Collection[str] = ()

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
