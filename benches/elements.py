"""Elements per second of every decoder and encoder, and how that compares with int64: runs the criterion benches.

Fails when a type reaches less than a tenth of int64. `--no-run` prints what the last run left.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

LEAST = 0.1


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    if "--no-run" not in sys.argv:
        command = ["cargo", "bench", "--quiet", "-p", "dbferry", "--bench", "types", "--"]
        subprocess.run([*command, "--noplot"], cwd=root, check=True, stdout=sys.stderr)
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    rates = found(target / "criterion")
    print("| | type | million/s | x int64 |\n|---|---|---|---|")
    slow = []
    for (group, name), rate in sorted(rates.items(), key=lambda item: (item[0][0], -item[1])):
        ratio = rate / rates[group, "int64"]
        print(f"| {group} | {name} | {rate / 1e6:.1f} | {ratio:.2f} |")
        if ratio < LEAST:
            slow.append(f"{group} {name} ({ratio:.3f})")
    if slow:
        raise SystemExit(f"under {LEAST} of int64: {', '.join(slow)}")


def found(folder: Path) -> dict[tuple[str, str], float]:
    """Elements per second, by group and type."""
    rates = {}
    for path in folder.rglob("new/benchmark.json"):
        about = json.loads(path.read_text())
        times = json.loads(path.with_name("estimates.json").read_text())
        count = about["throughput"]["Elements"]
        rates[about["group_id"], about["function_id"]] = (
            count * 1e9 / times["median"]["point_estimate"]
        )
    return rates


if __name__ == "__main__":
    main()
