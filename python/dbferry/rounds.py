"""The copy, in rounds: each under a snapshot of its own, until the ledger says that every range is done.

One round is all there is unless the source loses the snapshot, or an earlier run was broken off. Then the ranges
that are done stay where it is sure that the new snapshot has the same rows in them. Elsewhere the table is begun
again, so that it is of one moment; or, where the user says so and each row stays in its range, it is gone on with.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbferry.counts import rows_of
from dbferry.engines import engine
from dbferry.errors import DbferryError, RequestError, from_fields
from dbferry.ledger.book import Cut
from dbferry.opening import Ends
from dbferry.progress import Reading
from dbferry.quarantine import told
from dbferry.sessions import open_snapshot

if TYPE_CHECKING:
    from dbferry import _native
    from dbferry.items import Plan, TableItem
    from dbferry.ledger.book import TableEntry
    from dbferry.ledger.keeping import Keeping
    from dbferry.patience import Patience

OF_TABLE = frozenset(
    {"data", "constraint", "missing", "exists", "permission", "unsupported", "busy", "timeout"}
)
"""Kinds of errors that lie with one table's rows or rights; as in the engine."""
IDLE_ROUNDS = 5
"""Rounds in a row that may bring nothing before the run gives up."""


@dataclass
class Moved:
    """What came of all rounds."""

    outcomes: list[dict[str, Any]] = field(default_factory=list)
    losses: list[list[Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Rounds(Ends):
    plan: Plan
    keeping: Keeping | None
    patience: Patience
    watch: Callable[[Sequence[Reading]], None]
    before: Sequence[int]
    """Rows that each target table has and keeps, where no earlier run has told."""
    sampled: bool = False
    snapshot: _native.Snapshot | None = None
    method: str = ""
    """How the last snapshot's point was got."""
    moved: Moved = field(default_factory=Moved)
    cancelled: bool = False
    resting: bool = False
    opened: float = 0.0
    """When the last snapshot was, of `time.monotonic`."""
    _forgotten: int = 0
    _lost: dict[tuple[int, int], list[list[Any]]] = field(default_factory=dict)
    """Values that ranges have lost, by the numbers of table and range: one that is moved again counts once."""
    emptying: set[int] = field(default_factory=set)
    """Tables that are begun again, and may hold what an earlier round has moved."""

    def open(self) -> _native.Snapshot:
        sizes = json.dumps(self.task.sizes())
        self.snapshot = open_snapshot(self.source, self.reading, sizes)
        self.method = self.snapshot.method
        self.opened = time.monotonic()
        self.snapshot.rest(self.resting)
        return self.snapshot

    @property
    def here(self) -> _native.Snapshot:
        """The snapshot that is open, or a new one."""
        return self.snapshot or self.open()

    def goes_on(self, error: Mapping[str, Any]) -> bool:
        """True when the other tables may be moved after a table has failed so."""
        if self.keeping is None or self.sampled or self.task.on_table_error != "continue":
            return False
        return error["kind"] in OF_TABLE and len(self.plan.tables) > 1

    def close(self) -> None:
        """Lets the snapshot go, and what its sessions hold."""
        self.snapshot = None

    def age_warning(self) -> str:
        """What an old snapshot costs; nothing while it is young."""
        minutes = (time.monotonic() - self.opened) / 60
        if self.snapshot is None or minutes < self.task.snapshot_minutes:
            return ""
        self._say(
            f"the source's snapshot was open for more than {self.task.snapshot_minutes:g} minutes: until its end nothing "
            "that has changed since could be vacuumed, purged or checkpointed there"
        )
        return f"snapshot open for {minutes:.0f} minutes"

    def rest(self, resting: bool) -> None:
        """Lets the copy rest or go on, from any thread."""
        self.resting = resting
        if self.snapshot is not None:
            self.snapshot.rest(resting)

    def cancel(self) -> None:
        """Stops what runs, from any thread."""
        self.cancelled = True
        if self.snapshot is not None:
            self.snapshot.cancel()

    def run(self) -> Moved:
        """Every round until all is done, or a table has failed for good."""
        done, idle = -1, 0
        while True:
            copied = self._round()
            self._count_losses(copied["outcomes"])
            for fault in copied["healed"]:
                self.patience.note(fault["side"], fault["kind"], fault["message"], fault["times"])
            self.moved.outcomes = copied["outcomes"]
            if copied["lost"] is None:
                if self._forgot(copied["outcomes"]):
                    continue
                return self.moved
            error = from_fields(copied["lost"])
            if self.keeping is None or self.cancelled:
                raise error
            now = sum(len(table.done) for table in self.patience.persist(lambda: self.tables))
            done, idle = now, idle + 1 if now == done else 0
            if idle >= IDLE_ROUNDS:
                raise error
            self.patience.note(error.side, error.kind, error.message)
            self.snapshot = None

    def _count_losses(self, outcomes: Sequence[Mapping[str, Any]]) -> None:
        for number, outcome in enumerate(outcomes):
            moved: dict[tuple[int, int], list[list[Any]]] = {}
            for part, *lost in outcome["losses"]:
                moved.setdefault((number, part), []).append([outcome["table"], *lost])
            self._lost |= moved
        self.moved.losses = [lost for part in self._lost.values() for lost in part]

    def _forgot(self, outcomes: Sequence[Mapping[str, Any]]) -> bool:
        """True when a target knows nothing of what it has committed: a standby that was behind is the primary now."""
        if self.keeping is None or "target" not in self.patience.sides:
            return False
        if self.cancelled or any(
            outcome["state"] in ("failed", "unfinished") for outcome in outcomes
        ):
            return False
        tables = self.patience.persist(lambda: self.tables)
        self._forgotten += 1
        if len(tables) < len(self.plan.tables) or self._forgotten > IDLE_ROUNDS:
            raise DbferryError(
                "the target has lost what it had committed", side="target", engine=self.target.engine,
                hint="run the same command again",
            )  # fmt: skip
        return any(not table.whole for table in tables)

    @property
    def tables(self) -> list[TableEntry]:
        return self.keeping.tables if self.keeping else []

    def _ready(
        self, natives: Sequence[dict[str, Any]]
    ) -> tuple[_native.Snapshot, list[dict[str, Any]]]:
        """A snapshot, and what is to be read under it; the next attempt opens another when it is lost over that."""
        snapshot = self.snapshot or self.open()
        if self.keeping is None:
            return snapshot, [{"rows_before": rows} for rows in self.before]
        try:
            return snapshot, self._work(self.keeping, snapshot, natives)
        except DbferryError as error:
            if error.side == "source":
                self.snapshot = None
            raise

    def _round(self) -> dict[str, Any]:
        items = self.plan.tables
        natives = [item.native(number) for number, item in enumerate(items)]
        terms: dict[str, Any] = {
            "retry": {"attempts": self.task.retries, "seconds": self.task.retry_seconds},
            "go_on": self.task.on_table_error == "continue" and not self.sampled,
        }
        snapshot, work = self.patience.persist(lambda: self._ready(natives))
        if (keeping := self.keeping) is not None:
            book = keeping.book
            terms["ledger"] = {
                "tasks": book.relation("dbferry_task"), "ranges": book.relation("dbferry_range"),
                "task": book.id, "fence": book.fence, "token": snapshot.token or "",
            }  # fmt: skip
            if self.task.on_bad_row == "quarantine" and keeping.quarantine is not None:
                terms["quarantine"] = keeping.quarantine.terms(book.id, self.task.max_bad_rows)
                for item, native in zip(items, natives, strict=True):
                    native.update(told(self.source, item, native))
            terms["go_on"] &= any(part["rows_done"] for part in work) or len(items) > 1
        answer = snapshot.copy(
            json.dumps(self.target.native()), json.dumps(natives), json.dumps(work), self.watch, json.dumps(terms)
        )  # fmt: skip
        copied: dict[str, Any] = json.loads(answer)
        return copied

    def _work(
        self, keeping: Keeping, snapshot: _native.Snapshot, natives: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """What is left of each table, once it is settled what of the done holds."""
        entries = self.tables
        # An answer that was lost may have left ranges of a table that isn't said to be cut.
        touched = any(entry.state != "new" or entry.ranges for entry in entries)
        again = keeping.entry is not None or touched
        mixed = {}
        for item, entry in zip(self.plan.tables, entries, strict=True):
            mixed[entry.number] = self._settle(keeping, item, entry, snapshot) if again else False
        self.tell_older(entry for entry in entries if mixed[entry.number] and entry.whole)
        self._cut(keeping, snapshot, natives, entries, again=again)
        return [
            {
                "ranges": [part.native() for part in entry.left],
                "rows_before": entry.rows_before,
                "rows_done": sum(part.rows for part in entry.done),
                "bytes_done": sum(part.moved_bytes for part in entry.done),
                "unfit_done": sum(part.unfit for part in entry.done),
                "ranges_done": len(entry.done),
                "mixed": mixed[entry.number],
            }
            for entry in self.tables
        ]

    def _settle(
        self,
        keeping: Keeping,
        item: TableItem,
        entry: TableEntry,
        snapshot: _native.Snapshot,
    ) -> bool:
        """Begins a table again whose done ranges don't hold; true where they hold and are of another snapshot."""
        if entry.state != "cut" or not entry.begun:
            return False
        tokens = {part.token for part in entry.done}
        if self._is_asked_anew(entry):
            self._restart(keeping, item, entry)
            return False
        if tokens == {snapshot.token}:
            self._say(
                f"{item.name}: the source has not been written to since (snapshot {snapshot.token})"
            )
            return False
        if (entry.whole or self.task.unfinished != "restart") and self._holds(item, entry):
            self._say(f"{item.name}: the rows moved before are as they were in the source")
            return False
        if entry.whole:
            return True
        room = engine(self.source.engine).ledger()
        if self.task.unfinished == "resume" and room is not None and room.cuts_by_key:
            self._say(
                f"{item.name}: its ranges were read under several snapshots; rows written to in between are of "
                "one or the other moment"
            )
            return True
        self._restart(keeping, item, entry)
        return False

    def _is_asked_anew(self, entry: TableEntry) -> bool:
        """True of a table that an earlier run has left half done; what this one has moved itself is kept where it is sure."""
        return self.task.unfinished == "restart" and not entry.whole and not self.moved.outcomes

    def tell_older(self, entries: Iterable[TableEntry]) -> None:
        if names := ", ".join(entry.name for entry in entries):
            self._say(
                f"moved under an earlier snapshot, and without what was written in the source since: {names}"
            )

    def _holds(self, item: TableItem, entry: TableEntry) -> bool:
        """True when it is sure that the source has the rows that were read from the done ranges."""
        room = engine(self.source.engine).ledger()
        if room is None or not entry.place:
            return False
        places = room.places(self.reading, _relations(item, entry))
        return places == entry.place and room.kept(self.reading, item.relation, entry.done, places)

    def _restart(self, keeping: Keeping, item: TableItem, entry: TableEntry) -> None:
        moved = sum(part.rows for part in entry.done)
        if entry.rows_before or rows_of(self.session, item.counted) > moved:
            had = "had rows before" if entry.rows_before else "has rows that the run hasn't moved"
            raise RequestError(
                f"{item.name} can't be gone on with, for the source may have been written to, nor begun again, for "
                f"the target's table {had}",
                table=item.name,
                side="target",
                hint="remove the rows that the run has added, and let dbferry cleanup forget it; or choose --resume "
                "where the source is MySQL, MariaDB or SQLite",
            )
        why = (
            "as asked"
            if self.task.unfinished == "restart"
            else "for nothing proves that the source's rows are as they were"
        )
        self._say(f"{item.name}: begun again, {why}")
        # Noted first: the ledger will not tell any more that there are rows.
        self.emptying.add(entry.number)
        keeping.begin_again(entry.number, item.name)
        entry.state, entry.ranges = "new", []

    def _cut(
        self,
        keeping: Keeping,
        snapshot: _native.Snapshot,
        natives: Sequence[dict[str, Any]],
        entries: Sequence[TableEntry],
        *,
        again: bool,
    ) -> None:
        """Cuts the tables that are new, or new again."""
        book, other = keeping.book, engine(self.target.engine)
        room = engine(self.source.engine).ledger()
        cuts: dict[int, Cut] = {}
        for item, entry, native in zip(self.plan.tables, entries, natives, strict=True):
            if entry.state != "new":
                continue
            self._lost = {
                part: lost for part, lost in self._lost.items() if part[0] != entry.number
            }
            if again:
                # What a run that was broken off has left of it.
                keeping.begin_again(entry.number, item.name)
                if keeping.entry is not None or entry.number in self.emptying:
                    self.session.execute(other.truncate_table(item.counted))
            ranges = json.loads(snapshot.cut(json.dumps(native)))
            relations = list(dict.fromkeys(part["relation"] or item.relation for part in ranges))
            # The rows of a query lie nowhere.
            lies = room is not None and len(ranges) > 1 and item.source.query is None
            places = room.places(self.reading, relations) if room and lies else ""
            before = self.before[entry.number] if self.before else 0
            cuts[entry.number] = Cut(ranges=ranges, place=places, rows_before=before)
        if cuts:
            book.add_ranges(cuts)
        book.set_state("copying")

    def _say(self, note: str) -> None:
        if note not in self.moved.notes:
            self.moved.notes.append(note)


def _relations(item: TableItem, entry: TableEntry) -> list[str]:
    return list(dict.fromkeys(part.relation or item.relation for part in entry.ranges))
