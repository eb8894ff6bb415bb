"""Between two PostgreSQLs every index, key and statistic is dumped from the target as from the source."""

import subprocess
from collections.abc import Callable

import psycopg
import pytest

import dbferry
from servers.database import Database
from servers.postgres import PostgresServer

Make = Callable[[str], Database]
THERE = """
CREATE EXTENSION btree_gist;
CREATE EXTENSION pg_trgm;
CREATE COLLATION public.digits (provider = icu, locale = 'en-u-kn-true');
CREATE COLLATION public.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
"""
SCHEMA = """
CREATE SCHEMA "Odd ""names"" USING";
CREATE TABLE "Odd ""names"" USING"."on (x) USING y" (id int NOT NULL, "Wort ""1"" ON z" text);
CREATE INDEX "USING (a) ON b" ON "Odd ""names"" USING"."on (x) USING y" (lower("Wort ""1"" ON z"), "Wort ""1"" ON z");
CREATE TABLE t (id int NOT NULL, a int, b text, c int[], d jsonb, e tsvector, f point, g inet, h varchar(30),
    span tsrange, room int, day date);
ALTER TABLE t ADD CONSTRAINT t_key PRIMARY KEY (id) INCLUDE (a) WITH (fillfactor = 80) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX lowered ON t (lower(b), (a + 1) DESC NULLS LAST);
CREATE INDEX partial ON t (a) WHERE a > 1 AND b IS DISTINCT FROM 'it''s \\ "x"';
CREATE UNIQUE INDEX one_partial ON t (g) WHERE day IS NULL;
CREATE UNIQUE INDEX wider ON t (a, b) INCLUDE (h, day);
CREATE UNIQUE INDEX nulls_equal ON t (a) NULLS NOT DISTINCT;
ALTER TABLE t ADD CONSTRAINT nulls_equal_key UNIQUE NULLS NOT DISTINCT (b, a) INCLUDE (day);
ALTER TABLE t ADD CONSTRAINT late UNIQUE (a, day) WITH (fillfactor = 60) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE t ADD CONSTRAINT later UNIQUE (day, room) DEFERRABLE;
CREATE INDEX hashed ON t USING hash (b) WITH (fillfactor = 50);
CREATE INDEX listed ON t USING gin (c) WITH (fastupdate = off, gin_pending_list_limit = 128);
CREATE INDEX pathed ON t USING gin (d jsonb_path_ops);
CREATE INDEX words ON t USING gist (e tsvector_ops (siglen = 100));
CREATE INDEX searched ON t USING gin (to_tsvector('english', b));
CREATE INDEX likes ON t USING gist (b gist_trgm_ops (siglen = 32));
CREATE INDEX near ON t USING spgist (f kd_point_ops);
CREATE INDEX nets ON t USING spgist (g);
CREATE INDEX blocks ON t USING brin (day date_minmax_multi_ops (values_per_range = 16), id)
    WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX pattern ON t (h varchar_pattern_ops, b text_pattern_ops DESC);
CREATE INDEX collated ON t (b COLLATE "C", h COLLATE digits);
CREATE UNIQUE INDEX loosely ON t (b COLLATE loose);
CREATE INDEX ends ON t (a NULLS FIRST, day DESC NULLS LAST) WITH (deduplicate_items = off);
ALTER TABLE t ADD CONSTRAINT no_overlap EXCLUDE USING gist (room WITH =, span WITH &&) WITH (fillfactor = 70)
    WHERE (room > 0) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE t ADD CONSTRAINT no_prefix EXCLUDE (lower(h) text_pattern_ops DESC WITH =);
ALTER INDEX lowered ALTER COLUMN 2 SET STATISTICS 700;
COMMENT ON INDEX lowered IS 'it''s for \\ search';
COMMENT ON INDEX no_overlap IS 'behind it';
COMMENT ON CONSTRAINT no_overlap ON t IS 'one guest at a time';
COMMENT ON CONSTRAINT t_key ON t IS 'the key';
COMMENT ON CONSTRAINT late ON t IS 'at the end';
CREATE STATISTICS together ON a, b, (lower(h)) FROM t;
CREATE STATISTICS "Some kinds" (ndistinct, mcv) ON a, day FROM t;
CREATE STATISTICS of_one ON (a % 10) FROM t;
ALTER STATISTICS together SET STATISTICS 400;
COMMENT ON STATISTICS together IS 'they go together';
ALTER TABLE t CLUSTER ON lowered;
ALTER TABLE t REPLICA IDENTITY FULL;
CREATE TABLE p (x int NOT NULL, y int NOT NULL, z int);
CREATE UNIQUE INDEX rows_of_p ON p (y, x);
ALTER TABLE p REPLICA IDENTITY USING INDEX rows_of_p;
ALTER TABLE p ADD CONSTRAINT p_key PRIMARY KEY (x, y);
ALTER TABLE p CLUSTER ON p_key;
CREATE TABLE c (id int NOT NULL, x int, y int);
ALTER TABLE c REPLICA IDENTITY NOTHING;
ALTER TABLE c ADD CONSTRAINT sets_one FOREIGN KEY (x, y) REFERENCES p (x, y) ON UPDATE CASCADE ON DELETE SET NULL (y);
ALTER TABLE c ADD CONSTRAINT all_or_none FOREIGN KEY (y, x) REFERENCES p (y, x) MATCH FULL ON DELETE SET DEFAULT (x)
    DEFERRABLE INITIALLY DEFERRED;
INSERT INTO t (id, a, b, h, room, span, day) VALUES
    (1, 1, 'a', 'x', 1, '[2020-01-01,2020-01-02)', '2020-01-01'), (2, NULL, 'b', NULL, 1, '[2020-01-03,2020-01-04)', NULL);
INSERT INTO p VALUES (1, 2, 3);
CREATE TABLE u (id int NOT NULL, CONSTRAINT u_key PRIMARY KEY (id));
INSERT INTO c VALUES (1, 1, 2), (2, NULL, NULL), (99, NULL, NULL);
CREATE MATERIALIZED VIEW seen AS SELECT id, h, a FROM t;
CREATE UNIQUE INDEX seen_once ON seen (id);
CREATE INDEX seen_lowered ON seen (lower(h)) WITH (fillfactor = 60);
COMMENT ON INDEX seen_once IS 'to refresh it beside readers';
ALTER MATERIALIZED VIEW seen CLUSTER ON seen_lowered;
CREATE STATISTICS of_seen ON h, a FROM seen;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE c ADD CONSTRAINT unproved FOREIGN KEY (id) REFERENCES u (id) NOT VALID;
COMMENT ON CONSTRAINT unproved ON c IS 'old rows are what they are';
"""


def dump(db: Database, server: PostgresServer) -> list[str]:
    """The schema as pg_dump writes it, without what names its own run."""
    command = [server.tool("pg_dump"), "--schema-only", "--no-owner", db.url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [
        line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))
    ]


@pytest.fixture
def pair(database: Make, postgres: PostgresServer) -> tuple[Database, Database]:
    """A source with one of everything, and an empty target with the extensions."""
    held, made = database("postgresql"), database("postgresql")
    held.sql(postgres.known(THERE + SCHEMA))
    made.sql(THERE)
    return held, made


def test_the_dumps_are_equal(pair: tuple[Database, Database], postgres: PostgresServer) -> None:
    held, made = pair
    report = dbferry.migrate(held.url, made.url)
    assert not [note for note in report.notes if note.startswith("not moved")]
    assert dump(made, postgres) == dump(held, postgres)


def test_a_second_run_changes_nothing(
    pair: tuple[Database, Database], postgres: PostgresServer
) -> None:
    held, made = pair
    dbferry.migrate(held.url, made.url)
    for prepare in ("truncate", "drop"):
        dbferry.migrate(held.url, made.url, prepare=prepare)
        assert dump(made, postgres) == dump(held, postgres)


BREAKS = {
    "no_overlap": "INSERT INTO t (id, a, room, span) VALUES (7, 7, 1, '[2020-01-01 12:00,2020-01-02)')",
    "one_partial": "INSERT INTO t (id, a, g) VALUES (7, 7, '::1'), (8, 8, '::1')",
    "nulls_equal": "INSERT INTO t (id, h) VALUES (7, 'y')",
    "loosely": "INSERT INTO t (id, a, b) VALUES (7, 7, 'c'), (8, 8, 'C')",
    "t_key": "INSERT INTO t (id, a) VALUES (1, 7)",
    "all_or_none": "INSERT INTO u VALUES (97); INSERT INTO c VALUES (97, NULL, 2)",
    "unproved": "INSERT INTO c VALUES (98, NULL, NULL)",
}


def test_constraints_bite(pair: tuple[Database, Database], postgres: PostgresServer) -> None:
    held, made = pair
    dbferry.migrate(held.url, made.url)
    equal = postgres.known(" NULLS NOT DISTINCT") != ""
    for name, statement in BREAKS.items():
        if name == "nulls_equal" and not equal:
            continue
        with pytest.raises(psycopg.errors.IntegrityError, match=f'"{name}"'):
            made.sql(statement)
    # What is checked at the end of a transaction waits for it.
    made.sql("BEGIN; INSERT INTO t (id, a) VALUES (1, 7); DELETE FROM t WHERE a = 7; COMMIT")


def test_what_the_target_refuses_is_named_before_the_load(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        THERE + "CREATE FUNCTION twice(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT n * 2';"
        "CREATE TABLE t (id int PRIMARY KEY, a int, b text);"
        "CREATE INDEX doubled ON t (twice(a)); CREATE INDEX likes ON t USING gin (b gin_trgm_ops);"
        "CREATE INDEX digital ON t (b COLLATE digits); CREATE INDEX lowered ON t (lower(b));"
        "ALTER TABLE t ADD CONSTRAINT apart EXCLUDE USING gist (a WITH =, b WITH <>);"
        "INSERT INTO t VALUES (1, 1, 'a')"
    )
    left_out = {
        "not moved: index apart of public.t (data type integer has no default operator class for access "
        'method "gist")',
        "not moved: index doubled of public.t (function public.twice(integer) does not exist)",
        "not moved: function public.twice(n integer) (not asked for); hint: --include functions",
        "not moved: extension btree_gist (not asked for); hint: --include extensions",
        "not moved: extension pg_trgm (not asked for); hint: --include extensions",
        'not moved: index likes of public.t (operator class "public.gin_trgm_ops" does not exist for access '
        'method "gin")',
    }
    planned = dbferry.plan(held.url, made.url)
    assert {note for note in planned.notes if note.startswith("not moved")} == left_out
    assert made.rows(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    ) == [(0,)]
    report = dbferry.migrate(held.url, made.url)
    assert {note for note in report.notes if note.startswith("not moved")} == left_out
    found = made.rows("SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1")
    assert found == [("digital",), ("lowered",), ("t_pkey",)]
    assert made.rows("SELECT * FROM t") == [(1, 1, "a")]


def test_an_index_that_was_never_finished_is_named(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 1), (2, 1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        held.sql("CREATE UNIQUE INDEX CONCURRENTLY broken ON t (a)")
    notes = dbferry.plan(held.url, made.url).notes
    assert "not moved: index public.broken (not valid)" in notes


def test_the_tablespace_of_an_index_is_named(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(f'ALTER DATABASE "{held.name}" SET allow_in_place_tablespaces = on')
    held.sql(f"CREATE TABLESPACE {held.name} LOCATION ''")
    try:
        held.sql(f"CREATE TABLE t (a int); CREATE INDEX elsewhere ON t (a) TABLESPACE {held.name}")
        report = dbferry.migrate(held.url, made.url)
        held.sql("DROP TABLE t")
    finally:
        held.sql(f"DROP TABLESPACE {held.name}")
    assert f"not moved: tablespace {held.name} of index public.elsewhere" in report.notes
    assert made.rows("SELECT indexname FROM pg_indexes WHERE tablename = 't'") == [("elsewhere",)]
