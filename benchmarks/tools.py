"""What a tool call costs: one after the other, and many of one answer at once.

A run of 50 rounds with one call each, and a run of one round with 50 calls; the tool does nothing,
and the model is a script in the same process. So all the time is the framework's; the first figure
has a model call in each round. We keep a log of all of it, in memory or on disk; pydantic-ai
and the SDK without a session keep a list, which is lost with the process. "Over" is our figure
divided by theirs: below 1 we are faster.

The scripted model of pydantic-ai, `FunctionModel`, guesses the tokens of a whole history in each
round: 5 % of its time for calls one after the other.

Every side is a process of its own, asked in turn for a new conversation each time.
"""

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.harness import Goal, interleaved, median, parsed_arguments, report, spread
from benchmarks.peers.environments import PeerProcess
from benchmarks.sides import Side, started

CALLS = 50
WARM_UP = 1


PLAIN = Side("plain asyncio", "tools_plain")
OURS = (
    Side("memory", "tools_mentra memory"),
    Side("relaxed", "tools_mentra relaxed"),
    Side("sync", "tools_mentra sync"),
)
PEERS = (
    Side("pydantic-ai", "tools_pydantic_ai", "pydantic-ai"),
    Side("OpenAI Agents SDK", "tools_openai_agents", "openai-agents"),
    Side("OpenAI Agents SDK, SQLite", "tools_openai_agents session", "openai-agents"),
)
SHAPES = {
    f"{CALLS} calls one after the other": {"rounds": CALLS, "at_once": 1},
    f"{CALLS} calls of one answer": {"rounds": 1, "at_once": CALLS},
}


def warm_up(process: PeerProcess) -> None:
    """What is done once is not measured."""
    for shape in SHAPES.values():
        for _ in range(WARM_UP):
            microseconds(process, shape, [])


def microseconds(
    process: PeerProcess, shape: dict[str, int], cpu_microseconds: list[float]
) -> float:
    """One run: microseconds for each of its calls; those of the CPU are added to the list."""
    told = process.ask(shape)
    if told["called"] != CALLS:
        raise ValueError(f"{told['called']} calls instead of {CALLS}")
    cpu_microseconds.append(float(told["cpu_s"]) / CALLS * 1e6)
    return float(told["wall_s"]) / CALLS * 1e6


def goals_of(
    name: str, figures: dict[str, list[float]], cpu_figures: dict[str, list[float]]
) -> list[Goal]:
    """Ours, in microseconds a call, beside each peer's: medians, and their ratios."""
    medians = {side: median(values) for side, values in figures.items()}
    cpu = {side: median(values) for side, values in cpu_figures.items()}
    goals = []
    for side in OURS:
        ours = medians[side.name]
        beside = {"CPU us": cpu[side.name]}
        for peer in (PLAIN, *PEERS):
            if peer.name in medians:
                beside[f"{peer.name} us"] = medians[peer.name]
                beside[f"over {peer.name}"] = ours / medians[peer.name]
                beside[f"CPU over {peer.name}"] = cpu[side.name] / cpu[peer.name]
        around = spread(figures[side.name])
        goals.append(Goal(f"{name}, {side.name}", ours, "us", peers=beside, spread=around))
    return goals


def measured(rounds: int) -> list[Goal]:
    """All sides, asked in turn."""
    goals: list[Goal] = []
    with tempfile.TemporaryDirectory(prefix="bench-tools-") as folder, ExitStack() as stack:
        sides = started(stack, Path(folder), (PLAIN, *OURS, *PEERS), warm_up)
        for name, shape in SHAPES.items():
            cpu: dict[str, list[float]] = {side: [] for side in sides}
            cases = {
                side: partial(microseconds, one, shape, cpu[side]) for side, one in sides.items()
            }
            goals += goals_of(name, interleaved(cases, rounds), cpu)
    return goals


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    goals = measured(3 if arguments.quick else 30)
    peers = ("pydantic-ai", "openai-agents")
    report("Tool calls that do nothing", goals, as_json=arguments.json, environments=peers)


if __name__ == "__main__":
    main()
