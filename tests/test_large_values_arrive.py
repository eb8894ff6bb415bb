"""Values of megabytes arrive whole."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

MY = (
    "CREATE TABLE t (id integer PRIMARY KEY, b longblob, c longtext);"
    "INSERT INTO t SELECT 1, repeat(x'00275c0aff', {n} / 5), repeat('é', {n} / 2)"
)
MAKE = {
    "postgresql": "CREATE TABLE t (id integer PRIMARY KEY, b bytea, c text);"
    "INSERT INTO t SELECT 1, decode(repeat('00275c0aff', {n} / 5), 'hex'), repeat('é', {n} / 2)",
    "mariadb": MY,
    "mysql": MY,
}
MY_SUMS = "SELECT length(b), length(c), sha2(b, 256), sha2(c, 256) FROM t"
SUMS = {
    "postgresql": "SELECT length(b), octet_length(c), encode(sha256(b), 'hex'), "
    "encode(sha256(convert_to(c, 'UTF8')), 'hex') FROM t",
    "mysql": MY_SUMS,
    "mariadb": MY_SUMS,
    "duckdb": "SELECT octet_length(b), strlen(c), sha256(b), sha256(c) FROM t",
}
BYTES = 17_000_000


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("postgresql", "postgresql"),
        ("postgresql", "mysql"),
        ("postgresql", "mariadb"),
        ("postgresql", "duckdb"),
        ("mysql", "mysql"),
        ("mysql", "postgresql"),
        ("mariadb", "postgresql"),
    ],
)
def test_seventeen_megabytes_arrive(
    database: Callable[[str], Database], source: str, target: str
) -> None:
    held, made = database(source), database(target)
    held.sql(MAKE[source].format(n=BYTES))
    dbferry.migrate(held.url, made.url)
    assert held.rows(SUMS[source])[0][:2] == (BYTES, BYTES)
    assert made.rows(SUMS[target]) == held.rows(SUMS[source])


def test_seventeen_megabytes_arrive_in_sqlite_and_come_back(
    database: Callable[[str], Database], pg_db: Database, sqlite_db: Database
) -> None:
    pg_db.sql(MAKE["postgresql"].format(n=BYTES))
    again = database("postgresql")
    dbferry.migrate(pg_db.url, sqlite_db.url)
    dbferry.migrate(sqlite_db.url, again.url)
    assert again.rows(SUMS["postgresql"]) == pg_db.rows(SUMS["postgresql"])


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_a_value_larger_than_the_packet_is_not_cut(
    database: Callable[[str], Database], pg_db: Database, target: str
) -> None:
    """LOAD DATA takes what an INSERT could not."""
    made = database(target)
    [(packet,)] = made.rows("SELECT @@max_allowed_packet")
    pg_db.sql(f"CREATE TABLE t AS SELECT decode(repeat('ff', {packet + 5}), 'hex') AS b, 'c' AS c")
    dbferry.migrate(pg_db.url, made.url)
    assert made.rows(SUMS[target]) == pg_db.rows(SUMS["postgresql"])
