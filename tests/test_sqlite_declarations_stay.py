"""Between two SQLite files a table is declared by its own text, to the last word."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

Make = Callable[[str], Database]
ONE_OF_EACH = """
CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT COLLATE NOCASE UNIQUE ON CONFLICT IGNORE);
CREATE TABLE "odd, name" (
    a INT CONSTRAINT known CHECK (a > 0), -- the first (one
    b TEXT DEFAULT "word" NOT NULL ON CONFLICT REPLACE,
    [c d] DECIMAL(10, 2) DEFAULT (1 + 1),
    e GENERATED ALWAYS AS (a * 2) VIRTUAL, /* and ) this */
    parent INTEGER CONSTRAINT up REFERENCES parents ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (b DESC, a), UNIQUE (a, parent), CHECK (b <> ')')) WITHOUT ROWID;
CREATE TABLE exact (a INT, b ANY, c TEXT) STRICT;
CREATE TABLE bare (a, b);
INSERT INTO parents (code) VALUES ('x'), ('y');
INSERT INTO "odd, name" (a, b, parent) VALUES (1, 'x', 1), (2, 'y', 2);
INSERT INTO exact VALUES (1, 'x', 'y'), (2, 3, 'z');
"""


def declared(db: Database) -> list[tuple[str, str]]:
    """Tables with their texts, and the indexes that those make."""
    return db.rows(
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT IN ('sqlite_sequence', 'sqlite_stat1', 'sqlite_stat4') "
        "AND (type = 'table' OR sql IS NULL) ORDER BY 1, 2"
    )


@pytest.mark.parametrize("prepare", ["create", "drop"])
def test_a_schema_with_one_of_each_is_the_same(database: Make, prepare: str) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql(ONE_OF_EACH)
    if prepare == "drop":
        dbferry.migrate(held.url, made.url)
    report = dbferry.migrate(held.url, made.url, prepare=prepare)
    assert not [note for note in report.notes if note.startswith("not moved")]
    assert declared(made) == declared(held)
    for table in ("parents", '"odd, name"', "exact"):
        assert made.rows(f"SELECT * FROM {table}") == held.rows(f"SELECT * FROM {table}")


def test_what_cannot_stay_is_declared_anew(database: Make) -> None:
    """A table that is referred to and not moved takes its foreign key with it."""
    held, made = database("sqlite"), database("sqlite")
    held.sql(ONE_OF_EACH)
    report = dbferry.migrate(held.url, made.url, exclude=["parents"])
    assert any("main.parents is not moved" in note for note in report.notes)
    [(sql,)] = made.rows("SELECT sql FROM sqlite_schema WHERE name = 'odd, name'")
    assert "REFERENCES" not in sql
    assert 'DEFAULT "word"' in sql
    with pytest.raises(Exception, match="CHECK"):
        made.sql("INSERT INTO \"odd, name\" (a, b) VALUES (0, 'z')")


def test_comments_at_the_end_hide_nothing(database: Make) -> None:
    """What follows a view in the same transaction, its end among it, isn't part of its comment."""
    held, made = database("sqlite"), database("sqlite")
    held.sql(
        "CREATE TABLE t (a, b); CREATE VIEW v AS SELECT a FROM t -- of a\n; CREATE VIEW w AS SELECT a FROM v;"
        "CREATE INDEX i ON t (a) WHERE b > 1 -- few\n; CREATE INDEX j ON t (b) /* all */;"
    )
    assert not dbferry.migrate(held.url, made.url).notes
    texts = "SELECT name, sql FROM sqlite_schema WHERE type IN ('view', 'index') ORDER BY 1"
    assert made.rows(texts) == held.rows(texts)
    assert len(made.rows(texts)) == 4


def test_the_numbers_of_the_file_stay(database: Make) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql("CREATE TABLE t (a); PRAGMA user_version = 7; PRAGMA application_id = -9")
    dbferry.migrate(held.url, made.url)
    assert made.rows("PRAGMA user_version") == [(7,)]
    assert made.rows("PRAGMA application_id") == [(-9,)]
    made.sql("PRAGMA user_version = 8")
    notes = dbferry.migrate(held.url, made.url, prepare="truncate").notes
    assert [note for note in notes if "setting user_version" in note]
    assert made.rows("PRAGMA user_version") == [(8,)]
