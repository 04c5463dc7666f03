"""Many agents in one process: how fast they work, what they take, how soon one is there again.

A turn is a message to an agent and a streamed answer of 200 pieces; all agents are at work at
once, and the model costs next to nothing. So all the time is the framework's, and what a piece
costs counts 200 times. With a real model, which takes seconds, none of these figures is seen: they
say how many such agents one process can hold.

We keep a log of all that happens. *Plain asyncio*, pykka and autogen-core keep a list in memory;
*asyncio, SQLite* commits each message. Ratios are turns per second over those of another side:
above 1 we are faster. Every side is a process of its own, asked in turn for a new team each time.

An idle agent is one that has had a turn and was passivated; what it takes is the difference
between many and few of them. An agent is activated from its snapshot and the events after it;
without one from all of its events. Both are measured from the question to the first answer, in a
store that was just opened.
"""

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.harness import (
    Goal,
    at_least,
    at_most,
    interleaved,
    median,
    parsed_arguments,
    ratio_spread,
    report,
)
from benchmarks.peers.environments import PeerProcess
from benchmarks.peers.team_turns import DELTAS
from benchmarks.sides import Side, started

AGENTS, FEWER_AGENTS = 1000, 300
PLAIN = Side("plain asyncio", "team_plain")
SQLITE = Side("asyncio, SQLite", "team_plain sqlite")
OURS = (Side("memory", "team_mentra memory"), Side("sync", "team_mentra sync"))
PEERS = (Side("pykka", "team_pykka"), Side("autogen-core", "team_autogen", "autogen-core"))
LEAST_OVER_PLAIN = 0.65
LEAST_OVER_SQLITE = 1.2
MOST_IDLE_KB = 4.0
MOST_THREADS = 16
MOST_ACTIVATION_MS = 2.0
MOST_GROWTH = 1.5
FEW_AGENTS = 500


def turns_per_s(
    process: PeerProcess, agents: int, turns: int, told: list[dict[str, float]]
) -> float:
    """One run of a side; its other figures are added to the list."""
    answer = process.ask({"agents": agents, "turns": turns})
    seconds = sorted(answer["seconds"])
    figures = {
        "p99 ms": seconds[len(seconds) * 99 // 100] * 1e3,
        "CPU ms/turn": answer["cpu_s"] / len(seconds) * 1e3,
        "threads": answer["threads"],
        "KB/agent": answer["own_kb"] / agents,
    }
    told.append(figures)
    return len(seconds) / float(answer["wall_s"])


def turn_goals(*, quick: bool) -> list[Goal]:
    """All sides with all agents at work, asked in turn."""
    agents, turns, rounds = (FEWER_AGENTS, 1, 2) if quick else (AGENTS, 3, 7)
    with tempfile.TemporaryDirectory(prefix="bench-team-") as folder, ExitStack() as stack:
        warm_up = partial(turns_per_s, agents=10, turns=1, told=[])
        sides = started(stack, Path(folder), (PLAIN, SQLITE, *OURS, *PEERS), warm_up)
        told: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        cases = {
            name: partial(turns_per_s, process, agents, turns, told[name])
            for name, process in sides.items()
        }
        runs = interleaved(cases, rounds)
    rates = {name: median(values) for name, values in runs.items()}
    figures = {
        name: {what: median([one[what] for one in runs]) for what in runs[0]}
        for name, runs in told.items()
    }
    return [*goals_of_sides(agents, runs, figures), *floors(rates, figures)]


def goals_of_sides(
    agents: int, runs: dict[str, list[float]], figures: dict[str, dict[str, float]]
) -> Iterable[Goal]:
    """Ours over the floors and the peers."""
    rates = {name: median(values) for name, values in runs.items()}
    others = [side.name for side in (PLAIN, SQLITE, *PEERS) if side.name in rates]
    least = {PLAIN.name: LEAST_OVER_PLAIN, SQLITE.name: LEAST_OVER_SQLITE}
    for side in OURS:
        beside = {"turns/s": rates[side.name], **figures[side.name]}
        for other in others:
            name = f"{agents} agents, {side.name}: our turns/s over {other}"
            ratio = rates[side.name] / rates[other]
            around = ratio_spread(runs[side.name], runs[other])
            if other in least:
                yield at_least(name, ratio, least[other], beside, around)
            else:
                yield Goal(name, ratio, "x", peers=beside, spread=around)
        threads = figures[side.name]["threads"]
        holds = threads <= MOST_THREADS
        name = f"{agents} agents, {side.name}: threads"
        yield Goal(name, threads, "", f"<= {MOST_THREADS}", holds)


def floors(rates: dict[str, float], figures: dict[str, dict[str, float]]) -> Iterable[Goal]:
    """What the other sides reach."""
    for side in (PLAIN, SQLITE, *PEERS):
        if side.name in rates:
            yield Goal(f"{side.name}: turns/s", rates[side.name], "", peers=figures[side.name])


def idle_goals(*, quick: bool) -> list[Goal]:
    """Agents that sleep: what they take, and how long a store with them needs to open."""
    many = 1500 if quick else 10_000
    few_told, told = (asked({"what": "passivated", "agents": one}) for one in (FEW_AGENTS, many))
    each = (told["own_kb"] - few_told["own_kb"]) / (many - FEW_AGENTS)
    holds = each <= MOST_IDLE_KB
    beside = {"threads": told["threads"], "opening ms": told["opening_s"] * 1e3}
    return [Goal(f"an idle agent of {many}", each, "KB", f"<= {MOST_IDLE_KB:g}", holds, beside)]


def activation_goals(*, quick: bool) -> list[Goal]:
    """An agent that was not there, with a short and a long history."""
    sizes = (500, 10_000) if quick else (500, 10_000, 100_000)
    goals, times = [], []
    for size in sizes:
        question = {"what": "activation", "events": size}
        with_snapshot = asked({**question, "has_snapshot": True})["ms"]
        whole = asked({**question, "has_snapshot": False})["ms"]
        times.append(with_snapshot)
        holds = with_snapshot <= MOST_ACTIVATION_MS
        goals.append(
            Goal(
                f"activation, {size:,} events, with a snapshot",
                with_snapshot,
                "ms",
                f"<= {MOST_ACTIVATION_MS:g}",
                holds,
                {"without ms": whole},
            )
        )
    name = f"activation with a snapshot: {sizes[-1]:,} events over {sizes[0]:,}"
    return [*goals, at_most(name, times[-1] / times[0], MOST_GROWTH, {})]


def asked(question: dict[str, object]) -> dict[str, float]:
    """The answer of a new process of ours."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-team-") as folder,
        PeerProcess("team_rest", None, Path(folder) / "stderr") as process,
    ):
        return process.ask(question)


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    goals = [
        *turn_goals(quick=arguments.quick),
        *idle_goals(quick=arguments.quick),
        *activation_goals(quick=arguments.quick),
    ]
    title = f"Many agents, answers of {DELTAS} pieces"
    report(title, goals, as_json=arguments.json, environments=("autogen-core",))


if __name__ == "__main__":
    main()
