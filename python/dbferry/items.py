"""A plan as data: columns, tables, statements; prints as JSON and as what the engine reads."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbferry.catalog import Check, ForeignKey, Identity, Index, NativeType, Table
from dbferry.engines import Step
from dbferry.errors import DbferryError, RequestErrors
from dbferry.report import Warning_
from dbferry.selection import Destination
from dbferry.types import Canonical, Facts, Flight, Verdict

if TYPE_CHECKING:
    from dbferry.differences import Difference
    from dbferry.script import Script

ENGINE_POLICIES = ("error", "null", "clamp")


@dataclass(frozen=True, kw_only=True)
class ColumnItem:
    """How one column travels, and what that costs."""

    name: str
    target: str
    source_type: str
    target_type: NativeType
    nullable: bool
    verdict: Verdict
    codes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hint: str | None = None
    policies: Mapping[str, Any] = field(default_factory=dict)
    expression: str
    read: str
    flight: Flight
    write: str
    checks: tuple[dict[str, Any], ...] = ()
    extension: str | None = None
    labels: tuple[str, ...] = ()
    """What a flight of labels counts by."""
    element: Mapping[str, Any] | None = None
    """Decoder, flight and encoder of the elements of a list."""
    identity: Identity | None = None
    never_null_integer: bool = False
    canonical: Canonical
    """What its values are, whatever the engine."""
    octets: int = 0
    """Bytes of its longest value at most, as far as anybody has looked."""
    generated: bool = False
    """True when the target computes its values, and none are moved."""
    facts: Facts = field(default_factory=dict)
    """What a look at the rows has found."""

    def native(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "target": self.target,
            "expression": self.expression,
            "read": self.read,
            "flight": self.flight.to_dict(),
            "write": self.write,
            "checks": list(self.checks),
            "extension": self.extension,
            "labels": list(self.labels),
            "element": self._element(),
            "policies": self._judged(),
        }

    def _element(self) -> dict[str, Any] | None:
        if self.element is None:
            return None
        named = {"name": self.name, "target": self.target, "expression": self.expression}
        return {**named, **self.element, "policies": self._judged()}

    def _judged(self) -> dict[str, Any]:
        """The policies that are carried out value by value."""
        return {
            code: policy
            for code, policy in self.policies.items()
            if policy in ENGINE_POLICIES or isinstance(policy, dict)
        }

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "target": self.target,
            "source_type": self.source_type,
            "target_type": self.target_type.domain or self.target_type.text,
            "generated": self.generated,
            "verdict": str(self.verdict),
            "codes": list(self.codes),
            "notes": list(self.notes),
            "policies": dict(self.policies),
        }


@dataclass(frozen=True, kw_only=True)
class TableItem:
    """How one table travels."""

    source: Table
    destination: Destination
    relation: str
    """The source relation, quoted."""
    target: str
    """The target relation, quoted."""
    counted: str
    """The same as its own rows are counted, without those of tables that inherit from it."""
    action: str
    """`create`, `drop` (and create), `truncate`, `append` or `keep` (it is there, and empty)."""
    columns: tuple[ColumnItem, ...]
    transfer: str
    unlogged: bool = False
    """True when a crash of the target empties it, or a part of it."""
    sampled: int = 0
    """Rows of the sample that its types were chosen by; 0 when all rows, or none, had to be looked at."""
    leaves: tuple[str, ...] = ()
    cut_by_place: bool = False
    cut_by_key: bool = True
    notes: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    """Those that are made, besides the primary key's; in the target's names, as are foreign keys."""
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    differences: tuple[Difference, ...] = ()
    """Of a table that stands from the one that would have been made."""
    before: tuple[str, ...] = ()
    builds: tuple[Step, ...] = ()
    """Keys and indexes, once the table's rows are in."""
    references: tuple[Step, ...] = ()
    """Foreign keys, once all tables are whole and have their keys."""
    put_back: tuple[Step, ...] = ()
    """Those of `references` that stood before the run and are away meanwhile."""
    next_values: tuple[str, ...] = ()
    analyze: str | None = None

    @property
    def name(self) -> str:
        return self.source.label

    def native(self, number: int = 0) -> dict[str, Any]:
        """As the engine's TablePlan reads it; `number` is the table's in the ledger."""
        moved = [column for column in self.columns if not column.generated]
        by_name = {column.name: column for column in moved}
        return {
            "number": number,
            "name": self.name,
            "source": self.relation,
            "target": self.target,
            "columns": [column.native() for column in moved],
            "transfer": self.transfer,
            "key": [
                {"name": name, "integer": by_name[name].never_null_integer}
                for name in self.source.primary_key
                if name in by_name
            ]
            if self.cut_by_key and by_name.keys() >= set(self.source.primary_key)
            else [],
            "leaves": list(self.leaves),
            "cut_by_place": self.cut_by_place,
            "estimated_rows": self.source.estimated_rows,
            "estimated_bytes": self.source.estimated_bytes,
        }

    def warnings(self, losses: Sequence[Sequence[Any]]) -> tuple[Warning_, ...]:
        """What the plan warned of and what values were touched in flight."""
        counted: Counter[tuple[str, str]] = Counter()
        for table, column, code, rows in losses:
            if table == self.name:
                counted[column, code] += rows
        made = []
        for column in self.columns:
            for code in column.codes if column.verdict is Verdict.WARNING else ():
                rows = counted.pop((column.name, code), None)
                made.append(Warning_(column.name, code, "; ".join(column.notes), rows))
        made += [
            Warning_(column, code, "values were changed as the policy says", rows)
            for (column, code), rows in counted.items()
        ]
        return tuple(made)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "target": self.target,
            "action": self.action,
            "transfer": self.transfer,
            "estimated_rows": self.source.estimated_rows,
            "estimated_bytes": self.source.estimated_bytes,
            "notes": list(self.notes),
            "differences": [found.to_dict() for found in self.differences],
            "primary_key": list(self.source.primary_key),
            "indexes": [
                {
                    "name": i.name,
                    "columns": [part.column or part.expression for part in i.parts],
                    "unique": i.unique,
                    "method": i.method,
                    "where": i.predicate,
                }
                for i in self.indexes
            ],
            "foreign_keys": [
                {
                    "name": key.name,
                    "columns": list(key.columns),
                    "table": key.table,
                    "references": list(key.references),
                }
                for key in self.foreign_keys
            ],
            "checks": [
                {"name": check.name, "expression": check.expression} for check in self.checks
            ],
            "columns": [column.to_dict() for column in self.columns],
        }


@dataclass(frozen=True, kw_only=True)
class Ddl:
    """Statements in their order: before the load, as tables get whole, when all are, at the end, and views."""

    before: tuple[str, ...]
    indexes: tuple[str, ...]
    foreign_keys: tuple[str, ...]
    analyze: tuple[str, ...]
    views: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    source: str = ""
    """The URLs of both ends, without passwords."""
    target: str = ""
    source_engine: str
    target_engine: str
    tables: tuple[TableItem, ...]
    faults: tuple[DbferryError, ...] = ()
    notes: tuple[str, ...] = ()
    views: tuple[Step, ...] = ()
    """Made last of all, in their order; what the target refuses is left out."""
    objects: tuple[str, ...] = ()
    """Statements before any table: schemas, types, foreign keys that are away while rows are loaded."""

    def check(self) -> None:
        """Raises every fault at once."""
        if self.faults:
            raise self.faults[0] if len(self.faults) == 1 else RequestErrors(self.faults)

    def part(self, table: str | None, place: str | None) -> str | None:
        """What messages call a range: the query of a part is none of their words."""
        item = next((item for item in self.tables if item.name == table), None)
        if item is None or place not in item.leaves or item.source.query is None:
            return place
        return f"part {item.leaves.index(place) + 1} of {len(item.leaves)}"

    def ddl(self) -> Ddl:
        tables = self.tables
        return Ddl(
            before=(*self.objects, *(s for table in tables for s in table.before)),
            indexes=tuple(s for table in tables for s in _statements(table.builds)),
            foreign_keys=tuple(s for table in tables for s in _statements(table.references)),
            analyze=tuple(
                s for t in tables for s in (*t.next_values, *([t.analyze] if t.analyze else []))
            ),
            views=tuple(step.sql for step in self.views),
        )

    @property
    def lasting_notes(self) -> tuple[str, ...]:
        """The notes but for how the source would be read, which is a forecast."""
        return tuple(note for note in self.notes if not note.startswith("source read under"))

    def sql(self) -> list[Script]:
        """The statements as files for the target's own client, in their order; raises what blocks the plan."""
        from dbferry.script import scripts

        return scripts(self)

    def write_sql(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Writes those files into a folder that is empty or not there; gives their paths."""
        from dbferry.script import write

        return write(self, Path(folder))

    def to_dict(self) -> dict[str, Any]:
        ddl = self.ddl()
        return {
            "source": self.source,
            "target": self.target,
            "source_engine": self.source_engine,
            "target_engine": self.target_engine,
            "tables": [table.to_dict() for table in self.tables],
            "views": [step.what for step in self.views],
            "notes": list(self.notes),
            "faults": [fault.fields() for fault in self.faults],
            "ddl": {name: list(statements) for name, statements in vars(ddl).items()},
        }


def _statements(steps: Sequence[Step]) -> list[str]:
    return [
        *(step.sql for step in steps if step.sql),
        *(statement for step in steps for statement in (*step.then, step.proof) if statement),
    ]
