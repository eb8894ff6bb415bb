"""The command lines of whole tools, as a person who knows them would write them."""

import shlex
from pathlib import Path

from ends import End, Ends, MariadbEnd, PostgresEnd, SqliteEnd
from tools import binary, sling, unpacked, venv

CLIENTS = Path(__file__).parent / "clients"
QUIET = {"DISABLE_TELEMETRY": "true", "INGESTR_DISABLE_TELEMETRY": "true"}


def plain_url(end: End) -> str:
    """The address without dbferry's own parameters."""
    if isinstance(end, SqliteEnd):
        return f"sqlite://{end.path}"
    return end.url.partition("?")[0].replace("mariadb://", "mysql://")


def client(environment: str, script: str, *words: object) -> str:
    """A script of `clients/` with the Python of one of the environments."""
    python = venv(environment) / "python"
    return shlex.join([str(python), str(CLIENTS / script), *map(str, words)])


def duckdb_copy(source: End, target: PostgresEnd, tables: tuple[str, ...]) -> str:
    kinds = {"postgresql": "postgres", "mariadb": "mysql", "sqlite": "sqlite"}
    where = plain_url(source)
    if isinstance(source, SqliteEnd):
        where = str(source.path)
    elif isinstance(source, MariadbEnd):
        where = f"host={source.server.host} port={source.server.port} user=bench password=bench database={source.database}"
    kind = kinds[source.engine]
    return client("duckdb", "duckdb_copy.py", kind, where, plain_url(target), *tables)


def dlt_copy(ends: Ends, source: End, target: End, tables: tuple[str, ...]) -> str:
    folder = ends.folder / "dlt"
    where = plain_url(source).replace("mysql://", "mysql+pymysql://")
    run = client("dlt", "dlt_copy.py", where, plain_url(target), folder, *tables)
    return f"rm -rf {folder} && {run}"


def pg_dump_to_psql(source: PostgresEnd, target: PostgresEnd) -> str:
    out = f"{binary('pg_dump')} -d {plain_url(source)}"
    return f"{out} | {binary('psql')} -Xq -v ON_ERROR_STOP=1 -d {plain_url(target)}"


def pg_dump_to_folder(ends: Ends, source: PostgresEnd, target: PostgresEnd) -> str:
    folder = ends.folder / "dump"
    out = f"{binary('pg_dump')} -Fd -j2 -Z0 -d {plain_url(source)} -f {folder}"
    return f"rm -rf {folder} && {out} && pg_restore -j2 -d {plain_url(target)} {folder}"


def pgcopydb(ends: Ends, source: PostgresEnd, target: PostgresEnd) -> str:
    folder = ends.folder / "pgcopydb"
    program = binary("pgcopydb")
    libraries = ""
    if "debian" in program:
        libraries = f"LD_LIBRARY_PATH={unpacked('pgcopydb')}/usr/lib/x86_64-linux-gnu "
    return (
        f"{libraries}TMPDIR={ends.folder} {program} clone --source {plain_url(source)} "
        f"--target {plain_url(target)} --table-jobs 2 --index-jobs 2 --dir {folder} "
        "--restart --not-consistent"
    )


def pgloader(ends: Ends, source: End, target: End, *, keys: bool) -> str:
    """Tuned where there is something to tune; it has no ranges over SQLite."""
    script = ends.folder / f"pgloader-{source.engine}-{keys}.load"
    options = "include drop, create tables, create indexes, reset sequences"
    if not keys:
        options = "include drop, create tables, create no indexes, reset no sequences"
    tail = ""
    if isinstance(source, MariadbEnd):
        options += ", foreign keys" if keys else ", no foreign keys"
        options += (
            ", workers = 4, concurrency = 2, multiple readers per thread, rows per range = 100000, "
            "prefetch rows = 50000, batch rows = 50000, batch size = 64 MB, batch concurrency = 4, "
            "max parallel create index = 2"
        )
        tail = "\n SET PostgreSQL PARAMETERS maintenance_work_mem to '512MB', work_mem to '64MB'"
        # pgloader puts MySQL's tables into a schema named for the database.
        tail += f"\n ALTER SCHEMA '{source.database}' RENAME TO 'public'"
    script.write_text(
        f"LOAD DATABASE FROM {plain_url(source)} INTO {plain_url(target)}?sslmode=disable\n"
        f" WITH {options}{tail};\n"
    )
    program = f"HOME={ends.folder} {binary('pgloader')}"
    # Not every build takes a larger heap.
    return f"{program} --dynamic-space-size 8192 {script} || {program} {script}"


def sling_run(ends: Ends, source: End, target: End, tables: tuple[str, ...]) -> str:
    schemas = {"postgresql": "public", "sqlite": "main"}
    here = schemas.get(source.engine, getattr(source, "database", ""))
    there = schemas.get(target.engine, getattr(target, "database", ""))
    script = ends.folder / f"sling-{source.engine}-{target.engine}.yaml"
    streams = "".join(f"  {here}.{t}: {{object: {there}.{t}}}\n" for t in tables)
    script.write_text(
        f"source: FROM\ntarget: INTO\ndefaults:\n  mode: full-refresh\nstreams:\n{streams}"
    )
    tails = ["?sslmode=disable" if end.engine == "postgresql" else "" for end in (source, target)]
    variables = {
        "FROM": plain_url(source) + tails[0],
        "INTO": plain_url(target) + tails[1],
        "SLING_HOME_DIR": str(ends.folder / "sling"),
        "SLING_DISABLE_TELEMETRY": "TRUE",
        "SLING_ALLOW_EMPTY": "TRUE",
    }
    told = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    return f"env {told} {sling()} run -r {script}"


def ingestr(ends: Ends, source: End, target: End, tables: tuple[str, ...]) -> str:
    """A process per table, as the tool is made."""
    schemas = {"postgresql": "public", "sqlite": "main"}
    here = schemas.get(source.engine, getattr(source, "database", ""))
    there = schemas.get(target.engine, getattr(target, "database", ""))
    program = venv("ingestr") / "ingestr"
    one = (
        f"{program} ingest --source-uri {plain_url(source)} --source-table {here}.$t "
        f"--dest-uri {plain_url(target)} --dest-table {there}.$t --yes --progress log "
        f"--schema-naming direct --pipelines-dir {ends.folder}"
    )
    return f"for t in {' '.join(tables)}; do {one} || exit 1; done"
