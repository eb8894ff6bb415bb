"""Moves TPC-H along five routes, by dbferry and by other tools, in turn; prints and keeps figures.

BENCH_SCALE   TPC-H's scale factor (0.1, about 870,000 rows)
BENCH_ROUNDS  counted rounds (3), after one to warm up
BENCH_ROUTES  only routes whose names contain this (`mariadb to`)
BENCH_TOOLS   only tools whose names contain this; dbferry always runs
BENCH_SLOW    a tool whose warm-up takes longer than this many seconds (20) isn't run again
"""

import datetime as dt
import json
import os
import platform
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import report
import rivals
from ends import Ends, opened
from rivals import Case, Route

import data

SCALE = os.environ.get("BENCH_SCALE", "0.1")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
ROUTES = os.environ.get("BENCH_ROUTES", "")
TOOLS = os.environ.get("BENCH_TOOLS", "")
SLOW_SECONDS = float(os.environ.get("BENCH_SLOW", "20"))
# A tool that hangs is ended after this time and has failed.
LONGEST_SECONDS = 1800


def main() -> None:
    # SIGTERM ends a run as Ctrl-C does, so that servers and folders are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    files = data.make(SCALE)
    with opened() as ends:
        for source in ends.sources:
            say(f"filling {source.engine}")
            source.fill(files)
        counts = ends.postgres_source.counts()
        result = {
            "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "scale": SCALE,
            "rounds": ROUNDS,
            "rows": sum(counts.values()),
            "machine": machine(),
            "versions": versions(ends),
            "routes": [run_route(route, counts, ends.folder) for route in chosen(ends)],
        }
    kept = data.cache() / f"{result['when'].replace(':', '')}.json"
    kept.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(report.table(result))
    say(f"kept in {kept}")
    if any(run["tool"].startswith("dbferry") and not run["ok"] for run in all_runs(result)):
        raise SystemExit(1)


def chosen(ends: Ends) -> list[Route]:
    return [route for route in rivals.routes(ends) if ROUTES in route.name]


def run_route(route: Route, counts: dict[str, int], folder: Path) -> dict[str, Any]:
    """All cases in turn, round after round; round 0 is the warm-up."""
    cases = [c for c in route.cases if c.tool.startswith("dbferry") or TOOLS in c.tool]
    runs: list[dict[str, Any]] = []
    for number in range(ROUNDS + 1):
        for case in tuple(cases):
            run = {"tool": case.tool, "round": number, **run_case(route, case, counts, folder)}
            runs.append(run)
            say(f"{route.name} · {number} · {case.tool}: {describe(run)}")
            if not run["ok"] or (run["seconds"] > SLOW_SECONDS and case.tool != "dbferry"):
                cases.remove(case)
    total = sum(counts.values())
    return {"name": route.name, "rows": total, "runs": runs, "missing": list(route.missing)}


def run_case(route: Route, case: Case, counts: dict[str, int], folder: Path) -> dict[str, Any]:
    """Prepares the target, runs the tool, and counts what arrived."""
    route.target.clear()
    if not case.makes_tables:
        route.target.create(keys=False)
    route.target.settle()
    os.sync()
    figures, log = folder / "figures.json", folder / "log"
    figures.unlink(missing_ok=True)
    launcher = [sys.executable, "-IS", str(Path(__file__).with_name("measure.py")), str(figures)]
    command = ["bash", "-o", "pipefail", "-c", case.command]
    with log.open("wb") as output:
        done = subprocess.run(
            ["timeout", "--kill-after=5", str(LONGEST_SECONDS), *launcher, "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=rivals.environment(case),
            cwd=folder,
            check=False,
        )
    if done.returncode or not figures.exists():
        return failed(f"ended after {LONGEST_SECONDS} s")
    run: dict[str, Any] = json.loads(figures.read_text(encoding="utf-8"))
    arrived = route.target.counts()
    wrong = {name: arrived.get(name) for name, rows in counts.items() if arrived.get(name) != rows}
    if run["exit"] or wrong:
        tail = " ".join(log.read_text(errors="replace").split())[-300:]
        return {**run, **failed(f"exit {run['exit']}, wrong counts {wrong}, {tail}")}
    return {**run, "ok": True, "why": ""}


def failed(why: str) -> dict[str, Any]:
    return {"ok": False, "why": why.replace("|", "/")}


def describe(run: dict[str, Any]) -> str:
    if not run["ok"]:
        return f"FAILED: {run['why']}"
    return f"{run['seconds']:.2f} s, {run['cpu']:.2f} s CPU, {run['peak_mb']:.0f} MB"


def machine() -> dict[str, Any]:
    cpu = Path("/proc/cpuinfo").read_text().partition("model name")[2]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processors": os.cpu_count(),
        "model": cpu.partition(":")[2].partition("\n")[0].strip() or platform.machine(),
        "memory_gb": round(memory / 2**30),
        "kernel": platform.release(),
    }


def versions(ends: Ends) -> dict[str, str]:
    found = {
        "dbferry": metadata.version("dbferry"),
        "postgresql": str(ends.postgres_source.run("SHOW server_version")[0][0]),
        "mariadb server": str(ends.mariadb_source.run("SELECT version()")[0][0]),
    }
    for tool in (*rivals.PACKAGES, "sling"):
        try:
            found[tool] = rivals.version(tool).replace(str(Path.home()), "~")
        except rivals.MissingToolError as why:
            found[tool] = f"missing: {why}"
    return found


def all_runs(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [run for route in result["routes"] for run in route["runs"]]


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
