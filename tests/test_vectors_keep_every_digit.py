"""MySQL prints six digits of a vector's numbers; they come with as many as they have."""

import json
import struct

import pytest

import dbferry
from servers.database import Database

NUMBERS = (0.1234567, 16777215.0, 3.4028235e38, -1.1754944e-38, 0.0)
NARROW = [struct.unpack("<f", struct.pack("<f", number))[0] for number in NUMBERS]


@pytest.fixture
def vectors(mysql_db: Database) -> Database:
    mysql_db.sql("CREATE TABLE t (id int PRIMARY KEY, v vector(5))")
    data = struct.pack("<5f", *NUMBERS).hex()
    mysql_db.sql(f"INSERT INTO t VALUES (1, X'{data}'), (2, NULL)")
    return mysql_db


def as_narrow(text: str | None) -> list[float]:
    return [struct.unpack("<f", struct.pack("<f", n))[0] for n in json.loads(text or "")]


def test_into_another_engine(vectors: Database, pg_db: Database) -> None:
    dbferry.migrate(vectors.url, pg_db.url)
    rows = dict(pg_db.rows("SELECT id::text, v::text FROM t"))
    assert as_narrow(rows["1"]) == NARROW
    assert rows["2"] is None


def test_a_mariadb_without_vectors_is_said_to_get_fewer(
    vectors: Database, maria_db: Database
) -> None:
    plan = dbferry.plan(vectors.url, maria_db.url)
    (table,) = plan.tables
    assert "six digits" in " ".join(table.columns[1].notes)
