"""What only PostgreSQL 18 knows of constraints and generated columns is the same in another one of it."""

from collections.abc import Callable

import psycopg
import pyarrow as pa
import pytest

import dbferry
from servers.database import Database
from test_postgresql_schemas_dump_alike import dump

Make = Callable[[str], Database]
SCHEMA = """
CREATE EXTENSION btree_gist;
CREATE TABLE room (id int, during tstzrange, note text, CONSTRAINT room_key PRIMARY KEY (id, during WITHOUT OVERLAPS));
COMMENT ON CONSTRAINT room_key ON room IS 'one at a time';
ALTER INDEX room_key SET (fillfactor = 70);
CREATE TABLE stay (
    id int PRIMARY KEY, room int, during tstzrange,
    CONSTRAINT in_room FOREIGN KEY (room, PERIOD during) REFERENCES room (id, PERIOD during),
    CONSTRAINT apart UNIQUE (room, during WITHOUT OVERLAPS) DEFERRABLE INITIALLY DEFERRED);
COMMENT ON CONSTRAINT in_room ON stay IS 'as long as there is one';
CREATE TABLE t (
    id int CONSTRAINT must_have NOT NULL,
    n int CONSTRAINT not_for_children NOT NULL NO INHERIT,
    old int,
    other int,
    twice int GENERATED ALWAYS AS (n * 2) VIRTUAL,
    thrice int GENERATED ALWAYS AS (n * 3) STORED,
    CONSTRAINT small CHECK (n < 100) NOT ENFORCED,
    CONSTRAINT of_stay FOREIGN KEY (other) REFERENCES stay (id) NOT ENFORCED);
COMMENT ON CONSTRAINT must_have ON t IS 'it must';
INSERT INTO t (id, n, old, other) VALUES (1, 1000, NULL, 77), (2, 2, 2, NULL);
ALTER TABLE t ADD CONSTRAINT old_too NOT NULL old NOT VALID;
COMMENT ON CONSTRAINT old_too ON t IS 'some day';
COMMENT ON CONSTRAINT small ON t IS 'nobody looks';
CREATE TABLE parted (id int, stay int, day daterange) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (10);
ALTER TABLE parted ADD CONSTRAINT apart_too UNIQUE (id, day WITHOUT OVERLAPS);
INSERT INTO parted VALUES (1, 99, '[2020-01-01,2020-02-01)');
ALTER TABLE parted ADD CONSTRAINT unproved FOREIGN KEY (stay) REFERENCES stay (id) NOT VALID;
CREATE TABLE shifts (id int, day daterange) PARTITION BY RANGE (id);
CREATE TABLE shifts_1 PARTITION OF shifts FOR VALUES FROM (0) TO (10);
ALTER TABLE shifts ADD CONSTRAINT no_two EXCLUDE USING gist (id WITH =, day WITH &&);
CREATE DOMAIN known AS int CONSTRAINT is_known NOT NULL;
COMMENT ON CONSTRAINT is_known ON DOMAIN known IS 'by somebody';
CREATE TABLE later (what known, id uuid DEFAULT uuidv7());
INSERT INTO room VALUES (1, '[2020-01-01,2021-01-01)', 'a'), (1, '[2021-01-01,2022-01-01)', 'b');
INSERT INTO stay VALUES (1, 1, '[2020-06-01,2021-06-01)');
"""
ROWS = "SELECT * FROM t ORDER BY id"


@pytest.fixture
def pair(postgres_of: Make) -> tuple[Database, Database]:
    held, made = postgres_of("18"), postgres_of("18")
    held.sql(SCHEMA)
    return held, made


def test_every_constraint_and_column_is_the_same(pair: tuple[Database, Database]) -> None:
    held, made = pair
    for prepare in ("create", "drop"):
        report = dbferry.migrate(held.url, made.url, include=["extensions"], prepare=prepare)
        assert not [note for note in report.notes if note.startswith("not moved")]
        assert dump(made) == dump(held)
        assert made.rows(ROWS) == held.rows(ROWS)


def test_keys_between_tables_that_stand_are_put_back_as_they_were(
    pair: tuple[Database, Database],
) -> None:
    held, made = pair
    # Where new rows may have no NULL an old one isn't put in again.
    held.sql("ALTER TABLE t DROP CONSTRAINT old_too")
    dbferry.migrate(held.url, made.url, include=["extensions"])
    report = dbferry.migrate(held.url, made.url, prepare="truncate")
    assert not [note for note in report.notes if note.startswith(("not moved", "differs"))]
    assert dump(made) == dump(held)


BREAKS = {
    "old_too": "INSERT INTO t (id, n) VALUES (3, 3)",
    "room_key": "INSERT INTO room VALUES (1, '[2020-03-01,2020-04-01)')",
    "in_room": "INSERT INTO stay VALUES (2, 1, '[2022-06-01,2022-07-01)')",
    "apart": "INSERT INTO stay VALUES (3, 1, '[2020-07-01,2020-08-01)')",
    "unproved": "INSERT INTO parted VALUES (2, 98)",
}


def test_constraints_bite_where_they_did(pair: tuple[Database, Database]) -> None:
    held, made = pair
    dbferry.migrate(held.url, made.url, include=["extensions"])
    for name, statement in BREAKS.items():
        with pytest.raises(
            psycopg.errors.IntegrityError, match=name if name != "old_too" else "old"
        ):
            made.sql(statement)
    made.sql("INSERT INTO t (id, n, old, other) VALUES (4, 2000, 1, 78)")


def test_a_null_that_the_source_may_have_is_no_surprise_for_arrow(
    pair: tuple[Database, Database],
) -> None:
    held, _ = pair
    assert [pa.schema(dbferry.read(held.url, "t")).field(n).nullable for n in range(3)] == [
        False,
        False,
        True,
    ]


def test_a_standing_not_null_refuses_what_it_would(pair: tuple[Database, Database]) -> None:
    held, made = pair
    dbferry.migrate(held.url, made.url, include=["extensions"])
    with pytest.raises(dbferry.errors.RequestError, match="takes no NULL, and there are 1"):
        dbferry.migrate(held.url, made.url, prepare="truncate", tables=["t"])


def test_a_key_of_periods_needs_what_makes_it(pair: tuple[Database, Database]) -> None:
    held, made = pair
    left_out = sorted(
        n for n in dbferry.plan(held.url, made.url).notes if n.startswith("not moved")
    )
    report = dbferry.migrate(held.url, made.url)
    assert sorted(n for n in report.notes if n.startswith("not moved")) == left_out
    why = 'data type integer has no default operator class for access method "gist"'
    assert left_out == [
        f"not moved: WITHOUT OVERLAPS of primary key room_key of public.room ({why}; only equal keys are refused); "
        'hint: EXCLUDE USING gist ("id" WITH =, "during" WITH &&), with the extension btree_gist',
        "not moved: extension btree_gist (not asked for); hint: --include extensions",
        "not moved: foreign key in_room of public.stay (it refers to columns of public.room that are no key)",
        f"not moved: index apart of public.stay ({why})",
        f"not moved: index apart_too of public.parted ({why})",
        f"not moved: index no_two of public.shifts ({why})",
        f"not moved: index part_id_day_excl of public.part ({why})",
        f"not moved: index shifts_1_id_day_excl of public.shifts_1 ({why})",
    ]


def test_the_hint_makes_up_for_a_key_of_periods(postgres_of: Make) -> None:
    held, made = postgres_of("18"), postgres_of("18")
    held.sql(
        'CREATE EXTENSION btree_gist; CREATE TABLE t ("Id" int, "from to" tstzrange, PRIMARY KEY ("Id", "from to" WITHOUT OVERLAPS))'
    )
    rules = [{"rename_column": "t.Id", "to": "The Number"}]
    report = dbferry.migrate(held.url, made.url, rules=rules)
    [told, _] = [note for note in report.notes if note.startswith("not moved")]
    add = told.partition("hint: ")[2].removesuffix(", with the extension btree_gist")
    assert add == 'EXCLUDE USING gist ("The Number" WITH =, "from to" WITH &&)'
    made.sql(f"CREATE EXTENSION btree_gist; ALTER TABLE t ADD {add}")
