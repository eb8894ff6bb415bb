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


def dump(db: Database) -> list[str]:
    """Without what each age prints in its own way: names of NOT NULL, and of the table before a view's column."""
    lines = (re.sub(r"CONSTRAINT \w+ NOT NULL", "NOT NULL", line) for line in schemas.dump(db))
    return [re.sub(r"\b(?:one|t|typed)\.(?=\w)", "", line) for line in lines]


@pytest.mark.parametrize("what", TEXTS)
@pytest.mark.parametrize(("source", "target"), [("14", "18"), ("18", "14")])
def test_the_dumps_are_equal(
    postgres_of: Make,
    postgres_versions: Callable[[str], PostgresServer],
    source: str,
    target: str,
    what: str,
) -> None:
    held, made = postgres_of(source), postgres_of(target)
    there, text = TEXTS[what]
    held.sql(postgres_versions("14").known(there + text))
    made.sql(there or "SELECT 1")
    report = dbferry.migrate(held.url, made.url, include=["all"])
    assert not [note for note in report.notes if note.startswith("not moved")]
    assert dump(made) == dump(held)
