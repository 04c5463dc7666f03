"""Runs all benchmarks and renders benchmarks/RESULTS.md."""

import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BENCHMARKS = ("store", "turn", "deltas", "kill_matrix", "growth")


def main() -> None:
    """`--quick` is passed on."""
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    lines = [
        "# Results",
        "",
        "Rendered by `make bench`; do not edit. Ratios are medians of interleaved runs on a",
        "shared machine: read the ratios, not the constants. The first lines of each program say",
        "what it measures.",
    ]
    for name in BENCHMARKS:
        print(f"benchmarks.{name} …", file=sys.stderr)
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *sys.argv[1:]]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        head, *goals = [json.loads(line) for line in output.splitlines()]
        lines += ["", f"## {head['title']}", "", *machine_lines(head["machine"], today), ""]
        lines += table(goals)
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n")
    print(f"written: {HERE / 'RESULTS.md'}", file=sys.stderr)


def machine_lines(machine: dict[str, str], today: str) -> list[str]:
    """Where and when."""
    return [f"{today}: " + ", ".join(f"{key} {value}" for key, value in machine.items()) + "."]


def table(goals: list[dict[str, Any]]) -> list[str]:
    """One row a goal."""
    marks = {True: "holds", False: "**missed**", None: ""}
    rows = ["| figure | value | goal | | beside |", "|---|---:|---|---|---|"]
    for goal in goals:
        peers = ", ".join(f"{name} {value:,.4g}" for name, value in goal["peers"].items())
        value = f"{goal['value']:,.3g} {goal['unit']}"
        rows.append(
            f"| {goal['name']} | {value} | {goal['goal']} | {marks[goal['holds']]} | {peers} |"
        )
    return rows


if __name__ == "__main__":
    main()
