"""A sequence of PostgreSQL gives in the target what it would have given in the source, used or not."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

# What was done to a sequence, made by which statement.
CASES = {
    "never used": ("CREATE SEQUENCE s START WITH 5 MINVALUE 1", ""),
    "restarted": ("CREATE SEQUENCE s", "ALTER SEQUENCE s RESTART WITH 500"),
    "restarted below its start": (
        "CREATE SEQUENCE s START WITH 50",
        "SELECT nextval('s'); ALTER SEQUENCE s RESTART WITH 1",
    ),
    "set and not given": ("CREATE SEQUENCE s", "SELECT setval('s', 70, false)"),
    "downwards": (
        "CREATE SEQUENCE s INCREMENT -1 MINVALUE -900 MAXVALUE 900 START WITH 100",
        "ALTER SEQUENCE s RESTART WITH -5",
    ),
    "used after a restart": (
        "CREATE SEQUENCE s",
        "ALTER SEQUENCE s RESTART WITH 8; SELECT nextval('s')",
    ),
}
NEXT = "SELECT nextval('s')"


@pytest.mark.parametrize("case", CASES)
def test_a_sequence_of_its_own_goes_on(database: Callable[[str], Database], case: str) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TABLE t (id int PRIMARY KEY)")
    for statement in filter(None, CASES[case]):
        held.sql(statement)
    dbferry.migrate(held.url, made.url)
    assert made.rows(NEXT) == held.rows(NEXT)


@pytest.mark.parametrize("case", CASES)
def test_a_sequence_that_a_default_draws_from_goes_on(
    database: Callable[[str], Database], case: str
) -> None:
    held, made = database("postgresql"), database("postgresql")
    for statement in filter(None, CASES[case]):
        held.sql(statement)
    held.sql("CREATE TABLE t (id int DEFAULT nextval('s') PRIMARY KEY)")
    dbferry.migrate(held.url, made.url)
    assert made.rows(NEXT) == held.rows(NEXT)


@pytest.mark.parametrize(("row", "following"), [(3, 500), (499, 500), (500, 501), (700, 701)])
def test_rows_with_numbers_of_their_own_are_passed_by(
    database: Callable[[str], Database], row: int, following: int
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TABLE t (id serial PRIMARY KEY, other int GENERATED ALWAYS AS IDENTITY)")
    held.sql(f"INSERT INTO t OVERRIDING SYSTEM VALUE VALUES ({row}, {row})")
    held.sql(
        "ALTER SEQUENCE t_id_seq RESTART WITH 500; ALTER SEQUENCE t_other_seq RESTART WITH 500"
    )
    dbferry.migrate(held.url, made.url)
    given = "INSERT INTO t DEFAULT VALUES RETURNING id, other"
    assert made.rows(given) == [(following, following)]


def test_many_unused_sequences_are_asked_at_once(database: Callable[[str], Database]) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql("CREATE TABLE t (id int PRIMARY KEY)")
    held.sql(
        "DO $$ BEGIN FOR n IN 1..450 LOOP EXECUTE format('CREATE SEQUENCE s%s', n); END LOOP; END $$; "
        "ALTER SEQUENCE s7 RESTART WITH 77; ALTER SEQUENCE s450 RESTART WITH 45"
    )
    dbferry.migrate(held.url, made.url)
    assert made.rows("SELECT nextval('s7'), nextval('s450'), nextval('s8')") == [(77, 45, 1)]


TEXT = "SELECT DISTINCT regexp_replace(code, '\\D', '', 'g')::int AS n FROM t ORDER BY n"


@pytest.mark.parametrize("owned", ["", "ALTER SEQUENCE s OWNED BY t.code"])
@pytest.mark.parametrize("default", ["'INV-' || nextval('s')", "nextval('s')"])
def test_a_text_that_draws_goes_on(
    database: Callable[[str], Database], default: str, owned: str
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        f"CREATE SEQUENCE s START WITH 7; CREATE TABLE t (code text DEFAULT {default}); {owned}"
    )
    held.sql("INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES")
    dbferry.migrate(held.url, made.url)
    made.sql("INSERT INTO t DEFAULT VALUES")
    assert made.rows(TEXT) == [(7,), (8,), (9,)]
    own = "SELECT pg_get_serial_sequence('t', 'code')"
    assert made.rows(own) == held.rows(own)


def test_a_number_that_is_made_of_the_next_one_is_no_number_of_the_sequence(
    database: Callable[[str], Database],
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE SEQUENCE s; CREATE TABLE t (id int DEFAULT nextval('s') * 1000); ALTER SEQUENCE s OWNED BY t.id; "
        "INSERT INTO t DEFAULT VALUES"
    )
    dbferry.migrate(held.url, made.url)
    assert made.rows(NEXT) == [(2,)]


@pytest.mark.parametrize("kind", ["numeric", "float8", "smallint"])
def test_rows_of_other_numbers_are_passed_by(
    database: Callable[[str], Database], kind: str
) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(f"CREATE SEQUENCE s MAXVALUE 90; CREATE TABLE t (id {kind} DEFAULT nextval('s'))")
    held.sql("SELECT nextval('s'); INSERT INTO t VALUES (30), (91)")
    dbferry.migrate(held.url, made.url)
    assert made.rows(NEXT) == [(31,)]


def test_one_that_stands_does_not_go_back(database: Callable[[str], Database]) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE SEQUENCE s; CREATE TABLE t (id int DEFAULT nextval('s')); INSERT INTO t VALUES (3)"
    )
    made.sql("CREATE SEQUENCE s; SELECT setval('s', 900)")
    dbferry.migrate(held.url, made.url)
    assert made.rows(NEXT) == [(901,)]


GIVEN = {"postgresql": "SELECT nextval('{}')", "mariadb": "SELECT nextval({})"}


@pytest.mark.parametrize("engine", GIVEN)
def test_one_that_stands_alone_goes_on_with_a_later_run(
    database: Callable[[str], Database], engine: str
) -> None:
    held, made = database(engine), database(engine)
    names = ("s", "ahead", *(["beside"] if engine == "postgresql" else []))
    held.sql("CREATE TABLE t (id int PRIMARY KEY)")
    for name in names:
        held.sql(f"CREATE SEQUENCE {name}{' NOCACHE' if engine == 'mariadb' else ''}")
    if engine == "postgresql":
        held.sql("ALTER SEQUENCE beside OWNED BY t.id")
    dbferry.migrate(held.url, made.url)
    for _ in range(6):
        made.rows(GIVEN[engine].format("ahead"))
    for options in ({"only": "data"}, {"prepare": "append"}, {"prepare": "truncate"}):
        for name in names:
            held.rows(GIVEN[engine].format(name))
        dbferry.migrate(held.url, made.url, **options)
        for name in names[:1] + names[2:]:
            assert made.rows(GIVEN[engine].format(name)) == held.rows(GIVEN[engine].format(name))
    assert made.rows(GIVEN[engine].format("ahead")) == [(7,)]
