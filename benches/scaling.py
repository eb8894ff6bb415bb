"""What many rows, many tables and many columns cost; fails where that grows faster than they do.

SCALING_ROWS    rows of the smallest table (300,000)
SCALING_ROUNDS  runs of each size (3)
SCALING_ROUTES  only routes whose names contain this (`mariadb to`)
"""

import os
import shlex
import signal
import statistics
import sys
from pathlib import Path

import memory
from ends import End, Ends, opened
from launch import launch

ROWS = int(os.environ.get("SCALING_ROWS", "300000"))
ROUNDS = int(os.environ.get("SCALING_ROUNDS", "3"))
ROUTES = os.environ.get("SCALING_ROUTES", "")
SIZES = (0, 1, 5, 10)
TABLES, TABLES_SECONDS = 2000, 60
SCHEMAS = (1000, 5000)
PLAN_SECONDS = 30
"""For the larger of them, as issue 4 has it."""
SLOWER = 1.25
"""What a table of the larger may take more than one of the smaller."""
COLUMNS = 1000


def main() -> None:
    # SIGTERM ends a run as Ctrl-C does, so that servers and folders are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with opened() as ends:
        results = [*rows(ends), tables(ends), *schemas(ends), *columns(ends)]
    if not all(results):
        raise SystemExit(f"{results.count(False)} of {len(results)} failed")


def migrate(ends: Ends, source: End, target: End, *options: str) -> dict[str, float]:
    """What one migration into an empty database cost."""
    return spent(ends, source, target, "migrate", "--quiet", *options)


def spent(ends: Ends, source: End, target: End, *words: str) -> dict[str, float]:
    target.clear()
    target.settle()
    program = str(Path(sys.executable).parent / "dbferry")
    command = [program, *words, source.url, target.url]
    cost, printed = launch(shlex.join(command), ends.folder)
    if not cost or cost["exit"]:
        raise SystemExit(f"failed: {shlex.join(command[:-2])}\n{printed[-2000:]}")
    return cost


def rows(ends: Ends) -> list[bool]:
    """Client CPU of 1, 5 and 10 times the rows, less that of a table with none."""
    sources = ((ends.postgres_source, memory.POSTGRES), (ends.mariadb_source, memory.MARIADB))
    for source, statements in sources:
        source.clear()
        make, fill = statements[0], statements[1].replace(str(memory.ROWS), "{}")
        for size in SIZES:
            name = f"rows_{size}"
            source.run(_renamed(make, name))
            if size:
                source.run(_renamed(fill, name).replace("{}", str(ROWS * size)))
            source.run(f"ANALYZE {'TABLE ' if source.engine == 'mariadb' else ''}{name}")
    print(
        "| route | rows | client CPU s | less that of none | x that of 1x |\n|---|---|---|---|---|"
    )
    return [
        one_route(ends, source, target)
        for source in (ends.postgres_source, ends.mariadb_source)
        for target in (ends.postgres_target, ends.mariadb_target, ends.sqlite_target)
        if ROUTES in f"{source.engine} to {target.engine}"
    ]


def _renamed(statement: str, name: str) -> str:
    return statement.replace("`long`", "long").replace(" long ", f" {name} ")


def one_route(ends: Ends, source: End, target: End) -> bool:
    """Whether the cost grows as the rows do, within a tenth."""
    spent = {
        size: statistics.median(
            migrate(ends, source, target, "--tables", f"rows_{size}")["cpu"] for _ in range(ROUNDS)
        )
        for size in SIZES
    }
    steady = True
    for size in SIZES[1:]:
        cost = spent[size] - spent[0]
        times = cost / (spent[1] - spent[0])
        steady = steady and times <= size * 1.1
        name = f"{source.engine} to {target.engine}"
        print(
            f"| {name} | {ROWS * size:,} | {spent[size]:.2f} | {cost:.2f} | {times:.2f} |",
            flush=True,
        )
    return steady


def tables(ends: Ends) -> bool:
    """Empty tables with a key."""
    source = ends.postgres_source
    source.clear()
    source.run(
        f"DO $$ BEGIN FOR i IN 1..{TABLES} LOOP EXECUTE "
        "format('CREATE TABLE empty_%s (id bigint PRIMARY KEY, name text)', i); END LOOP; END $$"
    )
    seconds = migrate(ends, source, ends.postgres_target)["seconds"]
    print(f"\n{TABLES} empty tables: {seconds:.1f} s (under {TABLES_SECONDS})", flush=True)
    return seconds < TABLES_SECONDS


def schemas(ends: Ends) -> list[bool]:
    """Many tables of 20 columns, a key, a check, two indexes and a foreign key: no table costs more than another."""
    found = []
    for source in (ends.postgres_source, ends.mariadb_source):
        name = f"{source.engine} to postgresql"
        if ROUTES not in name:
            continue
        each = {}
        for count in SCHEMAS:
            source.clear()
            for number in range(1, count + 1, 200):
                part = range(number, min(number + 200, count + 1))
                source.run("; ".join(map(_table, part)))
            plan = spent(ends, source, ends.postgres_target, "plan", "--json")
            moved = migrate(ends, source, ends.postgres_target)
            each[count] = moved["seconds"] / count
            print(
                f"{count} tables, {name}: plan {plan['seconds']:.1f} s ({plan['cpu']:.1f} s of CPU), "
                f"run {moved['seconds']:.1f} s ({moved['cpu']:.1f}), {1000 * each[count]:.1f} ms a table",
                flush=True,
            )
        small, large = SCHEMAS
        found.append(plan["seconds"] < PLAN_SECONDS and each[large] <= each[small] * SLOWER)
    return found


def _table(number: int) -> str:
    types = ("int", "bigint", "varchar(40)", "date", "decimal(10,2)")
    columns = ", ".join(f"c{place} {types[place % 5]}" for place in range(1, 20))
    key = f", FOREIGN KEY (c6) REFERENCES t{number - 1} (id)" if number > 1 else ""
    return (
        f"CREATE TABLE t{number} (id bigint PRIMARY KEY, {columns}, UNIQUE (c2, c3), "
        f"CONSTRAINT more_{number} CHECK (c1 > 0){key}); "
        f"CREATE INDEX by_day_{number} ON t{number} (c3); INSERT INTO t{number} (id, c1) VALUES (1, 1)"
    )


def columns(ends: Ends) -> list[bool]:
    """A table of many columns arrives."""
    source = ends.postgres_source
    source.clear()
    names = ", ".join(f"c{number} int" for number in range(COLUMNS))
    values = ", ".join(f"i + {number}" for number in range(COLUMNS))
    source.run(f"CREATE TABLE broad ({names})")
    source.run(f"INSERT INTO broad SELECT {values} FROM generate_series(1, 1000) i")
    found = []
    for target in (ends.postgres_target, ends.mariadb_target, ends.sqlite_target):
        seconds = migrate(ends, source, target)["seconds"]
        last = f"SELECT count(*), sum(c{COLUMNS - 1}) FROM broad"
        same = [tuple(map(int, row)) for row in (*source.run(last), *target.run(last))]
        found.append(same[0] == same[1])
        print(f"{COLUMNS} columns to {target.engine}: {seconds:.1f} s", flush=True)
    return found


if __name__ == "__main__":
    main()
