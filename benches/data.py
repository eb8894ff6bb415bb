"""TPC-H as files: made once per scale and kept in the cache."""

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
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


INDEXES = {
    "lineitem_part_supp": ("lineitem", "l_partkey, l_suppkey"),
    "lineitem_shipdate": ("lineitem", "l_shipdate"),
    "orders_cust": ("orders", "o_custkey"),
    "orders_date": ("orders", "o_orderdate"),
    "partsupp_supp": ("partsupp", "ps_suppkey"),
    "customer_nation": ("customer", "c_nationkey"),
    "supplier_nation": ("supplier", "s_nationkey"),
    "nation_region": ("nation", "n_regionkey"),
}
FOREIGN_KEYS = (
    ("nation", "n_regionkey", "region"),
    ("supplier", "s_nationkey", "nation"),
    ("customer", "c_nationkey", "nation"),
    ("partsupp", "ps_partkey", "part"),
    ("partsupp", "ps_suppkey", "supplier"),
    ("orders", "o_custkey", "customer"),
    ("lineitem", "l_orderkey", "orders"),
    ("lineitem", "l_partkey, l_suppkey", "partsupp"),
)


def cache() -> Path:
    """Where data, results and other tools are kept."""
    root = Path(os.environ.get("DBFERRY_CACHE", Path.home() / ".cache" / "dbferry")) / "bench"
    root.mkdir(parents=True, exist_ok=True)
    return root


def make(scale: str) -> Path:
    """The folder with the tables at this scale, fields parted by `|`; lineitem also as Parquet and in halves."""
    folder = cache() / f"tpch-{scale}"
    folder.mkdir(exist_ok=True)
    kept(folder / "complete", lambda path: _generate(folder, scale, path))
    for table in TABLES:
        tbl = folder / f"{table}.tbl"
        kept(tbl.with_suffix(".psv"), lambda path, tbl=tbl: shell(f"sed 's/|$//' {tbl} > {path}"))
    kept(folder / "lineitem.parquet", lambda path: _parquet(folder, path))
    kept(folder / "lineitem.1.psv", lambda path: _halves(folder, path))
    kept(folder / "tpch.db", lambda path: _sqlite(folder, path))
    return folder


def kept(path: Path, make: Callable[[Path], None]) -> Path:
    """The file, made under another name first: a broken run leaves none."""
    if not path.exists():
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        make(part)
        part.rename(path)
    return path


def shell(command: str) -> None:
    subprocess.run(["bash", "-o", "pipefail", "-ec", command], check=True)


def _generate(folder: Path, scale: str, done: Path) -> None:
    command = [str(Path(sys.executable).parent / "tpchgen-cli"), "-s", scale, "--overwrite"]
    subprocess.run([*command, f"--output-dir={folder}"], check=True, stdout=subprocess.DEVNULL)
    done.touch()


def _halves(folder: Path, second: Path) -> None:
    file, first = folder / "lineitem.psv", folder / "lineitem.0.psv"
    shell(
        f"n=$(($(wc -l < {file}) / 2)); head -n $n {file} > {first}; "
        f"tail -n +$((n + 1)) {file} > {second}"
    )


def columns(table: str) -> list[tuple[str, str]]:
    """Names and declared types."""
    parts = re.split(r",\s+", TABLES[table])
    return [(part.split()[0], part.split()[1]) for part in parts]


def _parquet(folder: Path, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import csv, parquet

    types = {"bigint": pa.int64(), "int": pa.int32(), "date": pa.date32()}
    types["decimal(15,2)"] = pa.decimal128(15, 2)
    wanted = {name: types.get(kind, pa.string()) for name, kind in columns("lineitem")}
    table = csv.read_csv(
        folder / "lineitem.psv",
        read_options=csv.ReadOptions(column_names=list(wanted)),
        parse_options=csv.ParseOptions(delimiter="|", quote_char=False),
        convert_options=csv.ConvertOptions(column_types=wanted),
    )
    parquet.write_table(table, path)


def _sqlite(folder: Path, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for table in TABLES:
            connection.execute(create(table, keys="all"))
            marks = ", ".join("?" * len(columns(table)))
            rows = (line.split("|") for line in lines(folder, table))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        for index in indexes():
            connection.execute(index)


def create(table: str, *, keys: str = "none") -> str:
    """The statement that makes a table with no key, with its `primary` key, or with `all` keys."""
    tail = "" if keys == "none" else f", PRIMARY KEY ({KEYS[table]})"
    if keys == "all":
        for child, names, parent in FOREIGN_KEYS:
            if child == table:
                tail += f", FOREIGN KEY ({names}) REFERENCES {parent} ({KEYS[parent]})"
    return f"CREATE TABLE {table} ({TABLES[table]}{tail})"


def primary_keys() -> list[str]:
    return [f"ALTER TABLE {table} ADD PRIMARY KEY ({key})" for table, key in KEYS.items()]


def indexes() -> list[str]:
    return [f"CREATE INDEX {name} ON {table} ({key})" for name, (table, key) in INDEXES.items()]


def foreign_keys() -> list[str]:
    return [
        f"ALTER TABLE {table} ADD FOREIGN KEY ({names}) REFERENCES {parent} ({KEYS[parent]})"
        for table, names, parent in FOREIGN_KEYS
    ]


def lines(folder: Path, table: str) -> Iterator[str]:
    """A table's rows."""
    with (folder / f"{table}.psv").open(encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n")
