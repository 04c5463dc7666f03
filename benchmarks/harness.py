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

from benchmarks.peers.versions import pins

__all__ = [
    "Goal",
    "Spread",
    "at_least",
    "at_most",
    "interleaved",
    "machine",
    "median",
    "parsed_arguments",
    "ratio_spread",
    "report",
    "spread",
    "versions_here",
]

PACKAGES = ("mentra-actors", "pykka", "msgspec", "lmdb", "eventsourcing", "anyio", "httpx")


@dataclass(frozen=True)
class Spread:
    """The quartiles of the rounds that a median was taken of."""

    low: float
    high: float
    rounds: int


@dataclass(frozen=True)
class Goal:
    """One figure with what it should be. `holds` is None for a figure without a goal."""

    name: str
    value: float
    unit: str
    goal: str = ""
    holds: bool | None = None
    peers: Mapping[str, float] = field(default_factory=dict)
    spread: Spread | None = None


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


def spread(figures: Sequence[float]) -> Spread | None:
    """The quartiles; None for less than three rounds, which have none worth a name."""
    if len(figures) < 3:
        return None
    low, _, high = statistics.quantiles(figures, n=4, method="inclusive")
    return Spread(low, high, len(figures))


def ratio_spread(ours: Sequence[float], others: Sequence[float]) -> Spread | None:
    """The quartiles of the ratios of rounds that were run in turn, one by one."""
    return spread([one / other for one, other in zip(ours, others, strict=True)])


def at_least(
    name: str,
    ratio: float,
    least: float,
    peers: Mapping[str, float],
    rounds: Spread | None = None,
) -> Goal:
    """A ratio that should be so high."""
    return Goal(name, ratio, "x", f">= {least:g}", ratio >= least, peers, rounds)


def at_most(
    name: str,
    ratio: float,
    most: float,
    peers: Mapping[str, float],
    rounds: Spread | None = None,
) -> Goal:
    """A ratio that should be so low."""
    return Goal(name, ratio, "x", f"<= {most:g}", ratio <= most, peers, rounds)


def machine() -> dict[str, str]:
    """Where the figures were taken."""
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
    }


def versions_here() -> dict[str, str]:
    """What of us and of libraries they were taken with."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def parsed_arguments(description: str) -> argparse.Namespace:
    """`--quick` (under a minute on two cores) and `--json`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, under a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object per goal")
    return parser.parse_args()


def report(
    title: str, goals: Sequence[Goal], *, as_json: bool, environments: Sequence[str] = ()
) -> None:
    """Print the figures, for a person or for a program.

    `environments` are those that peers were run in; their packages are reported with versions.
    """
    peers = pins(*environments)
    if as_json:
        head = {"title": title, "machine": machine(), "versions": versions_here(), "peers": peers}
        print(json.dumps(head))
        for goal in goals:
            print(json.dumps(asdict(goal)))
        return
    print(title)
    here = {**machine(), **versions_here(), **peers}
    print("  " + ", ".join(f"{key} {value}" for key, value in here.items()))
    width = max(len(goal.name) for goal in goals)
    for goal in goals:
        print(_line(goal, width))


def _line(goal: Goal, width: int) -> str:
    mark = {True: "holds", False: "MISSED", None: ""}[goal.holds]
    aim = f"goal {goal.goal}" if goal.goal else ""
    peers = "  ".join(f"{name} {value:,.4g}" for name, value in goal.peers.items())
    figure = f"{goal.value:>8,.4g} {goal.unit:<3}"
    rounds = goal.spread
    around = f"[{rounds.low:,.4g} to {rounds.high:,.4g}]" if rounds else ""
    return f"  {goal.name:<{width}}  {figure} {aim:<12} {mark:<6} {around} {peers}"
