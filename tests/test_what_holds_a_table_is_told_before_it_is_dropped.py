"""What the target has of its own is in the way of a table that is made anew, and is told before anything is dropped."""

from collections.abc import Callable

import pytest

import dbferry
from dbferry.errors import RequestError
from servers.database import Database

Make = Callable[[str], Database]


@pytest.mark.parametrize(
    ("engine", "there", "said", "hint"),
    [
        (
            "postgresql",
            "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE x (n int) INHERITS (p)",
            "the table public.x of the target inherits from `public.p`, which is to be made anew",
            'ALTER TABLE "public"."x" NO INHERIT "public"."p" first, or choose --prepare truncate',
        ),
        (
            "postgresql",
            "CREATE TABLE p (id int PRIMARY KEY); CREATE MATERIALIZED VIEW x AS SELECT id FROM p",
            "the materialized view public.x of the target reads `public.p`, which is to be made anew",
            'DROP MATERIALIZED VIEW IF EXISTS "public"."x" first, or choose --prepare truncate',
        ),
        (
            "postgresql",
            "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE x (n int, CONSTRAINT k FOREIGN KEY (n) REFERENCES p)",
            "the foreign key k of the target's public.x refers to `public.p`, which is to be made anew",
            'ALTER TABLE "public"."x" DROP CONSTRAINT "k" first',
        ),
        *(
            (
                engine,
                "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE x (n int, CONSTRAINT k FOREIGN KEY (n) REFERENCES p (id))",
                "the foreign key k of the target's ",
                "DROP FOREIGN KEY `k` first",
            )
            for engine in ("mysql", "mariadb")
        ),
    ],
)  # fmt: skip
def test_it_is_told_with_what_ends_it(
    database: Make, sqlite_db: Database, engine: str, there: str, said: str, hint: str
) -> None:
    made = database(engine)
    sqlite_db.sql("CREATE TABLE a (n int); CREATE TABLE p (id int PRIMARY KEY)")
    made.sql(f"CREATE TABLE a (n int); {there}; INSERT INTO p VALUES (7); INSERT INTO a VALUES (8)")
    with pytest.raises(RequestError) as caught:
        dbferry.migrate(sqlite_db.url, made.url, prepare="drop")
    assert said in str(caught.value)
    assert caught.value.table == "main.p"
    assert (caught.value.hint or "").endswith(hint)
    assert made.rows("SELECT id, n FROM p, a") == [(7, 8)]
    made.sql((caught.value.hint or "").partition(" first")[0])
    dbferry.migrate(sqlite_db.url, made.url, prepare="drop")
    assert made.rows("SELECT count(*) FROM p") == [(0,)]


def test_tables_that_inherit_only_in_the_target_are_made_anew(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE TABLE a (id int); CREATE TABLE b (id int, n int); CREATE TABLE c (id int, n int)"
    )
    made.sql(
        "CREATE TABLE b (id int); CREATE TABLE a () INHERITS (b); CREATE TABLE c (n int) INHERITS (a)"
    )
    dbferry.migrate(held.url, made.url, prepare="drop")
    assert made.rows("SELECT count(*) FROM pg_inherits WHERE inhparent >= 16384") == [(0,)]
