"""A table while rules are applied to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dbferry.catalog import Column, Index, Table
from dbferry.types import Canonical


@dataclass
class Cell:
    """A column: what gives its values, what it is called and what type it gets."""

    column: Column
    sql: str | None = None
    """The source's expression, when it isn't the column as it is."""
    described: bool = False
    """True when the source has to tell the type of the expression."""
    added: bool = False
    name: str | None = None
    type: Canonical | None = None
    mask: tuple[str, ...] | None = None
    """What equal masks have in common."""
    removed: str | None = None
    """The rule that takes it away."""
    remarks: list[str] = field(default_factory=list)


@dataclass
class Work:
    table: Table
    relation: str
    """The source's relation, quoted."""
    cells: dict[str, Cell]
    filters: list[str] = field(default_factory=list)
    name: str | None = None
    schema: str | None = None
    key: tuple[str, ...] | None = None
    """The primary key that a rule gives it."""
    key_name: str | None = None
    uniques: list[Index] = field(default_factory=list)
    """Unique keys that rules add."""
    claims: dict[tuple[str, ...], str] = field(default_factory=dict)
    """What of it a rule has decided already, and which one."""
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """What is left out once the types are known."""

    @classmethod
    def of(cls, table: Table, relation: str) -> Work:
        return cls(table, relation, {column.name: Cell(column) for column in table.columns})

    @property
    def kept(self) -> list[Cell]:
        return [cell for cell in self.cells.values() if cell.removed is None]

    @property
    def is_query(self) -> bool:
        """True when its rows or values aren't those of the source's table."""
        return bool(self.filters) or any(cell.sql is not None for cell in self.kept)

    @property
    def reshaped(self) -> bool:
        """True when the statement that made the table isn't that of the target's."""
        names = self.name or any(cell.name for cell in self.cells.values())
        return self.recolumned or bool(names or self.uniques)

    @property
    def recolumned(self) -> bool:
        """True when its columns or its primary key are others."""
        changed = (c.type or c.removed or c.sql is not None for c in self.cells.values())
        return any(changed) or self.key is not None

    def gone(self, columns: Iterable[str]) -> str | None:
        """Why these columns can't be in a key: one of them is taken away."""
        for name in columns:
            cell = self.cells.get(name)
            if cell is not None and cell.removed is not None:
                return f"{cell.removed} removes `{name}`"
        return None


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What rules make of a table, besides the table itself."""

    table: Table
    names: Mapping[str, str] = field(default_factory=dict)
    """Column → what the target calls it."""
    types: Mapping[str, Canonical] = field(default_factory=dict)
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is said about a column."""
    schema: str | None = None
    name: str | None = None
    """What the target calls the table."""
    parts: tuple[str, ...] = ()
    """Relations that have its rows together, each to be read by itself."""
    whole: bool = False
    """True when its key is no good to cut by."""
    notes: tuple[str, ...] = ()


def called(index: Index) -> str:
    return index.name or f"({', '.join(index.columns)})"
