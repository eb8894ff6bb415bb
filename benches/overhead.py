"""What the ledger, leases and retries cost an undisturbed run: the same run with and without them, in turns.

The other run is dbferry's own with the ledger left out: no claim, no entries, no signs of life, no look at the
fence in a range's transaction. Fails above the goal.

OVERHEAD_SCALE    TPC-H's scale (0.2)
OVERHEAD_ROUNDS   runs of each that count (9)
OVERHEAD_ROUTES   only routes whose names contain this (`mariadb to`)
"""

import os
import shlex
import signal
import statistics
import sys

from ends import End, Ends, opened
from launch import launch

import data

SCALE = os.environ.get("OVERHEAD_SCALE", "0.2")
ROUNDS = int(os.environ.get("OVERHEAD_ROUNDS", "9"))
ROUTES = os.environ.get("OVERHEAD_ROUTES", "")
GOAL = 1.03
WITHOUT = (
    "import dbferry.cli, dbferry.run; dbferry.run.keeps = lambda *_: False; "
    "dbferry.run.book_in = lambda *_: None; dbferry.cli.main()"
)
WITH = "import dbferry.cli; dbferry.cli.main()"


def main() -> None:
    # SIGTERM ends a run as Ctrl-C does, so that servers and folders are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = data.make(SCALE)
    with opened() as ends:
        ends.postgres_source.fill(folder)
        ends.mariadb_source.fill(folder)
        print("| route | with, s | without, s | ratio | CPU ratio |\n|---|---|---|---|---|")
        reached = [measure(ends, *route) for route in routes(ends)]
    if not all(reached):
        raise SystemExit(f"more than {GOAL} times the run without")


def routes(ends: Ends) -> list[tuple[str, End, End]]:
    pairs = [
        (ends.postgres_source, ends.postgres_target),
        (ends.mariadb_source, ends.postgres_target),
        (ends.postgres_source, ends.mariadb_target),
        (ends.postgres_source, ends.sqlite_target),
    ]
    named = [(f"{a.engine} to {b.engine}", a, b) for a, b in pairs]
    return [route for route in named if ROUTES in route[0]]


def measure(ends: Ends, name: str, source: End, target: End) -> bool:
    """Runs both in turns, the other first every second time; a warm-up doesn't count."""
    seconds: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    cpu: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    for turn in range(ROUNDS + 1):
        for way in (WITH, WITHOUT) if turn % 2 else (WITHOUT, WITH):
            target.clear()
            target.settle()
            command = [sys.executable, "-c", way, "migrate", "--quiet", source.url, target.url]
            cost, printed = launch(shlex.join(command), ends.folder)
            if not cost or cost["exit"]:
                raise SystemExit(f"failed: {name}\n{printed[-2000:]}")
            if turn:
                seconds[way].append(cost["seconds"])
                cpu[way].append(cost["cpu"])
    one, other = (statistics.median(seconds[way]) for way in (WITH, WITHOUT))
    more = statistics.median(cpu[WITH]) / statistics.median(cpu[WITHOUT])
    print(f"| {name} | {one:.2f} | {other:.2f} | {one / other:.3f} | {more:.3f} |", flush=True)
    return one <= GOAL * other


if __name__ == "__main__":
    main()
