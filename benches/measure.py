"""Runs one command and writes what it cost: `python -IS measure.py OUT.json -- COMMAND …`.

A process of its own and a small one: the peak memory that Linux reports for a child starts at the
size of the process it was forked from, so a launcher with drivers loaded would blur every figure.
"""

import json
import os
import sys
import time


def main() -> None:
    out, separator, *command = sys.argv[1:]
    if separator != "--" or not command:
        raise SystemExit(__doc__)
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        try:
            os.execvp(command[0], command)
        finally:
            os._exit(127)
    # Times of the child and of every process that it waited for; the peak is that of the largest.
    _, status, usage = os.wait4(child, 0)
    figures = {
        "exit": os.waitstatus_to_exitcode(status),
        "seconds": time.perf_counter() - start,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }
    with open(out, "w", encoding="utf-8") as file:  # noqa: PTH123 - no imports beyond the smallest
        json.dump(figures, file)


main()
