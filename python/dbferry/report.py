"""What came of a run: per table and in all, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

State = Literal["done", "different", "failed", "unfinished"]
QUARANTINE = "dbferry_quarantine"
"""The table of a target in which rows are that were put aside."""


@dataclass(frozen=True)
class Warning_:
    """Something about a column that changed in a known way.

    `rows` is the number of values that were touched; None when the code is about the column itself.
    """

    column: str
    code: str
    note: str
    rows: int | None = None


@dataclass(frozen=True)
class TableReport:
    """One table. `rows` and `bytes` are those of committed ranges; bytes as sent to the target."""

    source: str
    target: str
    state: State
    rows: int
    bytes: int
    seconds: float
    source_rows: int | None
    target_rows: int | None
    quarantined: int = 0
    """Rows that didn't fit, and were put aside in the target."""
    warnings: tuple[Warning_, ...] = ()

    @classmethod
    def of(
        cls,
        source: str,
        place: tuple[str | None, str],
        outcome: Mapping[str, Any],
        warnings: tuple[Warning_, ...],
    ) -> Self:
        """From what the engine tells of a table; nothing, if it didn't come to it."""
        return cls(
            source=source,
            target=".".join(filter(None, place)),
            state=outcome.get("state", "unfinished"),
            rows=outcome.get("rows", 0),
            bytes=outcome.get("bytes", 0),
            seconds=outcome.get("seconds", 0.0),
            source_rows=outcome.get("source_rows"),
            target_rows=outcome.get("target_rows"),
            quarantined=outcome.get("unfit", 0),
            warnings=warnings,
        )


@dataclass(frozen=True)
class Report:
    """A whole run. `snapshot` tells how the source's consistent point was got; empty when no row was read."""

    version: str
    source: str
    target: str
    snapshot: str
    seconds: float
    tables: tuple[TableReport, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def bytes(self) -> int:
        return sum(table.bytes for table in self.tables)

    @property
    def quarantined(self) -> int:
        return sum(table.quarantined for table in self.tables)

    @property
    def state(self) -> State:
        states = {table.state for table in self.tables}
        order: tuple[State, ...] = ("failed", "unfinished", "different")
        for state in order:
            if state in states:
                return state
        return "done"

    def to_dict(self) -> dict[str, Any]:
        """The form that `--json` prints."""
        return {
            "version": self.version,
            "source": self.source,
            "target": self.target,
            "snapshot": self.snapshot,
            "state": self.state,
            "totals": {
                "tables": len(self.tables),
                "rows": self.rows,
                "bytes": self.bytes,
                "seconds": round(self.seconds, 3),
                "quarantined": self.quarantined,
                "warnings": sum(len(table.warnings) for table in self.tables),
            },
            "tables": [
                {**asdict(table), "seconds": round(table.seconds, 3)} for table in self.tables
            ],
            "notes": list(self.notes),
        }
