"""What every benchmark shares: goals, interleaved runs, the machine, the output."""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

__all__ = [
    "Goal",
    "at_least",
    "at_most",
    "interleaved",
    "machine",
    "median",
    "parsed_arguments",
    "report",
]

PACKAGES = ("mentra-actors", "pykka", "msgspec", "lmdb", "eventsourcing", "anyio", "httpx")


@dataclass(frozen=True)
class Goal:
    """One figure with what it should be. `holds` is None for a figure without a goal."""

    name: str
    value: float
    unit: str
    goal: str = ""
    holds: bool | None = None
    peers: Mapping[str, float] = field(default_factory=dict)


def interleaved(cases: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run all cases in turn, `rounds` times; the figures of each, in order of running."""
    figures: dict[str, list[float]] = {name: [] for name in cases}
    progress = sys.stderr.isatty()
    for number in range(rounds):
        for name, run in cases.items():
            if progress:
                print(f"\r  round {number + 1}/{rounds}: {name:<60}", end="", file=sys.stderr)
            figures[name].append(run())
    if progress:
        print("\r" + " " * 80 + "\r", end="", file=sys.stderr)
    return figures


def median(figures: Sequence[float]) -> float:
    """The middle figure."""
    return statistics.median(figures)


def at_least(name: str, ratio: float, least: float, peers: Mapping[str, float]) -> Goal:
    """A ratio that should be so high."""
    return Goal(name, ratio, "x", f">= {least:g}", ratio >= least, peers)


def at_most(name: str, ratio: float, most: float, peers: Mapping[str, float]) -> Goal:
    """A ratio that should be so low."""
    return Goal(name, ratio, "x", f"<= {most:g}", ratio <= most, peers)


def machine() -> dict[str, str]:
    """Where and with what the figures were taken."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if "model name" in line]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return {
        "cpu": cpu,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **versions,
    }


def parsed_arguments(description: str) -> argparse.Namespace:
    """`--quick` (under a minute on two cores) and `--json`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, under a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object per goal")
    return parser.parse_args()


def report(title: str, goals: Sequence[Goal], *, as_json: bool) -> None:
    """Print the figures, for a person or for a program."""
    if as_json:
        print(json.dumps({"title": title, "machine": machine()}))
        for goal in goals:
            print(json.dumps(asdict(goal)))
        return
    print(title)
    print("  " + ", ".join(f"{key} {value}" for key, value in machine().items()))
    width = max(len(goal.name) for goal in goals)
    for goal in goals:
        mark = {True: "holds", False: "MISSED", None: ""}[goal.holds]
        aim = f"goal {goal.goal}" if goal.goal else ""
        peers = "  ".join(f"{name} {value:,.4g}" for name, value in goal.peers.items())
        figure = f"{goal.value:>8,.4g} {goal.unit:<3}"
        print(f"  {goal.name:<{width}}  {figure} {aim:<12} {mark:<6} {peers}")
