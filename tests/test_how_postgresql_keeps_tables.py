"""Storage parameters and settings of columns come along between two PostgreSQLs; one that is refused is named."""

from collections.abc import Callable

import dbferry
from servers.database import Database

Make = Callable[[str], Database]
# PostgreSQL 17 and later keep NULL where the others keep -1.
SETTINGS = """
SELECT attname, attstorage, coalesce(attstattarget, -1) FROM pg_attribute
WHERE attrelid = 't'::regclass AND attnum > 0"""


def test_a_setting_that_the_target_refuses_is_named_and_the_others_are_kept(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    # Written by hand: what one server keeps, another may refuse.
    held.sql("CREATE TABLE t (id int, note text) WITH (fillfactor = 50)")
    held.sql("ALTER TABLE t ALTER note SET STORAGE EXTERNAL, ALTER note SET STATISTICS 7")
    held.sql("UPDATE pg_class SET reloptions = '{fillfactor=5}' WHERE relname = 't'")
    report = dbferry.migrate(held.url, made.url)
    (told,) = [note for note in report.notes if note.startswith("not moved")]
    assert told == (
        "not moved: setting of public.t: SET (fillfactor=5) (the target refuses it: value 5 out of bounds "
        'for option "fillfactor")'
    )
    assert made.rows(SETTINGS) == held.rows(SETTINGS)


def test_settings_go_with_columns_that_are_renamed(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TABLE t (id int PRIMARY KEY, note text, away text)")
    held.sql("ALTER TABLE t ALTER note SET STORAGE EXTERNAL, ALTER away SET STORAGE MAIN")
    dbferry.migrate(
        held.url,
        made.url,
        rules=[{"remove": "t.away"}, {"rename_column": "t.note", "to": "words"}],
    )
    assert made.rows(SETTINGS) == [("id", "p", -1), ("words", "e", -1)]


def test_another_engine_has_none_of_them(database: Make) -> None:
    held, made = database("postgresql"), database("sqlite")
    held.sql("CREATE TABLE t (id int PRIMARY KEY, note text) WITH (fillfactor = 50)")
    held.sql("ALTER TABLE t ALTER note SET STORAGE EXTERNAL; INSERT INTO t VALUES (1, 'a')")
    report = dbferry.migrate(held.url, made.url)
    assert not [note for note in report.notes if note.startswith("not moved")]
    assert made.rows("SELECT * FROM t") == [(1, "a")]
