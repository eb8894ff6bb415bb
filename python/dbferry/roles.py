"""What keys ask of the types of columns: those that refer to each other must be alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbferry.catalog import Table

Place = tuple[str, str]


class Roles:
    def __init__(self, tables: Sequence[Table]) -> None:
        self._keys: dict[tuple[str, str, str], tuple[int, bool]] = {}
        by_place = {(table.schema, table.name): table for table in tables}
        for table in tables:
            for key in (table.primary_key, *(i.columns for i in table.indexes if i.unique)):
                for name in key:
                    self._raise(table, name, len(key), identity=False)
            for column in table.columns:
                if column.identity is not None:
                    self._raise(table, column.name, 0, identity=True)
        # A chain of references is as long as there are tables at most; mostly one turn is enough.
        for _ in tables:
            changed = [self._follow(table, by_place) for table in tables]
            if not any(changed):
                break

    def of(self, table: Table, column: str) -> tuple[int, bool]:
        """How many columns its widest key has, and whether it or what it refers to is an identity."""
        return self._keys.get((table.schema, table.name, column), (0, False))

    def _raise(self, table: Table, column: str, size: int, *, identity: bool) -> bool:
        old = self.of(table, column)
        new = (max(old[0], size), old[1] or identity)
        self._keys[table.schema, table.name, column] = new
        return new != old

    def _follow(self, table: Table, by_place: Mapping[Place, Table]) -> bool:
        changed = False
        for key in table.foreign_keys:
            other = by_place.get((key.schema, key.table))
            if other is None:
                continue
            for ours, theirs in zip(key.columns, key.references or other.primary_key, strict=False):
                size, identity = self.of(other, theirs)
                changed |= self._raise(table, ours, size, identity=identity)
        return changed
