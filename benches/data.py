"""TPC-H as files: made once per scale and kept in the cache."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

TABLES = {
    "region": """r_regionkey int NOT NULL, r_name char(25) NOT NULL, r_comment varchar(152)""",
    "nation": """n_nationkey int NOT NULL, n_name char(25) NOT NULL, n_regionkey int NOT NULL,
        n_comment varchar(152)""",
    "supplier": """s_suppkey bigint NOT NULL, s_name char(25) NOT NULL,
        s_address varchar(40) NOT NULL, s_nationkey int NOT NULL, s_phone char(15) NOT NULL,
        s_acctbal decimal(15,2) NOT NULL, s_comment varchar(101) NOT NULL""",
    "part": """p_partkey bigint NOT NULL, p_name varchar(55) NOT NULL, p_mfgr char(25) NOT NULL,
        p_brand char(10) NOT NULL, p_type varchar(25) NOT NULL, p_size int NOT NULL,
        p_container char(10) NOT NULL, p_retailprice decimal(15,2) NOT NULL,
        p_comment varchar(23) NOT NULL""",
    "partsupp": """ps_partkey bigint NOT NULL, ps_suppkey bigint NOT NULL,
        ps_availqty int NOT NULL, ps_supplycost decimal(15,2) NOT NULL,
        ps_comment varchar(199) NOT NULL""",
    "customer": """c_custkey bigint NOT NULL, c_name varchar(25) NOT NULL,
        c_address varchar(40) NOT NULL, c_nationkey int NOT NULL, c_phone char(15) NOT NULL,
        c_acctbal decimal(15,2) NOT NULL, c_mktsegment char(10) NOT NULL,
        c_comment varchar(117) NOT NULL""",
    "orders": """o_orderkey bigint NOT NULL, o_custkey bigint NOT NULL,
        o_orderstatus char(1) NOT NULL, o_totalprice decimal(15,2) NOT NULL,
        o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL, o_clerk char(15) NOT NULL,
        o_shippriority int NOT NULL, o_comment varchar(79) NOT NULL""",
    "lineitem": """l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL,
        l_suppkey bigint NOT NULL, l_linenumber int NOT NULL, l_quantity decimal(15,2) NOT NULL,
        l_extendedprice decimal(15,2) NOT NULL, l_discount decimal(15,2) NOT NULL,
        l_tax decimal(15,2) NOT NULL, l_returnflag char(1) NOT NULL,
        l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL,
        l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL,
        l_shipmode char(10) NOT NULL, l_comment varchar(44) NOT NULL""",
}
KEYS = {
    "region": "r_regionkey",
    "nation": "n_nationkey",
    "supplier": "s_suppkey",
    "part": "p_partkey",
    "partsupp": "ps_partkey, ps_suppkey",
    "customer": "c_custkey",
    "orders": "o_orderkey",
    "lineitem": "l_orderkey, l_linenumber",
}


def cache() -> Path:
    """Where data, results and other tools are kept."""
    root = Path(os.environ.get("DBFERRY_CACHE", Path.home() / ".cache" / "dbferry")) / "bench"
    root.mkdir(parents=True, exist_ok=True)
    return root


def make(scale: str) -> Path:
    """The folder with the tables at this scale, fields parted and ended by `|`."""
    folder = cache() / f"tpch-{scale}"
    done = folder / "complete"
    if not done.exists():
        folder.mkdir(exist_ok=True)
        command = [str(Path(sys.executable).parent / "tpchgen-cli"), "-s", scale, "--overwrite"]
        subprocess.run([*command, f"--output-dir={folder}"], check=True, stdout=subprocess.DEVNULL)
        done.touch()
    return folder


def create(table: str, *, key: bool) -> str:
    """The statement that makes a table; every engine here takes it."""
    tail = f", PRIMARY KEY ({KEYS[table]})" if key else ""
    return f"CREATE TABLE {table} ({TABLES[table]}{tail})"


def lines(folder: Path, table: str) -> Iterator[str]:
    """A table's rows without the last field's end."""
    with (folder / f"{table}.tbl").open(encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n").removesuffix("|")
