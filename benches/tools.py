"""The other tools: where they are, how those that PyPI or Debian has come into the cache, their versions."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import data

DUCKDB = "1.5.5"
# Each in a virtual environment of its own. Versions are fixed where a newer one can't be had
# whole: sling and ingestr fetch their binary when first run, these carry it in the wheel.
VENVS = {
    "python": ["pyarrow", "connectorx", "adbc-driver-postgresql", "adbc-driver-sqlite"],
    "mysqlclient": ["mysqlclient"],
    "duckdb": [
        "pyarrow",
        f"duckdb=={DUCKDB}",
        *(f"duckdb-extension-{kind}-scanner=={DUCKDB}" for kind in ("postgres", "mysql", "sqlite")),
    ],
    "dlt": [
        *("dlt[postgres]", "sqlalchemy>=2,<2.1", "connectorx", "pyarrow", "psycopg2-binary"),
        *("pymysql", "pandas", "adbc-driver-postgresql", "adbc-driver-manager"),
    ],
    "sling": ["sling==1.4.11", "sling-linux-amd64==1.4.11"],
    "ingestr": ["ingestr==0.15.9"],
}
# Debian's package of each command.
PACKAGES = {
    "psql": "postgresql-client",
    "pg_dump": "postgresql-client",
    "mariadb": "mariadb-client",
    "pgloader": "pgloader",
    "pgcopydb": "pgcopydb",
    "sqlite3": "sqlite3",
}
# Unpacked into the cache when they aren't installed: small, and nothing else needs them.
UNPACKED = {"pgcopydb": ["pgcopydb", "libgc1"], "libmariadb-dev": ["libmariadb-dev"]}


class MissingToolError(Exception):
    """A tool that isn't here, and why."""


@cache
def binary(name: str) -> str:
    """The path of a command. Raises MissingToolError."""
    found = shutil.which(name)
    if found is None and name in UNPACKED:
        found = shutil.which(name, path=str(unpacked(name) / "usr" / "bin"))
    if found is None:
        raise MissingToolError(f"`{name}` is not installed: apt-get install {PACKAGES[name]}")
    return found


@cache
def unpacked(name: str) -> Path:
    """The root of what Debian's packages hold, unpacked into the cache."""
    root = data.cache() / "debian" / name
    if not (root / "complete").exists():
        root.mkdir(parents=True, exist_ok=True)
        get = f"cd {root} && apt-get download -q {' '.join(UNPACKED[name])} && for p in *.deb; do dpkg -x $p .; done"
        run(f"`{name}` can't be unpacked", ["bash", "-ec", get])
        (root / "complete").touch()
    return root


@cache
def venv(name: str) -> Path:
    """The folder of a virtual environment's commands. Raises MissingToolError."""
    home = data.cache() / "rivals" / name
    if not (home / "complete").exists():
        run(f"no environment for {name}", [sys.executable, "-m", "venv", "--clear", str(home)])
        pip = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        run(f"{name} can't be installed", [*pip, *VENVS[name]], environment(name))
        (home / "complete").touch()
    return home / "bin"


def environment(name: str) -> dict[str, str]:
    """mysqlclient is compiled when it is installed and wants MariaDB's headers."""
    if name != "mysqlclient":
        return {}
    headers = unpacked("libmariadb-dev") / "usr" / "include" / "mariadb"
    flags = f"-I{headers} -I{headers}/mysql"
    return {"MYSQLCLIENT_CFLAGS": flags, "MYSQLCLIENT_LDFLAGS": "-l:libmariadb.so.3"}


def run(failure: str, command: list[str], more: dict[str, str] | None = None) -> str:
    """What the command prints. Raises MissingToolError."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(more or {})}
    )
    if done.returncode:
        raise MissingToolError(f"{failure}: {' '.join(done.stderr.split())[-200:]}")
    return done.stdout or done.stderr


@cache
def sling() -> Path:
    """sling's binary. Raises MissingToolError."""
    packages = venv("sling").parent
    for path in packages.rglob("sling-linux-amd64"):
        if path.is_file():
            return path
    raise MissingToolError("sling has no binary for this machine")


@cache
def insert_loop() -> Path:
    """The C loop of prepared inserts, compiled. Raises MissingToolError."""
    source = Path(__file__).parent / "clients" / "insert.c"
    program = data.cache() / "insert"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        compiler = shutil.which("cc")
        if compiler is None:
            raise MissingToolError("no C compiler: apt-get install gcc libsqlite3-dev")
        command = [compiler, "-O2", "-o", str(program), str(source), "-lsqlite3"]
        run("the C loop can't be compiled (libsqlite3-dev?)", command)
    return program


def versions() -> dict[str, str]:
    """What each tool that was used, or looked for, says of itself."""
    found = {}
    for name in (*PACKAGES, *VENVS):
        try:
            found[name] = _version(name)
        except MissingToolError as why:
            found[name] = f"missing: {why}"
    return found


def _version(name: str) -> str:
    if name in VENVS:
        home = data.cache() / "rivals" / name
        if not (home / "complete").exists():
            raise MissingToolError("not installed by this run")
        listed = run(name, [str(home / "bin" / "pip"), "list", "--format=freeze"])
        wanted = {package.partition("=")[0].partition("[")[0] for package in VENVS[name]}
        wanted -= {"pandas", "pymysql", "sqlalchemy>", "psycopg2-binary"}
        return ", ".join(line for line in listed.split() if line.partition("==")[0] in wanted)
    more = (
        {"LD_LIBRARY_PATH": f"{unpacked(name)}/usr/lib/x86_64-linux-gnu"}
        if name in UNPACKED
        else {}
    )
    return run(name, [binary(name), "--version"], more).splitlines()[0]
