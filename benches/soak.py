"""A long table between two PostgreSQLs, with a kill every so often, until a run ends; then both sides are compared.

SOAK_ROWS      rows (50,000,000)
SOAK_SECONDS   between kills, on average (20)
SOAK_SEED      of the moments (1)
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from ends import opened

ROWS = int(os.environ.get("SOAK_ROWS", "50000000"))
SECONDS = float(os.environ.get("SOAK_SECONDS", "20"))
SEED = int(os.environ.get("SOAK_SEED", "1"))

SUMS = (
    "SELECT count(*), count(DISTINCT id), sum(hashint8(id)::numeric), sum(hashint4(n)::numeric), "
    "sum(hashtext(word)::numeric) FROM narrow"
)


def main() -> None:
    # SIGTERM ends a run as Ctrl-C does, so that servers and folders are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    moments = random.Random(SEED)
    with opened() as ends:
        source, target = ends.postgres_source, ends.postgres_target
        source.clear()
        target.clear()
        source.run("CREATE TABLE narrow (id bigint, n integer NOT NULL, word varchar(20))")
        source.run(
            "INSERT INTO narrow SELECT i, i % 1000003, 'word ' || i % 99991 "
            f"FROM generate_series(1, {ROWS}) AS i"
        )
        source.run("ALTER TABLE narrow ADD PRIMARY KEY (id)")
        source.run("VACUUM (FREEZE, ANALYZE) narrow")
        kills, started, failures = 0, time.monotonic(), 0
        command = [str(Path(sys.executable).parent / "dbferry"), "migrate", "--quiet"]
        command += ["--range-mb", "16", source.url, target.url]
        while True:
            process = subprocess.Popen(command)
            try:
                process.wait(moments.expovariate(1 / SECONDS))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                continue
            if process.returncode == 0:
                break
            failures += 1
            if failures > 3:
                raise SystemExit(f"failed: exit {process.returncode}")
        seconds = time.monotonic() - started
        equal = source.run(SUMS) == target.run(SUMS)
        # What a killed run had written and not committed lies dead in the target's table.
        whole, own = (
            end.run("SELECT pg_relation_size('narrow')")[0][0] for end in (target, source)
        )
        print(f"{ROWS:,} rows, {kills} kills, {failures} failures, {seconds:.0f} s")
        print(f"written for nothing: {100 * (whole - own) / own:.1f} % of the table's bytes")
        print("both sides are equal" if equal else "THE SIDES DIFFER")
    if not equal:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
