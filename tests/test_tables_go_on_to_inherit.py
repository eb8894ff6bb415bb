"""Between two PostgreSQLs tables inherit as they did, and each row is in the table that it was in."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

import dbferry
from command import Command, moved, refused
from dbferry.engines.postgresql.tables import MARK
from dbferry.sessions import open_session
from dbferry.urls import parse
from faults.ends import served
from faults.moments import Said, Stage
from faults.points import Victim
from servers.database import Database
from servers.server import wait_until
from test_postgresql_schemas_dump_alike import dump

Make = Callable[[str], Database]
SCHEMA = """
CREATE SCHEMA other;
CREATE TABLE parent (id serial PRIMARY KEY, name text COLLATE "C" NOT NULL DEFAULT 'x', twice int GENERATED ALWAYS AS (1 + 1) STORED,
    CONSTRAINT short CHECK (length(name) < 10), CONSTRAINT its_own CHECK (id > 0) NO INHERIT);
CREATE TABLE z (at date, CONSTRAINT late CHECK (at > '2000-01-01'));
CREATE TABLE other.child (n int, CONSTRAINT positive CHECK (n > 0)) INHERITS (parent, z);
CREATE TABLE a_grandchild (name text COLLATE "C" DEFAULT 'y', more int NOT NULL, CONSTRAINT short CHECK (length(name) < 10))
    INHERITS (other.child);
CREATE TABLE joined (own int, at date, CONSTRAINT late CHECK (at > '2000-01-01')); ALTER TABLE joined INHERIT z;
CREATE TABLE alone (LIKE z); CREATE INDEX by_n ON other.child (n);
ALTER TABLE ONLY other.child ALTER name SET DEFAULT 'of the child'; ALTER TABLE other.child ALTER at SET NOT NULL;
ALTER TABLE a_grandchild ADD PRIMARY KEY (more);
COMMENT ON COLUMN other.child.name IS 'inherited';
INSERT INTO parent (name) VALUES ('p'), ('q'); INSERT INTO z VALUES ('2001-01-01');
INSERT INTO other.child (name, at, n) VALUES ('c', '2002-01-01', 1);
INSERT INTO a_grandchild (name, at, n, more) VALUES ('g', '2003-01-01', 2, 3), ('h', '2003-01-01', 2, 4);
INSERT INTO joined VALUES (1, '2004-01-01');
ALTER TABLE parent ADD late text NOT NULL DEFAULT 'x' CHECK (late <> ''); ALTER TABLE other.child ADD own bigserial;
ALTER TABLE z ADD later int DEFAULT 3; ALTER TABLE a_grandchild ALTER later SET NOT NULL, ALTER late SET DEFAULT 'g';
"""
TABLES = ("parent", "z", "other.child", "a_grandchild", "joined", "alone")


def left_out(told: dbferry.Report) -> list[str]:
    return [note for note in told.notes if note.startswith("not moved")]


def rows(db: Database) -> list[object]:
    return [
        db.rows(f"SELECT tableoid::regclass::text, r.* FROM {only} {table} r ORDER BY 1, r::text")
        for table in TABLES
        for only in ("", "ONLY")
    ]


@pytest.mark.parametrize("version", ["12", "18"])
def test_the_dumps_and_the_rows_are_equal(postgres_of: Make, version: str) -> None:
    held, made = postgres_of(version), postgres_of(version)
    held.sql(SCHEMA)
    for prepare in ("create", "drop", "truncate"):
        report = dbferry.migrate(held.url, made.url, prepare=prepare, range_rows=1)
        assert left_out(report) == []
        assert {t.source: t.target_rows for t in report.tables} == {
            "public.parent": 2, "public.z": 1, "other.child": 1, "public.a_grandchild": 2,
            "public.joined": 1, "public.alone": 0,
        }  # fmt: skip
        assert dump(made) == dump(held)
        assert rows(made) == rows(held)


def test_a_run_that_is_killed_once_they_inherit_is_gone_on_with(
    database: Make, tmp_path: Path
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(SCHEMA)
    with ExitStack() as stack:
        end, victim = served(made, stack), Victim()
        moment = Said(rb"ADD CONSTRAINT \"short\"", 2, Stage.BEFORE, victim.kill)
        args = ["migrate", held.url, end.url, "--on-table-error", "stop"]
        victim.runs(Command(tmp_path), args, end, moment)
        inherits = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'z'::regclass"
        assert made.rows(inherits) == [(2,)]
        result = Command(tmp_path)(*args)
        assert result.code == 0, result.err
    assert dump(made) == dump(held)
    assert rows(made) == rows(held)


def test_nothing_stays_of_a_run_that_makes_only_a_child(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TABLE p (id int); CREATE TABLE c (n int) INHERITS (p)")
    # No table can have the name of a type.
    made.sql("CREATE TYPE p AS ENUM ('x')")
    with pytest.raises(dbferry.errors.DbferryError, match="already exists"):
        dbferry.migrate(held.url, made.url)
    assert (
        made.rows(
            "SELECT relname FROM pg_class WHERE relname IN ('c', 'p') OR relname LIKE 'dbferry%'"
        )
        == []
    )


def test_what_a_table_is_made_of_is_nobodys_business(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    left, called = "dbferry_0123456789abcdef", "dbferry_fedcba9876543210"
    held.sql(
        f"CREATE TABLE {left} (id int); CREATE TABLE {called} (id int); CREATE TABLE t (id int)"
    )
    held.sql(f"COMMENT ON TABLE {left} IS '{MARK}'; COMMENT ON TABLE {called} IS 'mine'")
    report = dbferry.migrate(held.url, made.url)
    assert [table.source for table in report.tables] == [f"public.{called}", "public.t"]


@pytest.mark.parametrize(
    ("version", "said"),
    [("12", b"COPY "), ("18", b"COPY "), ("18", rb"ADD CONSTRAINT \"short\"")],
)
def test_cleanup_drops_what_tables_are_made_of_and_twice_is_fine(
    postgres_of: Make, tmp_path: Path, version: str, said: bytes
) -> None:
    held, made, dbferry = postgres_of(version), postgres_of(version), Command(tmp_path)
    held.sql(SCHEMA)
    listed = "SELECT relname FROM pg_class WHERE relname LIKE 'dbferry%' AND relkind = 'r'"
    with ExitStack() as stack:
        end, victim = served(made, stack), Victim()
        moment = Said(said, 2, Stage.BEFORE, victim.kill)
        victim.runs(dbferry, ["migrate", held.url, end.url, "--workers", "1"], end, moment)
    own = "dbferry_0123456789abcdef"
    made.sql(f"CREATE TABLE {own} (id int)")
    halves = made.rows(f"{listed} AND relname ~ '_[0-9a-f]{{16}}$' AND relname <> '{own}'")
    there = (
        "SELECT attname FROM pg_attribute WHERE attrelid = 'other.child'::regclass AND attnum > 0"
    )
    columns = made.rows(there)
    told = moved(dbferry("cleanup", made.url)).err
    assert made.rows(listed) == [(own,)]
    assert told.count("\ndropped: ") == len(halves)
    assert bool(halves) == (said == b"COPY ")
    assert all(name in told for (name,) in halves)
    mine = f'left, for it is not certain to be dbferry\'s own: "public"."{own}"\n'
    assert mine in told
    assert made.rows(there) == columns
    assert moved(dbferry("cleanup", made.url)).err == mine
    moved(dbferry("migrate", held.url, made.url, "--prepare", "drop"))
    assert rows(made) == rows(held)


def test_cleanup_leaves_alone_what_a_run_may_be_at(database: Make, tmp_path: Path) -> None:
    """A run that moves no rows keeps no ledger."""
    made, own = database("postgresql"), "dbferry_0123456789abcdef"
    made.sql(f"CREATE TABLE {own} (id int); COMMENT ON TABLE {own} IS '{MARK}'")
    endpoint = parse(made.url)
    with open_session(endpoint, side="target"):
        told = Command(tmp_path)("cleanup", made.url)
        refused(told, 1, "another session of dbferry is open", "hint: let its run finish")
    wait_until(lambda: Command(tmp_path)("cleanup", made.url).code == 0, "the session's end")
    assert made.rows(f"SELECT to_regclass('{own}')") == [(None,)]


def test_one_whose_parent_is_not_moved_is_named(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE TABLE p (id int, CHECK (id > 0)); CREATE TABLE c (n int) INHERITS (p); CREATE TABLE g () INHERITS (c);"
        "INSERT INTO c VALUES (1, 2); INSERT INTO g VALUES (3, 4)"
    )
    report = dbferry.migrate(held.url, made.url, exclude=["p"])
    assert left_out(report) == [
        'not moved: inheritance from public.p of public.c (dbferry makes none); hint: ALTER TABLE "public"."c" '
        'INHERIT "public"."p"'
    ]
    assert made.rows("SELECT id, n FROM c ORDER BY id") == [(1, 2), (3, 4)]
    with pytest.raises(Exception, match="p_id_check"):
        made.sql("INSERT INTO g VALUES (0, 0)")


@pytest.mark.parametrize(
    "rule",
    [
        {"cast": "p.id", "type": "int64"},
        {"mask": "p.name", "how": "hash", "key": "0123456789abcdef"},
    ],
)
def test_one_whose_parent_gets_other_columns_is_named(
    database: Make, rule: dict[str, object]
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE TABLE p (id int, name varchar(9));"
        "CREATE TABLE c (n int) INHERITS (p); INSERT INTO c VALUES (1, 'x'); INSERT INTO p VALUES (2, 'y')"
    )
    report = dbferry.migrate(held.url, made.url, rules=[rule])
    assert any(note.startswith("not moved: inheritance") for note in left_out(report))
    assert made.rows("SELECT id, n FROM c") == [(1, None)]
    assert made.rows("SELECT id FROM p") == [(2,)]


def test_who_empties_a_parent_leaves_its_children(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TABLE p (id int); INSERT INTO p VALUES (1)")
    made.sql("CREATE TABLE p (id int); CREATE TABLE c (n int) INHERITS (p)")
    made.sql("INSERT INTO p VALUES (7); INSERT INTO c VALUES (8, 9)")
    dbferry.migrate(held.url, made.url, prepare="truncate")
    assert made.rows("SELECT id FROM p ORDER BY id") == [(1,), (8,)]


@pytest.mark.parametrize("itself", [False, True])
def test_a_write_that_empties_a_parent_leaves_its_children(database: Make, itself: bool) -> None:
    held, made = database("postgresql"), database("postgresql")
    made.sql(
        "CREATE TABLE p (id int); CREATE TABLE c (n int) INHERITS (p); CREATE TABLE one (id int)"
    )
    made.sql("INSERT INTO p VALUES (7); INSERT INTO c VALUES (8, 9)")
    origin = made if itself else held
    origin.sql("CREATE TABLE IF NOT EXISTS one (id int); INSERT INTO one VALUES (1)")
    dbferry.write(dbferry.read(origin.url, "one"), made.url, "p", mode="truncate")
    assert made.rows("SELECT id FROM p ORDER BY id") == [(1,), (8,)]


@pytest.mark.parametrize("table", ["p", "c"])
def test_one_that_inherits_or_is_inherited_from_is_not_made_anew(
    pg_db: Database, table: str
) -> None:
    pg_db.sql("CREATE TABLE p (id int); CREATE TABLE c () INHERITS (p); CREATE TABLE one (id int)")
    rows, hint = dbferry.read(pg_db.url, "one"), "ALTER TABLE c NO INHERIT p"
    with pytest.raises(dbferry.errors.DbferryError, match="inheritance of c depends") as caught:
        dbferry.write(rows, pg_db.url, table, mode="replace")
    assert caught.value.hint == f'{hint} first, or choose mode="truncate"'
    pg_db.sql(hint)
    dbferry.write(dbferry.read(pg_db.url, "one"), pg_db.url, table, mode="replace")


def test_rows_are_added_to_tables_that_inherit(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    for db, n in ((held, 1), (made, 2)):
        db.sql("CREATE TABLE p (id int); CREATE TABLE c (n int) INHERITS (p)")
        db.sql(f"INSERT INTO p VALUES ({n}); INSERT INTO c VALUES ({n}, {n}), ({n}, {n})")
    report = dbferry.migrate(held.url, made.url, prepare="append")
    assert [(t.source, t.source_rows, t.target_rows) for t in report.tables] == [
        ("public.c", 2, 2),
        ("public.p", 1, 1),
    ]
    with pytest.raises(dbferry.errors.DbferryError, match="has rows"):
        dbferry.migrate(held.url, made.url)


def test_they_are_made_first_and_filled_later(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(SCHEMA)
    dbferry.migrate(held.url, made.url, only="schema")
    assert dump(made) == dump(held)
    report = dbferry.migrate(held.url, made.url, only="data")
    assert report.state == "done"
    assert dump(made) == dump(held)
    assert rows(made) == rows(held)
