"""Expressions over the columns of one table, as the target has them.

Between two of one engine they stay as they are; the parser, which takes its time to load, is for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from dbferry.engines import Engine
from dbferry.schema.terms import Operand, Term

if TYPE_CHECKING:
    from dbferry.schema.expressions import Translator


class Translation:
    """From one engine to another. What it can't say raises `Untranslatable`."""

    def __init__(
        self,
        source: Engine,
        target: Engine,
        operands: Callable[[], Mapping[str, Operand]],
        requalified: Callable[[str], str] = str,
        *,
        renamed: bool = False,
    ) -> None:
        """`operands` are asked for when they are needed; `renamed` says that one has another name in the target."""
        self.source, self.target = source, target
        self._operands = operands
        self._requalified = requalified
        """Gives a text that stays as it is the target's names of schemas."""
        self.verbatim = source.name == target.name and not renamed

    @cached_property
    def operands(self) -> Mapping[str, Operand]:
        return self._operands()

    @cached_property
    def _translator(self) -> Translator:
        from dbferry.schema.expressions import Translator

        return Translator(self.source, self.target, self.operands)

    def condition(self, text: str) -> str:
        """What is true, false or NULL for a row: a check, a row filter, the rows of a partial index."""
        return self._requalified(text) if self.verbatim else self._translator.condition(text)

    def value(self, text: str) -> str:
        """What is computed from a row: a generated column, an index on an expression."""
        return self._requalified(text) if self.verbatim else self._translator.value(text)

    def term(self, text: str) -> Term:
        """As `value`, with its kind."""
        return self._translator.term(text)

    def default(self, text: str, column: str) -> str:
        """What follows the word DEFAULT of a column of this name in the source."""
        if self.verbatim:
            return self._requalified(text)
        from dbferry.schema.defaults import default

        return default(self._translator, text, self.operands.get(column))
