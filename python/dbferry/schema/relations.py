"""What a query reads, as the target has it: tables and views that are there by then, and queries inside of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from dbferry.engines import Engine
from dbferry.schema.dialect import Dialect
from dbferry.schema.terms import Operand, Term
from dbferry.types import Kind

Place = tuple[str, str]
"""Schema and name in the source."""


@dataclass(frozen=True)
class Output:
    """A column of a relation."""

    source: str
    """What the source calls it."""
    name: str
    term: Term
    """What it gives; its words are those inside of the relation."""
    unfit: str | None = None
    """Why the target doesn't compute with it as the source does."""
    texts: frozenset[str] = frozenset()
    """All texts that it gives, where they are known."""

    @classmethod
    def of(cls, source: str, operand: Operand, dialect: Dialect) -> Output:
        # Each uuid has one form as text, so that two of them are as equal as they were.
        fit = operand.fit or (operand.source.kind is Kind.UUID and operand.made is Kind.TEXT)
        why = f"`{source}` is {operand.native.text} in the target, which isn't compared as in the source"
        return cls(source, operand.name, operand.term("", dialect), None if fit else why)

    def read(self, range_name: str, engine: Engine, dialect: Dialect) -> Term:
        """The column in the words of whoever reads the relation under this name."""
        sql = f"{engine.quote(range_name)}.{engine.quote(self.name)}"
        widened = f"CAST({sql} AS bigint)" if self.term.widened and dialect.fits else None
        return replace(self.term, sql=sql, widened=widened, literal=False, value=None)


@dataclass(frozen=True)
class Relation:
    sql: str
    """Its name in the target, quoted."""
    outputs: tuple[Output, ...]
    key: tuple[str, ...] = ()
    """Columns of the source by which no two rows are the same."""
    whole: bool = True
    """False when columns of the source are missing."""


@dataclass
class Relations:
    """All that the queries of a database may name."""

    schema: str
    """Where unqualified names live."""
    table: Callable[[Place], Relation | None]
    """Makes that of a table."""
    folds: bool
    """True when names that differ only in case are one."""
    _known: dict[Place, Relation | None] = field(default_factory=dict)

    def add(self, place: Place, relation: Relation) -> None:
        self._known[self._folded(place)] = relation

    def find(self, schema: str | None, name: str) -> Relation | None:
        place = self._folded((schema or self.schema, name))
        if place not in self._known:
            self._known[place] = self.table(place)
        return self._known[place]

    def _folded(self, place: Place) -> Place:
        return (place[0], place[1].lower()) if self.folds else place


def of_table(
    sql: str,
    operands: Mapping[str, Operand],
    dialect: Dialect,
    key: tuple[str, ...],
    names: tuple[str, ...],
) -> Relation:
    """`names` are all columns that the table has in the source."""
    outputs = tuple(Output.of(name, operands[name], dialect) for name in names if name in operands)
    whole = len(outputs) == len(names)
    return Relation(sql, outputs, key if set(key) <= set(operands) else (), whole)
