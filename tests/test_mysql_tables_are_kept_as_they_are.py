"""Between two MySQLs and two MariaDBs a table and a view are shown as in the source, to the last character."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

Make = Callable[[str], Database]
BOTH = r"""
CREATE TABLE bytes (a varbinary(9) NOT NULL DEFAULT '', b binary(2) DEFAULT 'x', c varbinary(9) DEFAULT 'a\0b\\');
CREATE TABLE words (a varchar(20) DEFAULT 'CURRENT_TIMESTAMP', b varchar(9) DEFAULT 'é日😀?', c varchar(9) DEFAULT '?',
    d varchar(40) DEFAULT (concat('é日😀', "it's \\", '?')), e varchar(9) GENERATED ALWAYS AS (concat(c, 'é😀')) STORED,
    CONSTRAINT few CHECK (c <> 'é日😀' AND c NOT LIKE '\\%'));
CREATE TABLE next (u char(36) PRIMARY KEY, n int, id int AUTO_INCREMENT, KEY n (n), UNIQUE KEY id (id));
CREATE TABLE after (k int, n int, id int AUTO_INCREMENT, PRIMARY KEY (k, id), KEY id (id), KEY n (n));
CREATE TABLE kept (a int, t text) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8 STATS_PERSISTENT=0 STATS_SAMPLE_PAGES=7 MAX_ROWS=9;
CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW shown AS SELECT concat(c, 'é', '😀', '?') AS `x y` FROM words;
CREATE VIEW named (q, `r``s`) AS SELECT a, b FROM words;
CREATE VIEW inner_named AS SELECT q FROM named;
INSERT INTO next (u) VALUES ('a'), ('b');
"""
OWN = {
    "mysql": r"""
CREATE TABLE own (a varchar(9), b varchar(9) GENERATED ALWAYS AS (concat(a, 'ß')) VIRTUAL NOT NULL,
    c varbinary(9) DEFAULT 0x6100ff, KEY e ((concat(a, 'é日😀', '?')))) COMPRESSION='ZLIB' AUTOEXTEND_SIZE=4M;
""",
    "mariadb": r"""
CREATE TABLE own (id int PRIMARY KEY, c varbinary(9) DEFAULT 0x6100ff, d blob DEFAULT 'é', e int) PAGE_COMPRESSED=1;
CREATE TABLE times (a int, s date, e date, PERIOD FOR p (s, e), UNIQUE KEY once (a, p WITHOUT OVERLAPS));
""",
}
ASIDE = {
    "mysql": (
        "CREATE TABLE m (a int) ENGINE=MyISAM; CREATE TABLE n (a int COLUMN_FORMAT FIXED COMMENT 'STORAGE DISK')",
        ["engine MyISAM of {}.m", "COLUMN_FORMAT FIXED of {}.n"],
    ),
    "mariadb": (
        "CREATE TABLE m (a int) ENGINE=Aria; CREATE TABLE n (a int) WITH SYSTEM VERSIONING",
        ["engine Aria of {}.m", "system versioning of {}.n"],
    ),
}


def shown(db: Database) -> dict[str, str]:
    """What the server prints of every table and view, as bytes for whom it isn't text."""
    tables = db.rows(
        "SELECT table_name, table_type = 'VIEW' FROM information_schema.tables WHERE table_schema = database()"
    )
    with db.server.connect(db.name, charset="latin1") as connection, connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SET character_set_results = utf8mb4")
        texts = {}
        for name, view in tables:
            cursor.execute(f"SHOW CREATE {'VIEW' if view else 'TABLE'} {name}")
            texts[name] = cursor.fetchone()[1]
        return texts


@pytest.mark.parametrize("engine_name", ["mysql", "mariadb"])
def test_tables_and_views_are_shown_alike(database: Make, engine_name: str) -> None:
    held, made = database(engine_name), database(engine_name)
    held.sql(BOTH + OWN[engine_name])
    report = dbferry.migrate(held.url, made.url)
    assert not [note for note in report.notes if note.startswith("not moved")]
    assert shown(made) == shown(held)
    assert len(shown(held)) >= 9
    made.sql("INSERT INTO bytes () VALUES (); INSERT INTO words (c) VALUES ('x')")
    assert made.rows("SELECT hex(a), hex(b), hex(c) FROM bytes") == [("", "7800", "6100625C")]
    assert made.rows("SELECT a, b, d, e FROM words") == [
        ("CURRENT_TIMESTAMP", "é日😀?", "é日😀it's \\?", "xé😀")
    ]
    assert made.rows("SELECT `x y` FROM shown") == [("xé😀?",)]
    assert made.rows("SELECT q FROM inner_named") == [("CURRENT_TIMESTAMP",)]
    with pytest.raises(Exception, match="few"):
        made.sql("INSERT INTO words (c) VALUES ('é日😀')")


@pytest.mark.parametrize("engine_name", ["mysql", "mariadb"])
@pytest.mark.parametrize("target", ["postgresql", "sqlite"])
def test_every_character_reaches_another_engine(
    database: Make, engine_name: str, target: str
) -> None:
    held, made = database(engine_name), database(target)
    held.sql(BOTH)
    notes = dbferry.migrate(held.url, made.url).notes
    # Its collation takes more for equal than that of the target.
    assert [note for note in notes if "check few" in note and "'é日😀'" in note]
    made.sql("INSERT INTO words (a, c) VALUES ('x', 'x')")
    assert made.rows("SELECT b, e FROM words") == [("é日😀?", "xé😀")]
    made.sql("DELETE FROM bytes")
    made.sql("INSERT INTO bytes DEFAULT VALUES")
    [(one, two, three)] = made.rows("SELECT a, b, c FROM bytes")
    assert (bytes(one), bytes(two), bytes(three)) == (b"", b"x\0", b"a\0b\\")
    assert made.rows('SELECT q, "r`s" FROM named') == [("x", "é日😀?")]


@pytest.mark.parametrize("engine_name", ["mysql", "mariadb"])
def test_what_is_not_kept_is_named(database: Make, engine_name: str) -> None:
    held, made = database(engine_name), database(engine_name)
    sql, wanted = ASIDE[engine_name]
    held.sql(sql)
    notes = dbferry.plan(held.url, made.url).notes
    for text in wanted:
        assert [n for n in notes if n.startswith(f"not moved: {text.format(held.name)}")], notes


@pytest.mark.parametrize("engine_name", ["mysql", "mariadb"])
def test_a_file_of_statements_holds_no_zero(database: Make, engine_name: str) -> None:
    """The server's own client would end there, in the middle of a statement."""
    held, made = database(engine_name), database(engine_name)
    held.sql(r"CREATE TABLE t (a varchar(9) DEFAULT 'x\0y')")
    assert not [file for file in dbferry.plan(held.url, made.url).sql() if "\0" in file.text]
    dbferry.migrate(held.url, made.url)
    assert shown(made) == shown(held)


@pytest.mark.parametrize("engine", ["mysql", "postgresql", "sqlite"])
def test_a_key_whose_periods_may_not_overlap_is_named_where_there_is_none(
    engine: str, maria_db: Database, database: Make
) -> None:
    maria_db.sql(
        "CREATE TABLE times (a int, s date, e date, PERIOD FOR p (s, e), UNIQUE KEY once (a, p WITHOUT OVERLAPS));"
        "CREATE TABLE held (a int, s date, e date, PERIOD FOR p (s, e), PRIMARY KEY (a, p WITHOUT OVERLAPS));"
    )
    target = database(engine).url
    plan = dbferry.plan(maria_db.url, target)
    [once] = [note for note in plan.notes if "once" in note]
    assert "WITHOUT OVERLAPS, on a, e, s" in once
    [held] = [table for table in plan.tables if table.name.endswith("held")]
    assert "primary key: periods that overlap are not refused" in held.notes
    dbferry.migrate(maria_db.url, target)
