"""One of everything that two PostgreSQLs of other ages both know is dumped from the target as from the source."""

import re
from collections.abc import Callable

import pytest

import dbferry
import test_partitions_are_kept_or_flattened as partitions
import test_postgresql_extras_dump_alike as extras
import test_postgresql_indexes_are_kept_as_they_are as indexes
import test_postgresql_schemas_dump_alike as schemas
from servers.database import Database
from servers.postgres import PostgresServer

Make = Callable[[str], Database]
TEXTS = {
    "types and sequences": ("", schemas.ONE_OF_EACH),
    "indexes": (indexes.THERE, indexes.SCHEMA),
    "partitions": ("", partitions.SCHEMA),
    # Roles that every server has.
    "code and rights": (
        "",
        extras.ONE_OF_EACH.format(reader="pg_monitor", writer="pg_signal_backend", name="it"),
    ),
}


# What came with PostgreSQL 13 and 14, and what is said in its place.
YOUNG = {
    13: [
        (r"\(siglen = \d+\)", ""),
        (r"[^;]*SET STATISTICS 400;", ""),
        (r" WITH \(deduplicate_items = off\)", ""),
    ],
    14: [
        (r", ALTER raw SET COMPRESSION pglz", ""),
        (r", MULTIRANGE_TYPE_NAME = [^)]*", ""),
        (r"\n[^\n]*(?:\"Many words\"|BEGIN ATOMIC)[^\n]*", ""),
        (r"span_multirange", "int"),
        (r"date_minmax_multi_ops \(values_per_range = 16\)", "date_minmax_ops"),
        (r"[^;]*STATISTICS of_one[^;]*;", ""),
        (r"(?<=b), \(lower\(h\)\)(?= FROM t)", ""),
    ],
}


def known(text: str, version: int) -> str:
    """Statements without what only newer servers know."""
    for since, pairs in YOUNG.items():
        for young, old in pairs if version < since else ():
            text = re.sub(young, old, text)
    return text


def dump(db: Database) -> list[str]:
    """Without what each age prints in its own way: names of NOT NULL, of several of a range, and of the table before a view's column."""
    lines = (re.sub(r"CONSTRAINT \w+ NOT NULL", "NOT NULL", line) for line in schemas.dump(db))
    lines = (line for line in lines if "multirange_type_name" not in line)
    return [re.sub(r"\b(?:one|t|typed)\.(?=\w)|,$", "", line) for line in lines]


@pytest.mark.parametrize("what", TEXTS)
@pytest.mark.parametrize(
    ("source", "target"), [("14", "18"), ("18", "14"), ("12", "18"), ("18", "12")]
)
def test_the_dumps_are_equal(
    postgres_of: Make,
    postgres_versions: Callable[[str], PostgresServer],
    source: str,
    target: str,
    what: str,
) -> None:
    held, made = postgres_of(source), postgres_of(target)
    oldest = min(source, target)
    there, text = (known(text, int(oldest)) for text in TEXTS[what])
    held.sql(postgres_versions(oldest).known(there + text))
    made.sql(there or "SELECT 1")
    report = dbferry.migrate(held.url, made.url, include=["all"])
    assert not [note for note in report.notes if note.startswith("not moved")]
    assert dump(made) == dump(held)
