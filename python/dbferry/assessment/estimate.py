"""How many rows and bytes there are, and a span for the time and the disk that a move may take.

The middle of a span is what runs into such a target have been measured at. It is wide because what decides isn't in a
catalog: the network, the disks, what else the servers do, how well rows pack. It says whether it is minutes or days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbferry.assessment.finding import Pace, Room
from dbferry.items import TableItem

OPENING = 0.1
"""Seconds before any table: two connections, two catalogs, a plan."""
FASTER, SLOWER = 6, 6
"""Better servers and more sessions · disks that wait for every commit, a network between."""
LESS, MORE = 0.5, 1.6
"""Rows without gaps, or in another layout · wide rows that pack badly."""
HOW = (
    "rows: {counted} tables counted, {told} as the source's statistics have them",
    "bytes: {known} tables as the source has them on its disk, {guessed} by 100 bytes a row",
    "time: {rate} MB/s and {table} s for each table, as runs into {target} were measured on two processors, from a sixth "
    "of that to six times of it; measure with a small table",
    "disk: {room} times the bytes, from {low} to {high} times of that{log}",
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
    target: str,
    pace: Pace,
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
    whole = data + indexes
    seconds = OPENING + whole / pace.bytes + len(items) * pace.table
    known = sum(item.name in rooms for item in items)
    facts = {
        "counted": len(items) - told, "told": told, "known": known, "guessed": len(items) - known,
        "rate": pace.bytes // 1_000_000, "table": pace.table, "target": target, "room": pace.room,
        "low": LESS, "high": MORE, "log": "; the upper end has the log of the load besides" if pace.log else "",
    }  # fmt: skip
    return Estimate(
        tables=tuple(tables),
        seconds=(seconds / FASTER, seconds * SLOWER),
        disk=(int(whole * pace.room * LESS), int(whole * pace.room * MORE + data * pace.log)),
        how=tuple(line.format(**facts) for line in HOW),
    )
