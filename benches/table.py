"""The works that are measured, with their floors, rivals and goals."""

import shlex
import sys
from functools import partial
from pathlib import Path

import floors
import rivals
import tools
from ends import End, Ends
from floors import PASSWORDS
from work import ALL, LINEITEM, Goal, Work

import data

CLIENTS = Path(__file__).parent / "clients"
# 8 primary keys and 8 other indexes, 8 foreign keys.
ALL_KEYS = (16, 8)
# Tools that insert row by row take minutes above this scale.
SLOW_SCALE = 0.02


def works(ends: Ends, folder: Path, scale: str) -> list[Work]:
    """All works, in the order of the table."""
    found = [
        postgres_to_arrow(ends, 1),
        postgres_to_arrow(ends, 2),
        arrow_to_postgres(ends, folder),
        postgres_to_postgres(ends),
        postgres_to_postgres_with_keys(ends),
        mariadb_to_arrow(ends, 1),
        mariadb_to_arrow(ends, 2),
        mariadb_to_postgres(ends),
        mariadb_to_postgres_with_keys(ends),
        to_mariadb(ends, folder, slow=float(scale) <= SLOW_SCALE),
        sqlite_to_arrow(ends),
        arrow_to_sqlite(ends, folder),
        sqlite_to_postgres(ends, folder),
        sqlite_to_postgres_with_keys(ends, folder),
        postgres_to_sqlite(ends, slow=float(scale) <= SLOW_SCALE),
    ]
    for work in found:
        work.makers = [
            (tool, role, make, {**more, "environment": PASSWORDS | rivals.QUIET})
            for tool, role, make, more in work.makers
        ]
    return found


def migrate(source: End, target: End, *options: str) -> str:
    program = str(Path(sys.executable).parent / "dbferry")
    return shlex.join([program, "migrate", "--quiet", *options, source.url, target.url])


def own(script: str, *words: object) -> str:
    return shlex.join([sys.executable, str(CLIENTS / script), *map(str, words)])


def read_by_dbferry(work: Work, end: End, parallel: int) -> None:
    """Batches that are dropped, as the floor drops them, and a table, as the rivals make one."""
    read = partial(own, "dbferry_read.py", end.url, "lineitem", parallel)
    work.own("dbferry, batches dropped", read("drop"), memory_mb=150)
    work.own("dbferry, table", read("keep"), memory_mb=0)


def write_by_dbferry(
    work: Work, end: End, folder: Path, parallel: int, floor: str, keys: str
) -> None:
    """From a table in memory, as the rivals take it, and from a stream of a Parquet file."""
    file = folder / "lineitem.parquet"
    write = partial(own, "dbferry_write.py", end.url, "lineitem", file, parallel)
    more = {"floor": floor, "prepare": keys}
    work.own(f"dbferry, table, {parallel}", write("table"), memory_mb=0, **more)
    work.own(f"dbferry, stream, {parallel}", write("stream"), **more)


def postgres_to_arrow(ends: Ends, parallel: int) -> Work:
    end, url = ends.postgres_read, rivals.plain_url(ends.postgres_read)
    if parallel == 1:
        goals = (Goal("floor", 1.05), Goal("DuckDB", 0.85, "cpu"))
    else:
        goals = (Goal("floor", 1.15), Goal("best rival", 0.7, of="table"))
    work = Work(f"postgresql to arrow, {parallel} connections", LINEITEM, goals)
    halves = floors.page_halves(end) if parallel == 2 else ("",)
    read_by_dbferry(work, end, parallel)
    work.floor(
        "psql COPY binary",
        lambda: floors.jobs(
            *([f"{floors.copy_out(end, 'lineitem', h)} > /dev/null"] for h in halves)
        ),
    )
    work.rival(
        "DuckDB", lambda: rivals.client("duckdb", "read.py", "duckdb", url, "lineitem", parallel)
    )
    for name, tool in (
        ("ConnectorX", "connectorx"),
        ("ADBC", "adbc"),
        ("ADBC, batches dropped", "adbc_drop"),
    ):
        if parallel == 1 or tool == "connectorx":
            words = ("read.py", tool, url, "lineitem", parallel)
            work.rival(name, partial(rivals.client, "python", *words))
    return work


def arrow_to_postgres(ends: Ends, folder: Path) -> Work:
    end, url = ends.postgres_target, rivals.plain_url(ends.postgres_target)
    goals = (Goal("floor", 1.1, of="table"), Goal("best rival", 0.5, of="table, 2"))
    work = Work("arrow to postgresql", LINEITEM, goals, end)
    for parallel in (1, 2):
        write_by_dbferry(work, end, folder, parallel, f"COPY of ready files, {parallel}", "none")
    source = ends.postgres_source
    load = floors.copy_in(end, "lineitem")
    bare = {"prepare": "none"}
    work.floor(
        "COPY of ready files, 1",
        lambda: f"{load} < {floors.ready(source, folder, 'lineitem')}",
        **bare,
    )

    def two() -> str:
        halves = enumerate(floors.page_halves(source))
        files = [floors.ready(source, folder, "lineitem", w, f".{n}") for n, w in halves]
        return floors.jobs(*([f"{load} < {file}"] for file in files))

    work.floor("COPY of ready files, 2", two, **bare)
    words = (url, "lineitem", folder / "lineitem.parquet")
    work.rival("DuckDB", lambda: rivals.client("duckdb", "load.py", "duckdb", *words), **bare)
    work.rival("ADBC", lambda: rivals.client("python", "load.py", "adbc", *words), **bare)
    return work


def postgres_to_postgres(ends: Ends) -> Work:
    source, target = ends.postgres_source, ends.postgres_target
    work = Work("postgresql to postgresql, rows", ALL, (Goal("floor", 1.1),), target)
    work.own("dbferry", migrate(source, target, "--prepare", "append"), prepare="none")
    halves = floors.page_halves(source)
    work.floor(
        "COPY to COPY, 2 jobs",
        lambda: floors.two_jobs(floors.copy_to_copy(source, target), halves),
        prepare="none",
    )
    work.rival("DuckDB", lambda: rivals.duckdb_copy(source, target, ALL))
    work.rival("ingestr", lambda: rivals.ingestr(ends, source, target, ALL))
    work.rival("sling", lambda: rivals.sling_run(ends, source, target, ALL))
    return work


def postgres_to_postgres_with_keys(ends: Ends) -> Work:
    source, target = ends.postgres_source, ends.postgres_target
    goals = (Goal("floor", 1.0), Goal("best rival", 1.0))
    work = Work("postgresql to postgresql, keys", ALL, goals, target, ALL_KEYS)
    work.own("dbferry", migrate(source, target))
    pipe, halves = floors.copy_to_copy(source, target), floors.page_halves(source)
    work.floor(
        "COPY to COPY, 2 jobs, DDL",
        lambda: f"{floors.two_jobs(pipe, halves)} && {floors.keys_by_hand(target)}",
        prepare="none",
    )
    work.rival("pg_dump to psql", lambda: rivals.pg_dump_to_psql(source, target))
    work.rival("pg_dump -Fd -j2", lambda: rivals.pg_dump_to_folder(ends, source, target))
    work.rival("pgcopydb", lambda: rivals.pgcopydb(ends, source, target))
    return work


def mariadb_to_arrow(ends: Ends, parallel: int) -> Work:
    end, url = ends.mariadb_source, rivals.plain_url(ends.mariadb_source)
    goals = (Goal("floor", 0.9), Goal("ConnectorX", 0.6, "cpu"))
    work = Work(f"mariadb to arrow, {parallel} connections", LINEITEM, goals)
    read_by_dbferry(work, end, parallel)
    halves = floors.key_halves(end) if parallel == 2 else ("",)

    def floor() -> str:
        reads = (floors.mariadb(end, "-q -N -B", floors.rows("lineitem", half)) for half in halves)
        return floors.jobs(*([f"{read} > /dev/null"] for read in reads))

    work.floor("mariadb --quick", floor)
    words = ("read.py", "connectorx", url, "lineitem", parallel)
    work.rival("ConnectorX", lambda: rivals.client("python", *words))
    if parallel == 1:
        many = ("mysqlclient", "read.py", "mysqlclient", url, "lineitem")
        work.rival("mysqlclient", lambda: rivals.client(*many))
        work.rival("DuckDB", lambda: rivals.client("duckdb", "read.py", "duckdb", url, "lineitem"))
    return work


def mariadb_to_postgres(ends: Ends) -> Work:
    source, target = ends.mariadb_source, ends.postgres_target
    work = Work("mariadb to postgresql, rows", ALL, (Goal("floor", 0.85),), target)
    work.own("dbferry", migrate(source, target, "--prepare", "append"), prepare="none")
    pipe, halves = floors.select_to_copy(source, target), floors.key_halves(source)
    work.floor("mariadb to COPY, 2 jobs", lambda: floors.two_jobs(pipe, halves), prepare="none")
    work.rival("DuckDB", lambda: rivals.duckdb_copy(source, target, ALL))
    work.rival("dlt", lambda: rivals.dlt_copy(ends, source, target, ALL), schema="out")
    work.rival("pgloader", lambda: rivals.pgloader(ends, source, target, keys=False))
    return work


def mariadb_to_postgres_with_keys(ends: Ends) -> Work:
    source, target = ends.mariadb_source, ends.postgres_target
    goals = (Goal("floor", 0.9), Goal("pgloader", 0.42))
    work = Work("mariadb to postgresql, keys", ALL, goals, target, ALL_KEYS)
    work.own("dbferry", migrate(source, target))
    pipe, halves = floors.select_to_copy(source, target), floors.key_halves(source)
    work.floor(
        "mariadb to COPY, 2 jobs, DDL",
        lambda: f"{floors.two_jobs(pipe, halves)} && {floors.keys_by_hand(target)}",
        prepare="none",
    )
    work.rival("pgloader", lambda: rivals.pgloader(ends, source, target, keys=True))
    return work


def to_mariadb(ends: Ends, folder: Path, *, slow: bool) -> Work:
    source, target = ends.postgres_source, ends.mariadb_target
    goals = (Goal("floor", 1.1, of="table"), Goal("floor", 1.1, of="migrate"))
    work = Work("arrow or postgresql to mariadb", LINEITEM, goals, target)
    for parallel in (1, 2):
        floor = f"LOAD DATA of ready files, {parallel}"
        write_by_dbferry(work, target, folder, parallel, floor, "primary")
    options = ("--prepare", "append", "--tables", "lineitem")
    ready = {"prepare": "primary"}
    piped = "COPY to LOAD DATA, 2"
    work.own("dbferry, migrate", migrate(source, target, *options), floor=piped, **ready)
    work.floor(
        "LOAD DATA of ready files, 1",
        lambda: floors.load_data(target, folder / "lineitem.psv"),
        **ready,
    )
    files = [folder / f"lineitem.{number}.psv" for number in (0, 1)]
    work.floor(
        floor, lambda: floors.jobs(*([floors.load_data(target, file)] for file in files)), **ready
    )
    halves, pipe = floors.page_halves(source), floors.copy_to_load(source, target)
    work.floor(piped, lambda: floors.jobs(*([pipe("lineitem", half)] for half in halves)), **ready)
    if slow:
        work.rival("sling", lambda: rivals.sling_run(ends, source, target, LINEITEM))
        work.rival("ingestr", lambda: rivals.ingestr(ends, source, target, LINEITEM))
    return work


def sqlite_to_arrow(ends: Ends) -> Work:
    end, url = ends.sqlite_source, rivals.plain_url(ends.sqlite_source)
    work = Work("sqlite to arrow", LINEITEM, (Goal("best rival", 0.55, of="table, 2"),))
    read_by_dbferry(work, end, 1)
    read_two = partial(own, "dbferry_read.py", end.url, "lineitem", 2)
    work.own("dbferry, table, 2", read_two("keep"), memory_mb=0)
    scan = "SELECT sum(length(l_comment)) FROM lineitem NOT INDEXED"
    work.floor("bare scan", lambda: floors.sqlite(end, scan))
    work.rival("DuckDB", lambda: rivals.client("duckdb", "read.py", "duckdb", url, "lineitem", 2))
    for name, tool in (("ADBC", "adbc"), ("ConnectorX", "connectorx")):
        work.rival(name, partial(rivals.client, "python", "read.py", tool, url, "lineitem"))
    return work


def arrow_to_sqlite(ends: Ends, folder: Path) -> Work:
    end, url = ends.sqlite_target, rivals.plain_url(ends.sqlite_target)
    goals = (Goal("floor", 1.1, of="table"), Goal("best rival", 1.0, of="table"))
    work = Work("arrow to sqlite", LINEITEM, goals, end)
    write_by_dbferry(work, end, folder, 1, "", "primary")
    kinds = {"bigint": "i", "int": "i", "decimal(15,2)": "r"}
    letters = "".join(kinds.get(kind, "t") for _, kind in data.columns("lineitem"))
    rows, ready = folder / "lineitem.psv", {"prepare": "primary"}
    work.floor(
        "C loop", lambda: f"{tools.insert_loop()} {end.path} lineitem {rows} {letters}", **ready
    )
    words = (url, "lineitem", folder / "lineitem.parquet")
    work.rival("DuckDB", lambda: rivals.client("duckdb", "load.py", "duckdb", *words), **ready)
    work.rival("ADBC", lambda: rivals.client("python", "load.py", "adbc", *words), **ready)
    work.rival(".import", lambda: floors.sqlite(end, f".import {rows} lineitem"), **ready)
    return work


def copy_of_ready_files(ends: Ends, folder: Path) -> str:
    source, target = ends.postgres_source, ends.postgres_target
    halves = floors.page_halves(source)

    def load(table: str, condition: str) -> str:
        part = f".{halves.index(condition)}" if condition else ""
        file = floors.ready(source, folder, table, condition, part)
        return f"{floors.copy_in(target, table)} < {file}"

    return floors.two_jobs(load, halves)


def sqlite_to_postgres(ends: Ends, folder: Path) -> Work:
    source, target = ends.sqlite_source, ends.postgres_target
    work = Work("sqlite to postgresql, rows", ALL, (Goal("DuckDB", 1.0),), target)
    work.own("dbferry", migrate(source, target, "--prepare", "append"), prepare="none")
    work.floor("COPY of ready files", lambda: copy_of_ready_files(ends, folder), prepare="none")
    work.rival("DuckDB", lambda: rivals.duckdb_copy(source, target, ALL))
    work.rival("pgloader", lambda: rivals.pgloader(ends, source, target, keys=False))
    return work


def sqlite_to_postgres_with_keys(ends: Ends, folder: Path) -> Work:
    source, target = ends.sqlite_source, ends.postgres_target
    goals = (Goal("pgloader", 0.4),)
    work = Work("sqlite to postgresql, keys", ALL, goals, target, ALL_KEYS)
    work.own("dbferry", migrate(source, target))
    work.floor(
        "COPY of ready files, DDL",
        lambda: f"{copy_of_ready_files(ends, folder)} && {floors.keys_by_hand(target)}",
        prepare="none",
    )
    work.rival("pgloader", lambda: rivals.pgloader(ends, source, target, keys=True))
    return work


def postgres_to_sqlite(ends: Ends, *, slow: bool) -> Work:
    source, target = ends.postgres_source, ends.sqlite_target
    work = Work("postgresql to sqlite", ALL, (Goal("floor", 1.0),), target)
    work.own("dbferry", migrate(source, target, "--prepare", "append"), prepare="none")
    pipe = floors.copy_to_import(source, target)
    work.floor("COPY to .import", lambda: floors.one_job(pipe), prepare="none")
    if slow:
        work.rival("sling", lambda: rivals.sling_run(ends, source, target, ALL))
    return work
