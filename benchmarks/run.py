"""Runs benchmarks and renders benchmarks/RESULTS.md.

    python -m benchmarks.run [--quick] [NAME ...]

Without names all of them are run; with names the sections of the others stay as they are.
"""

import datetime
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "RESULTS.md"
BENCHMARKS = (
    *("store", "turn", "deltas", "kill_matrix", "growth", "providers"),
    *("tools", "tools_grep", "memory", "requests", "team", "import_time", "adapters"),
    "time_travel",
)
HEAD = """# Results

Rendered by `make bench`; do not edit, but for remarks of what was seen. Ratios are medians of
interleaved runs on a shared machine: read the ratios, not the constants. The first lines of each
program say what it measures."""


def main() -> None:
    """See the module."""
    options = [word for word in sys.argv[1:] if word.startswith("-")]
    chosen = [word for word in sys.argv[1:] if word not in options] or list(BENCHMARKS)
    if unknown := set(chosen) - set(BENCHMARKS):
        sys.exit(f"there is no benchmark {sorted(unknown)[0]}; there are {', '.join(BENCHMARKS)}")
    sections = known_sections(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in chosen:
        print(f"benchmarks.{name} …", file=sys.stderr)
        sections[name] = section(name, options)
        body = [sections[one] for one in BENCHMARKS if one in sections]
        RESULTS.write_text("\n\n".join([HEAD, *body]) + "\n")
    print(f"written: {RESULTS}", file=sys.stderr)


def known_sections(text: str) -> dict[str, str]:
    """The sections of an earlier run by the name of their benchmark, which a comment has."""
    parts = re.split(r"(?m)^(?=## )", text)[1:]
    names = [re.search(r"<!-- (\w+) -->", part) for part in parts]
    return {name.group(1): part.strip() for name, part in zip(names, parts, strict=True) if name}


def section(name: str, options: list[str]) -> str:
    """Run one and write it down."""
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *options]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    head, *goals = [json.loads(line) for line in output.splitlines()]
    lines = [f"## {head['title']}", f"<!-- {name} -->", ""]
    lines += [*machine_lines(head["machine"], today), "", *table(goals)]
    return "\n".join(lines)


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
