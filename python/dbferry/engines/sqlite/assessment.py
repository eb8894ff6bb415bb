"""What an assessment asks of a file of SQLite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dbferry.assessment.files import check_file, new_file
from dbferry.assessment.finding import (
    Finding,
    Level,
    Pace,
    Room,
    SourceEnd,
    TargetEnd,
    judged,
)
from dbferry.catalog import Catalog, Session, Table

OLDEST = (3, 37)
"""The first with STRICT tables and a list of all tables."""
NEWEST = "3.50"

# Its own overhead pages count with the table or the index that they belong to.
SIZES = """
SELECT s.tbl_name, sum(d.pgsize * (s.type = 'table')), sum(d.pgsize * (s.type = 'index'))
FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY 1"""


def pace() -> Pace:
    return Pace(bytes=60_000_000, table=0.05, room=0.9)


def oldest(engine: str) -> tuple[int, ...]:
    return OLDEST


def empty(engine: str, version: str | None, database: str) -> Catalog:
    return new_file(engine, version or NEWEST)


def sizes(session: Session, tables: Sequence[Table]) -> Mapping[str, Room]:
    rows = session.query(SIZES)
    return {f"main.{t}": Room(data=int(d or 0), indexes=int(i or 0)) for t, d, i in rows}


def check_source(end: SourceEnd) -> Iterable[Finding]:
    session = end.session
    said = [row[0] or "" for row in session.query("PRAGMA quick_check(5)")]
    yield judged(
        "quick-check", said == ["ok"], level=Level.BLOCKED,
        good="its pages are whole", bad=f"the file is damaged, and nothing of it is in this report: {'; '.join(said)}",
        fix="take a backup, and recover it with `.recover` of the sqlite3 shell",
    )  # fmt: skip
    yield from _orphans(end)
    encoding = session.query("PRAGMA encoding")[0][0] or ""
    yield judged(
        "encoding", encoding == "UTF-8",
        good="it keeps text as UTF-8",
        bad=f"it keeps text as {encoding}: surrogates without their half change",
        level=Level.INFO,
    )  # fmt: skip
    mode = session.query("PRAGMA journal_mode")[0][0] or ""
    yield judged(
        "journal-mode", mode == "wal", level=Level.INFO,
        good="others may write while it is read",
        bad=f"its journal mode is {mode}: nobody can write while it is read",
        sql="PRAGMA journal_mode = wal;",
    )  # fmt: skip


def _orphans(end: SourceEnd) -> Iterable[Finding]:
    """SQLite enforces foreign keys only where a program asks for it."""
    names = {t.name for t in end.tables if t.foreign_keys}
    rows = end.session.query("PRAGMA foreign_key_check")
    counts = Counter(table or "" for table, *_ in rows)
    wrong = [name for name in counts if name in names]
    if not wrong:
        yield judged("orphans", holds=True, good="every foreign key finds its row", bad="")
    for name in wrong:
        yield Finding(
            level=Level.WARN,
            codes=("F-ORPHAN",),
            kind="table",
            object=f"main.{name}",
            what="rows of it refer to no row",
            why="the rows are moved; the foreign key that they break can't be made in the target",
            fix="mend or delete those rows: PRAGMA foreign_key_check tells them",
            rows_affected=counts[name],
            minutes=10,
        )


def check_target(end: TargetEnd) -> Iterable[Finding]:
    yield from check_file(end)
