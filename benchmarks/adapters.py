"""Sessions of other frameworks in our store, beside what the frameworks ship themselves.

LangGraph: a checkpoint and its writes a step, with a list of messages that grows by 234 bytes, and
with a state that stays of one size; OpenAI Agents SDK: two items a step; Google ADK: an event a
step, which changes the state. Both sides run in one environment, in turn, in processes of their
own, on files: theirs are SqliteSaver, SQLiteSession, and DatabaseSessionService on SQLite.
"""

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import Goal, at_most, median, parsed_arguments, report
from benchmarks.peers.environments import PeerMissing, PeerProcess
from benchmarks.sides import Side, started

FULL = {"langgraph": 1_000, "state": 10_000, "openai": 10_000, "adk": 3_000}
QUICK = {"langgraph": 200, "state": 600, "openai": 600, "adk": 200}
STEPS = 20
"""Parts in which a session is filled, the sides in turn."""
LOOKS = 15
MOST_GROWTH = 1.5
MOST_PACKED = 6.0
"""Where a list grows the framework packs all of it for every save, whoever keeps it."""
TITLE = "Sessions of other frameworks in our store"


@dataclass(frozen=True)
class Part:
    """Seconds of some saves that followed each other, and CPU seconds of all of them."""

    wall_s: list[float]
    cpu_s: float


def asked(side: PeerProcess, **request: object):
    """The answer of a side."""
    return side.ask(request)["answer"]


def filled(
    sides: dict[str, PeerProcess], folder: Path, count: int
) -> dict[str, list[list[float]]]:
    """Seconds of the saves of each side, part by part; the sides take turns."""
    took: dict[str, list[list[float]]] = {name: [] for name in sides}
    for name, side in sides.items():
        (folder / name).mkdir()
        asked(side, open=str(folder / name))
    for _ in range(STEPS):
        for name, side in sides.items():
            took[name].append(Part(*asked(side, add=count // STEPS)))
    return took


def goals_of(kind: str, count: int) -> list[Goal]:
    """Figures of one framework; ours first, theirs beside."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-adapters-")))
        sides = [
            Side(name, f"adapters_kept {kind} {name}", "adapters") for name in ("ours", "theirs")
        ]
        running = started(stack, folder, sides, lambda _: None)
        if "ours" not in running:
            raise PeerMissing(f"{kind}: the environment is not there")
        took = filled(running, folder, count)
        figures = {
            "ms a save": {
                k: median([one for part in v for one in part.wall_s]) * 1e3
                for k, v in took.items()
            },
            "CPU ms a save": {
                k: sum(part.cpu_s for part in v) / count * 1e3 for k, v in took.items()
            },
            "ms of a look at the end": _looks(running, "look"),
            "ms of a page of ten": _looks(running, "page"),
            "ms from opening to the first look": {
                k: median(asked(side, reopen=True)) * 1e3 for k, side in running.items()
            },
            "MB on disk": {k: asked(side, disk=True) / 1e6 for k, side in running.items()},
        }
        growth = {
            k: median([one.cpu_s for one in v[-5:]]) / median([one.cpu_s for one in v[1:6]])
            for k, v in took.items()
        }
    name = f"{kind}, {count:,} saves"
    ours = growth.pop("ours")
    most = MOST_PACKED if kind == "langgraph" else MOST_GROWTH
    return [
        at_most(f"{name}: CPU time of late saves over that of early ones", ours, most, growth),
        *(
            Goal(f"{name}: {one}", values.pop("ours"), "", peers=values)
            for one, values in figures.items()
        ),
    ]


def _looks(running: dict[str, PeerProcess], what: str) -> dict[str, float]:
    return {k: median(asked(side, **{what: LOOKS})) * 1e3 for k, side in running.items()}


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    goals: list[Goal] = []
    for kind, count in (QUICK if arguments.quick else FULL).items():
        try:
            goals += goals_of(kind, count)
        except PeerMissing as missing:
            print(f"skipped: {missing}", file=sys.stderr)
    report(TITLE, goals, as_json=arguments.json, environments=("adapters",))


if __name__ == "__main__":
    main()
