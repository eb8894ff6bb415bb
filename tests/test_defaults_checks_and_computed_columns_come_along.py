"""Defaults, generated columns, checks and comments stand in the target as in the source, and do the same."""

import re
from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database, ServerDatabase

Make = Callable[[str], Database]

POSTGRESQL = r"""
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE FUNCTION twice(v int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT v * 2';
CREATE TABLE t (
    id int NOT NULL,
    n int DEFAULT 5 CHECK (n > 0),
    name varchar(20) DEFAULT 'it''s \ so'::character varying,
    code text COLLATE "C" NOT NULL DEFAULT 'x',
    price numeric(10,2) DEFAULT 1.50,
    active boolean DEFAULT false NOT NULL,
    feeling mood DEFAULT 'high',
    body jsonb DEFAULT '{}'::jsonb,
    tags text[] DEFAULT '{}'::text[],
    raw bytea DEFAULT '\x00ff'::bytea,
    made timestamptz DEFAULT now() NOT NULL,
    seen timestamp DEFAULT (now() AT TIME ZONE 'utc'),
    day date DEFAULT CURRENT_DATE,
    span interval DEFAULT '1 day'::interval,
    key uuid DEFAULT gen_random_uuid(),
    total numeric GENERATED ALWAYS AS (price * n) STORED,
    CONSTRAINT known CHECK (name <> ALL (ARRAY['a', 'b'])),
    CONSTRAINT alone CHECK (n < 1000) NO INHERIT,
    CONSTRAINT "Odd name" CHECK (n + id > 0));
COMMENT ON TABLE t IS 'the table''s own';
COMMENT ON COLUMN t.name IS 'a name \ so';
INSERT INTO t (id) VALUES (1), (2);
ALTER TABLE t ADD CONSTRAINT later CHECK (id > 1) NOT VALID;
"""
MYSQL = r"""
CREATE TABLE t (
    id int NOT NULL,
    n int DEFAULT 5 COMMENT 'it''s',
    name varchar(20) DEFAULT 'x''y\\z',
    made timestamp(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
    seen datetime DEFAULT CURRENT_TIMESTAMP,
    key_ varchar(40) DEFAULT (uuid()),
    note text DEFAULT ('abc'),
    flags bit(3) DEFAULT b'101',
    price decimal(8,2) DEFAULT 1.50,
    mood enum('a','b') DEFAULT 'b',
    day date DEFAULT '2000-01-01',
    twice int GENERATED ALWAYS AS (n * 2) VIRTUAL,
    label varchar(50) GENERATED ALWAYS AS (concat(name, '-''x')) STORED COMMENT 'made up',
    narrow varchar(10) CHARACTER SET latin1 DEFAULT 'y',
    away int DEFAULT 3 INVISIBLE,
    CONSTRAINT known CHECK (n > 0 AND name NOT IN ('a', 'it''s') OR name LIKE 'a\\_%'),
    CHECK (char_length(name) < 20)
) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='the table''s own';
INSERT INTO t (id) VALUES (1), (2);
"""
SQLITE = """
CREATE TABLE t (
    id INTEGER NOT NULL,
    n INT DEFAULT 5 CHECK (n > 0), -- (a comment
    name TEXT DEFAULT 'it''s' COLLATE NOCASE,
    made DEFAULT CURRENT_TIMESTAMP,
    "odd, name" TEXT DEFAULT "word",
    twice INT GENERATED ALWAYS AS (n * 2) STORED,
    more AS (n + 1),
    CONSTRAINT known CHECK (name NOT IN ('a', ')')),
    CHECK (id < 1000));
INSERT INTO t (id) VALUES (1), (2);
"""
SAME = {"postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL, "sqlite": SQLITE}


def described(db: Database) -> object:
    """The table as its own server tells it."""
    if db.engine in ("mysql", "mariadb"):
        return db.rows("SHOW CREATE TABLE t")[0][1]
    if db.engine == "sqlite":
        return db.rows(
            "SELECT name, type, \"notnull\", dflt_value, hidden FROM pragma_table_xinfo('t')"
        )
    return [
        db.rows(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attgenerated, attcollation, "
            "pg_get_expr(adbin, adrelid), col_description(attrelid, attnum) FROM pg_attribute "
            "LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
            "WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum"
        ),
        db.rows(
            "SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint "
            "WHERE conrelid = 't'::regclass ORDER BY 1"
        ),
        db.rows("SELECT obj_description('t'::regclass)"),
    ]


@pytest.mark.parametrize("engine", SAME)
def test_between_two_of_one_engine_nothing_is_lost(database: Make, engine: str) -> None:
    held, made = database(engine), database(engine)
    held.sql(SAME[engine])
    # A function of the user's own comes along where it is asked for.
    report = dbferry.migrate(
        held.url, made.url, include=["functions"] if engine == "postgresql" else []
    )
    assert not [note for note in report.notes if note.startswith("not moved")]
    assert described(made) == described(held)
    assert made.rows("SELECT * FROM t ORDER BY id") == held.rows("SELECT * FROM t ORDER BY id")


# One table in three dialects: the columns mean the same.
PARTS = {
    "postgresql": """
        CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 5, name varchar(20) DEFAULT 'it''s' NOT NULL,
        price numeric(10,2) DEFAULT 1.5, active boolean DEFAULT true, day date DEFAULT '2000-02-29',
        made timestamptz DEFAULT now(), seen timestamp DEFAULT now(), twice int GENERATED ALWAYS AS (n * 2) STORED,
        CONSTRAINT positive CHECK (n > 0), CONSTRAINT known CHECK (name <> ALL (ARRAY['a', 'b'])),
        CONSTRAINT short CHECK (char_length(name) < 10))""",
    "mysql": """
        CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 5, name varchar(20) COLLATE utf8mb4_0900_bin DEFAULT 'it''s' NOT NULL,
        price decimal(10,2) DEFAULT 1.5, active tinyint(1) DEFAULT 1, day date DEFAULT '2000-02-29',
        made timestamp(6) NULL DEFAULT CURRENT_TIMESTAMP(6), seen datetime(6) DEFAULT CURRENT_TIMESTAMP(6),
        twice int GENERATED ALWAYS AS (n * 2) STORED,
        CONSTRAINT positive CHECK (n > 0), CONSTRAINT known CHECK (name NOT IN ('a', 'b')),
        CONSTRAINT short CHECK (char_length(name) < 10))""",
    "sqlite": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, n INT DEFAULT 5, name VARCHAR(20) DEFAULT 'it''s' NOT NULL,
        price NUMERIC(10,2) DEFAULT 1.5, active BOOLEAN DEFAULT 1, day DATE DEFAULT '2000-02-29',
        made TIMESTAMP DEFAULT CURRENT_TIMESTAMP, seen TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
        twice INT GENERATED ALWAYS AS (n * 2) STORED,
        CONSTRAINT positive CHECK (n > 0), CONSTRAINT known CHECK (name NOT IN ('a', 'b')),
        CONSTRAINT short CHECK (length(name) < 10))""",
}
PARTS["mariadb"] = PARTS["mysql"].replace("0900_bin", "nopad_bin")
PAIRS = [(one, other) for one in PARTS for other in PARTS if one != other]
AGE = {
    "postgresql": "extract(epoch FROM {moment} - {now})",
    "mysql": "timestampdiff(MICROSECOND, {now}, {moment}) / 1e6",
    "sqlite": "(julianday({moment}) - julianday({now})) * 86400",
}
AGE["mariadb"] = AGE["mysql"]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_they_do_the_same_in_another_engine(database: Make, source: str, target: str) -> None:
    held, made = database(source), database(target)
    held.sql(f"{PARTS[source]}; INSERT INTO t (id, n) VALUES (1, 7), (2, NULL)")
    report = dbferry.migrate(held.url, made.url)
    assert not [note for note in report.notes if note.startswith("not moved")]
    made.sql("INSERT INTO t (id) VALUES (3)")
    [(n, name, price, active, day)] = made.rows(
        "SELECT n, name, price, active, day FROM t WHERE id = 3"
    )
    assert (n, name, float(price), bool(active), str(day)) == (5, "it's", 1.5, True, "2000-02-29")
    assert [row[0] for row in made.rows("SELECT twice FROM t ORDER BY id")] == [14, None, 10]
    made.sql("UPDATE t SET n = 8 WHERE id = 1")
    assert made.rows("SELECT twice FROM t WHERE id = 1") == [(16,)]
    for wrong in ("(4, -1, 'x')", "(4, 1, 'b')", "(4, 1, 'a name too long')"):
        with pytest.raises(Exception, match=r"(?i)check|constraint"):
            made.sql(f"INSERT INTO t (id, n, name) VALUES {wrong}")


@pytest.mark.parametrize("source", PARTS)
def test_duckdb_gets_defaults_checks_and_comments(database: Make, source: str) -> None:
    held, made = database(source), database("duckdb")
    held.sql(f"{PARTS[source]}; INSERT INTO t (id, n) VALUES (1, 7), (2, NULL)")
    commented = source == "postgresql"
    if commented:
        held.sql("COMMENT ON TABLE t IS 'it''s'; COMMENT ON COLUMN t.n IS 'a number'")
    report = dbferry.migrate(held.url, made.url)
    [left] = not_moved(report)
    assert "(duckdb gets no generated columns)" in left
    made.sql("INSERT INTO t (id) VALUES (3)")
    [(n, name, price, active, day)] = made.rows(
        "SELECT n, name, price, active, day FROM t WHERE id = 3"
    )
    assert (n, name, float(price), active, str(day)) == (5, "it's", 1.5, True, "2000-02-29")
    for column in ("made", "seen"):
        [(age,)] = made.rows(f"SELECT epoch(now()) - epoch({column}) FROM t WHERE id = 3")
        assert abs(float(age)) < 60
    for wrong in ("(4, -1, 'x')", "(4, 1, 'b')", "(4, 1, 'a name too long')"):
        with pytest.raises(Exception, match="CHECK"):
            made.sql(f"INSERT INTO t (id, n, name) VALUES {wrong}")
    if commented:
        assert made.rows("SELECT comment FROM duckdb_tables()") == [("it's",)]
        query = "SELECT comment FROM duckdb_columns() WHERE column_name = 'n' AND table_name = 't'"
        assert made.rows(query) == [("a number",)]


@pytest.mark.parametrize("target", [*SAME, "duckdb"])
@pytest.mark.parametrize("source", SAME)
def test_a_table_that_was_made_so_differs_in_nothing(
    database: Make, source: str, target: str
) -> None:
    held, made = database(source), database(target)
    held.sql(SAME[source])
    # A check of PostgreSQL's holds for none of the rows, which another engine asks.
    held.sql("DELETE FROM t")
    dbferry.migrate(held.url, made.url)
    [table] = dbferry.plan(held.url, made.url, prepare="truncate").tables
    assert list(map(str, table.differences)) == []


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_moment_by_default_is_now(database: Make, source: str, target: str) -> None:
    """The servers' sessions and this process are all in UTC."""
    held, made = database(source), database(target)
    held.sql(PARTS[source])
    dbferry.migrate(held.url, made.url)
    made.sql("INSERT INTO t (id) VALUES (1)")
    now = {"postgresql": "clock_timestamp()", "sqlite": "'now'"}.get(target, "now(6)")
    for column in ("made", "seen"):
        moment = f"{column}::timestamptz" if target == "postgresql" else column
        [(age,)] = made.rows(f"SELECT {AGE[target].format(moment=moment, now=now)} FROM t")
        assert abs(float(age)) < 60


def not_moved(report: dbferry.Report) -> list[str]:
    return [n.removeprefix("not moved: ") for n in report.notes if n.startswith("not moved: ")]


def test_what_has_no_counterpart_is_named_and_the_rows_move(
    pg_db: Database, sqlite_db: Database
) -> None:
    pg_db.sql(
        "CREATE SEQUENCE s; CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT nextval('s'), "
        "name text DEFAULT CURRENT_USER CHECK (name ~ '^[a-z]+$'), "
        "sum text GENERATED ALWAYS AS (md5(name)) STORED); "
        "COMMENT ON TABLE t IS 'mine'; INSERT INTO t (id, name) VALUES (1, 'ada')"
    )
    report = dbferry.migrate(pg_db.url, sqlite_db.url)
    assert not_moved(report) == [
        "sequence public.s (sqlite has none that stands for itself)",
        'default of public.t.n: nextval(\'"public"."s"\'::regclass) (the function nextval() has no certain counterpart '
        "in sqlite)",
        "default of public.t.name: CURRENT_USER (`CURRENT_USER` has no certain counterpart in sqlite)",
        "generated column public.t.sum: md5(name) (the function md5() has no certain counterpart in sqlite)",
        "check t_name_check of public.t: (name ~ '^[a-z]+$'::text) (`name ~ CAST('^[a-z]+$' AS TEXT)` "
        "has no certain counterpart in sqlite)",
        "comments of public.t (sqlite has none)",
    ]
    assert sqlite_db.rows("SELECT * FROM t") == [(1, 1, "ada", "8c8d357b5e872bbacd45197626bd5759")]


def test_comments_that_are_too_long_are_named(database: Make) -> None:
    held, made = database("postgresql"), database("mariadb")
    held.sql(
        f"CREATE TABLE t (id int PRIMARY KEY, n int); COMMENT ON TABLE t IS '{'x' * 2048}'; "
        f"COMMENT ON COLUMN t.id IS '{'y' * 1024}'; COMMENT ON COLUMN t.n IS '{'z' * 1025}'"
    )
    report = dbferry.migrate(held.url, made.url)
    assert not_moved(report) == ["comment of public.t.n (mariadb holds 1024 characters)"]
    found = made.rows(
        "SELECT length(table_comment), (SELECT length(column_comment) FROM information_schema.columns "
        "WHERE table_schema = database() AND column_name = 'id') FROM information_schema.tables "
        "WHERE table_schema = database()"
    )
    assert found == [(2048, 1024)]


def test_what_mysql_does_by_itself_is_named_elsewhere(database: Make) -> None:
    held, made = database("mysql"), database("postgresql")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, at timestamp NULL ON UPDATE CURRENT_TIMESTAMP, "
        "away int INVISIBLE, n int CHECK (n > 1) NOT ENFORCED)"
    )
    report = dbferry.migrate(held.url, made.url)
    assert not_moved(report) == [
        f"ON UPDATE CURRENT_TIMESTAMP of {held.name}.t.at (postgresql has none); "
        "hint: --include on-update makes a trigger that does the same",
        f"INVISIBLE of {held.name}.t.away (postgresql shows every column)",
        f"check t_chk_1 of {held.name}.t: (`n` > 1) (it is not enforced)",
    ]


def test_what_the_target_refuses_is_named_with_its_words(database: Make) -> None:
    """A function of the user's own is in the source only."""
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'; "
        "CREATE TABLE t (id int PRIMARY KEY DEFAULT f(1), n int DEFAULT 3, CONSTRAINT fine CHECK (n > 1), "
        "CONSTRAINT own CHECK (f(n) > 1)); INSERT INTO t VALUES (1, 2)"
    )
    report = dbferry.migrate(held.url, made.url)
    assert [note.partition(" (the target")[0] for note in not_moved(report)] == [
        "default of public.t.id: public.f(1)",
        "check own of public.t: (public.f(n) > 1)",
        "function public.f(integer) (not asked for); hint: --include functions",
    ]
    assert all("does not exist" in note for note in not_moved(report)[:2])
    made.sql("INSERT INTO t (id) VALUES (2)")
    assert made.rows("SELECT * FROM t ORDER BY id") == [(1, 2), (2, 3)]


def test_a_check_that_another_engine_refuses_is_named_in_its_own_words(database: Make) -> None:
    held, made = database("sqlite"), database("postgresql")
    held.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, day DATE CHECK (day != '2024-02-30'))")
    report = dbferry.migrate(held.url, made.url)
    [note] = [note for note in report.notes if note.startswith("not moved: check")]
    assert note.startswith(
        "not moved: check of main.t: day != '2024-02-30' (the target refuses it: date/time field value"
    )


def test_they_are_tried_where_the_target_is_a_server_without_a_database(database: Make) -> None:
    held, made = database("mariadb"), database("mysql")
    assert isinstance(made, ServerDatabase)
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, day date, CONSTRAINT real_day CHECK (day <> '2024-02-30'))"
    )
    server = made.url.replace(f"/{made.name}", "/")
    plan = dbferry.plan(held.url, server, schemas={held.name: made.name})
    [note] = [note for note in plan.notes if note.startswith("not moved: check")]
    assert "`day` <> '2024-02-30' (the target refuses it: " in note


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_check_of_a_column_that_counts_is_named_where_there_is_none(
    database: Make, engine: str
) -> None:
    source, target = database("sqlite"), database(engine)
    source.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0), n INTEGER, "
        "CHECK (n < 9)); INSERT INTO t VALUES (1, 2)"
    )
    report = dbferry.migrate(source.url, target.url)
    assert [note for note in report.notes if "check" in note] == [
        f"not moved: check of main.t: id > 0 (`id` counts, which {engine} doesn't check)"
    ]
    with pytest.raises(Exception, match=r"check|CONSTRAINT"):
        target.sql("INSERT INTO t (n) VALUES (10)")


def test_rows_that_break_a_check_are_told_when_all_are_in(database: Make) -> None:
    held, made = database("mariadb"), database("postgresql")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, n int, CONSTRAINT known CHECK (n > 1)); "
        "SET check_constraint_checks = 0; INSERT INTO t VALUES (1, 1), (2, 2)"
    )
    with pytest.raises(dbferry.errors.SchemaError, match="check `known` of"):
        dbferry.migrate(held.url, made.url)
    assert made.rows("SELECT count(*) FROM t") == [(2,)]


@pytest.mark.parametrize("target", ["mysql", "sqlite", "duckdb"])
def test_a_check_that_old_rows_may_break_is_left_out_elsewhere(database: Make, target: str) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1); "
        "ALTER TABLE t ADD CONSTRAINT later CHECK (n > 1) NOT VALID"
    )
    assert not_moved(dbferry.migrate(held.url, made.url)) == [
        "check later of public.t: (n > 1) (rows that were there before it may break it); "
        "hint: VALIDATE CONSTRAINT in the source"
    ]


def test_columns_computed_in_a_standing_table_are_left_to_it(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    for db in (held, made):
        db.sql("CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)")
    held.sql("INSERT INTO t VALUES (1), (2)")
    dbferry.migrate(held.url, made.url)
    assert made.rows("SELECT * FROM t ORDER BY id") == [(1, 2), (2, 4)]


def test_a_plan_leaves_nothing_of_its_trials(database: Make) -> None:
    held = database("postgresql")
    held.sql(PARTS["postgresql"])
    for target in ("postgresql", "mysql", "mariadb", "sqlite"):
        made = database(target)
        plan = dbferry.plan(held.url, made.url)
        assert re.search(r"CHECK \(", " ".join([*plan.ddl().before, *plan.ddl().foreign_keys]))
        query = {
            "postgresql": "SELECT relname FROM pg_class WHERE relname ~ 'dbferry'",
            "sqlite": "SELECT name FROM sqlite_schema",
        }.get(target, "SHOW TABLES")
        assert made.rows(query) == []


@pytest.mark.parametrize("source", ["postgresql", "mysql", "mariadb", "sqlite"])
@pytest.mark.parametrize("target", ["postgresql", "mysql", "mariadb", "sqlite"])
def test_columns_of_odd_names_are_found_in_their_texts(
    database: Make, source: str, target: str
) -> None:
    """A trial has those columns alone that its texts name."""
    held, made = database(source), database(target)
    quote, mark = ("`", '"') if source in ("mysql", "mariadb") else ('"', "`")
    names = ["Odd NAME", f"it{mark}s", f"a{quote}{quote}b"]
    one, two, three = (f"{quote}{name}{quote}" for name in names)
    held.sql(
        f"CREATE TABLE t (id int PRIMARY KEY, {one} int, {two} int, {three} int, other int, "
        f"more int GENERATED ALWAYS AS ({one} + {two}) STORED, CONSTRAINT few CHECK ({three} < 9)); "
        f"INSERT INTO t (id, {one}, {two}, {three}) VALUES (1, 2, 3, 4)"
    )
    assert not_moved(dbferry.migrate(held.url, made.url)) == []
    assert made.rows("SELECT more FROM t") == [(5,)]
    with pytest.raises(Exception, match=r"(?i)few|check"):
        made.sql("UPDATE t SET " + made_name(target, names[2].replace(quote * 2, quote)) + " = 9")


def made_name(engine: str, name: str) -> str:
    quote = "`" if engine in ("mysql", "mariadb") else '"'
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"
