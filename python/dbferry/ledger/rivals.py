"""Other tasks that are unfinished in the same target: whoever moves into their tables would double rows, or take them away.

The same databases under another spelling are another task, and so are they under another `--name`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from dbferry.errors import MissingError, RequestError, RequestErrors

if TYPE_CHECKING:
    from dbferry.items import TableItem
    from dbferry.ledger.book import Book, Entry

HINT = (
    "run the command of that task again as it was, and it goes on; or remove the rows that it has moved, "
    "and let dbferry cleanup forget it"
)


def check_rivals(book: Book, items: Sequence[TableItem], *, folds: bool) -> None:
    """Raises a RequestError that names each other task whose rows lie in one of these tables."""
    fold = str.casefold if folds else str
    wanted = {fold(item.target): item.name for item in items}
    faults: list[RequestError] = []
    # A ledger may be dropped while one looks: its last task has ended well.
    with suppress(MissingError):
        for entry in book.tasks():
            filled = map(fold, _filled(book, entry) if entry.id != book.id else ())
            if met := [wanted[place] for place in filled if place in wanted]:
                faults.append(_fault(entry, met, book.other.name))
    if faults:
        raise faults[0] if len(faults) == 1 else RequestErrors(faults)


def _filled(book: Book, entry: Entry) -> list[str]:
    """The tables, quoted, that hold rows of a task."""
    return [json.loads(table.plan)["target"] for table in book.tables(entry.id) if table.has_moved]


def _fault(entry: Entry, tables: Sequence[str], engine: str) -> RequestError:
    return RequestError(
        f"task {entry.id} from {entry.source} isn't finished, and has moved rows into the tables of {', '.join(tables)}",
        side="target",
        engine=engine,
        detail=f"{entry.state}, last by {entry.holder}",
        hint=HINT,
    )
