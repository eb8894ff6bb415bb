"""Between two MySQLs and two MariaDBs keys and indexes are shown as in the source."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

Make = Callable[[str], Database]
BOTH = r"""
CREATE TABLE p (x int NOT NULL, y int NOT NULL, z varchar(20), PRIMARY KEY (y, x) USING BTREE COMMENT 'the key',
    KEY loose (z, x));
CREATE TABLE `odd ``name`` KEY x` (`a ``b`` (` int NOT NULL, b text, c blob NOT NULL, PRIMARY KEY (c(7), `a ``b`` (`),
    KEY `KEY ``x`` (y)` (`a ``b`` (`, b(11) DESC), UNIQUE KEY few (b(3)));
CREATE TABLE t (id int NOT NULL, a text, b varchar(50) NOT NULL, g geometry NOT NULL, n int, m int, PRIMARY KEY (id),
    UNIQUE KEY u (b(3), n DESC) USING BTREE COMMENT 'it''s \\ "x",',
    FULLTEXT KEY words (a, b) COMMENT 'words, ', FULLTEXT KEY again (b), SPATIAL KEY places (g),
    KEY hidden (n) {hidden} COMMENT 'for later', UNIQUE KEY hidden_too (n, id) {hidden}, KEY hashed (n) USING HASH,
    KEY blocks (n, id) KEY_BLOCK_SIZE=8, KEY zz (m), KEY aa (m, n),
    CONSTRAINT to_p FOREIGN KEY (n, m) REFERENCES p (y, x) ON DELETE CASCADE ON UPDATE SET NULL,
    CONSTRAINT strict FOREIGN KEY (m) REFERENCES t (id) ON DELETE RESTRICT);
INSERT INTO t VALUES (1, 'some words', 'b', ST_GeomFromText('POINT(1 2)'), NULL, NULL);
"""
OWN = {
    "mysql": BOTH.format(hidden="INVISIBLE")
    + r"""
CREATE TABLE f (id int NOT NULL, a varchar(30), b text, j json, PRIMARY KEY (id DESC),
    KEY lowered ((lower(a)), (id + 1) DESC), UNIQUE KEY quoted ((concat(a, 'it''s \\ "x"'))),
    KEY many ((cast(j -> '$.tags' as char(20) array))), FULLTEXT KEY grams (a, b) WITH PARSER ngram);
INSERT INTO f VALUES (1, 'A', 'b', '{"tags": ["x", "y"]}');
""",
    "mariadb": BOTH.format(hidden="IGNORED")
    + """
CREATE TABLE f (id int NOT NULL, a text, PRIMARY KEY (id), UNIQUE KEY whole (a));
INSERT INTO f VALUES (1, 'A');
""",
}
BREAKS = [
    "INSERT INTO t VALUES (2, '', 'bcd', ST_GeomFromText('POINT(1 2)'), 1, NULL), "
    "(3, '', 'bce', ST_GeomFromText('POINT(1 2)'), 1, NULL), (4, '', 'bce', ST_GeomFromText('POINT(1 2)'), 1, NULL)",
    "UPDATE t SET n = 1, m = 1",
    "UPDATE t SET m = 99",
]
SHOWN = {"mysql": 24, "mariadb": 21}
TABLES = ["p", "odd `name` KEY x", "t", "f"]


def shown_of(db: Database, table: str) -> list[str]:
    """The lines of a table's keys and indexes, in their order."""
    text = db.rows(f"SHOW CREATE TABLE `{table.replace('`', '``')}`")[0][1]
    return [line for line in text.split("\n")[1:-1] if not line.startswith("  `")]


def shown(db: Database) -> list[list[str]]:
    return [shown_of(db, table) for table in TABLES]


@pytest.mark.parametrize("engine_name", ["mysql", "mariadb"])
def test_keys_and_indexes_are_shown_alike(database: Make, engine_name: str) -> None:
    held, made = database(engine_name), database(engine_name)
    held.sql(OWN[engine_name])
    for prepare in ("create", "truncate", "drop"):
        report = dbferry.migrate(held.url, made.url, prepare=prepare)
        assert not [note for note in report.notes if note.startswith("not moved")]
        assert shown(made) == shown(held)
    assert sum(map(len, shown(made))) == SHOWN[engine_name]
    for statement in BREAKS:
        with pytest.raises(Exception, match=r"(?i)duplicate|foreign key"):
            made.sql(statement)


def test_mariadb_has_no_index_on_an_expression_and_says_so(database: Make) -> None:
    held, made = database("mysql"), database("mariadb")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(30), b varchar(30), n int, KEY lowered ((lower(a))),"
        " KEY hidden (n) INVISIBLE COMMENT 'for later', KEY falling (a(5) DESC, n),"
        " FULLTEXT KEY grams (a, b) WITH PARSER ngram)"
    )
    report = dbferry.migrate(held.url, made.url)
    assert [note for note in report.notes if note.startswith("not moved")] == [
        f"not moved: index lowered of {held.name}.t (on an expression, which mariadb has no index on: "
        "lower(`a`))"
    ]
    assert shown_of(made, "t") == [
        "  PRIMARY KEY (`id`),",
        "  KEY `hidden` (`n`) COMMENT 'for later' IGNORED,",
        "  KEY `falling` (`a`(5) DESC,`n`),",
        "  FULLTEXT KEY `grams` (`a`,`b`)",
    ]
    [table] = dbferry.plan(held.url, made.url, prepare="drop").tables
    assert "index `grams`: without its parser ngram: text is parted into other words" in table.notes


def test_a_hidden_index_of_mariadb_is_hidden_in_mysql(database: Make) -> None:
    held, made = database("mariadb"), database("mysql")
    held.sql("CREATE TABLE t (id int PRIMARY KEY, n int, KEY hidden (n) IGNORED)")
    dbferry.migrate(held.url, made.url)
    assert shown_of(made, "t") == [
        "  PRIMARY KEY (`id`),",
        "  KEY `hidden` (`n`) /*!80000 INVISIBLE */",
    ]
