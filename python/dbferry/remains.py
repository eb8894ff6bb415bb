"""What a run that fails leaves in the target: it goes where nothing but empty tables would stay, and is told elsewhere."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbferry.counts import is_there, rows_of
from dbferry.engines import engine
from dbferry.errors import DbferryError, FencedError, SchemaError
from dbferry.opening import Ends

if TYPE_CHECKING:
    from dbferry.items import Plan, TableItem
    from dbferry.ledger.keeping import Keeping
    from dbferry.report import Report


@dataclass
class Remains(Ends):
    plan: Plan
    keeping: Keeping | None = None
    """The ledger; nothing where the target can't have one."""
    made: list[TableItem] = field(default_factory=list)
    """Tables that this run has created."""

    def left(self, failure: DbferryError, report: Report) -> str:
        """What stays in the target; where nothing but empty tables would, they go."""
        if self.keeping is None:
            return "" if isinstance(failure, SchemaError) else self.clean_up(report)
        if isinstance(failure, FencedError):
            return ""
        if isinstance(failure, SchemaError):
            return "the same command again makes only what is missing"
        try:
            self.keeping.book.check()
            begun = any(entry.has_moved for entry in self.keeping.tables)
        except FencedError:
            # What is there is another's, who has gone on with this run.
            return ""
        except DbferryError:
            return "run the same command again to go on"
        if begun:
            return "what was moved stays; run the same command again to go on"
        left = self.clean_up(replace(report, tables=()))
        with suppress(DbferryError):
            self.keeping.close()
        return left

    def fenced(self) -> FencedError | None:
        """Why the task isn't this run's any more, which whatever failed may come of."""
        try:
            if self.keeping is not None:
                self.keeping.book.check()
        except FencedError as error:
            return error
        except DbferryError:
            # It is another trouble that can't be looked behind.
            return None
        return None

    def undo(self, report: Report) -> bool:
        """Leaves the target as it was found: what was made is dropped, what was empty is emptied.

        False when it can't, or when there are rows that this run hasn't written.
        """
        empty = [
            (item, table.rows)
            for item, table in zip(self.plan.tables, report.tables, strict=True)
            if item.action in ("keep", "append")
        ]
        try:
            if self.keeping is not None:
                self.keeping.book.check()
            if any(rows_of(self.session, item.counted) != written for item, written in empty):
                return False
            for item in self.made:
                self.drop(item)
            for item, written in empty:
                if written:
                    self.session.execute(f"DELETE FROM {item.counted}")
            if self.keeping is not None:
                self.keeping.close()
        except DbferryError:
            return False
        self.put_back(self.plan)
        return True

    def clean_up(self, report: Report) -> str:
        """Drops what this run has made and not finished; tells what stays and how to go on."""
        whole = {table.source for table in report.tables if table.state == "done"}
        dropped, kept, stuck = [], [], []
        for item in self.made:
            if item.name in whole:
                kept.append(item.name)
                continue
            try:
                self.drop(item)
                dropped.append(item.name)
            except DbferryError:
                # What else bears that name isn't the run's.
                stuck += [item.name] if self._is_there(item) else []
        told = []
        if dropped:
            told.append("what this run had created and not finished was dropped")
        if stuck:
            told.append(f"incomplete and left in the target: {', '.join(stuck)}")
        if kept:
            told.append(f"complete in the target but for keys and indexes: {', '.join(kept)}")
        rows = self.task.only != "schema"
        old = [item.name for item in self.plan.tables if item.action not in ("create", "drop")]
        if old and rows:
            told.append(f"may hold some of the new rows: {', '.join(old)}")
        self.put_back(self.plan)
        again = "mend the cause and run the same command again"
        if rows and (kept or stuck or (old and self.task.prepare == "create")):
            again = "mend the cause and run again with --prepare truncate"
        return "; ".join([*told, again])

    def _is_there(self, item: TableItem) -> bool:
        try:
            return is_there(self.session, item.target)
        except DbferryError:
            return True

    def drop(self, item: TableItem) -> None:
        place = item.destination
        self.session.execute(engine(self.target.engine).drop_table(place.schema, place.name))

    def put_back(self, plan: Plan) -> None:
        """Foreign keys that were away for the load stand again, unproved; those that do already stay."""
        for step in (step for item in plan.tables for step in item.put_back):
            with suppress(DbferryError):
                self.session.execute(step.sql)
