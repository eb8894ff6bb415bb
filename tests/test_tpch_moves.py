"""TPC-H at scale 0.1 goes from PostgreSQL to MariaDB to SQLite and back; counts and sums stay equal all the way."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import dbferry
import judge
from servers.database import Database, ServerDatabase

# Name → type; `i` integer, `d` numeric(15,2), `t` date, a number a varchar of that length; `*` marks the key.
TABLES = {
    "region": "regionkey*:i name:25 comment:152",
    "nation": "nationkey*:i name:25 regionkey:i comment:152",
    "supplier": "suppkey*:i name:25 address:40 nationkey:i phone:15 acctbal:d comment:101",
    "customer": "custkey*:i name:25 address:40 nationkey:i phone:15 acctbal:d mktsegment:10 comment:117",
    "part": "partkey*:i name:55 mfgr:25 brand:10 type:25 size:i container:10 retailprice:d comment:23",
    "partsupp": "partkey*:i suppkey*:i availqty:i supplycost:d comment:199",
    "orders": "orderkey*:i custkey:i orderstatus:1 totalprice:d orderdate:t orderpriority:15 clerk:15 "
    "shippriority:i comment:79",
    "lineitem": "orderkey*:i partkey:i suppkey:i linenumber*:i quantity:d extendedprice:d discount:d tax:d "
    "returnflag:1 linestatus:1 shipdate:t commitdate:t receiptdate:t shipinstruct:25 shipmode:10 comment:44",
}
NATIVE = {"i": "integer", "d": "numeric(15,2)", "t": "date"}
SUMS = {
    "postgresql": {
        "t": "sum({c} - date '1970-01-01')",
        "text": "sum(octet_length({c}) + ascii({c}))",
    },
    "mariadb": {"t": "sum(datediff({c}, '1970-01-01'))", "text": "sum(length({c}) + ord({c}))"},
    "sqlite": {"t": "sum(unixepoch({c}) / 86400)", "text": "sum(length({c}) + unicode({c}))"},
}


def _columns(table: str) -> list[tuple[str, str, bool]]:
    """Name, type and whether it is in the key."""
    parts = [part.partition(":") for part in TABLES[table].split()]
    return [(name.rstrip("*"), native, name.endswith("*")) for name, _, native in parts]


@pytest.fixture
def tpch(pg_db: Database, tmp_path: Path) -> Database:
    """The benchmark's tables in PostgreSQL."""
    assert isinstance(pg_db, ServerDatabase)
    generator = Path(sys.executable).parent / "tpchgen-cli"
    subprocess.run([generator, "csv", "-s", "0.1", "-o", tmp_path], check=True, capture_output=True)
    with pg_db.server.connect(pg_db.name) as connection:
        for table in TABLES:
            columns = _columns(table)
            body = ", ".join(
                f"{n} {NATIVE.get(t, f'varchar({t})')} NOT NULL" for n, t, _ in columns
            )
            key = ", ".join(name for name, _, in_key in columns if in_key)
            connection.execute(f"CREATE TABLE {table} ({body}, PRIMARY KEY ({key}))")
            copy = f"COPY {table} FROM STDIN (FORMAT csv, HEADER)"
            with connection.cursor().copy(copy) as pipe:
                pipe.write((tmp_path / f"{table}.csv").read_bytes())
    return pg_db


def test_tpch_keeps_its_counts_and_sums(
    tpch: Database, database: Callable[[str], Database]
) -> None:
    expected = {table: _sums(tpch, table) for table in TABLES}
    assert expected["lineitem"][0] > 500_000
    here = tpch
    for engine in ("mariadb", "sqlite", "postgresql"):
        there = database(engine)
        report = dbferry.migrate(here.url, there.url)
        assert report.rows == sum(sums[0] for sums in expected.values())
        assert {table: _sums(there, table) for table in TABLES} == expected
        here = there


def _sums(db: Database, table: str) -> list[int]:
    """The count, and a whole number for every column."""
    wanted = ["count(*)"]
    for name, native, _ in _columns(table):
        kind = native if native in NATIVE else "text"
        column = judge.quote(db, name)
        plain = "sum(round({c} * 100))" if kind == "d" else "sum({c})"
        wanted.append(SUMS[db.engine].get(kind, plain).format(c=column))
    [row] = db.rows(f"SELECT {', '.join(wanted)} FROM {judge.quote(db, table)}")
    return [int(value) for value in row]
