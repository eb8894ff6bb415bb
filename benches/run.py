"""Moves TPC-H by dbferry, by the servers' own clients and by other tools, in turn; prints and keeps figures.

BENCH_SCALE       TPC-H's scale factor (0.1, about 870,000 rows)
BENCH_SCALE_READ  that of lineitem in PostgreSQL to Arrow (BENCH_SCALE)
BENCH_ROUNDS      counted rounds (5), after one to warm up
BENCH_ROUTES      only works whose names contain one of these (`mariadb to, sqlite to`)
BENCH_TOOLS       only rivals whose names contain one of these; dbferry and the floors always run
BENCH_SLOW        a rival whose warm-up takes longer than this many seconds (20) isn't run again
"""

import datetime as dt
import json
import os
import platform
import signal
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import report
import servers_time
import tools
from ends import Ends, opened
from launch import LONGEST_SECONDS, launch
from table import works
from work import ALL, Case, Work

import data

SCALE = os.environ.get("BENCH_SCALE", "0.1")
SCALE_READ = os.environ.get("BENCH_SCALE_READ", SCALE)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SLOW_SECONDS = float(os.environ.get("BENCH_SLOW", "20"))


def words(variable: str) -> list[str]:
    return [word.strip() for word in os.environ.get(variable, "").split(",") if word.strip()]


def main() -> None:
    # SIGTERM ends a run as Ctrl-C does, so that servers and folders are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    files = data.make(SCALE)
    with opened() as ends:
        fill(ends, files)
        routes = words("BENCH_ROUTES")
        chosen = [
            work
            for work in works(ends, files, SCALE)
            if not routes or any(route in work.name for route in routes)
        ]
        results = [run_work(work, ends) for work in chosen]
        result = {
            "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "scale": SCALE,
            "scale_read": SCALE_READ,
            "rounds": ROUNDS,
            "machine": machine(),
            "versions": versions(ends),
            "works": results,
        }
    kept = data.cache() / f"{result['when'].replace(':', '')}.json"
    kept.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(report.table(result))
    say(f"kept in {kept}")
    if any(report.failed(work, tool) for work in results for tool in report.own(work)):
        raise SystemExit(1)


def fill(ends: Ends, files: Path) -> None:
    say("filling postgresql")
    ends.postgres_source.fill(files)
    if SCALE_READ == SCALE:
        ends.postgres_read = ends.postgres_source
    else:
        ends.postgres_read.fill(data.make(SCALE_READ), ("lineitem",))
    say("filling mariadb")
    ends.mariadb_source.fill(files)
    ends.sqlite_source.path = files / "tpch.db"
    # Every source is read once, so that all runs find it in memory.
    data.shell(f"cat {files / 'tpch.db'} > /dev/null")


def run_work(work: Work, ends: Ends) -> dict[str, Any]:
    """All cases in turn, round after round; round 0 is the warm-up."""
    work.make(words("BENCH_TOOLS"))
    for tool, why in work.missing:
        say(f"{work.name} · {tool}: missing: {why}")
    source = (
        ends.postgres_read if work.name.startswith("postgresql to arrow") else ends.postgres_source
    )
    wanted = source.counts(work.tables)
    cases, runs = list(work.cases), []
    for number in range(ROUNDS + 1):
        for case in tuple(cases):
            run = {"tool": case.tool, "round": number, **run_case(work, case, wanted, ends)}
            runs.append(run)
            say(f"{work.name} · {number} · {case.tool}: {describe(run)}")
            slow = run["wall"] > SLOW_SECONDS and case.role == "rival"
            if not run["ok"] or slow:
                cases.remove(case)
    return {**work.facts(), "rows": sum(wanted.values()), "runs": runs}


def run_case(work: Work, case: Case, wanted: dict[str, int], ends: Ends) -> dict[str, Any]:
    """Prepares the target, runs the tool, and looks at what arrived."""
    if work.target is not None:
        work.target.clear()
        if case.prepare:
            work.target.create(work.tables, case.prepare)
        work.target.settle()
    os.sync()
    before = servers_time.seconds(ends.servers)
    cost, said = launch(case.command, ends.folder, case.environment)
    server = servers_time.seconds(ends.servers) - before
    if not cost:
        return {"ok": False, "why": f"ended after {LONGEST_SECONDS} s", "wall": LONGEST_SECONDS}
    told = last_json(said)
    run: dict[str, Any] = {
        "wall": cost["seconds"],
        "inner": told.get("seconds"),
        "seconds": cost["seconds"] if work.tables == ALL else told.get("seconds", cost["seconds"]),
        "cpu": cost["cpu"],
        "server_cpu": server,
        "peak_mb": cost["peak_mb"],
    }
    wrong = f"exit {cost['exit']}" if cost["exit"] else faults(work, case, wanted, told)
    if wrong:
        wrong = f"{wrong}: {' '.join(said.split())[-300:]}"
    run |= missing_keys(work)
    short = bool(run.get("keys")) and case.role != "rival"
    why = wrong or (f"made only {run['keys']}" if short else "")
    return {**run, "ok": not why, "why": why.replace("|", "/")}


def faults(work: Work, case: Case, wanted: dict[str, int], told: dict[str, Any]) -> str:
    """What is wrong with the rows that arrived, empty when nothing is."""
    if work.target is None:
        rows = told.get("rows", sum(wanted.values()))
        return "" if rows == sum(wanted.values()) else f"{rows} rows"
    found = work.target.counts(work.tables, case.schema)
    wrong = {name: found.get(name) for name, rows in wanted.items() if found.get(name) != rows}
    return f"wrong counts {wrong}" if wrong else ""


def missing_keys(work: Work) -> dict[str, str]:
    """What there is of indexes and foreign keys, where some are missing."""
    if work.target is None or work.keys == (0, 0):
        return {}
    indexes, foreign = work.target.keys()
    if indexes >= work.keys[0] and foreign >= work.keys[1]:
        return {}
    return {"keys": f"{indexes} indexes, {foreign} foreign keys"}


def last_json(text: str) -> dict[str, Any]:
    """What one of `clients/` says of itself."""
    for line in reversed(text.splitlines()):
        if line.startswith('{"seconds"'):
            told: dict[str, Any] = json.loads(line)
            return told
    return {}


def describe(run: dict[str, Any]) -> str:
    if not run["ok"]:
        return f"FAILED: {run['why']}"
    return f"{run['seconds']:.2f} s, {run['cpu']:.2f} s CPU, {run['peak_mb']:.0f} MB"


def machine() -> dict[str, Any]:
    cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("model name")[2]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processors": os.cpu_count(),
        "model": cpu.partition(":")[2].partition("\n")[0].strip() or platform.machine(),
        "memory_gb": round(memory / 2**30),
        "kernel": platform.release(),
    }


def versions(ends: Ends) -> dict[str, str]:
    return {
        "dbferry": metadata.version("dbferry"),
        "postgresql": str(ends.postgres_source.run("SHOW server_version")[0][0]),
        "mariadb server": str(ends.mariadb_source.run("SELECT version()")[0][0]),
        **tools.versions(),
    }


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
