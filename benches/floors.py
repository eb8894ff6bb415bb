"""The floors: the servers' own clients, in pipes and from ready files."""

import shlex
from collections.abc import Callable
from pathlib import Path

from ends import LOGIN, End, MariadbEnd, PostgresEnd, SqliteEnd
from tools import binary

import data

PASSWORDS = {"PGPASSWORD": LOGIN, "PGSSLMODE": "disable", "MYSQL_PWD": LOGIN}

# A table, a condition on its rows (all of them without one), to a pipe that moves them.
Pipe = Callable[[str, str], str]


def psql(end: PostgresEnd, *commands: str) -> str:
    place = f"-h {end.server.host} -p {end.server.port} -U {LOGIN} -d {end.database}"
    run = " ".join(f"-c {shlex.quote(command)}" for command in commands)
    return f"{binary('psql')} -Xq -v ON_ERROR_STOP=1 {place} {run}"


def mariadb(end: MariadbEnd, options: str, command: str) -> str:
    place = f"-h {end.server.host} -P {end.server.port} -u {LOGIN} --protocol=tcp --skip-ssl"
    program = binary("mariadb")
    return f"{program} --no-defaults {place} {options} {end.database} -e {shlex.quote(command)}"


def sqlite(end: SqliteEnd, *commands: str) -> str:
    run = " ".join(shlex.quote(command) for command in commands)
    return f"{binary('sqlite3')} -separator '|' {end.path} {run}"


def jobs(*jobs: list[str]) -> str:
    """Lists of commands at the same time; fails when one fails."""
    started = [f"({' && '.join(job)}) & p{number}=$!" for number, job in enumerate(jobs)]
    ended = " && ".join(f"wait $p{number}" for number in range(len(jobs)))
    return "\n".join(["{", *started, ended, "}"])


def two_jobs(pipe: Pipe, halves: tuple[str, str]) -> str:
    """All tables by two jobs, the largest one cut in two."""
    others = [table for table in data.TABLES if table not in {"lineitem", "orders"}]
    first = [pipe("lineitem", halves[0]), pipe("orders", "")]
    return jobs(first, [pipe("lineitem", halves[1]), *(pipe(table, "") for table in others)])


def one_job(pipe: Pipe) -> str:
    return " && ".join(pipe(table, "") for table in data.TABLES)


def rows(table: str, condition: str) -> str:
    return f"SELECT * FROM {table}" + (f" WHERE {condition}" if condition else "")


def page_halves(end: PostgresEnd) -> tuple[str, str]:
    pages = end.run("SELECT pg_relation_size('lineitem') / 8192 / 2")[0][0]
    return f"ctid < '({pages},0)'", f"ctid >= '({pages},0)'"


def key_halves(end: End) -> tuple[str, str]:
    middle = end.run("SELECT max(l_orderkey) FROM lineitem")[0][0] // 2
    return f"l_orderkey <= {middle}", f"l_orderkey > {middle}"


def copy_out(end: PostgresEnd, table: str, condition: str = "", form: str = "FORMAT binary") -> str:
    what = f"({rows(table, condition)})" if condition else table
    return psql(end, f"COPY {what} TO STDOUT ({form})")


def copy_in(end: PostgresEnd, table: str, form: str = "FORMAT binary") -> str:
    return psql(end, f"COPY {table} FROM STDIN ({form})")


def ready(end: PostgresEnd, folder: Path, table: str, condition: str = "", part: str = "") -> Path:
    """A file of binary COPY, made once."""
    path = folder / f"{table}{part}.pgcopy"
    out = copy_out(end, table, condition)
    exports = " ".join(f"{name}={value}" for name, value in PASSWORDS.items())
    return data.kept(path, lambda part: data.shell(f"export {exports}; {out} > {part}"))


def copy_to_copy(source: PostgresEnd, target: PostgresEnd) -> Pipe:
    return lambda table, where: f"{copy_out(source, table, where)} | {copy_in(target, table)}"


def select_to_copy(source: MariadbEnd, target: PostgresEnd) -> Pipe:
    # TPC-H has neither NULL nor a backslash: what the client prints is COPY's text as it is.
    def pipe(table: str, condition: str) -> str:
        read = mariadb(source, "-q -N -B", rows(table, condition))
        return f"{read} | {copy_in(target, table, 'FORMAT text')}"

    return pipe


def copy_to_import(source: PostgresEnd, target: SqliteEnd) -> Pipe:
    def pipe(table: str, condition: str) -> str:
        read = copy_out(source, table, condition, "DELIMITER '|'")
        return f"{read} | {sqlite(target, f'.import /dev/stdin {table}')}"

    return pipe


def copy_to_load(source: PostgresEnd, target: MariadbEnd) -> Pipe:
    def pipe(table: str, condition: str) -> str:
        read = copy_out(source, table, condition, "DELIMITER '|'")
        return f"{read} | {load_data(target, Path('/dev/stdin'))}"

    return pipe


def load_data(end: MariadbEnd, path: Path) -> str:
    load = f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE lineitem FIELDS TERMINATED BY '|'"
    return mariadb(end, "--local-infile=1", load)


def keys_by_hand(end: PostgresEnd) -> str:
    """The keys of all tables by two sessions, lineitem's shared among them; then foreign keys and ANALYZE."""
    index = dict(zip(data.INDEXES, data.indexes(), strict=True))
    key = dict(zip(data.KEYS, data.primary_keys(), strict=True))
    first = [key.pop("lineitem"), index.pop("lineitem_part_supp")]
    last = index.pop("lineitem_shipdate")
    second = [*key.values(), *index.values(), last]
    finish = psql(end, *data.foreign_keys(), "ANALYZE")
    return f"{jobs([psql(end, *first)], [psql(end, *second)])} && {finish}"
