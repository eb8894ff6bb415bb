"""Extensions, functions, triggers, policies and grants of PostgreSQL: a dump of the target equals the source's."""

import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dbferry
from servers.database import Database, ServerDatabase
from servers.postgres import PostgresServer

Make = Callable[[str], Database]
ONE_OF_EACH = r"""
SET check_function_bodies = off;
CREATE SCHEMA other;
COMMENT ON SCHEMA other IS 'the other one';
CREATE SCHEMA empty;
CREATE SCHEMA tools;
CREATE EXTENSION hstore WITH SCHEMA tools;
CREATE EXTENSION citext;
COMMENT ON EXTENSION citext IS 'in our words';
CREATE TYPE unused AS ENUM ('a', 'b');
CREATE FUNCTION other.positive(n int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT n > 0';
CREATE DOMAIN amount AS int CHECK (other.positive(VALUE));
CREATE FUNCTION twice(n amount DEFAULT 1) RETURNS int LANGUAGE plpgsql IMMUTABLE
    AS $body$ BEGIN -- it's
    RETURN n * 2; END $body$;
ALTER FUNCTION twice(amount) DEPENDS ON EXTENSION citext;
COMMENT ON FUNCTION twice(amount) IS 'it''s two';
CREATE FUNCTION add_up(state int, n amount) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT state + n';
CREATE AGGREGATE total (n amount) (SFUNC = add_up, STYPE = int, INITCOND = '0', COMBINEFUNC = int4pl, PARALLEL = SAFE,
    MSFUNC = add_up, MINVFUNC = add_up, MSTYPE = int, MINITCOND = '5', MFINALFUNC = int4abs, MFINALFUNC_MODIFY = SHAREABLE);
CREATE AGGREGATE other.rows (*) (SFUNC = int8inc, STYPE = bigint, SSPACE = 8, INITCOND = '0');
CREATE AGGREGATE middle (float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal,
    FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
CREATE AGGREGATE place (VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi, STYPE = internal,
    FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
CREATE AGGREGATE least_of (int) (SFUNC = int4smaller, STYPE = int, SORTOP = OPERATOR(pg_catalog.<));
COMMENT ON AGGREGATE total (amount) IS 'all of it';
COMMENT ON AGGREGATE other.rows (*) IS 'as many';
CREATE FUNCTION same(a unused, b unused) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT a::text = b::text';
CREATE FUNCTION differ(a unused, b unused) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT a::text <> b::text';
CREATE FUNCTION hash_of(a unused) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT hashtext(a::text)';
CREATE FUNCTION order_of(a unused, b unused) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT bttextcmp(a::text, b::text)';
CREATE OPERATOR === (FUNCTION = same, LEFTARG = unused, RIGHTARG = unused, COMMUTATOR = ===, NEGATOR = OPERATOR(other.!==),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR other.!== (FUNCTION = differ, LEFTARG = unused, RIGHTARG = unused, NEGATOR = OPERATOR(public.===));
CREATE OPERATOR other.!! (FUNCTION = hash_of, RIGHTARG = unused);
COMMENT ON OPERATOR === (unused, unused) IS 'the same';
COMMENT ON OPERATOR other.!! (NONE, unused) IS 'in short';
CREATE OPERATOR FAMILY other.of_text USING btree;
COMMENT ON OPERATOR FAMILY other.of_text USING btree IS 'by letters';
CREATE OPERATOR CLASS "by Hash" DEFAULT FOR TYPE unused USING hash AS OPERATOR 1 ===, FUNCTION 1 hash_of(unused);
CREATE OPERATOR CLASS by_text FOR TYPE unused USING btree FAMILY other.of_text AS OPERATOR 3 ===, FUNCTION 1 order_of(unused, unused);
ALTER OPERATOR FAMILY other.of_text USING btree ADD OPERATOR 1 < (int, int), FUNCTION 1 btint4cmp(int, int);
COMMENT ON OPERATOR CLASS by_text USING btree IS 'slowly';
CREATE FUNCTION to_int(unused) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE CAST (unused AS int) WITH FUNCTION to_int(unused) AS ASSIGNMENT;
CREATE CAST (int AS unused) WITH INOUT;
COMMENT ON CAST (unused AS int) IS 'by its place';
CREATE CONVERSION other.mine FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
COMMENT ON CONVERSION other.mine IS 'as the server does';
CREATE TEXT SEARCH TEMPLATE other.plain (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH PARSER words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype,
    HEADLINE = prsd_headline);
CREATE TEXT SEARCH DICTIONARY stems (TEMPLATE = snowball, LANGUAGE = 'english', STOPWORDS = 'english');
CREATE TEXT SEARCH DICTIONARY "Plain" (TEMPLATE = other.plain);
CREATE TEXT SEARCH CONFIGURATION other.searched (PARSER = words);
ALTER TEXT SEARCH CONFIGURATION other.searched ADD MAPPING FOR asciiword, word WITH stems, "Plain";
ALTER TEXT SEARCH CONFIGURATION other.searched ADD MAPPING FOR int WITH simple;
COMMENT ON TEXT SEARCH CONFIGURATION other.searched IS 'ours';
COMMENT ON TEXT SEARCH DICTIONARY stems IS 'of words';
COMMENT ON TEXT SEARCH PARSER words IS 'cut';
COMMENT ON TEXT SEARCH TEMPLATE other.plain IS 'as it is';
CREATE FUNCTION later() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.t';
CREATE TABLE t (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner text NOT NULL DEFAULT CURRENT_USER,
    n int DEFAULT twice(21) CHECK (other.positive(n)),
    doubled int GENERATED ALWAYS AS (twice(n)) STORED,
    name citext,
    words tools.hstore,
    seen int DEFAULT 0,
    kind unused DEFAULT 'a' CHECK (kind OPERATOR(public.===) kind),
    text_of tsvector GENERATED ALWAYS AS (to_tsvector('other.searched', owner)) STORED);
CREATE INDEX by_kind ON t (kind by_text);
CREATE INDEX by_twice ON t (twice(n));
CREATE TABLE parted (id int, part int) PARTITION BY LIST (part);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE log (what text);
CREATE FUNCTION apart(a int, b int) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT (a - b)::float8';
CREATE TYPE span AS RANGE (SUBTYPE = int, SUBTYPE_DIFF = apart);
CREATE TABLE spans (one span, many span_multirange);
CREATE FUNCTION of_row(r t) RETURNS text LANGUAGE sql STABLE AS 'SELECT r.owner';
CREATE FUNCTION rows() RETURNS SETOF t LANGUAGE sql BEGIN ATOMIC SELECT * FROM t; END;
CREATE FUNCTION add_row(n int, r t) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n + r.n';
CREATE AGGREGATE of_rows (t) (SFUNC = add_row, STYPE = int, INITCOND = '0');
CREATE OPERATOR ||| (FUNCTION = add_row, LEFTARG = int, RIGHTARG = t);
CREATE CAST (t AS text) WITH FUNCTION of_row(t);
CREATE VIEW by_rows AS SELECT of_rows(t.*) AS n FROM t;
CREATE PROCEDURE other.clean() LANGUAGE sql AS 'DELETE FROM public.log';
CREATE VIEW v AS SELECT id, of_row(t) AS of_row FROM t;
CREATE VIEW sums AS SELECT total(n) AS total, other.rows(*) AS many FROM t;
CREATE FUNCTION of_view(r v) RETURNS int LANGUAGE sql STABLE AS 'SELECT r.id';
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path TO 'public' AS $$
    BEGIN INSERT INTO log VALUES (TG_OP); NEW.seen := 1; RETURN NEW; END $$;
CREATE FUNCTION note_view() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
INSERT INTO t (owner, name, words) VALUES ('ferry', 'A', 'a=>1'), ('other', 'B', NULL);
INSERT INTO parted VALUES (1, 1);
CREATE TRIGGER noted BEFORE INSERT OR UPDATE OF n ON t FOR EACH ROW WHEN (NEW.n > 0) EXECUTE FUNCTION note();
COMMENT ON TRIGGER noted ON t IS 'every one';
CREATE TRIGGER silent AFTER DELETE ON t EXECUTE FUNCTION note();
ALTER TABLE t DISABLE TRIGGER silent;
CREATE TRIGGER always AFTER DELETE ON t EXECUTE FUNCTION note();
ALTER TABLE t ENABLE ALWAYS TRIGGER always;
CREATE TRIGGER whole AFTER INSERT ON parted FOR EACH ROW EXECUTE FUNCTION note_view();
ALTER TABLE parted_1 DISABLE TRIGGER whole;
CREATE TRIGGER single AFTER INSERT ON parted_1 FOR EACH ROW EXECUTE FUNCTION note_view();
CREATE TRIGGER "Instead" INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION note_view();
CREATE RULE kept AS ON DELETE TO log DO INSTEAD NOTHING;
CREATE POLICY own ON t FOR SELECT TO {reader}, {writer} USING (owner = CURRENT_USER);
CREATE POLICY "All of it" ON t AS RESTRICTIVE USING (id > 0) WITH CHECK (other.positive(id));
COMMENT ON POLICY own ON t IS 'one''s own';
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
ALTER TABLE t FORCE ROW LEVEL SECURITY;
GRANT USAGE ON SCHEMA other TO {reader};
GRANT SELECT ON t, v TO {reader};
GRANT SELECT, INSERT ON t TO {writer} WITH GRANT OPTION;
GRANT UPDATE (n, name) ON t TO {reader};
GRANT USAGE ON SEQUENCE t_id_seq TO {writer};
GRANT SELECT ON parted_1 TO PUBLIC;
REVOKE ALL ON FUNCTION twice(amount) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twice(amount) TO {reader};
GRANT EXECUTE ON PROCEDURE other.clean() TO {reader};
GRANT EXECUTE ON FUNCTION tools.akeys(tools.hstore) TO {reader};
REVOKE EXECUTE ON FUNCTION tools.avals(tools.hstore) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION total(amount) TO {reader};
REVOKE DELETE, TRUNCATE ON parted FROM CURRENT_USER;
REVOKE INSERT ON log FROM CURRENT_USER;
ALTER SCHEMA empty OWNER TO {reader};
ALTER TABLE log OWNER TO {reader};
ALTER TABLE spans OWNER TO {writer};
ALTER VIEW sums OWNER TO {writer};
ALTER TYPE unused OWNER TO {writer};
ALTER DOMAIN amount OWNER TO {writer};
ALTER FUNCTION later() OWNER TO {reader};
ALTER AGGREGATE other.rows (*) OWNER TO {reader};
CREATE STATISTICS other.of_spans ON id, seen FROM t;
ALTER STATISTICS other.of_spans OWNER TO {reader};
CREATE COLLATION ours (lc_collate = 'C', lc_ctype = 'POSIX');
ALTER COLLATION ours OWNER TO {writer};
ALTER CONVERSION other.mine OWNER TO {writer};
ALTER OPERATOR other.!!(NONE, unused) OWNER TO {reader};
ALTER OPERATOR CLASS "by Hash" USING hash OWNER TO {reader};
ALTER OPERATOR FAMILY other.of_text USING btree OWNER TO {writer};
ALTER TEXT SEARCH DICTIONARY "Plain" OWNER TO {reader};
ALTER TEXT SEARCH CONFIGURATION other.searched OWNER TO {writer};
CREATE SEQUENCE other.numbers;
ALTER SEQUENCE other.numbers OWNER TO {writer};
REVOKE USAGE ON TYPE unused FROM PUBLIC;
GRANT USAGE ON TYPE unused TO {reader};
ALTER DEFAULT PRIVILEGES IN SCHEMA other GRANT SELECT ON TABLES TO {reader};
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE EVENT TRIGGER watched_{name} ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION watch();
"""


def dump(db: Database) -> list[str]:
    """`pg_dump -s` with rights and owners, without what names the run of pg_dump itself."""
    assert isinstance(db, ServerDatabase)
    assert isinstance(db.server, PostgresServer)
    tool = db.server.tool("pg_dump")
    done = subprocess.run([tool, "-s", db.url], check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    return [line for line in lines if line and not line.startswith(("--", "\\"))]


@pytest.fixture
def roles(postgres: PostgresServer) -> Iterator[tuple[str, str]]:
    """Two roles, which go after the databases that know them."""
    reader, writer = (f"{what}_{uuid.uuid4().hex[:12]}" for what in ("reader", "writer"))
    postgres.sql("postgres", f"CREATE ROLE {reader}; CREATE ROLE {writer}")
    yield reader, writer
    postgres.sql("postgres", f"DROP ROLE {reader}; DROP ROLE {writer}")


@pytest.fixture
def held(roles: tuple[str, str], pg_db: Database) -> Database:
    """A source with one of each."""
    reader, writer = roles
    pg_db.sql(ONE_OF_EACH.format(reader=reader, writer=writer, name=pg_db.name))
    return pg_db


def left_out(report: dbferry.Report | dbferry.Plan) -> list[str]:
    return [note for note in report.notes if note.startswith("not moved")]


def test_a_schema_with_one_of_each_dumps_alike(held: Database, database: Make) -> None:
    made = database("postgresql")
    report = dbferry.migrate(held.url, made.url, include=["all"])
    assert left_out(report) == []
    assert dump(made) == dump(held)


def test_no_trigger_fires_for_the_rows_that_are_moved(held: Database, database: Make) -> None:
    made = database("postgresql")
    dbferry.migrate(held.url, made.url, include=["all"])
    assert made.rows("SELECT count(*) FROM log") == [(0,)]
    assert made.rows("SELECT id, owner, seen FROM t ORDER BY id") == held.rows(
        "SELECT id, owner, seen FROM t ORDER BY id"
    )
    made.sql("INSERT INTO t (owner) VALUES ('ferry')")
    assert made.rows("SELECT what FROM log") == [("INSERT",)]


def test_a_second_run_makes_everything_anew(held: Database, database: Make) -> None:
    # Rights by default that the first run has given hold for what the second makes anew.
    held.sql("ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC")
    made = database("postgresql")
    for _ in range(2):
        report = dbferry.migrate(held.url, made.url, include=["all"], prepare="drop")
        assert left_out(report) == []
    assert dump(made) == dump(held)


def test_what_stands_in_the_target_already_is_nothing_to_name(
    held: Database, database: Make
) -> None:
    made = database("postgresql")
    dbferry.migrate(held.url, made.url, include=["all"], only="schema")
    assert dump(made) == dump(held)
    for include in ([], ["all"]):
        plan = dbferry.plan(held.url, made.url, include=include)
        assert left_out(plan) == []
        assert not any("CREATE" in step.sql for step in plan.views)


def test_schemas_may_be_renamed_on_the_way(held: Database, database: Make) -> None:
    made = database("postgresql")
    report = dbferry.migrate(
        held.url, made.url, include=["all"], schemas={"other": "another", "tools": "box of tools"}
    )
    assert left_out(report) == []

    def renamed(line: str) -> str:
        return re.sub(r"\bother(?=[.; ]|$)(?! one)", "another", line).replace(
            "tools", '"box of tools"'
        )

    # Another name has another place in the dump.
    assert sorted(dump(made)) == sorted(map(renamed, dump(held)))


def test_the_files_of_a_plan_make_the_same(held: Database, database: Make, tmp_path: Path) -> None:
    made = database("postgresql")
    assert isinstance(made, ServerDatabase)
    assert isinstance(made.server, PostgresServer)
    plan = dbferry.plan(held.url, made.url, include=["all"])
    for file in plan.write_sql(tmp_path / "sql"):
        psql = [made.server.tool("psql"), "-q", made.url, "-f", str(file)]
        subprocess.run(psql, check=True, capture_output=True)
    assert dump(made) == dump(held)
