"""Peak memory of `dbferry migrate` on a long table and on large values; fails above the limit.

MEMORY_ROWS     rows of the long table (6,000,000)
MEMORY_VALUES   large values, of 64 MB each (20)
MEMORY_ROUTES   only routes whose names contain this (`mariadb to`)
"""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from ends import End, Ends, opened

ROWS = int(os.environ.get("MEMORY_ROWS", "6000000"))
VALUES = int(os.environ.get("MEMORY_VALUES", "20"))
ROUTES = os.environ.get("MEMORY_ROUTES", "")
VALUE_BYTES = 64 << 20
LIMIT_MB = 400

# Every byte there is, so that each has to be escaped where bytes are escaped.
BYTES = bytes(range(256)).hex()

POSTGRES = (
    (
        "CREATE TABLE long (id bigint PRIMARY KEY, name varchar(60) NOT NULL, amount numeric(12,2), "
        "made timestamp NOT NULL, note text)"
    ),
    (
        "INSERT INTO long SELECT i, 'name of row ' || i, i % 1000000 / 7.0, "
        "timestamp '2020-01-01' + i * interval '1 second', "
        f"CASE WHEN i % 3 = 0 THEN NULL ELSE repeat('ä', i % 40) END FROM generate_series(1, {ROWS}) i"
    ),
    "CREATE TABLE large (id int PRIMARY KEY, content bytea NOT NULL)",
    "ALTER TABLE large ALTER content SET STORAGE EXTERNAL",
    (
        f"INSERT INTO large SELECT i, decode(repeat('{BYTES}', {VALUE_BYTES // 256}), 'hex') "
        f"FROM generate_series(1, {VALUES}) i"
    ),
    "ANALYZE",
)
MARIADB = (
    (
        "CREATE TABLE `long` (id bigint PRIMARY KEY, name varchar(60) NOT NULL, amount decimal(12,2), "
        "made datetime NOT NULL, note text)"
    ),
    (
        "INSERT INTO `long` SELECT seq, concat('name of row ', seq), seq % 1000000 / 7.0, "
        "timestamp '2020-01-01 00:00:00' + interval seq second, "
        f"if(seq % 3 = 0, NULL, repeat('ä', seq % 40)) FROM seq_1_to_{ROWS}"
    ),
    "CREATE TABLE large (id int PRIMARY KEY, content longblob NOT NULL)",
    (
        f"INSERT INTO large SELECT seq, repeat(unhex('{BYTES}'), {VALUE_BYTES // 256}) "
        f"FROM seq_1_to_{VALUES}"
    ),
    "ANALYZE TABLE `long`",
    "ANALYZE TABLE large",
)


def main() -> None:
    # SIGTERM ends a run as Ctrl-C does, so that servers and folders are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failures = 0
    with opened() as ends:
        fill(ends.postgres_source, POSTGRES)
        fill(ends.mariadb_source, MARIADB)
        for target in (ends.postgres_target, ends.mariadb_target, ends.sqlite_target):
            target.clear()
        print("| route | table | peak MB | seconds | MB/s |\n|---|---|---|---|---|")
        for name, source, target in routes(ends):
            for table in ("long", "large"):
                failures += not measure(ends, name, source, target, table)
    if failures:
        raise SystemExit(f"{failures} runs failed or took {LIMIT_MB} MB or more")


def fill(end: End, statements: tuple[str, ...]) -> None:
    end.clear()
    for statement in statements:
        end.run(statement)


def routes(ends: Ends) -> list[tuple[str, End, End]]:
    """The last route reads the file that the one before has written."""
    pairs = [
        (ends.postgres_source, ends.postgres_target),
        (ends.postgres_source, ends.mariadb_target),
        (ends.mariadb_source, ends.postgres_target),
        (ends.mariadb_source, ends.mariadb_target),
        (ends.postgres_source, ends.sqlite_target),
        (ends.sqlite_target, ends.postgres_target),
    ]
    named = [(f"{a.engine} to {b.engine}", a, b) for a, b in pairs]
    return [route for route in named if ROUTES in route[0]]


def measure(ends: Ends, name: str, source: End, target: End, table: str) -> bool:
    """Moves one table and prints what it took; whether it stayed below the limit."""
    binary = Path(sys.executable).parent / "dbferry"
    command = [str(binary), "migrate", "--json", "--quiet", "--prepare", "drop"]
    command += ["--tables", table, source.url, target.url]
    figures, report = ends.folder / "figures.json", ends.folder / "report.json"
    launcher = [sys.executable, "-IS", str(Path(__file__).with_name("measure.py")), str(figures)]
    with report.open("wb") as output:
        subprocess.run([*launcher, "--", *command], stdout=output, check=True)
    cost = json.loads(figures.read_text(encoding="utf-8"))
    if cost["exit"]:
        print(f"| {name} | {table} | FAILED: exit {cost['exit']} | | |", flush=True)
        print(f"failed: {shlex.join(command[:-2])}", file=sys.stderr)
        return False
    totals = json.loads(report.read_text(encoding="utf-8"))["totals"]
    rate = totals["bytes"] / 1e6 / cost["seconds"]
    print(
        f"| {name} | {table} | {cost['peak_mb']:.0f} | {cost['seconds']:.1f} | {rate:.0f} |",
        flush=True,
    )
    wanted = ROWS if table == "long" else VALUES
    return totals["rows"] == wanted and cost["peak_mb"] < LIMIT_MB


if __name__ == "__main__":
    main()
