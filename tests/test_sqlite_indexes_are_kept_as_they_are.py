"""Between two SQLite files every index is the text that it was made by."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

Make = Callable[[str], Database]
SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT COLLATE NOCASE, n INTEGER, "odd, (name" TEXT);
CREATE INDEX lowered ON t (lower(a), n + 1 DESC);
CREATE UNIQUE INDEX "one, partial" ON "t" (a /* of, all */ ASC, [odd, (name]) WHERE n IS NOT NULL AND a <> ')';
create index if not exists main.folded on t (a collate NOCASE desc, b COLLATE BINARY, lower(a) || ',' COLLATE RTRIM);
CREATE UNIQUE INDEX one_b ON t (b COLLATE RTRIM)   WHERE   n > 3 -- the end
;
CREATE INDEX `INDEX` ON t (json_extract(a, '$.x'), iif(n > 1, 'a,b', "odd, (name"));
CREATE INDEX plain ON T(n);
INSERT INTO t VALUES (1, '{"x": 1}', 'a', 1, 'x'), (2, '{}', 'b', NULL, NULL), (3, '{}', 'b ', 1, NULL)
"""
INDEXES = "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name"
BREAKS = [
    "VALUES (9, '{\"x\": 1}', 'z', 5, 'x')",
    "VALUES (9, '{}', 'q', 4, 'x'), (10, '{}', 'q ', 4, 'y')",
]


@pytest.mark.parametrize("prepare", ["truncate", "drop"])
def test_the_texts_are_equal(database: Make, prepare: str) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql(SCHEMA)
    for how in ("create", prepare):
        report = dbferry.migrate(held.url, made.url, prepare=how)
        assert not [note for note in report.notes if note.startswith("not moved")]
        assert made.rows(INDEXES) == held.rows(INDEXES)
    assert len(made.rows(INDEXES)) == 6
    for row in BREAKS:
        with pytest.raises(Exception, match="UNIQUE"):
            made.sql(f"INSERT INTO t {row}")


def test_an_index_that_the_target_has_no_function_for_is_named(database: Make) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'a')")
    held.sql(
        "CREATE INDEX odd ON t (lower(a)); PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = 'CREATE INDEX odd ON t (odd(a))' WHERE name = 'odd'"
    )
    report = dbferry.migrate(held.url, made.url)
    assert [note for note in report.notes if note.startswith("not moved")] == [
        "not moved: index odd of main.t (no such function: odd)"
    ]
    assert made.rows("SELECT * FROM t") == [(1, "a")]
