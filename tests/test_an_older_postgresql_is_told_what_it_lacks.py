"""From a newer PostgreSQL into an older one: the plan says what can't be, and the run does all the rest."""

from collections.abc import Callable

import pytest

import dbferry
from dbferry.errors import RequestError
from servers.database import Database
from test_constraints_of_postgresql_18_stay import SCHEMA

Make = Callable[[str], Database]
OLDER = """
CREATE TABLE p (x int, y int, PRIMARY KEY (x, y));
CREATE TABLE c (id int PRIMARY KEY, x int, y int, z int, w int,
    CONSTRAINT equal_nulls UNIQUE NULLS NOT DISTINCT (z, w),
    CONSTRAINT to_equal FOREIGN KEY (z, w) REFERENCES c (z, w),
    CONSTRAINT sets_one FOREIGN KEY (x, y) REFERENCES p (x, y) ON DELETE SET NULL (y));
CREATE UNIQUE INDEX equal_too ON c (w) NULLS NOT DISTINCT WHERE z > 1;
CREATE TABLE money (wide numeric(3, 5), coarse numeric(4, -2), many numeric(3, -1)[]);
CREATE VIEW younger AS SELECT any_value(x) AS x FROM p;
CREATE VIEW over_it AS SELECT x FROM younger;
CREATE MATERIALIZED VIEW grouped AS SELECT id, x, y FROM c GROUP BY id;
CREATE UNIQUE INDEX grouped_once ON grouped (id, x) NULLS NOT DISTINCT;
CREATE VIEW guarded WITH (security_invoker = true, security_barrier = true) AS SELECT x FROM p;
GRANT ALL ON p TO pg_monitor; GRANT MAINTAIN ON c TO pg_monitor;
ALTER DEFAULT PRIVILEGES GRANT SELECT, MAINTAIN ON TABLES TO pg_monitor;
INSERT INTO p VALUES (1, 2); INSERT INTO c VALUES (1, 1, 2, 3, 4); INSERT INTO money VALUES (0.00123, 12300, '{10,20}');
REFRESH MATERIALIZED VIEW grouped;
"""


def left_out(told: dbferry.Report | dbferry.Plan) -> list[str]:
    return [n.removeprefix("not moved: ") for n in told.notes if n.startswith("not moved: ")]


@pytest.mark.parametrize("source", ["18"])
def test_what_14_lacks_is_told_before_and_left_out(postgres_of: Make, source: str) -> None:
    held, made = postgres_of(source), postgres_of("14")
    held.sql(OLDER)
    told = [
        "index equal_nulls of public.c (postgresql 14 has no NULLS NOT DISTINCT: USING btree (z, w) NULLS NOT DISTINCT)",
        "index equal_too of public.c (postgresql 14 has no NULLS NOT DISTINCT: USING btree (w) NULLS NOT DISTINCT WHERE (z > 1))",
        "foreign key to_equal of public.c (it refers to columns of public.c that are no key)",
        "view public.guarded: SELECT x FROM public.p; (postgresql 14 has no security_invoker)",
    ]
    refuses = "(the target refuses it: {})"
    told += [
        'materialized view public.grouped: CREATE UNIQUE INDEX "grouped_once" ON "public"."grouped" USING btree (id, x) '
         "NULLS NOT DISTINCT " + refuses.format('syntax error at or near "NULLS"'),
        'view public.younger: CREATE VIEW "public"."younger" AS SELECT any_value(x) AS x FROM public.p '
        + refuses.format("function any_value(integer) does not exist"),
        'view public.over_it: CREATE VIEW "public"."over_it" AS SELECT x FROM public.younger '
        + refuses.format('relation "public.younger" does not exist'),
        "grants on 3 objects to pg_monitor (postgresql 14 has no MAINTAIN)",
    ]  # fmt: skip
    plan = dbferry.plan(held.url, made.url, include=["grants"])
    assert left_out(plan) == told
    [c, money, _] = plan.tables
    assert (
        "foreign key `sets_one` refuses deletes, where the source does SET NULL of some columns (y)"
        in c.notes
    )
    assert [column.target_type.text for column in money.columns] == [
        "numeric",
        "numeric",
        "numeric[]",
    ]
    report = dbferry.migrate(held.url, made.url, include=["grants"])
    assert left_out(report) == told
    assert made.rows("SELECT has_table_privilege('pg_monitor', 'p', 'TRUNCATE')") == [(True,)]
    for table in ("c", "money", "p", "grouped"):
        assert made.rows(f"SELECT * FROM {table}") == held.rows(f"SELECT * FROM {table}")
    with pytest.raises(Exception, match="sets_one"):
        made.sql("DELETE FROM p")
    assert [f.object for f in dbferry.assess(held.url, "postgresql:14").objects if f.level == "manual"] == [
        "equal_nulls of public.c", "equal_too of public.c", "to_equal of public.c", "public.guarded", "on 3 objects to pg_monitor",
    ]  # fmt: skip


@pytest.mark.parametrize("target", ["14"])
def test_what_only_18_knows_is_told_before_and_left_out(postgres_of: Make, target: str) -> None:
    held, made = postgres_of("18"), postgres_of(target)
    held.sql(SCHEMA)
    overlaps = f"postgresql {target} has no WITHOUT OVERLAPS"
    told = [
        "check small of public.t: (n < 100) (it is not enforced)",
        f"constraint must_have of public.t.id (postgresql {target} has no NOT NULL that is a constraint)",
        f"constraint not_for_children of public.t.n (postgresql {target} has no NOT NULL that is a constraint)",
        f"WITHOUT OVERLAPS of primary key room_key of public.room ({overlaps}: id, during; only equal keys are refused); "
        'hint: EXCLUDE USING gist ("id" WITH =, "during" WITH &&), with the extension btree_gist',
        f"index apart of public.stay ({overlaps}: room, during)",
        f"index apart_too of public.parted ({overlaps}: id, day)",
        f"index part_id_day_excl of public.part ({overlaps}: id, day)",
        f"foreign key in_room of public.stay (postgresql {target} has no PERIOD)",
        f"foreign key of_stay of public.t (postgresql {target} has no NOT ENFORCED)",
        f"foreign key unproved of public.parted (postgresql {target} has no NOT VALID for foreign keys of partitioned tables)",
    ]
    told.append(
        "default of public.later.id: uuidv7() (the target refuses it: function uuidv7() does not exist)"
    )
    if target == "14":
        told.append(
            "index no_two of public.shifts (postgresql 14 has no exclusion constraints of partitioned tables: "
            "EXCLUDE USING gist (id WITH =, day WITH &&))"
        )
    plan = dbferry.plan(held.url, made.url, include=["extensions"])
    assert sorted(left_out(plan)) == sorted(told)
    twice = next(c for table in plan.tables for c in table.columns if c.name == "twice")
    assert (twice.generated, twice.codes, twice.notes) == (
        True, ("X-GEN",), ("a virtual generated column becomes a stored one",)
    )  # fmt: skip
    report = dbferry.migrate(held.url, made.url, include=["extensions"])
    assert sorted(left_out(report)) == sorted(told)
    for query in (
        "SELECT * FROM t ORDER BY id",
        "SELECT * FROM room ORDER BY 2",
        "SELECT * FROM stay",
    ):
        assert made.rows(query) == held.rows(query)
    generated = (
        "SELECT attname, attgenerated::text FROM pg_attribute WHERE attgenerated <> '' ORDER BY 1"
    )
    assert made.rows(generated) == [("thrice", "s"), ("twice", "s")]
    # A check guards new rows as the constraint does.
    with pytest.raises(Exception, match="old_too"):
        made.sql("INSERT INTO t (id, n) VALUES (3, 3)")
    made.sql("INSERT INTO t (id, n, old) VALUES (4, 2000, 1)")


@pytest.mark.parametrize("target", ["mysql", "sqlite"])
def test_another_engine_is_given_none_of_them(
    postgres_of: Make, database: Make, target: str
) -> None:
    held, made = postgres_of("18"), database(target)
    held.sql(SCHEMA)
    report = dbferry.migrate(held.url, made.url)
    assert made.rows("SELECT id, n, old, other FROM t ORDER BY id") == [
        (1, 1000, None, 77),
        (2, 2, 2, None),
    ]
    for told in (
        f"foreign key in_room of public.stay ({target} has no PERIOD)",
        f"foreign key of_stay of public.t ({target} has no NOT ENFORCED)",
        'check old_too of public.t: "old" IS NOT NULL (rows that were there before it may break it); '
        "hint: VALIDATE CONSTRAINT in the source",
        "index apart of public.stay (WITHOUT OVERLAPS, on room, during)",
    ):
        assert told in left_out(report)


def test_what_12_lacks_is_told_before_and_left_out(postgres_of: Make) -> None:
    held, made = postgres_of("18"), postgres_of("12")
    held.sql(
        "CREATE TYPE span AS RANGE (SUBTYPE = int, MULTIRANGE_TYPE_NAME = spans);"
        "CREATE TABLE t (id int PRIMARY KEY, n int, s span); INSERT INTO t VALUES (1, 2, '[1,2)');"
        "CREATE STATISTICS of_more ON id, (n % 2) FROM t; CREATE STATISTICS plain ON id, n FROM t;"
        "ALTER STATISTICS plain SET STATISTICS 5; CREATE INDEX i ON t (n) WITH (deduplicate_items = off)"
    )
    told = [
        "statistics of_more of public.t (postgresql 12 has no statistics of expressions)",
        "target of statistics plain of public.t (postgresql 12 has no targets of extended statistics)",
        'index i of public.t (unrecognized parameter "deduplicate_items")',
    ]
    assert left_out(dbferry.plan(held.url, made.url)) == told
    assert left_out(dbferry.migrate(held.url, made.url)) == told
    assert made.rows("SELECT id, n, s::text FROM t") == [(1, 2, "[1,2)")]
    assert made.rows("SELECT stxname FROM pg_statistic_ext") == [("plain",)]


@pytest.mark.parametrize("column", ["int4multirange", "nummultirange[]", "xid8", "spans"])
def test_a_type_that_12_lacks_is_a_fault_of_the_plan(postgres_of: Make, column: str) -> None:
    held, made = postgres_of("18"), postgres_of("12")
    held.sql(
        "CREATE TYPE span AS RANGE (SUBTYPE = int, MULTIRANGE_TYPE_NAME = spans);"
        f"CREATE TABLE t (id int PRIMARY KEY, v {column})"
    )
    with pytest.raises(RequestError, match=r"has no type|is not in the target") as caught:
        dbferry.migrate(held.url, made.url)
    assert (caught.value.table, caught.value.column) == ("public.t", "v")
    assert made.rows("SELECT relname FROM pg_class WHERE relname = 't'") == []
    dbferry.migrate(held.url, made.url, rules=[{"cast": "t.v", "type": "text"}])
