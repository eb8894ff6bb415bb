"""Rows that a key or a foreign key refuses, which are made when all rows are in, are put aside, and everything else holds."""

from collections.abc import Callable
from typing import Any

import pytest

import dbferry
import fill
from dbferry.errors import SchemaError
from dbferry.ledger.status import bad_rows
from dbferry.quarantine import BadRow
from dbferry.retry import Retried
from dbferry.task import Task
from servers.database import Database
from turns import in_turn

Make = Callable[[str], Database]
ENGINES = ["postgresql", "mysql", "mariadb", "sqlite"]
OFF = {
    "postgresql": "SET session_replication_role = replica;",
    "mysql": "SET SESSION foreign_key_checks = 0;",
    "mariadb": "SET SESSION foreign_key_checks = 0;",
    "sqlite": "",
}


def unminded(db: Database, *statements: str) -> None:
    """In a session that minds no foreign key."""
    db.sql(OFF[db.engine] + ";".join(statements))


def family(db: Database) -> None:
    """`a` ← `b` ← `c`; two rows of `b` refer to nothing, and one of `c` to each of them."""
    db.sql("CREATE TABLE a (id int NOT NULL PRIMARY KEY, name varchar(20))")
    db.sql(
        "CREATE TABLE b (id int NOT NULL PRIMARY KEY, a int, CONSTRAINT b_a FOREIGN KEY (a) "
        "REFERENCES a (id) ON DELETE CASCADE)"
    )
    db.sql(
        "CREATE TABLE c (id int NOT NULL PRIMARY KEY, b int, CONSTRAINT c_b FOREIGN KEY (b) "
        "REFERENCES b (id) ON DELETE CASCADE)"
    )
    unminded(
        db,
        "INSERT INTO a VALUES (1, 'one'), (2, 'two')",
        "INSERT INTO b VALUES (1, 1), (2, 7), (3, 8), (4, NULL)",
        "INSERT INTO c VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, NULL)",
    )


def moved(held: Database, made: Database, **options: Any) -> dict[str, tuple[int, int | None, int]]:
    """Source, target and aside of each table."""
    report = dbferry.migrate(held.url, made.url, on_bad_row="quarantine", **options)
    assert report.state == "done"
    return {
        table.source.rpartition(".")[2]: (
            table.source_rows or 0,
            table.target_rows,
            table.quarantined,
        )
        for table in report.tables
    }


def aside(db: Database) -> list[tuple[str, dict[str, str]]]:
    return [(row.table.rpartition(".")[2], dict(row.key or {})) for row in told(db)]


def told(db: Database) -> list[BadRow]:
    return sorted(bad_rows(db.url), key=lambda row: (row.table, str(row.key)))


def retry(held: Database, made: Database, **options: Any) -> dict[str, Retried]:
    task = Task.of(source=held.url, target=made.url, **options)
    return {table.table.rpartition(".")[2]: table for table in task.retry_quarantine()}


def ids(db: Database, table: str) -> list[int]:
    return [int(row[0]) for row in db.rows(f"SELECT id FROM {table} ORDER BY id")]


@pytest.mark.parametrize(("source", "target"), in_turn(ENGINES, ENGINES, meets=2))
def test_orphans_and_what_refers_to_them_are_put_aside(
    database: Make, source: str, target: str
) -> None:
    held, made = database(source), database(target)
    family(held)
    assert moved(held, made) == {"a": (2, 2, 0), "b": (4, 2, 2), "c": (5, 3, 2)}
    assert aside(made) == [
        ("b", {"id": "2"}),
        ("b", {"id": "3"}),
        ("c", {"id": "2"}),
        ("c", {"id": "3"}),
    ]
    [first, *_] = told(made)
    assert (first.column, first.values) == ("a", {"id": "2", "a": "7"})
    assert first.reason == "the row of `a` that it refers to isn't there"
    assert (ids(made, "b"), ids(made, "c")) == ([1, 4], [1, 4, 5])
    if target != "sqlite":
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            made.sql("INSERT INTO c VALUES (9, 2)")


@pytest.mark.parametrize("target", ENGINES)
def test_orphans_are_moved_once_they_are_mended(database: Make, target: str) -> None:
    held, made = database("sqlite"), database(target)
    family(held)
    moved(held, made)
    still = retry(held, made)
    assert [(t.moved, t.unfit, t.gone) for t in still.values()] == [(0, 2, 0), (0, 2, 0)]
    held.sql(
        "UPDATE b SET a = 2 WHERE id = 2; DELETE FROM c WHERE id = 3; DELETE FROM b WHERE id = 3"
    )
    mended = retry(held, made)
    assert (mended["b"].moved, mended["b"].gone) == (1, 1)
    assert (mended["c"].moved, mended["c"].gone) == (1, 1)
    assert (ids(made, "b"), ids(made, "c")) == ([1, 2, 4], [1, 2, 4, 5])
    assert aside(made) == []


def twins(db: Database, text: str) -> None:
    """Keys that are the same but for their case."""
    db.sql(
        f"CREATE TABLE t (id int NOT NULL PRIMARY KEY, word {text}, day date);"
        "CREATE UNIQUE INDEX t_word ON t (word);"
        "CREATE TABLE u (id int NOT NULL PRIMARY KEY, t int, FOREIGN KEY (t) REFERENCES t (id));"
        "INSERT INTO t VALUES (3, 'b', '2024-01-03'), (1, 'A', '2024-01-01'), (2, 'a', '2024-01-02'), (4, NULL, NULL), (5, NULL, NULL);"
        "INSERT INTO u VALUES (1, 1), (2, 2), (3, 3)"
    )


LOOSE = {
    "postgresql": "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
    "CREATE TABLE t (id int PRIMARY KEY, word text COLLATE loose, day date)",
    "mysql": "CREATE TABLE t (id bigint PRIMARY KEY, word varchar(20) COLLATE utf8mb4_0900_ai_ci, day date)",
    "mariadb": "CREATE TABLE t (id bigint PRIMARY KEY, word varchar(20) COLLATE utf8mb4_unicode_ci, day date)",
    "sqlite": "CREATE TABLE t (id integer PRIMARY KEY, word text COLLATE NOCASE, day text)",
}


@pytest.mark.parametrize("target", ENGINES)
def test_the_first_of_rows_with_the_same_key_stays(database: Make, target: str) -> None:
    held, made = database("sqlite"), database(target)
    twins(held, "text")
    made.sql(LOOSE[target])
    assert moved(held, made) == {"t": (5, 4, 1), "u": (3, 2, 1)}
    rows = told(made)
    assert aside(made) == [("t", {"id": "2"}), ("u", {"id": "2"})]
    assert rows[0].column == "word"
    assert rows[0].values["word"] == "a"
    assert rows[0].reason == "another row is the same in index `t_word`"
    with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
        made.sql("INSERT INTO t (id, word) VALUES (9, 'B')")
    held.sql("UPDATE t SET word = 'c' WHERE id = 2")
    assert {name: table.moved for name, table in retry(held, made).items()} == {"t": 1, "u": 1}
    assert (ids(made, "t"), ids(made, "u")) == ([1, 2, 3, 4, 5], [1, 2, 3])


CIRCLE = (
    "CREATE TABLE dept (id int NOT NULL PRIMARY KEY, head int, up int)",
    "CREATE TABLE person (id int NOT NULL PRIMARY KEY, dept int)",
    "ALTER TABLE dept ADD CONSTRAINT dept_head FOREIGN KEY (head) REFERENCES person (id)",
    "ALTER TABLE dept ADD CONSTRAINT dept_up FOREIGN KEY (up) REFERENCES dept (id)",
    "ALTER TABLE person ADD CONSTRAINT person_dept FOREIGN KEY (dept) REFERENCES dept (id)",
)


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_a_circle_of_foreign_keys_is_followed_to_its_end(database: Make, engine: str) -> None:
    """dept 2 has no head; so person 2, whom dept 3 has as head, and below that dept 4."""
    held, made = database(engine), database(engine)
    held.sql(";".join(CIRCLE))
    unminded(
        held,
        "INSERT INTO dept VALUES (1, 1, NULL), (2, 77, 1), (3, 2, 1), (4, 1, 3), (5, NULL, 5)",
        "INSERT INTO person VALUES (1, 1), (2, 2), (3, 5)",
    )
    assert moved(held, made) == {"dept": (5, 2, 3), "person": (3, 2, 1)}
    assert (ids(made, "dept"), ids(made, "person")) == ([1, 5], [1, 3])
    held.sql("UPDATE dept SET head = 1 WHERE id = 2")
    mended = retry(held, made)
    assert (mended["dept"].moved, mended["person"].moved) == (3, 1)
    assert (ids(made, "dept"), ids(made, "person")) == ([1, 2, 3, 4, 5], [1, 2, 3])


@pytest.mark.parametrize("target", ENGINES)
def test_keys_of_an_earlier_run_set_nothing_off(database: Make, target: str) -> None:
    """A foreign key that stands already, and would delete what refers to a row that is put aside."""
    held, made = database("postgresql"), database(target)
    held.sql(
        "CREATE TABLE t (id bigint PRIMARY KEY, word varchar(20) UNIQUE);"
        "CREATE TABLE u (id bigint PRIMARY KEY, t bigint REFERENCES t ON DELETE CASCADE);"
        "CREATE TABLE w (id bigint PRIMARY KEY, u bigint REFERENCES u ON DELETE CASCADE);"
        "INSERT INTO t VALUES (1, 'A'), (2, 'a'); INSERT INTO u VALUES (1, 1), (2, 2); INSERT INTO w VALUES (1, 1), (2, 2)"
    )
    made.sql(LOOSE[target].replace(", day date", "").replace(", day text", ""))
    with pytest.raises(SchemaError):
        dbferry.migrate(held.url, made.url)
    assert moved(held, made) == {"t": (2, 1, 1), "u": (2, 1, 1), "w": (2, 1, 1)}
    assert aside(made) == [(table, {"id": "2"}) for table in "tuw"]
    if target != "sqlite":
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            made.sql("INSERT INTO w VALUES (9, 2)")


@pytest.mark.parametrize("target", ENGINES)
def test_a_key_of_texts_is_moved_once_its_partner_is_there(database: Make, target: str) -> None:
    held, made = database("mysql"), database(target)
    held.sql(
        "CREATE TABLE a (k varchar(20) COLLATE utf8mb4_bin PRIMARY KEY, d date);"
        "CREATE TABLE b (k varchar(20) COLLATE utf8mb4_bin PRIMARY KEY, up varchar(20) COLLATE utf8mb4_bin, "
        "FOREIGN KEY (k) REFERENCES a (k), FOREIGN KEY (up) REFERENCES b (k));"
        "SET SESSION foreign_key_checks = 0;"
        "INSERT INTO a VALUES ('it''s', '2024-01-01');"
        "INSERT INTO b VALUES ('it''s', 'x\\\\y'), ('x\\\\y', 'x\\\\y'), ('self', 'self')"
    )
    assert moved(held, made) == {"a": (1, 1, 0), "b": (3, 0, 3)}
    for db in (held, made):
        fill.insert(db, "a", [("x\\y", None), ("self", None)])
    mended = retry(held, made)
    assert (mended["b"].moved, aside(made)) == (3, [])
    assert int(made.rows("SELECT count(*) FROM b")[0][0]) == 3


def test_more_than_the_cap_leave_all_rows_in_and_the_next_run_makes_the_rest(
    database: Make,
) -> None:
    held, made = database("sqlite"), database("postgresql")
    family(held)
    with pytest.raises(SchemaError, match="more than 1 rows don't fit") as caught:
        dbferry.migrate(held.url, made.url, on_bad_row="quarantine", max_bad_rows=1)
    assert caught.value.report is not None
    assert caught.value.report.quarantined == 0
    assert "--max-bad-rows" in (caught.value.hint or "")
    assert (ids(made, "b"), aside(made)) == ([1, 2, 3, 4], [])
    assert moved(held, made)["b"] == (4, 2, 2)


def standing(database: Make, target: str) -> tuple[Database, Database]:
    """Tables that stand in both, of which only the source's have rows; one of `b` refers to nothing."""
    held, made = database("sqlite"), database(target)
    for db in (held, made):
        db.sql(
            "CREATE TABLE a (id int NOT NULL PRIMARY KEY);"
            "CREATE TABLE b (id int NOT NULL PRIMARY KEY, a int, CONSTRAINT b_a FOREIGN KEY (a) REFERENCES a (id))"
        )
    held.sql("INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1), (2, 7)")
    return held, made


@pytest.mark.parametrize("target", ENGINES)
def test_foreign_keys_that_stood_hold_afterwards(database: Make, target: str) -> None:
    held, made = standing(database, target)
    with pytest.raises(SchemaError):
        dbferry.migrate(held.url, made.url)
    assert moved(held, made, prepare="truncate") == {"a": (1, 1, 0), "b": (2, 1, 1)}


@pytest.mark.parametrize("target", ENGINES[:3])
def test_rows_that_stood_before_are_left_alone(database: Make, target: str) -> None:
    """Added to a table: what breaks its foreign key may be another's row."""
    held, made = standing(database, target)
    with pytest.raises(SchemaError):
        dbferry.migrate(held.url, made.url, on_bad_row="quarantine", prepare="append")
    assert ids(made, "b") == [1, 2]


@pytest.mark.parametrize("target", ENGINES)
def test_values_of_every_sort_are_told_as_text(database: Make, target: str) -> None:
    held, made = database("postgresql"), database(target)
    held.sql(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p, "
        "n numeric(9,3), r float8, b bytea, d date, w text, f bool)"
    )
    unminded(
        held,
        "INSERT INTO t VALUES (1, 7, 12.500, 0.1, '\\x00ff', '2024-02-29', E'tab\\t\"quote\" '' \\\\ \\n grüße', true)",
        "INSERT INTO t (id, p) VALUES (2, 8)",
        "INSERT INTO t (id, p, b, w) VALUES (3, 9, repeat('x', 1500000)::bytea, repeat('y', 1500000))",
    )
    assert moved(held, made) == {"p": (0, 0, 0), "t": (3, 0, 3)}
    one, two, three = told(made)
    assert one.values["w"] == 'tab\t"quote" \' \\ \n grüße'
    assert float(one.values["n"]) == 12.5
    assert (one.values["r"], one.values["d"]) == ("0.1", "2024-02-29")
    assert one.values["b"].lower().removeprefix("\\x") == "00ff"
    assert set(two.values.values()) == {"2", "8", None}
    assert three.values["w"] == {"bytes": 1_500_000}
    assert "bytes" in three.values["b"]


def test_a_text_that_is_none_is_told_by_its_bytes(database: Make) -> None:
    held, made = database("sqlite"), database("sqlite")
    long = "ä" * 3000
    held.sql(
        "CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE t (id integer PRIMARY KEY, w text, p int REFERENCES p (id));"
        f"INSERT INTO t VALUES (1, CAST(x'41ff' AS text), 7), (2, CAST(x'e282' AS text), 7), (3, '{long}€😀', 7)"
    )
    assert moved(held, made)["t"] == (3, 0, 3)
    values = [row.values["w"] for row in told(made)]
    assert values == [{"hex": "41ff"}, {"hex": "e282"}, f"{long}€😀"]


def test_a_row_whose_key_the_target_writes_otherwise_is_not_forgotten(database: Make) -> None:
    """It can't be told from one that is gone: it stays, to be moved by hand."""
    held, made = database("sqlite"), database("postgresql")
    held.sql(
        "CREATE TABLE p (id integer PRIMARY KEY);"
        "CREATE TABLE t (at datetime NOT NULL PRIMARY KEY, p int REFERENCES p (id));"
        "INSERT INTO t VALUES ('2024-01-01 10:00:00.500', 7), ('2024-01-02 10:00:00', 7)"
    )
    assert moved(held, made)["t"] == (2, 0, 2)
    held.sql("UPDATE t SET p = NULL")
    mended = retry(held, made)["t"]
    assert (mended.moved, mended.gone, mended.keyless) == (1, 0, 1)
    assert aside(made) == [("t", {"at": "2024-01-01 10:00:00.5"})]


@pytest.mark.parametrize("prepare", ["create", "truncate"])
def test_a_row_that_only_an_heir_of_the_other_table_has_is_no_partner(
    database: Make, prepare: str
) -> None:
    """PostgreSQL looks for it among the parent's own rows."""
    held, made = database("postgresql"), database("postgresql")
    held.sql(
        "CREATE TABLE p (id int PRIMARY KEY, q int REFERENCES p); CREATE TABLE heir () INHERITS (p);"
        "CREATE TABLE r (id int PRIMARY KEY, p int REFERENCES p)"
    )
    if prepare == "truncate":
        dbferry.migrate(held.url, made.url)
    unminded(
        held,
        "INSERT INTO p VALUES (1, NULL), (2, 7), (3, 3)",
        "INSERT INTO heir VALUES (7, 1)",
        "INSERT INTO r VALUES (1, 1), (2, 7), (3, 2), (4, 3)",
    )
    assert moved(held, made, prepare=prepare) == {
        "heir": (1, 1, 0), "p": (3, 2, 1), "r": (4, 2, 2)
    }  # fmt: skip
    assert aside(made) == [("p", {"id": "2"}), ("r", {"id": "2"}), ("r", {"id": "3"})]
    held.sql("INSERT INTO p VALUES (7, NULL)")
    made.sql("INSERT INTO p VALUES (7, NULL)")
    assert {name: table.moved for name, table in retry(held, made).items()} == {"p": 1, "r": 2}
    assert made.rows("SELECT convalidated FROM pg_constraint WHERE contype = 'f'") == [(True,)] * 2
