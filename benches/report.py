"""Tables of one run, or of two runs side by side: `report.py A.json [B.json]`."""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

Run = dict[str, Any]


def main() -> None:
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    runs = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    print(table(runs[0]) if len(runs) == 1 else comparison(*runs))


def table(result: Run) -> str:
    """One line per route and tool; ratios are to dbferry on the same route."""
    parts = [heading(result), ""]
    parts += [
        "| route | tool | seconds (min-max) | x dbferry | rows/s | client CPU s | peak MB | runs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for route in result["routes"]:
        own = medians(route["runs"], "dbferry").get("seconds")
        for tool in dict.fromkeys(run["tool"] for run in route["runs"]):
            parts.append(f"| {route['name']} | {line(route, tool, own)} |")
        for tool, why in route["missing"]:
            parts.append(f"| {route['name']} | {tool} | missing: {why} | | | | | |")
    parts += ["", *(f"- {name}: {text}" for name, text in result["versions"].items())]
    return "\n".join(parts)


def heading(result: Run) -> str:
    machine = result["machine"]
    return (
        f"TPC-H at scale {result['scale']} ({result['rows']:,} rows), {machine['processors']} x "
        f"{machine['model']}, {machine['memory_gb']} GB, Linux {machine['kernel']}, "
        f"{result['when']}; medians, rows counted in the target after every run"
    )


def line(route: Run, tool: str, own: float | None) -> str:
    found = medians(route["runs"], tool)
    if not found:
        why = next(run["why"] for run in route["runs"] if run["tool"] == tool and not run["ok"])
        return f"{tool} | FAILED: {why} | | | | |"
    counted = good(route["runs"], tool)
    times = [run["seconds"] for run in counted]
    ratio = f"{found['seconds'] / own:.2f}" if own else ""
    spread = f"{found['seconds']:.2f} ({min(times):.2f}-{max(times):.2f})"
    failed = sum(1 for run in route["runs"] if run["tool"] == tool and not run["ok"])
    runs = f"{len(counted)}" + (f", {failed} FAILED" if failed else "")
    rate = f"{route['rows'] / found['seconds']:,.0f}"
    cost = f"{found['cpu']:.2f} | {found['peak_mb']:.0f}"
    return f"{tool} | {spread} | {ratio} | {rate} | {cost} | {runs}"


def good(runs: list[Run], tool: str) -> list[Run]:
    """The runs that count: those after the warm-up, or the warm-up where there is nothing else."""
    mine = [run for run in runs if run["tool"] == tool and run["ok"]]
    return [run for run in mine if run["round"] > 0] or mine


def medians(runs: list[Run], tool: str) -> dict[str, float]:
    counted = good(runs, tool)
    if not counted:
        return {}
    return {
        name: statistics.median(run[name] for run in counted)
        for name in ("seconds", "cpu", "peak_mb")
    }


def comparison(before: Run, after: Run) -> str:
    """Every tool of both runs: seconds and ratios before and after."""
    parts = [
        f"before: {heading(before)}",
        f"after: {heading(after)}",
        "",
        "| route | tool | seconds before | after | change | x dbferry before | after |",
        "|---|---|---|---|---|---|---|",
    ]
    earlier = {route["name"]: route for route in before["routes"]}
    for route in after["routes"]:
        old = earlier.get(route["name"], {"runs": []})
        parts += [
            f"| {route['name']} | {tool} | {pair(old['runs'], route['runs'], tool)} |"
            for tool in dict.fromkeys(run["tool"] for run in route["runs"])
        ]
    return "\n".join(parts)


def pair(old: list[Run], new: list[Run], tool: str) -> str:
    was, now = (medians(runs, tool).get("seconds") for runs in (old, new))
    own = [medians(runs, "dbferry").get("seconds") for runs in (old, new)]
    change = f"{now / was - 1:+.0%}" if was and now else ""
    cells = [show(was), show(now), change]
    cells += [show(t / o if t and o else None) for t, o in zip((was, now), own, strict=True)]
    return " | ".join(cells)


def show(number: float | None) -> str:
    return "" if number is None else f"{number:.2f}"


if __name__ == "__main__":
    main()
