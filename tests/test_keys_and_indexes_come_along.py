"""Unique constraints, plain indexes and foreign keys stand in the target as they stood in the source, and bite."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

import dbferry
from dbferry.catalog import Table
from dbferry.engines import engine
from dbferry.sessions import open_session
from dbferry.urls import parse
from servers.database import Database

Make = Callable[[str], Database]
SOURCES = ["postgresql", "mysql", "mariadb", "sqlite"]
TARGETS = [*SOURCES, "duckdb"]
SHOP = """
CREATE TABLE customers (id int NOT NULL PRIMARY KEY, email varchar(80) NOT NULL, town varchar(40), born date,
    CONSTRAINT one_email UNIQUE (email));
CREATE TABLE orders (shop int NOT NULL, id int NOT NULL, customer int, before_it int, PRIMARY KEY (shop, id),
    CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE SET NULL,
    CONSTRAINT after_order FOREIGN KEY (shop, before_it) REFERENCES orders (shop, id));
CREATE INDEX by_town ON customers (town, born DESC);
CREATE INDEX by_before ON orders (shop, before_it);
CREATE UNIQUE INDEX one_each ON orders (customer, id);
INSERT INTO customers VALUES (1, 'a@x', 'Oslo', '2000-01-01'), (2, 'b@x', 'Oslo', NULL), (3, 'c@x', NULL, NULL);
INSERT INTO orders VALUES (1, 1, 1, NULL), (1, 2, 2, 1), (1, 3, NULL, 2)
"""
DUPLICATE = "INSERT INTO customers VALUES (9, 'a@x', NULL, NULL)"
ORPHAN = "INSERT INTO orders VALUES (1, 9, 77, NULL)"
WORDS = {
    "postgresql": """by an index USING gin (to_tsvector('simple', coalesce("a", '') || ' ' || coalesce("b", '')))""",
    "sqlite": "of a virtual table USING fts5",
}
BYTES = {"postgresql": "'xyy'", "sqlite": "x'787979'"}
ORPHANS = {"sqlite": f"PRAGMA foreign_keys = ON; {ORPHAN}"}


def catalog(db: Database) -> dict[str, Table]:
    """What our own reader makes of a database."""
    endpoint = parse(db.url)
    with open_session(endpoint, side="source") as session:
        tables = engine(db.engine).read_catalog(session).tables
    return {table.name: table for table in tables}


def shape(db: Database, table: str) -> dict[str, Any]:
    """Keys without their names and places."""
    found = catalog(db)[table]
    return {
        "primary": found.primary_key,
        "indexes": sorted(
            (i.columns, tuple(p.descending for p in i.parts), i.unique) for i in found.indexes
        ),
        "foreign": sorted(
            (k.columns, k.table, k.references, k.on_update, k.on_delete) for k in found.foreign_keys
        ),
    }


def without(kinds: dict[str, Any], engine_name: str) -> dict[str, Any]:
    """MySQL and MariaDB index the columns of every foreign key."""
    if engine_name not in ("mysql", "mariadb"):
        return kinds
    implied = {key[0] for key in kinds["foreign"]}
    given = [i for i in kinds["indexes"] if i[2] or i[0] not in implied]
    return {**kinds, "indexes": given}


@pytest.mark.parametrize("target", SOURCES)
@pytest.mark.parametrize("source", SOURCES)
def test_the_target_reads_as_the_source_does(database: Make, source: str, target: str) -> None:
    held, made = database(source), database(target)
    held.sql(SHOP)
    report = dbferry.migrate(held.url, made.url)
    assert not [note for note in report.notes if note.startswith("not moved")]
    for table in ("customers", "orders"):
        one, other = shape(held, table), shape(made, table)
        assert without(other, "mysql") == without(one, "mysql")
        assert set(one["indexes"]) <= set(other["indexes"])


@pytest.mark.parametrize("target", SOURCES)
@pytest.mark.parametrize("source", ["postgresql", "mariadb", "sqlite"])
def test_constraints_bite(database: Make, source: str, target: str) -> None:
    held, made = database(source), database(target)
    held.sql(SHOP)
    dbferry.migrate(held.url, made.url)
    for statement in (DUPLICATE, ORPHANS.get(target, ORPHAN)):
        with pytest.raises(Exception, match=r"(?i)duplicate|unique|foreign key"):
            made.sql(statement)
    assert made.rows("SELECT count(*) FROM customers") == [(3,)]
    assert made.rows("SELECT count(*) FROM orders") == [(3,)]


@pytest.mark.parametrize("prepare", ["truncate", "drop"])
@pytest.mark.parametrize("engine_name", SOURCES)
def test_a_second_run_leaves_the_same_keys(database: Make, engine_name: str, prepare: str) -> None:
    held, made = database("postgresql"), database(engine_name)
    held.sql(SHOP)
    dbferry.migrate(held.url, made.url)
    first = {table: shape(made, table) for table in ("customers", "orders")}
    dbferry.migrate(held.url, made.url, prepare=prepare)
    assert {table: shape(made, table) for table in ("customers", "orders")} == first
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        made.sql(ORPHANS.get(engine_name, ORPHAN))


def test_duckdb_gets_unique_keys_and_names_the_rest(database: Make) -> None:
    held, made = database("postgresql"), database("duckdb")
    held.sql(SHOP)
    for prepare in ("create", "truncate"):
        report = dbferry.migrate(held.url, made.url, prepare=prepare)
        left_out = [note for note in report.notes if note.startswith("not moved")]
        assert len(left_out) == 4
    with pytest.raises(Exception, match=r"(?i)duplicate"):
        made.sql(DUPLICATE)


def test_names_stay_between_two_postgresqls(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(SHOP)
    held.sql("ALTER TABLE orders ALTER CONSTRAINT of_customer DEFERRABLE INITIALLY DEFERRED")
    held.sql("CREATE INDEX last_first ON orders (before_it NULLS FIRST, customer DESC NULLS LAST)")
    dbferry.migrate(held.url, made.url)
    one, other = catalog(held), catalog(made)
    for table in ("customers", "orders"):
        assert other[table].indexes == one[table].indexes
        assert other[table].foreign_keys == one[table].foreign_keys
        assert other[table].primary_key_name == one[table].primary_key_name
    [statistics] = made.rows(
        "SELECT count(*) FROM pg_stats WHERE tablename = 'customers' AND attname = 'email'"
    )
    assert statistics == (1,)


def test_what_is_not_plain_is_named(pg_db: Database, sqlite_db: Database) -> None:
    pg_db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a int, b text, c int[]);"
        "CREATE INDEX partial ON t (a) WHERE a > 1; CREATE INDEX lowered ON t (lower(b));"
        "CREATE INDEX wider ON t (a) INCLUDE (b); CREATE INDEX hashed ON t USING hash (a);"
        "CREATE INDEX listed ON t USING gin (c); CREATE INDEX pattern ON t (b text_pattern_ops);"
        'CREATE INDEX collated ON t (b COLLATE "C"); CREATE INDEX plain ON t (a)'
    )
    report = dbferry.migrate(pg_db.url, sqlite_db.url)
    assert sorted(n for n in report.notes if n.startswith("not moved")) == [
        "not moved: index listed of public.t (gin: sqlite has B-trees only)",
        "not moved: index lowered of public.t (on an expression: lower(b); `lower`: only letters of ASCII have "
        "a case in SQLite)",
    ]
    [table] = dbferry.plan(pg_db.url, sqlite_db.url, prepare="drop").tables
    assert sorted(note for note in table.notes if note.startswith("index")) == [
        "index `collated`: in the order of its column's collation",
        "index `hashed`: a B-tree here, and hashed in the source",
        "index `pattern`: without its operator class",
        "index `wider`: without its columns (b)",
    ]
    found = {i.name: i.columns for i in catalog(sqlite_db)["t"].indexes}
    assert found == {
        "collated": ("b",), "hashed": ("a",), "partial": ("a",), "pattern": ("b",), "plain": ("a",), "wider": ("a",),
    }  # fmt: skip


@pytest.mark.parametrize("target", ["postgresql", "sqlite"])
def test_a_unique_prefix_stays_one_and_others_hold_what_they_can(
    maria_db: Database, database: Make, target: str
) -> None:
    made = database(target)
    maria_db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a text, b varchar(50), c blob, "
        "KEY part (a(20)), KEY short (b(5)), UNIQUE KEY few (b(3)), UNIQUE KEY bytes (c(2)), "
        "FULLTEXT KEY words (a, b), KEY plain (b));"
        "INSERT INTO t VALUES (1, 'a', 'abcd', 'xyz'), (2, 'a', 'abd', 'yyz')"
    )
    report = dbferry.migrate(maria_db.url, made.url)
    left_out = [note for note in report.notes if note.startswith("not moved")]
    assert left_out == [
        f"not moved: index words of {maria_db.name}.t (full text: queries ask otherwise here, {WORDS[target]})"
    ]
    for row in ("(3, '', 'abcx', NULL)", f"(3, '', '', {BYTES[target]})"):
        with pytest.raises(Exception, match=r"(?i)unique"):
            made.sql(f"INSERT INTO t VALUES {row}")
    made.sql("INSERT INTO t VALUES (3, 'a', 'abx', NULL)")


def test_a_prefix_stays_between_mysqls(database: Make) -> None:
    held, made = database("mariadb"), database("mysql")
    held.sql("CREATE TABLE t (id int PRIMARY KEY, a text, KEY part (a(20)))")
    dbferry.migrate(held.url, made.url)
    [index] = catalog(made)["t"].indexes
    assert (index.name, index.parts[0].prefix) == ("part", 20)


def test_names_that_meet_are_told_apart(maria_db: Database, pg_db: Database) -> None:
    long = "a_name_of_sixty_four_characters_is_what_an_index_of_mariadb_has"
    for table in ("t1", "t2"):
        maria_db.sql(
            f"CREATE TABLE {table} (id int PRIMARY KEY, v int, w int, KEY by_v (v), KEY {long}1 (w), "
            f"KEY t1 (v, w))"
        )
    dbferry.migrate(maria_db.url, pg_db.url)
    found = catalog(pg_db)
    names = [index.name for table in ("t1", "t2") for index in found[table].indexes]
    assert len(names) == len(set(names)) == 6
    assert {"by_v", "t2_by_v"} <= set(names)


def test_references_to_tables_that_stay_behind_are_named(
    pg_db: Database, sqlite_db: Database
) -> None:
    pg_db.sql(SHOP)
    report = dbferry.migrate(pg_db.url, sqlite_db.url, tables=["orders"])
    assert (
        "not moved: foreign key of_customer of public.orders (public.customers is not moved)"
        in report.notes
    )
    assert [key.table for key in catalog(sqlite_db)["orders"].foreign_keys] == ["orders"]


@pytest.mark.parametrize("target", SOURCES)
def test_tables_that_refer_to_each_other_arrive(database: Make, target: str) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(
        "CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);"
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b; "
        "INSERT INTO a VALUES (1, NULL); INSERT INTO b VALUES (1, 1); UPDATE a SET b = 1"
    )
    for prepare in ("create", "truncate", "drop"):
        dbferry.migrate(held.url, made.url, prepare=prepare)
        assert [key.table for key in catalog(made)["a"].foreign_keys] == ["b"]
        assert [key.table for key in catalog(made)["b"].foreign_keys] == ["a"]
    assert made.rows("SELECT id, b FROM a") == [(1, 1)]


@pytest.mark.parametrize("target", ["mysql", "mariadb", "sqlite"])
def test_foreign_keys_keep_what_the_target_has_of_them(
    pg_db: Database, database: Make, target: str
) -> None:
    made = database(target)
    pg_db.sql(
        "CREATE TABLE p (x int, y int, PRIMARY KEY (x, y)); CREATE TABLE q (id int PRIMARY KEY);"
        "CREATE TABLE c (id int PRIMARY KEY, x int, y int, q int,"
        " CONSTRAINT sets_one FOREIGN KEY (x, y) REFERENCES p ON DELETE SET NULL (y));"
        "INSERT INTO p VALUES (1, 1); INSERT INTO q VALUES (1); INSERT INTO c VALUES (1, 1, 1, 1), (2, 1, 1, 7);"
        "SET CONSTRAINTS ALL IMMEDIATE;"
        "ALTER TABLE c ADD CONSTRAINT unproved FOREIGN KEY (q) REFERENCES q ON DELETE SET DEFAULT NOT VALID"
    )
    report = dbferry.migrate(pg_db.url, made.url)
    assert not [note for note in report.notes if note.startswith("not moved")]
    keys = {key.columns: key for key in catalog(made)["c"].foreign_keys}
    assert keys["x", "y"].on_delete == "NO ACTION"
    assert keys[("q",)].on_delete == ("SET DEFAULT" if target == "sqlite" else "NO ACTION")
    assert made.rows("SELECT q FROM c ORDER BY id") == [(1,), (7,)]
    plan = dbferry.plan(pg_db.url, made.url, prepare="drop")
    notes = [note for table in plan.tables for note in table.notes if note.startswith("foreign")]
    assert (
        "foreign key `sets_one` refuses deletes, where the source does SET NULL of some columns (y)"
        in notes
    )
    assert "foreign key `unproved` is not proved by the rows, as it isn't in the source" in notes
    on = "PRAGMA foreign_keys = ON; " if target == "sqlite" else ""
    for statement in ("INSERT INTO c VALUES (3, 1, 1, 8)", "DELETE FROM p"):
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            made.sql(on + statement)


@pytest.mark.parametrize("target", ["postgresql", "sqlite"])
def test_references_to_large_identities_have_their_type(
    maria_db: Database, database: Make, target: str
) -> None:
    made = database(target)
    maria_db.sql(
        "CREATE TABLE p (id bigint unsigned AUTO_INCREMENT PRIMARY KEY);"
        "CREATE TABLE c (id bigint unsigned AUTO_INCREMENT PRIMARY KEY, p bigint unsigned, "
        "FOREIGN KEY (p) REFERENCES p (id)); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1)"
    )
    dbferry.migrate(maria_db.url, made.url)
    [key] = catalog(made)["c"].foreign_keys
    assert (key.columns, key.table) == (("p",), "p")


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_keys_of_text_are_held_by_what_refers_to_them(
    pg_db: Database, database: Make, target: str
) -> None:
    made = database(target)
    pg_db.sql(
        "CREATE TABLE p (code text PRIMARY KEY, other text UNIQUE, long text UNIQUE);"
        "CREATE TABLE c (id int PRIMARY KEY, code text REFERENCES p, note text); CREATE INDEX n ON c (note);"
        "INSERT INTO p VALUES ('Abc', 'x', repeat('y', 900)), ('abc', 'X', 'z'); INSERT INTO c VALUES (1, 'abc', '')"
    )
    report = dbferry.migrate(pg_db.url, made.url)
    assert [key.columns for key in catalog(made)["c"].foreign_keys] == [("code",)]
    assert [index.columns for index in catalog(made)["p"].indexes] == [("other",)]
    [index] = [index for index in catalog(made)["c"].indexes if index.name == "n"]
    assert (index.parts[0].column, index.parts[0].prefix) == ("note", 255)
    left_out = [note for note in report.notes if note.startswith("not moved")]
    assert left_out == [
        "not moved: index p_long_key of public.p (an index holds no whole longtext)",
    ]


def test_two_thousand_tables_take_less_than_a_minute(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    for start in range(0, 2000, 500):
        held.sql(
            "; ".join(
                f"CREATE TABLE t{n} (id int PRIMARY KEY, v int); CREATE INDEX i{n} ON t{n} (v)"
                for n in range(start, start + 500)
            )
        )
    start = time.monotonic()
    report = dbferry.migrate(held.url, made.url)
    assert time.monotonic() - start < 60
    assert len(report.tables) == 2000
    [count] = made.rows("SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'")
    assert count == (4000,)


def test_a_plan_tells_what_comes(pg_db: Database, sqlite_db: Database) -> None:
    pg_db.sql(SHOP)
    command = [sys.executable, "-m", "dbferry", "plan", pg_db.url, sqlite_db.url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "2 indexes" in text
    assert "2 foreign keys" in text
    found = json.loads(subprocess.run([*command, "--json"], check=True, capture_output=True).stdout)
    assert set(found["ddl"]) == {"before", "indexes", "foreign_keys", "analyze", "views"}
