"""The span that an assessment gives for time and disk holds what a run takes, and is no wider than it says."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

import dbferry
from dbferry.assessment.estimate import FASTER, LESS, MORE, SLOWER
from servers.database import Database, FileDatabase

Make = Callable[[str], Database]
ROWS = 120_000
TARGETS = ("postgresql", "mysql", "mariadb", "sqlite", "duckdb")
NUMBERS = {
    "postgresql": "SELECT i AS n FROM generate_series(1, {rows}) i",
    "mariadb": "SELECT seq AS n FROM seq_1_to_{rows}",
    "sqlite": "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) SELECT n FROM s",
}
SHOP = """
CREATE TABLE customer (id int PRIMARY KEY, name varchar(60) NOT NULL, born date);
CREATE TABLE placed (id int PRIMARY KEY, customer int NOT NULL, note varchar(200), total decimal(12,2));
CREATE INDEX by_customer ON placed (customer);
INSERT INTO customer SELECT n, concat('customer number ', n), '1999-12-31' FROM ({tenth}) q;
INSERT INTO placed SELECT n, 1 + n % 500, concat('the text that was written beside number ', n), n / 4.0 FROM ({all}) q
"""


def fill(db: Database) -> None:
    numbers = NUMBERS[db.engine]
    text = SHOP.format(tenth=numbers.format(rows=ROWS // 10), all=numbers.format(rows=ROWS))
    if db.engine == "sqlite":
        text = text.replace("concat('customer number ', n)", "'customer number ' || n").replace(
            "concat('the text that was written beside number ', n)",
            "'the text that was written beside number ' || n",
        )
    db.sql(text)
    db.sql("ANALYZE TABLE customer, placed" if db.engine == "mariadb" else "ANALYZE")


def taken(db: Database) -> int:
    """Bytes of the tables on the target's disk."""
    if isinstance(db, FileDatabase):
        return Path(db.path).stat().st_size
    if db.engine == "postgresql":
        query = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname IN ('customer', 'placed')"
    else:
        db.rows("ANALYZE TABLE customer, placed")
        query = (
            "SELECT sum(data_length + index_length) FROM information_schema.tables "
            "WHERE table_schema = database()"
        )
    return int(db.rows(query)[0][0])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", NUMBERS)
def test_it_holds_the_time_and_the_disk(database: Make, source: str, target: str) -> None:
    held, made = database(source), database(target)
    fill(held)
    about = dbferry.assess(held.url, made.url).estimate
    started = time.monotonic()
    dbferry.migrate(held.url, made.url)
    spent = time.monotonic() - started
    assert about.seconds[0] <= spent <= about.seconds[1]
    assert about.seconds[1] / about.seconds[0] == pytest.approx(FASTER * SLOWER)
    assert about.disk[0] <= taken(made) <= about.disk[1]
    # The log of a load is as large as its rows.
    assert about.disk[1] <= (about.disk[0] + 1) / LESS * MORE + about.data


def test_it_says_by_what_it_was_measured(database: Make) -> None:
    held = database("sqlite")
    held.sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    told = {target: dbferry.assess(held.url, target).estimate.how[2] for target in TARGETS}
    assert all(f"runs into {target} were measured" in text for target, text in told.items())
    assert told["mysql"].startswith("time: 15 MB/s and 0.16 s for each table")
