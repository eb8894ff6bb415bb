"""Tables of one run, or of two runs side by side: `report.py A.json [B.json]`."""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

Run = dict[str, Any]
MEASURES = ("seconds", "wall", "cpu", "server_cpu", "peak_mb")


def main() -> None:
    if len(sys.argv) not in {2, 3}:
        raise SystemExit(__doc__)
    runs = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    print(table(runs[0]) if len(runs) == 1 else comparison(*runs))


def table(result: Run) -> str:
    """One line per work and tool, then the goals of each work."""
    parts = [heading(result), ""]
    parts += [
        "| work | tool | s (min-max) | wall s | x floor | x best rival | client CPU s | server CPU s | peak MB | runs |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for work in result["works"]:
        parts += [f"| {work['name']} | {line(work, tool)} |" for tool in work["cases"]]
        parts += [
            f"| {work['name']} | {tool} | missing: {why} | | | | | | | |"
            for tool, why in work["missing"]
        ]
    parts += ["", "| work | dbferry | goal | is | reached |", "|---|---|---|---|---|"]
    for work in result["works"]:
        parts += [f"| {work['name']} | {' | '.join(goal)} |" for goal in goals(work)]
    parts += ["", *(f"- {name}: {text}" for name, text in result["versions"].items())]
    return "\n".join(parts)


def heading(result: Run) -> str:
    machine = result["machine"]
    scale = result["scale"]
    if result["scale_read"] != scale:
        scale += f" ({result['scale_read']} from PostgreSQL to Arrow)"
    return (
        f"TPC-H at scale {scale}, {machine['processors']} x {machine['model']}, "
        f"{machine['memory_gb']} GB, Linux {machine['kernel']}, {result['when']}; "
        f"medians of {result['rounds']} rounds"
    )


def line(work: Run, tool: str) -> str:
    found = medians(work["runs"], tool)
    if not found:
        return f"{tool} | FAILED: {failed(work, tool)} | | | | | | |"
    counted = good(work["runs"], tool)
    times = [run["seconds"] for run in counted]
    spread = f"{found['seconds']:.2f} ({min(times):.2f}-{max(times):.2f})"
    runs = f"{len(counted)}" + (f", FAILED: {failed(work, tool)}" if failed(work, tool) else "")
    short = next((run["keys"] for run in counted if run.get("keys")), "")
    runs += f", made only {short}" if short else ""
    cells = [tool, spread, f"{found['wall']:.2f}"]
    cells += [ratio(found, reference(work, tool, against)) for against in ("floor", "best rival")]
    cells += [f"{found['cpu']:.2f}", f"{found['server_cpu']:.2f}", f"{found['peak_mb']:.0f}", runs]
    return " | ".join(cells)


def ratio(found: Run, other: Run) -> str:
    return f"{found['seconds'] / other['seconds']:.2f}" if other else ""


def own(work: Run) -> list[str]:
    return of_role(work, "own")


def of_role(work: Run, role: str) -> list[str]:
    return [tool for tool, case in work["cases"].items() if case["role"] == role]


def reference(work: Run, tool: str, against: str, measure: str = "seconds") -> Run:
    """The medians of what a tool is compared with; empty when that didn't run."""
    if against == "floor":
        floors = of_role(work, "floor")
        name = work["cases"][tool]["floor"] or (floors[0] if floors else "")
        return medians(work["runs"], name)
    if against == "best rival":
        all_ = [medians(work["runs"], name) for name in of_role(work, "rival")]
        return min((found for found in all_ if found), key=lambda found: found[measure], default={})
    return medians(work["runs"], against)


def goals(work: Run) -> list[list[str]]:
    """Who, the goal, what is, whether it was reached."""
    lines = []
    for tool in own(work):
        found = medians(work["runs"], tool)
        for goal in (goal for goal in work["goals"] if goal.get("of", "") in tool):
            measure, against = goal["measure"], goal["against"]
            name = "client CPU" if measure == "cpu" else "seconds"
            text = f"{name} at most {goal['factor']} x {against}"
            other = reference(work, tool, against, measure)
            if not found or not other:
                lines.append([tool, text, "", "not measured"])
                continue
            value = found[measure] / other[measure]
            reached = "yes" if value <= goal["factor"] else "NO"
            lines.append([tool, text, f"{value:.2f}", reached])
        limit = work["cases"][tool]["memory_mb"]
        if limit and found:
            peak = found["peak_mb"]
            reached = "yes" if peak < limit else "NO"
            lines.append([tool, f"peak under {limit} MB", f"{peak:.0f}", reached])
    return lines


def failed(work: Run, tool: str) -> str:
    """Why the tool failed; empty when it didn't."""
    whys = (run["why"] for run in work["runs"] if run["tool"] == tool and not run["ok"])
    return next(whys, "")


def good(runs: list[Run], tool: str) -> list[Run]:
    """The runs that count: those after the warm-up, or the warm-up where there is nothing else."""
    mine = [run for run in runs if run["tool"] == tool and run["ok"]]
    return [run for run in mine if run["round"] > 0] or mine


def medians(runs: list[Run], tool: str) -> Run:
    counted = good(runs, tool)
    if not counted:
        return {}
    return {name: statistics.median(run[name] for run in counted) for name in MEASURES}


def comparison(before: Run, after: Run) -> str:
    """Every tool of both runs: seconds, and ratios to the floor, before and after."""
    parts = [
        f"before: {heading(before)}",
        f"after: {heading(after)}",
        "",
        "| work | tool | s before | after | change | x floor before | after | client CPU before | after |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    earlier = {work["name"]: work for work in before["works"]}
    for work in after["works"]:
        old = earlier.get(work["name"])
        if old is not None:
            both = [tool for tool in work["cases"] if tool in old["cases"]]
            parts += [f"| {work['name']} | {pair(old, work, tool)} |" for tool in both]
    return "\n".join(parts)


def pair(old: Run, new: Run, tool: str) -> str:
    sides = [(work, medians(work["runs"], tool)) for work in (old, new)]
    was, now = (found.get("seconds") for _, found in sides)
    cells = [tool, show(was), show(now), f"{now / was - 1:+.0%}" if was and now else ""]
    cells += [
        ratio(found, reference(work, tool, "floor")) if found else "" for work, found in sides
    ]
    cells += [show(found.get("cpu")) for _, found in sides]
    return " | ".join(cells)


def show(number: float | None) -> str:
    return "" if number is None else f"{number:.2f}"


if __name__ == "__main__":
    main()
