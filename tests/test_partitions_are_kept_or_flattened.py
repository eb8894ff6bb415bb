"""Partitioned tables stay so between two of one engine, become plain ones elsewhere, and every row is moved once."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

import dbferry
import test_postgresql_schemas_dump_alike as schemas
from dbferry.errors import RequestError
from servers.database import Database
from servers.postgres import PostgresServer

Make = Callable[[str], Database]
SCHEMA = """
CREATE SCHEMA old;
CREATE TABLE items (id int NOT NULL, CONSTRAINT items_key PRIMARY KEY (id));
CREATE TABLE sales (id int NOT NULL, day date NOT NULL, town text, item int, n int) PARTITION BY RANGE (day, id);
CREATE TABLE old.sales_2019 PARTITION OF sales FOR VALUES FROM (MINVALUE, MINVALUE) TO ('2020-01-01', 0);
CREATE TABLE "sales 2020" PARTITION OF sales FOR VALUES FROM ('2020-01-01', 0) TO ('2021-01-01', 0)
    PARTITION BY LIST (town);
CREATE TABLE sales_north PARTITION OF "sales 2020" FOR VALUES IN ('oslo', 'it''s; "x"');
CREATE TABLE sales_null PARTITION OF "sales 2020" FOR VALUES IN (NULL) PARTITION BY HASH (n, id);
CREATE TABLE sales_null_0 PARTITION OF sales_null FOR VALUES WITH (modulus 2, remainder 0);
CREATE TABLE sales_null_1 PARTITION OF sales_null FOR VALUES WITH (modulus 2, remainder 1);
CREATE TABLE sales_south PARTITION OF "sales 2020" DEFAULT;
CREATE TABLE sales_rest PARTITION OF sales DEFAULT;
ALTER TABLE old.sales_2019 ADD CONSTRAINT its_own_key PRIMARY KEY (day, id) INCLUDE (n);
CREATE INDEX by_town_2019 ON old.sales_2019 (lower(town)) WITH (fillfactor = 50);
CREATE INDEX by_n ON old.sales_2019 (n);
CREATE UNIQUE INDEX by_n_north ON sales_north (n);
CREATE INDEX by_town ON sales (lower(town));
ALTER TABLE sales ADD CONSTRAINT one_n UNIQUE NULLS NOT DISTINCT (n, day, id, town) WITH (fillfactor = 90) DEFERRABLE;
ALTER TABLE sales ADD CONSTRAINT of_item FOREIGN KEY (item) REFERENCES items (id) ON DELETE CASCADE;
ALTER TABLE sales_rest ADD CONSTRAINT again_of_item FOREIGN KEY (n) REFERENCES items (id);
COMMENT ON INDEX by_town IS 'of the whole'; COMMENT ON CONSTRAINT one_n ON sales IS 'all of it';
COMMENT ON INDEX by_n_north IS 'of a part'; CREATE STATISTICS of_part ON n, item FROM sales_north;
ALTER TABLE sales_rest REPLICA IDENTITY FULL; ALTER TABLE sales_south CLUSTER ON sales_south_lower_idx;
CREATE TABLE words (word text) PARTITION BY HASH (lower(word) COLLATE "C" text_pattern_ops);
CREATE TABLE words_0 PARTITION OF words FOR VALUES WITH (modulus 1, remainder 0);
CREATE TABLE events (id int NOT NULL, kind text NOT NULL) PARTITION BY LIST (kind);
CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a', 'b');
ALTER TABLE events_a ADD CONSTRAINT kept_name PRIMARY KEY (id, kind) INCLUDE (kind) WITH (fillfactor = 60);
ALTER TABLE events ADD CONSTRAINT events_key PRIMARY KEY (id, kind) INCLUDE (kind);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
INSERT INTO events VALUES (1, 'a'), (1, 'b'), (1, 'z'); INSERT INTO words VALUES ('A'), ('b');
CREATE TABLE of_events (id int, kind text, CONSTRAINT to_event FOREIGN KEY (id, kind) REFERENCES events (id, kind));
CREATE TABLE parts (sale int, CONSTRAINT to_items FOREIGN KEY (sale) REFERENCES items (id));
INSERT INTO items SELECT * FROM generate_series(1, 2000);
INSERT INTO sales SELECT n, date '2018-06-01' + n, (array['Oslo', 'Rome', NULL])[n % 3 + 1], n, n
    FROM generate_series(1, 1200) n;
"""
LEAVES = "SELECT tableoid::regclass::text, count(*), sum(n) FROM sales GROUP BY 1 ORDER BY 1"


def dump(db: Database, server: PostgresServer) -> list[str]:
    """The schema as pg_dump writes it, without what names its own run."""
    command = [server.tool("pg_dump"), "--schema-only", "--no-owner", db.url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [
        line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))
    ]


@pytest.mark.parametrize("range_rows", [None, 50])
def test_the_dumps_are_equal(
    database: Make, postgres: PostgresServer, range_rows: int | None
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(postgres.known(SCHEMA))
    for prepare in ("create", "truncate", "drop"):
        report = dbferry.migrate(held.url, made.url, prepare=prepare, range_rows=range_rows)
        assert not [note for note in report.notes if note.startswith("not moved")]
        assert dump(made, postgres) == dump(held, postgres)
        assert made.rows(LEAVES) == held.rows(LEAVES)
        assert [(t.source, t.source_rows, t.target_rows) for t in report.tables] == [
            ("public.events", 3, 3), ("public.items", 2000, 2000), ("public.of_events", 0, 0),
            ("public.parts", 0, 0), ("public.sales", 1200, 1200), ("public.words", 2, 2),
        ]  # fmt: skip
    for statement in (
        "INSERT INTO sales VALUES (1, '2018-06-02', 'Rome', 1, 1)",
        "INSERT INTO sales VALUES (9999, '2030-01-01', 'Oslo', 99999, NULL)",
        "INSERT INTO sales VALUES (9, '2020-02-01', 'oslo', 1, 1500), (8, '2020-02-01', 'oslo', 1, 1500)",
    ):
        with pytest.raises(Exception, match=r"unique|foreign key"):
            made.sql(statement)


def test_partitions_are_flattened_when_asked(database: Make, postgres: PostgresServer) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(postgres.known(SCHEMA))
    report = dbferry.migrate(held.url, made.url, partitions="flatten")
    assert made.rows("SELECT count(*), sum(n) FROM sales") == held.rows(
        "SELECT count(*), sum(n) FROM sales"
    )
    assert made.rows("SELECT relname FROM pg_class WHERE relkind = 'p' OR relispartition") == []
    assert made.rows("SELECT conname FROM pg_constraint WHERE contype = 'p' AND conrelid >= 16384 ORDER BY 1") == [
        ("events_key",), ("items_key",),
    ]  # fmt: skip
    assert [note for note in report.notes if note.startswith("not moved")] == [
        "not moved: index by_n of partition old.sales_2019 (partitions become one plain table)",
        "not moved: primary key its_own_key of partition old.sales_2019 (partitions become one plain table)",
        "not moved: foreign key again_of_item of partition public.sales_rest (partitions become one plain table)",
        "not moved: index by_n_north of partition public.sales_north (partitions become one plain table)",
        "not moved: statistics of_part of partition public.sales_north (partitions become one plain table)",
    ]
    with pytest.raises(Exception, match="one_n"):
        made.sql("INSERT INTO sales VALUES (1, '2018-06-02', 'Rome', 1, 1)")


@pytest.mark.parametrize("target", ["mysql", "sqlite"])
def test_another_engine_gets_one_plain_table(
    database: Make, postgres: PostgresServer, target: str
) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(postgres.known(SCHEMA))
    report = dbferry.migrate(held.url, made.url, tables=["events"])
    assert [(t.source_rows, t.target_rows) for t in report.tables] == [(3, 3)]
    with pytest.raises(RequestError, match="partitions can't be kept in") as caught:
        dbferry.migrate(held.url, made.url, tables=["events"], prepare="drop", partitions="keep")
    assert caught.value.table == "public.events"
    assert made.rows("SELECT count(*) FROM events") == [(3,)]


def test_a_partition_whose_name_is_taken_is_told_before_anything_is_made(
    database: Make, postgres: PostgresServer
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(postgres.known(SCHEMA))
    made.sql("CREATE TABLE events_rest (id int)")
    with pytest.raises(RequestError, match=r"the name of the partition public\.events_rest"):
        dbferry.migrate(held.url, made.url)
    assert made.rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname !~ '^(pg|sql)_'"
    ) == [("events_rest",)]


OWN = (
    "CREATE SCHEMA old; CREATE SEQUENCE old.numbers;"
    "CREATE TABLE t (id int, n int DEFAULT 1, m int DEFAULT 5, k int) PARTITION BY LIST (id);"
    "CREATE TABLE a PARTITION OF t DEFAULT; ALTER TABLE t ADD CONSTRAINT of_all CHECK (n > -9);"
    "ALTER TABLE a ADD CONSTRAINT small CHECK (n < 9), ALTER n SET DEFAULT 2, ALTER m DROP DEFAULT, ALTER k SET NOT NULL,"
    " ALTER k SET DEFAULT nextval('old.numbers'); COMMENT ON TABLE a IS 'mine'; COMMENT ON COLUMN a.n IS 'my n';"
    "COMMENT ON CONSTRAINT small ON a IS 'so small'; INSERT INTO t VALUES (1, 1, 1, 1);"
    "ALTER TABLE a ADD CONSTRAINT later CHECK (m > 1) NOT VALID"
)


def test_what_a_partition_alone_has_is_kept(database: Make, postgres: PostgresServer) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(OWN)
    for prepare in ("create", "drop"):
        notes = dbferry.migrate(held.url, made.url, prepare=prepare).notes
        assert not [note for note in notes if note.startswith("not moved")]
        assert dump(made, postgres) == dump(held, postgres)
    dbferry.migrate(held.url, made.url, prepare="drop", schemas={"old": "new one"})
    assert made.rows(
        "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'a'::regclass ORDER BY adnum"
    ) == [("2",), ("nextval('\"new one\".numbers'::regclass)",)]


def test_a_part_of_a_partition_keeps_what_the_whole_table_has(
    database: Make, postgres: PostgresServer
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE TABLE t (id int, n int DEFAULT 1, m int) PARTITION BY LIST (id);"
        "CREATE TABLE a PARTITION OF t DEFAULT PARTITION BY LIST (n); CREATE TABLE b PARTITION OF a DEFAULT;"
        "ALTER TABLE ONLY a ALTER n SET DEFAULT 2, ALTER m SET DEFAULT 3"
    )
    notes = dbferry.migrate(held.url, made.url).notes
    assert not [note for note in notes if note.startswith("not moved")]
    assert dump(made, postgres) == dump(held, postgres)


def test_what_a_partition_alone_has_and_the_target_refuses_is_named(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'; CREATE TABLE t (id int, n int)"
        " PARTITION BY LIST (id); CREATE TABLE a PARTITION OF t DEFAULT; ALTER TABLE a ALTER n SET DEFAULT f(1),"
        " ALTER n SET NOT NULL, ADD CONSTRAINT one CHECK (f(n) = 1)"
    )
    notes = dbferry.migrate(held.url, made.url).notes
    why = "(the target refuses it: function public.f(integer) does not exist)"
    assert [note for note in notes if note.startswith("not moved")] == [
        f"not moved: check one of public.a: (public.f(n) = 1) {why}",
        f"not moved: setting of public.a.n: SET DEFAULT public.f(1) {why}",
        "not moved: function public.f(integer) (not asked for); hint: --include functions",
    ]
    assert made.rows(
        "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'a'::regclass AND attname = 'n'"
    ) == [(True,)]


ORDERED = (
    "CREATE TYPE mood AS ENUM ('low', 'high');"
    "CREATE TABLE t (a int NOT NULL, b text COLLATE \"C\" DEFAULT 'x', c int GENERATED ALWAYS AS (a * 2) STORED, d mood,"
    " e varchar(5)) PARTITION BY LIST (a); ALTER TABLE t ALTER e SET STORAGE MAIN;"
    "CREATE TABLE p (gone int, d mood NOT NULL DEFAULT 'low', b text COLLATE \"C\" DEFAULT 'y', e varchar(5),"
    " c int GENERATED ALWAYS AS (a * 2) STORED, a int NOT NULL) PARTITION BY LIST (b);"
    "ALTER TABLE p DROP gone; ALTER TABLE t ATTACH PARTITION p FOR VALUES IN (1, 2);"
    "CREATE TABLE p_x PARTITION OF p FOR VALUES IN ('x');"
    "CREATE TABLE p_rest (LIKE t INCLUDING ALL); ALTER TABLE p_rest ALTER d SET NOT NULL;"
    "ALTER TABLE p ATTACH PARTITION p_rest DEFAULT;"
    "CREATE TABLE q (gone int, LIKE t INCLUDING ALL); ALTER TABLE q DROP gone; ALTER TABLE t ATTACH PARTITION q DEFAULT;"
    "ALTER TABLE t ADD CONSTRAINT of_all CHECK (a > 0), ADD PRIMARY KEY (a, b); CREATE INDEX by_d ON t (d);"
    "ALTER TABLE p_rest ADD CONSTRAINT own CHECK (e <> 'no');"
    "INSERT INTO t (a, b, d, e) VALUES (1, 'x', 'low', 'e'), (2, 'z', 'high', 'f'), (3, 'z', NULL, NULL)"
)


@pytest.mark.parametrize("version", ["14", "18"])
def test_a_partition_keeps_the_order_of_its_columns(postgres_of: Make, version: str) -> None:
    held, made = postgres_of(version), postgres_of(version)
    held.sql(ORDERED)
    for prepare in ("create", "truncate", "drop"):
        notes = dbferry.migrate(held.url, made.url, prepare=prepare).notes
        assert not [note for note in notes if note.startswith("not moved")]
        assert schemas.dump(made) == schemas.dump(held)
        for table in ("t", "p", "p_rest", "q"):
            rows = f"SELECT * FROM {table} ORDER BY a"
            assert made.rows(rows) == held.rows(rows)


COMPUTED = (
    "CREATE TABLE t (a int, c int GENERATED ALWAYS AS (a * 2) STORED, v int GENERATED ALWAYS AS (a + 1)) PARTITION BY LIST (a);"
    "CREATE TABLE p PARTITION OF t (c GENERATED ALWAYS AS (a * 3) STORED, v GENERATED ALWAYS AS (a + 2)) FOR VALUES IN (1);"
    "CREATE TABLE s PARTITION OF t (c GENERATED ALWAYS AS (a * 4) STORED) FOR VALUES IN (2) PARTITION BY LIST (a);"
    "CREATE TABLE s_rest PARTITION OF s DEFAULT; CREATE TABLE rest PARTITION OF t DEFAULT; INSERT INTO t VALUES (1), (2), (3)"
)


def test_a_partition_computes_a_column_in_its_own_way(
    postgres_of: Make, sqlite_db: Database
) -> None:
    held, made = postgres_of("18"), postgres_of("18")
    older = postgres_of("14")
    held.sql(COMPUTED)
    rows = "SELECT * FROM t ORDER BY a"
    notes = dbferry.migrate(held.url, made.url).notes
    assert not [note for note in notes if note.startswith("not moved")]
    assert schemas.dump(made) == schemas.dump(held)
    assert made.rows(rows) == held.rows(rows)
    asked: list[tuple[Database, dict[str, Any]]] = [
        (made, {"prepare": "drop", "partitions": "flatten"}),
        (older, {}),
        (sqlite_db, {}),
    ]
    for target, options in asked:
        notes = dbferry.migrate(held.url, target.url, **options).notes
        assert [note for note in notes if note.startswith("not moved")] == [
            "not moved: generated column public.t.c: (a * 2) (public.p computes it otherwise: (a * 3))",
            "not moved: generated column public.p.v: (a + 2) (public.t computes it otherwise: (a + 1))",
        ]
        assert target.rows(rows) == held.rows(rows)


def test_what_a_partition_alone_has_is_named_where_there_is_one_plain_table(
    database: Make,
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(OWN)
    notes = dbferry.migrate(held.url, made.url, partitions="flatten").notes
    assert [note for note in notes if note.startswith("not moved")] == [
        f"not moved: {what} of partition public.a (partitions become one plain table)"
        for what in (
            "comment", "comment of n", "default of n", "default of m", "default of k", "NOT NULL of k",
            "check later", "check small",
        )
    ]  # fmt: skip


def test_an_index_that_the_target_refuses_is_left_out_of_the_whole_and_the_parts(
    database: Make,
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE FUNCTION twice(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT n * 2';"
        "CREATE TABLE t (id int) PARTITION BY LIST (id); CREATE TABLE a PARTITION OF t DEFAULT;"
        "CREATE INDEX doubled ON t (twice(id)); CREATE INDEX plain ON t (id); INSERT INTO t VALUES (1)"
    )
    notes = dbferry.migrate(held.url, made.url).notes
    assert [note for note in notes if note.startswith("not moved")] == [
        "not moved: index doubled of public.t (function public.twice(integer) does not exist)",
        "not moved: index a_twice_idx of public.a (function public.twice(integer) does not exist)",
        "not moved: function public.twice(n integer) (not asked for); hint: --include functions",
    ]
    found = made.rows(
        "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid >= 16384"
    )
    assert sorted(found) == [("a_id_idx", True), ("plain", True)]


def test_a_table_with_a_foreign_partition_becomes_a_plain_one(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
        "CREATE TABLE t (id int) PARTITION BY LIST (id); CREATE TABLE a PARTITION OF t FOR VALUES IN (1);"
        "CREATE FOREIGN TABLE b PARTITION OF t FOR VALUES IN (2) SERVER files OPTIONS (program 'echo 2');"
        "INSERT INTO a VALUES (1)"
    )
    report = dbferry.migrate(held.url, made.url)
    assert [(table.source_rows, table.target_rows) for table in report.tables] == [(2, 2)]
    assert made.rows("SELECT relkind::text FROM pg_class WHERE relname IN ('t', 'a', 'b')") == [
        ("r",)
    ]
    with pytest.raises(RequestError, match="can't be kept"):
        dbferry.migrate(held.url, made.url, prepare="drop", partitions="keep")


def test_history_of_mariadb_becomes_a_plain_table(database: Make) -> None:
    held, made = database("mariadb"), database("mariadb")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME"
        " (PARTITION old HISTORY, PARTITION now CURRENT); INSERT INTO t VALUES (1), (2); DELETE FROM t WHERE id = 2"
    )
    report = dbferry.migrate(held.url, made.url)
    assert [(table.source_rows, table.target_rows) for table in report.tables] == [(1, 1)]
    assert "PARTITION" not in made.rows("SHOW CREATE TABLE t")[0][1]


PARTED = {
    "mysql": "CREATE TABLE t (id int NOT NULL, day date NOT NULL, n int, PRIMARY KEY (id, day), KEY by_n (n))"
    " PARTITION BY RANGE COLUMNS (day) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION old VALUES LESS THAN"
    " ('2020-01-01') COMMENT = 'it''s', PARTITION rest VALUES LESS THAN (MAXVALUE));"
    "CREATE TABLE u (id int NOT NULL PRIMARY KEY) PARTITION BY KEY (id) PARTITIONS 3;"
    "CREATE TABLE v (id int NOT NULL, k varchar(9)) PARTITION BY LIST COLUMNS (k)"
    " (PARTITION a VALUES IN ('a', 'b'), PARTITION c VALUES IN ('c', NULL));",
}
PARTED["mariadb"] = PARTED["mysql"].replace("VALUES IN ('c', NULL)", "DEFAULT")
FILL = (
    "INSERT INTO t VALUES (1, '2019-01-01', 1), (2, '2021-01-01', 2); INSERT INTO u VALUES (1), (2), (3), (4);"
    "INSERT INTO v VALUES (1, 'a'), (2, 'c')"
)


@pytest.mark.parametrize("engine_name", ["mysql", "mariadb"])
def test_partitions_are_shown_alike(database: Make, engine_name: str) -> None:
    held, made = database(engine_name), database(engine_name)
    held.sql(PARTED[engine_name] + FILL)
    for prepare in ("create", "truncate", "drop"):
        report = dbferry.migrate(held.url, made.url, prepare=prepare)
        assert [table.target_rows for table in report.tables] == [2, 4, 2]
    for table in "tuv":
        [(_, one)], [(_, other)] = (db.rows(f"SHOW CREATE TABLE {table}") for db in (held, made))
        assert "PARTITION BY" in one
        assert parted(other) == parted(one)
    dbferry.migrate(held.url, made.url, prepare="drop", partitions="flatten")
    assert "PARTITION BY" not in made.rows("SHOW CREATE TABLE t")[0][1]
    assert made.rows("SELECT count(*) FROM t") == [(2,)]


@pytest.mark.parametrize(("source", "target"), [("mysql", "mariadb"), ("mariadb", "mysql")])
def test_partitions_that_both_dialects_have_stay(database: Make, source: str, target: str) -> None:
    held, made = database(source), database(target)
    held.sql(PARTED[source] + FILL)
    report = dbferry.migrate(held.url, made.url)
    assert [table.target_rows for table in report.tables] == [2, 4, 2]
    shown = [made.rows(f"SHOW CREATE TABLE {table}")[0][1] for table in "tuv"]
    assert ["PARTITION BY" in text for text in shown] == [True, True, False]
    assert "VALUES LESS THAN ('2020-01-01')" in shown[0]


def parted(shown: str) -> str:
    return shown[shown.index("PARTITION BY") :]
