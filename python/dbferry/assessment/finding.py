"""One line of an assessment: what was looked at, how it stands, and what helps.

Objects have the codes of the plan (`T-ZERO`, `I-KIND`), checks of the servers a name of their own (`wal-level`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbferry.catalog import Catalog, Session, Table
    from dbferry.items import TableItem


class Level(StrEnum):
    """How much something stands in the way; in this order for `--fail-on`."""

    OK = "ok"
    INFO = "info"
    """Works; something is worth knowing."""
    WARN = "warn"
    """Works, and something is lost, slower or at risk in the way that is told."""
    DECIDE = "decide"
    """Settled by what the data holds today; somebody should say that it is meant so."""
    MANUAL = "manual"
    """Isn't moved: somebody makes it in the target, or does without."""
    BLOCKED = "blocked"
    """The run doesn't start, or can't end well."""

    @property
    def weight(self) -> int:
        return list(Level).index(self)


@dataclass(frozen=True, kw_only=True)
class Finding:
    level: Level
    codes: tuple[str, ...] = ()
    kind: str
    """`table`, `column`, `index`, `view` …; `check` for a setting or a right of a server."""
    object: str = ""
    """Its name; nothing for what holds for a whole server."""
    table: str = ""
    """The source's table that it is, or is part of."""
    what: str
    why: str = ""
    original: str = ""
    """Its text in the source, for whoever makes it by hand."""
    fix: str = ""
    """What to do about it, in words."""
    sql: str = ""
    """Statements that do it, for the server that the finding is about."""
    probed: Mapping[str, int] = field(default_factory=dict)
    """What a look at the rows has found."""
    rows_affected: int | None = None
    """How many rows it is about; nothing where they weren't counted."""
    minutes: float = 0
    """What it may take a person, by a fixed table."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "level": str(self.level),
            "codes": list(self.codes),
            "kind": self.kind,
            "object": self.object,
            "table": self.table,
            "what": self.what,
            "why": self.why,
            "original": self.original,
            "fix": self.fix,
            "sql": self.sql,
            "probed": dict(self.probed),
            "rows_affected": self.rows_affected,
            "effort_minutes": self.minutes,
        }


def judged(
    name: str,
    holds: bool,
    *,
    good: str,
    bad: str,
    level: Level = Level.WARN,
    why: str = "",
    fix: str = "",
    sql: str = "",
) -> Finding:
    """The outcome of a check: `good` where it holds, else `bad` with its level and what helps."""
    if holds:
        return Finding(level=Level.OK, codes=(name,), kind="check", what=good)
    return Finding(
        level=level, codes=(name,), kind="check", what=bad, why=why, fix=fix, sql=sql,
        minutes=5 if level.weight >= Level.WARN.weight else 0,
    )  # fmt: skip


def each(
    name: str, wrong: Sequence[str], *, good: str, bad: str, level: Level, sql: Mapping[str, str]
) -> list[Finding]:
    """The outcome of a check of every table: one line where all pass, else one for each that doesn't."""
    if not wrong:
        return [judged(name, holds=True, good=good, bad="")]
    return [
        Finding(
            level=level, codes=(name,), kind="table", object=label, table=label, what=bad,
            sql=sql.get(label, ""), minutes=1,
        )
        for label in wrong
    ]  # fmt: skip


def supported(catalog: Catalog, oldest: tuple[int, ...]) -> Finding:
    """The check that a server isn't older than what dbferry is made for."""
    least = ".".join(map(str, oldest))
    return judged(
        "version",
        catalog.numbers[: len(oldest)] >= oldest,
        good=f"{catalog.engine} {catalog.version} is supported",
        bad=f"{catalog.engine} {catalog.version} is older than {least}",
        level=Level.BLOCKED,
        fix=f"use {catalog.engine} {least} or newer",
    )


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a table takes on its disk, in bytes."""

    data: int
    indexes: int


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a target takes tables: measured with 240,000 rows of two tables with keys and indexes, and 150 tables
    of 20 columns with a row each, from every engine, on two processors that both servers and dbferry shared.
    """

    bytes: int = 20_000_000
    """Of the source's rows and indexes, in a second; with what they need in the target for their indexes."""
    table: float = 0.1
    """Seconds for a table besides its rows: statements, keys, the counts of both sides."""
    room: float = 1.1
    """The target's bytes for one of the source's."""
    log: float = 0.0
    """What a load writes besides and keeps for a while, by the bytes of its rows."""


@dataclass(frozen=True, kw_only=True)
class SourceEnd:
    """The source as its checks see it."""

    session: Session
    catalog: Catalog
    tables: Sequence[Table]
    """Those that are asked to move."""
    workers: int


@dataclass(frozen=True, kw_only=True)
class TargetEnd:
    """The target as its checks see it."""

    session: Session
    catalog: Catalog
    items: Sequence[TableItem]
    workers: int
    path: str | None
    """Its file, where it is one."""
    room: int
    """Bytes that it should have free."""

    def standing(self) -> list[tuple[TableItem, Table]]:
        """The tables that are there already, beside what is to go into them."""
        met = (
            (item, self.catalog.table(item.destination.schema or "", item.destination.name))
            for item in self.items
        )
        return [(item, table) for item, table in met if table is not None]
