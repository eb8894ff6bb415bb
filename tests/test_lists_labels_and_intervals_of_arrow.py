"""Arrays, enums and intervals are read as Arrow's own types, and lists and intervals written as PostgreSQL's."""

from collections.abc import Callable

import pyarrow as pa
import pytest

import dbferry
from servers.database import Database

ARRAYS = """
CREATE TABLE t (id int PRIMARY KEY, a int[], n numeric(6,2)[], x text[], u uuid[], f double precision[]);
INSERT INTO t SELECT g, CASE g % 4 WHEN 0 THEN NULL WHEN 1 THEN '{}' ELSE ARRAY[g, NULL, -g] END,
    ARRAY[g * 1.25, 0], ARRAY['', 'NULL', NULL, '{"}', repeat('ä', g % 50)],
    ARRAY['0123456789ab4def8123456789abcdef'::uuid], ARRAY['NaN', '-0', 'Infinity']::float8[]
FROM generate_series(1, 3000) g"""


def test_arrays_are_what_the_server_says_they_hold(pg_db: Database) -> None:
    pg_db.sql(ARRAYS)
    found = pa.table(dbferry.read(pg_db.url, "t", batch_rows=7)).sort_by("id")
    told = pg_db.rows("SELECT id, a, x FROM t ORDER BY id")
    rows = found.select(["id", "a", "x"]).to_pylist()
    assert [(row["id"], row["a"], row["x"]) for row in rows] == [tuple(row) for row in told]
    assert found.schema.field("n").type == pa.list_(pa.decimal128(6, 2))


def test_lists_come_back_as_the_arrays_that_they_were(
    database: Callable[[str], Database], pg_db: Database
) -> None:
    other = database("postgresql")
    pg_db.sql(ARRAYS)
    dbferry.write(dbferry.read(pg_db.url, "t"), other.url, "t", mode="create", primary_key="id")
    for column in ("a", "n", "x", "u", "f"):
        declared = f"SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = '{column}'"
        assert pg_db.rows(declared) == other.rows(declared)
    digest = "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY id)) FROM t"
    assert pg_db.rows(digest) == other.rows(digest)


@pytest.mark.parametrize("odd", ["'{{1,2},{3,4}}'", "'[0:1]={1,2}'"])
def test_an_array_that_is_no_list_is_refused_at_its_row(pg_db: Database, odd: str) -> None:
    pg_db.sql(
        f"CREATE TABLE t (id int PRIMARY KEY, a int[]); INSERT INTO t VALUES (1, '{{1}}'), (2, {odd})"
    )
    stream = dbferry.read(pg_db.url, "t")
    with pytest.raises(Exception, match="A-SHAPE"):
        pa.table(stream)
    with pytest.raises(dbferry.DbferryError) as caught:
        stream.check()
    assert (caught.value.column, caught.value.row) == ("a", 2)
    without = pa.table(dbferry.read(pg_db.url, "t", on_loss="a:A-SHAPE=null"))
    assert without["a"].to_pylist() == [[1], None]
    as_text = pa.table(dbferry.read(pg_db.url, "t", on_loss="a:A-SHAPE=text"))
    assert as_text["a"].to_pylist() == ["{1}", odd.strip("'")]


def test_a_bad_element_is_told_with_the_row_of_its_list(pg_db: Database) -> None:
    pg_db.sql(
        "CREATE TABLE t (a numeric(5,2)[]); INSERT INTO t VALUES ('{1,2,3}'), ('{}'), ('{4,NaN}')"
    )
    stream = dbferry.read(pg_db.url, "t")
    with pytest.raises(Exception, match="N-NAN"):
        pa.table(stream)
    with pytest.raises(dbferry.DbferryError) as caught:
        stream.check()
    assert caught.value.row == 3
    stream = dbferry.read(pg_db.url, "t", on_loss="a:N-NAN=null")
    assert pa.table(stream)["a"].to_pylist()[2][1] is None
    assert stream.losses == (("a", "N-NAN", 1),)


def test_intervals_keep_months_days_and_time_apart(
    database: Callable[[str], Database], pg_db: Database
) -> None:
    other = database("postgresql")
    values = (
        "('1 mon'), ('30 days'), ('-14 mons 3 days -00:00:00.000001'), ('2500000 hours'), (NULL)"
    )
    pg_db.sql(
        f"CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, i interval); INSERT INTO t (i) VALUES {values}"
    )
    found = pa.table(dbferry.read(pg_db.url, "t")).sort_by("id")["i"].to_pylist()
    assert found[0] == pa.MonthDayNano([1, 0, 0])
    assert found[2] == pa.MonthDayNano([-14, 3, -1000])
    assert found[4] is None
    dbferry.write(dbferry.read(pg_db.url, "t"), other.url, "t", mode="create")
    same = "SELECT id, i::text FROM t ORDER BY id"
    assert pg_db.rows(same) == other.rows(same)


def test_an_interval_that_arrow_can_t_hold_is_refused(pg_db: Database) -> None:
    pg_db.sql("CREATE TABLE t (i interval); INSERT INTO t VALUES ('3000000 hours')")
    with pytest.raises(Exception, match="T-RANGE"):
        pa.table(dbferry.read(pg_db.url, "t"))
    text = pa.table(dbferry.read(pg_db.url, "t", on_loss="i:T-RANGE=text"))
    assert text["i"].to_pylist() == ["PT3000000H"]


def test_nanoseconds_of_an_interval_are_refused_by_postgresql(pg_db: Database) -> None:
    batch = pa.table({"i": pa.array([pa.MonthDayNano([0, 0, 1500])])})
    with pytest.raises(dbferry.DbferryError) as caught:
        dbferry.write(batch, pg_db.url, "t", mode="create")
    assert caught.value.code == "T-SCALE"


def test_lists_are_refused_by_name_where_there_are_no_arrays(sqlite_db: Database) -> None:
    with pytest.raises(dbferry.DbferryError, match="numbers") as caught:
        dbferry.write(pa.table({"numbers": [[1, 2]]}), sqlite_db.url, "t", mode="create")
    assert "numbers:X-TYPE=text" in (caught.value.hint or "")


def test_labels_are_numbered_in_the_order_of_their_enum(
    pg_db: Database, mysql_db: Database
) -> None:
    pg_db.sql("CREATE TYPE size AS ENUM ('small', '', 'large'); CREATE TABLE t (s size)")
    pg_db.sql("INSERT INTO t VALUES ('large'), (''), (NULL), ('small')")
    mysql_db.sql("CREATE TABLE t (s enum('small','','large'))")
    mysql_db.sql("INSERT INTO t VALUES ('large'), (''), (NULL), ('small')")
    for held in (pg_db, mysql_db):
        column = pa.table(dbferry.read(held.url, "t"))["s"].combine_chunks()
        assert column.dictionary.to_pylist() == ["small", "", "large"]
        assert sorted(map(str, column.to_pylist())) == ["", "None", "large", "small"]


def test_fields_that_never_hold_null_say_so(
    pg_db: Database, maria_db: Database, sqlite_db: Database
) -> None:
    for held in (pg_db, maria_db, sqlite_db):
        held.sql("CREATE TABLE t (a integer NOT NULL, b integer)")
        held.sql("CREATE VIEW v AS SELECT a FROM t")
        schema = pa.schema(dbferry.read(held.url, "t").schema)
        assert (held.engine, [field.nullable for field in schema]) == (held.engine, [False, True])
        assert pa.schema(dbferry.read(held.url, "SELECT a FROM t").schema).field("a").nullable
        assert pa.table(dbferry.read(held.url, "t")).num_rows == 0
