"""Foreign data, replication, labels and settings of a PostgreSQL are named with the statement that makes them."""

from collections.abc import Callable, Iterator

import pytest

import dbferry
from servers.database import Database
from test_postgresql_schemas_dump_alike import dump

Make = Callable[[str], Database]
SETUP = """
CREATE TABLE t (id int PRIMARY KEY, n int);
CREATE SCHEMA other;
CREATE TABLE other.u (id int PRIMARY KEY);
CREATE EXTENSION postgres_fdw;
CREATE FOREIGN DATA WRAPPER "My Own" HANDLER postgres_fdw_handler OPTIONS (debug 'it''s on');
CREATE SERVER elsewhere TYPE 'a type' VERSION '9' FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'h', dbname 'd');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'u', password 'the secret');
CREATE FOREIGN TABLE away (id int OPTIONS (column_name 'key') NOT NULL, "B" numeric(3, 1)) SERVER elsewhere
    OPTIONS (table_name 'x');
CREATE PUBLICATION of_one FOR TABLE other.u, t WITH (publish = 'insert, update', publish_via_partition_root = true);
CREATE PUBLICATION of_all FOR ALL TABLES;
CREATE SUBSCRIPTION from_afar CONNECTION 'host=h password=hidden' PUBLICATION a, "B c" WITH (connect = false, slot_name = NONE);
CREATE TRUSTED LANGUAGE mine HANDLER plpgsql_call_handler;
CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE kept_so (id int) USING heap_too;
"""
OPTIONS = (
    "CREATE FOREIGN DATA WRAPPER \"My Own\" HANDLER public.postgres_fdw_handler OPTIONS (debug '...')",
    "CREATE SERVER elsewhere TYPE 'a type' VERSION '9' FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'h', dbname 'd')",
    "CREATE FOREIGN TABLE public.away (id integer OPTIONS (column_name 'key') NOT NULL, \"B\" numeric(3,1)) "
    "SERVER elsewhere OPTIONS (table_name 'x')",
    "CREATE PUBLICATION of_all FOR ALL TABLES WITH (publish = 'insert, update, delete, truncate')",
    "CREATE PUBLICATION of_one FOR TABLE other.u, public.t WITH (publish = 'insert, update', "
    "publish_via_partition_root = true)",
)


def left_out(told: dbferry.Report | dbferry.Plan) -> list[str]:
    return [n.removeprefix("not moved: ") for n in told.notes if n.startswith("not moved: ")]


@pytest.fixture
def held(pg_db: Database) -> Iterator[Database]:
    pg_db.sql(SETUP)
    pg_db.sql(f"ALTER DATABASE \"{pg_db.name}\" SET app.token = 'hidden'")
    yield pg_db
    # No database is dropped that has one.
    pg_db.sql("DROP SUBSCRIPTION from_afar")


def test_each_is_named_with_the_statement_that_makes_it(held: Database, database: Make) -> None:
    made = database("postgresql")
    report = dbferry.migrate(held.url, made.url, include=["extensions"])
    told = dict(note.split(" (dbferry makes none); hint: ") for note in left_out(report))
    by_hand = "make it in the target by hand"
    assert told == {
        "foreign data wrapper My Own": OPTIONS[0],
        "foreign server elsewhere": OPTIONS[1],
        "user mapping of public for elsewhere": "CREATE USER MAPPING FOR PUBLIC SERVER elsewhere "
        "OPTIONS (\"user\" '...', password '...')",
        "foreign table public.away": OPTIONS[2],
        "publication of_all": OPTIONS[3],
        "publication of_one": OPTIONS[4],
        "subscription from_afar": "CREATE SUBSCRIPTION from_afar CONNECTION '...' PUBLICATION a, \"B c\"",
        "setting app.token of the database": by_hand,
        "language mine": by_hand,
        "access method heap_too": by_hand,
        "access method heap_too of public.kept_so": by_hand,
    }
    assert not any("hidden" in note or "secret" in note for note in report.notes)
    for statement in OPTIONS:
        made.sql(statement)
    again = dbferry.plan(held.url, made.url, prepare="drop")
    names = [note.partition(" (")[0] for note in left_out(again)]
    # What is there by now needn't be made.
    assert not [name for name in names if name.startswith(("foreign", "publication"))]


def test_an_assessment_tells_them(held: Database) -> None:
    found = {
        f.kind: f for f in dbferry.assess(held.url, "postgresql").objects if f.level == "manual"
    }
    for kind in (
        "foreign server",
        "foreign table",
        "user mapping",
        "publication",
        "subscription",
        "setting",
        "language",
    ):
        assert found[kind].minutes, kind
    assert found["foreign table"].fix == OPTIONS[2]


def test_they_are_named_in_another_engine_too(held: Database, database: Make) -> None:
    made = database("sqlite")
    told = left_out(dbferry.migrate(held.url, made.url))
    assert "foreign table public.away (not carried to sqlite); hint: make it there by hand" in told
    assert "publication of_one (not carried to sqlite); hint: make it there by hand" in told


def test_security_labels_are_named(held: Database, database: Make) -> None:
    made = database("postgresql")
    # No provider of labels comes with the server.
    held.sql(
        "SET allow_system_table_mods = on; INSERT INTO pg_seclabel VALUES "
        "('t'::regclass, 'pg_class'::regclass, 0, 'selinux', 'it''s secret'),"
        "('t'::regclass, 'pg_class'::regclass, 2, 'selinux', 'n')"
    )
    told = [
        note for note in left_out(dbferry.plan(held.url, made.url)) if note.startswith("security")
    ]
    assert told == [
        "security label of column public.t.n (dbferry makes none); hint: SECURITY LABEL FOR selinux ON COLUMN public.t.n IS 'n'",
        "security label of table public.t (dbferry makes none); hint: SECURITY LABEL FOR selinux ON TABLE public.t IS 'it''s secret'",
    ]


def test_a_publication_of_parts_is_told_whole(postgres_of: Make) -> None:
    held, made = postgres_of("18"), postgres_of("18")
    held.sql(
        'CREATE TABLE t (id int PRIMARY KEY, "N" int); CREATE SCHEMA "Other"; CREATE PUBLICATION parts '
        'FOR TABLE t (id, "N") WHERE (id > 1); CREATE PUBLICATION whole FOR TABLE t, TABLES IN SCHEMA "Other"'
    )
    told = [note.partition("hint: ")[2] for note in left_out(dbferry.migrate(held.url, made.url))]
    operations = "WITH (publish = 'insert, update, delete, truncate')"
    assert told == [
        f'CREATE PUBLICATION parts FOR TABLE public.t (id, "N") WHERE ((id > 1)) {operations}',
        f'CREATE PUBLICATION whole FOR TABLE public.t, TABLES IN SCHEMA "Other" {operations}',
    ]
    for statement in told:
        made.sql(statement)
    query = "SELECT pubname, schemaname, tablename, attnames, rowfilter FROM pg_publication_tables ORDER BY 1, 2, 3"
    assert made.rows(query) == held.rows(query)


def test_the_options_of_a_publication_are_told_as_pg_dump_tells_them(postgres_of: Make) -> None:
    held, made = postgres_of("18"), postgres_of("18")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);"
        "CREATE PUBLICATION a FOR TABLE t WITH (publish_generated_columns = stored, publish = 'delete');"
        "CREATE PUBLICATION b FOR ALL TABLES WITH (publish_generated_columns = stored, publish_via_partition_root);"
        "CREATE PUBLICATION c WITH (publish_generated_columns = none, publish = '')"
    )
    told = [note.partition("hint: ")[2] for note in left_out(dbferry.migrate(held.url, made.url))]
    for statement in told:
        made.sql(statement)
    assert dump(made) == dump(held)


def test_a_publication_of_a_parent_is_not_one_of_its_children(
    pg_db: Database, database: Make
) -> None:
    made = database("postgresql")
    pg_db.sql(
        "CREATE TABLE parent (id int); CREATE TABLE child () INHERITS (parent);"
        "CREATE PUBLICATION one FOR TABLE ONLY parent; CREATE PUBLICATION two FOR TABLE parent"
    )
    told = [n.partition("hint: ")[2] for n in left_out(dbferry.plan(pg_db.url, made.url))]
    end = "WITH (publish = 'insert, update, delete, truncate')"
    assert told[-2:] == [
        f"CREATE PUBLICATION one FOR TABLE ONLY public.parent {end}",
        f"CREATE PUBLICATION two FOR TABLE ONLY public.parent, public.child {end}",
    ]


def test_a_condition_of_a_publication_stands_in_brackets(postgres_of: Make) -> None:
    held, made = postgres_of("18"), postgres_of("18")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, ok bool); ALTER TABLE t REPLICA IDENTITY FULL; "
        "CREATE PUBLICATION good FOR TABLE t WHERE (ok)"
    )
    [told] = left_out(dbferry.migrate(held.url, made.url))
    made.sql(told.partition("hint: ")[2])
    query = "SELECT tablename, rowfilter FROM pg_publication_tables"
    assert made.rows(query) == held.rows(query)


def test_options_that_may_be_secrets_are_not_shown(pg_db: Database, database: Make) -> None:
    pg_db.sql(
        "CREATE FOREIGN DATA WRAPPER any_kind OPTIONS (host 'h', token 'hidden'); "
        "CREATE SERVER afar FOREIGN DATA WRAPPER any_kind OPTIONS (port '1', \"API_KEY\" 'hidden'); "
        "CREATE FOREIGN TABLE away (id int OPTIONS (column_name 'c', salt 'hidden')) SERVER afar "
        "OPTIONS (table_name 't', passphrase 'hidden')"
    )
    told = [
        note.partition("hint: ")[2].partition("CREATE ")[2]
        for note in left_out(dbferry.plan(pg_db.url, database("postgresql").url))
    ]
    assert told == [
        "FOREIGN DATA WRAPPER any_kind OPTIONS (host 'h', token '...')",
        "SERVER afar FOREIGN DATA WRAPPER any_kind OPTIONS (port '1', \"API_KEY\" '...')",
        "FOREIGN TABLE public.away (id integer OPTIONS (column_name 'c', salt '...')) SERVER afar "
        "OPTIONS (table_name 't', passphrase '...')",
    ]
