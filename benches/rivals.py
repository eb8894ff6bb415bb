"""The command lines of the other tools, as a person who knows them would write them."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ends import LOGIN, End, Ends, MariadbEnd, PostgresEnd, SqliteEnd

import data

# The last release that carries its binary in the wheel; newer ones fetch it when first run.
SLING = "1.4.11"


@dataclass(frozen=True)
class Case:
    """One tool on one route. `makes_tables` when the tool wants an empty database."""

    tool: str
    command: str
    environment: dict[str, str] = field(default_factory=dict)
    makes_tables: bool = False


class MissingToolError(Exception):
    """A tool that isn't here, and why."""


def version(tool: str) -> str:
    """What the tool says of itself. Raises MissingToolError."""
    if tool == "sling":
        return f"sling {SLING} ({sling()})"
    binary = shutil.which(tool)
    if binary is None:
        raise MissingToolError(f"`{tool}` is not installed: apt-get install {PACKAGES[tool]}")
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    return (said.stdout or said.stderr).splitlines()[0]


PACKAGES = {
    "psql": "postgresql-client",
    "mariadb": "mariadb-client",
    "pgloader": "pgloader",
    "sqlite3": "sqlite3",
}


def sling() -> Path:
    """The binary, installed into the cache at first use. Raises MissingToolError."""
    home = data.cache() / f"sling-{SLING}"
    if not (home / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        wheels = [f"sling=={SLING}", f"sling-linux-amd64=={SLING}"]
        pip = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, *wheels], capture_output=True, text=True, check=False)
        if done.returncode:
            raise MissingToolError(
                f"sling {SLING} can't be installed: {done.stderr.strip()[-200:]}"
            )
        (home / "complete").touch()
    binary = next((path for path in home.rglob("sling-linux-amd64") if path.is_file()), None)
    if binary is None:
        raise MissingToolError(f"sling {SLING} has no binary for this machine")
    return binary


# --- plain clients in a pipe -------------------------------------------------------------------


def psql(end: PostgresEnd, command: str) -> str:
    place = f"-h {end.server.host} -p {end.server.port} -U {LOGIN} -d {end.database}"
    return f"psql -Xq -v ON_ERROR_STOP=1 {place} -c {shlex.quote(command)}"


def mariadb(end: MariadbEnd, options: str, command: str) -> str:
    place = f"-h {end.server.host} -P {end.server.port} -u {LOGIN} --protocol=tcp --skip-ssl"
    return f"mariadb --no-defaults {place} {options} {end.database} -e {shlex.quote(command)}"


PASSWORDS = {"PGPASSWORD": LOGIN, "PGSSLMODE": "disable", "MYSQL_PWD": LOGIN}

# A table, a condition on its rows (all of them without one), to a pipe that moves them.
Pipe = Callable[[str, str | None], str]


def two_jobs(pipe: Pipe, halves: tuple[str, str]) -> str:
    """All tables by two jobs, the largest one cut in two."""
    others = [table for table in data.TABLES if table not in ("lineitem", "orders")]
    first = [pipe("lineitem", halves[0]), pipe("orders", None)]
    second = [pipe("lineitem", halves[1]), *(pipe(table, None) for table in others)]
    jobs = [f"({' && '.join(job)}) & p{number}=$!" for number, job in enumerate((first, second))]
    return "\n".join([*jobs, "wait $p0 && wait $p1"])


def one_job(pipe: Pipe) -> str:
    return " && ".join(pipe(table, None) for table in data.TABLES)


def _rows(table: str, condition: str | None) -> str:
    return f"SELECT * FROM {table}" + (f" WHERE {condition}" if condition else "")


def _page_halves(end: PostgresEnd) -> tuple[str, str]:
    pages = end.run("SELECT pg_relation_size('lineitem') / 8192 / 2")[0][0]
    return f"ctid < '({pages},0)'", f"ctid >= '({pages},0)'"


def _key_halves(end: End) -> tuple[str, str]:
    middle = end.run("SELECT max(l_orderkey) FROM lineitem")[0][0] // 2
    return f"l_orderkey <= {middle}", f"l_orderkey > {middle}"


def _copy_to_copy(source: PostgresEnd, target: PostgresEnd) -> Pipe:
    def pipe(table: str, condition: str | None) -> str:
        out = f"COPY ({_rows(table, condition)}) TO STDOUT (FORMAT binary)"
        into = f"COPY {table} FROM STDIN (FORMAT binary)"
        return f"{psql(source, out)} | {psql(target, into)}"

    return pipe


def _select_to_copy(source: MariadbEnd, target: PostgresEnd) -> Pipe:
    def pipe(table: str, condition: str | None) -> str:
        read = mariadb(source, "-q -N -B", _rows(table, condition))
        write = psql(target, f"COPY {table} FROM STDIN (NULL 'NULL')")
        return f"{read} | {write}"

    return pipe


def _file_to_copy(source: SqliteEnd, target: PostgresEnd) -> Pipe:
    def pipe(table: str, condition: str | None) -> str:
        read = f"sqlite3 -separator '|' {source.path} {shlex.quote(_rows(table, condition))}"
        write = psql(target, f"COPY {table} FROM STDIN (DELIMITER '|', NULL '')")
        return f"{read} | {write}"

    return pipe


def _copy_to_file(source: PostgresEnd, target: SqliteEnd) -> Pipe:
    def pipe(table: str, condition: str | None) -> str:
        read = psql(source, f"COPY ({_rows(table, condition)}) TO STDOUT (DELIMITER '|')")
        write = f"sqlite3 -separator '|' {target.path} '.import /dev/stdin {table}'"
        return f"{read} | {write}"

    return pipe


def _copy_to_load_data(source: PostgresEnd, target: MariadbEnd) -> Pipe:
    def pipe(table: str, condition: str | None) -> str:
        load = f"LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE {table}"
        read = psql(source, f"COPY ({_rows(table, condition)}) TO STDOUT")
        return f"{read} | {mariadb(target, '--local-infile=1', load)}"

    return pipe


# --- whole tools -------------------------------------------------------------------------------


def plain_url(end: End) -> str:
    """The address without dbferry's own parameters."""
    if isinstance(end, SqliteEnd):
        return f"sqlite://{end.path}"
    return end.url.partition("?")[0].replace("mariadb://", "mysql://")


def _pgloader(ends: Ends, source: End, target: End) -> Case:
    script = ends.folder / f"pgloader-{source.engine}.load"
    # pgloader puts MySQL's tables into a schema named for the database.
    alter = (
        f"\n ALTER SCHEMA '{source.database}' RENAME TO 'public'"
        if isinstance(source, MariadbEnd)
        else ""
    )
    keys = "create no indexes, reset no sequences"
    keys += ", no foreign keys" if alter else ""
    script.write_text(
        f"LOAD DATABASE FROM {plain_url(source)} INTO {plain_url(target)}?sslmode=disable\n"
        f" WITH include drop, create tables, {keys}{alter};\n"
    )
    command = f"pgloader {script}"
    return Case("pgloader", command, {"HOME": str(ends.folder)}, makes_tables=True)


def _sling(ends: Ends, source: End, target: End) -> Case:
    schemas = {"postgresql": "public", "sqlite": "main"}
    here = schemas.get(source.engine, getattr(source, "database", ""))
    there = schemas.get(target.engine, getattr(target, "database", ""))
    script = ends.folder / f"sling-{source.engine}-{target.engine}.yaml"
    streams = "".join(f"  {here}.{t}: {{object: {there}.{t}}}\n" for t in data.TABLES)
    script.write_text(
        f"source: FROM\ntarget: INTO\ndefaults:\n  mode: full-refresh\nstreams:\n{streams}"
    )
    environment = {
        "FROM": _sling_url(source),
        "INTO": _sling_url(target),
        "SLING_HOME_DIR": str(ends.folder / "sling"),
        "SLING_DISABLE_TELEMETRY": "TRUE",
        "SLING_ALLOW_EMPTY": "TRUE",
    }
    return Case("sling", f"{sling()} run -r {script}", environment, makes_tables=True)


def _sling_url(end: End) -> str:
    tail = "?sslmode=disable" if end.engine == "postgresql" else ""
    return plain_url(end) + tail


def _dbferry(source: End, target: End) -> list[Case]:
    binary = Path(sys.executable).parent / "dbferry"
    command = f"{binary} migrate --quiet {shlex.quote(source.url)} {shlex.quote(target.url)}"
    return [
        Case("dbferry", f"{command} --prepare append"),
        Case("dbferry, tables and keys too", command, makes_tables=True),
    ]


@dataclass(frozen=True)
class Route:
    """From one database to another, and who takes it."""

    name: str
    source: End
    target: End
    cases: tuple[Case, ...]
    missing: tuple[tuple[str, str], ...] = ()


def routes(ends: Ends) -> list[Route]:
    """Every route with its cases; a tool that isn't there is named with the reason."""
    postgres, mariadb_, file = ends.postgres_source, ends.mariadb_source, ends.sqlite_source
    to_postgres, to_mariadb, to_file = (
        ends.postgres_target,
        ends.mariadb_target,
        ends.sqlite_target,
    )
    halves, keys = _page_halves(postgres), _key_halves(mariadb_)
    pipes = {
        "COPY | COPY, 2 jobs": lambda: two_jobs(_copy_to_copy(postgres, to_postgres), halves),
        "mariadb | COPY, 2 jobs": lambda: two_jobs(_select_to_copy(mariadb_, to_postgres), keys),
        "sqlite3 | COPY": lambda: one_job(_file_to_copy(file, to_postgres)),
        "COPY | .import": lambda: one_job(_copy_to_file(postgres, to_file)),
        "COPY | LOAD DATA, 2 jobs": lambda: two_jobs(
            _copy_to_load_data(postgres, to_mariadb), halves
        ),
    }
    plan: list[tuple[End, End, str, list[str], bool]] = [
        (postgres, to_postgres, "COPY | COPY, 2 jobs", ["psql"], False),
        (mariadb_, to_postgres, "mariadb | COPY, 2 jobs", ["mariadb", "psql"], True),
        (file, to_postgres, "sqlite3 | COPY", ["sqlite3", "psql"], True),
        (postgres, to_file, "COPY | .import", ["psql", "sqlite3"], False),
        (postgres, to_mariadb, "COPY | LOAD DATA, 2 jobs", ["psql", "mariadb"], False),
    ]
    return [
        _route(ends, source, target, (name, pipes[name], tools), pgloader=pgloader)
        for source, target, name, tools, pgloader in plan
    ]


def _route(
    ends: Ends,
    source: End,
    target: End,
    pipe: tuple[str, Callable[[], str], list[str]],
    *,
    pgloader: bool,
) -> Route:
    name, command, tools = pipe
    wanted: list[tuple[str, list[str], Callable[[], Case]]] = [
        (name, tools, lambda: Case(name, command(), PASSWORDS)),
        ("sling", ["sling"], lambda: _sling(ends, source, target)),
    ]
    if pgloader:
        wanted.append(("pgloader", ["pgloader"], lambda: _pgloader(ends, source, target)))
    cases, missing = _dbferry(source, target), []
    for tool, needs, make in wanted:
        try:
            for need in needs:
                version(need)
            cases.append(make())
        except MissingToolError as why:
            missing.append((tool, str(why)))
    title = f"{source.engine} to {target.engine}"
    return Route(title, source, target, tuple(cases), tuple(missing))


def environment(case: Case) -> dict[str, str]:
    """What the case's command sees."""
    return {**os.environ, **case.environment}
