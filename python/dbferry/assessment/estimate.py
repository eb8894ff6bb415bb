"""How many rows and bytes there are, and a span for the time and the disk that a move may take.

The spans are wide because what decides isn't in a catalog: the network, the disks, what else the servers do,
how well rows pack. They say whether it is minutes or days, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbferry.assessment.finding import Room
from dbferry.items import TableItem

BYTES_PER_SECOND = (5_000_000, 100_000_000)
"""One slow server over a network · two good ones beside each other, with a few sessions each."""
TABLE_SECONDS = (0.01, 0.5)
"""What a table costs besides its rows: statements, keys, the counts of both sides."""
SAME, OTHER = (0.7, 1.5), (0.5, 3.0)
"""The target's bytes for one of the source's: without the gaps of deleted rows · in another layout."""
LOAD = 1.0
"""Log that a load writes and keeps for a while, by the bytes of its rows."""
HOW = (
    "rows: {counted} tables counted, {told} as the source's statistics have them",
    "bytes: {known} tables as the source has them on its disk, {guessed} by 100 bytes a row",
    "time: the bytes at 100 MB/s and at 5 MB/s, and 0.01 to 0.5 s for each table; measure with a small table",
    "disk: {low} to {high} times the bytes; the upper end has as much again for the log of the load",
)
GUESS = 100


@dataclass(frozen=True, kw_only=True)
class TableSize:
    name: str
    rows: int
    data: int
    indexes: int


@dataclass(frozen=True, kw_only=True)
class Estimate:
    tables: tuple[TableSize, ...]
    seconds: tuple[float, float]
    disk: tuple[int, int]
    how: tuple[str, ...]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def data(self) -> int:
        return sum(table.data for table in self.tables)

    @property
    def indexes(self) -> int:
        return sum(table.indexes for table in self.tables)

    def to_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "data_bytes": self.data,
            "index_bytes": self.indexes,
            "seconds": [round(second, 1) for second in self.seconds],
            "disk_bytes": list(self.disk),
            "how": list(self.how),
            "tables": [vars(table) for table in self.tables],
        }


def estimate(
    items: Sequence[TableItem],
    rooms: Mapping[str, Room],
    counts: Mapping[str, int],
    *,
    same_engine: bool,
) -> Estimate:
    """`counts` are the rows of tables that had to be counted; the probes have counted some as well."""
    told = 0
    tables = []
    for item in items:
        probed = [
            c.facts["rows"] for c in item.columns if "rows" in c.facts and "sampled" not in c.facts
        ]
        rows = max(probed, default=counts.get(item.name, -1))
        if rows < 0:
            told, rows = told + 1, item.source.estimated_rows
        room = rooms.get(item.name, Room(data=rows * GUESS, indexes=0))
        tables.append(TableSize(name=item.name, rows=rows, data=room.data, indexes=room.indexes))
    data, indexes = sum(t.data for t in tables), sum(t.indexes for t in tables)
    low, high = SAME if same_engine else OTHER
    slow, fast = BYTES_PER_SECOND
    known = sum(item.name in rooms for item in items)
    facts = {
        "counted": len(items) - told, "told": told, "known": known, "guessed": len(items) - known,
        "low": low, "high": high,
    }  # fmt: skip
    return Estimate(
        tables=tuple(tables),
        seconds=(
            (data + indexes) / fast + len(items) * TABLE_SECONDS[0],
            (data + indexes) / slow + len(items) * TABLE_SECONDS[1],
        ),
        disk=(int((data + indexes) * low), int((data + indexes) * high + data * LOAD)),
        how=tuple(line.format(**facts) for line in HOW),
    )
