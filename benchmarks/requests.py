"""What making a request costs when the conversation is long: 1,000 and 10,000 entries.

A turn is four entries with 1 KiB of text. After each further turn the request of the whole
conversation is made, to the bytes that go to a server. For us that is two parts: `build` (which
results are stubs, the messages, the tools, a reminder at the end), and `encode` for one wire. We
keep what was encoded for the request before; the slowest round is one in which results become
stubs. The peers map their history to the messages of the wire, all of it in each round, and
`json.dumps` makes bytes of them: their sum is what stands beside ours, over each wire the peers'
own mapping for it. `Plain` has the messages as the wire wants them, and only `json.dumps`.

Every side is a process of its own, asked in turn for a new conversation each time.
"""

import statistics
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.harness import Goal, parsed_arguments, report, spread
from benchmarks.peers.environments import PeerProcess
from benchmarks.sides import Side, started

ENTRIES = (1_000, 10_000)
ENTRIES_PER_TURN = 4
MOST_BUILD_MS = 5.0

WIRES = ("openai_responses", "chat_completions", "anthropic_messages", "gemini_generate_content")
OURS = tuple(Side(wire, f"requests_mentra {wire}") for wire in WIRES)
PLAIN = Side("plain", "requests_plain")
TITLE = "Requests of a long conversation"
PEERS = {
    "chat_completions": (
        Side("pydantic-ai", "requests_pydantic_ai chat", "pydantic-ai-models"),
        Side("OpenAI Agents SDK", "requests_openai_agents", "openai-agents"),
        Side("LangChain", "requests_langchain", "langgraph"),
    ),
    "anthropic_messages": (
        Side("pydantic-ai, Anthropic", "requests_pydantic_ai anthropic", "pydantic-ai-models"),
    ),
}
SIDES = (*OURS, PLAIN, *(side for sides in PEERS.values() for side in sides))

Figures = Mapping[str, list[float]]


def warm_up(process: PeerProcess) -> None:
    """What is done once is not measured."""
    process.ask({"turns": 10, "rounds": 2})


def asked(process: PeerProcess, entries: int, rounds: int, repeats: int) -> Figures:
    """Milliseconds of each round by part, and of the first request as a whole, of all repeats."""
    figures: dict[str, list[float]] = {}
    for _ in range(repeats):
        told: Any = process.ask({"turns": entries // ENTRIES_PER_TURN, "rounds": rounds})
        for part, seconds in told["seconds"].items():
            figures.setdefault(part, []).extend(one * 1e3 for one in seconds)
        figures.setdefault("first", []).append(sum(told["first"].values()) * 1e3)
        figures.setdefault("MB", []).append(told["bytes"] / 1e6)
    return figures


def whole(figures: Figures) -> list[float]:
    """Milliseconds of each request, its parts together."""
    parts = [values for part, values in figures.items() if part not in ("first", "MB")]
    return [sum(round_) for round_ in zip(*parts, strict=True)]


def slow_ones(values: list[float]) -> dict[str, float]:
    """What stands beside a median: where nine of ten are, and the slowest."""
    return {"p90 ms": statistics.quantiles(values, n=10)[8], "slowest ms": max(values)}


def build_goals(figures: Mapping[int, Mapping[str, Figures]]) -> list[Goal]:
    """Of the view and the assembly; no wire has a part in them, so all are taken together."""
    goals, medians = [], []
    for entries, sides in figures.items():
        built = [ms for wire in WIRES for ms in sides[wire]["build"]]
        medians.append(statistics.median(built))
        bounds = entries == ENTRIES[-1]
        goals.append(
            Goal(
                f"build a request, {entries:,} entries",
                medians[-1],
                "ms",
                f"<= {MOST_BUILD_MS:g}" if bounds else "",
                medians[-1] <= MOST_BUILD_MS if bounds else None,
                slow_ones(built),
                spread(built),
            )
        )
    return goals


def wire_goal(wire: str, entries: int, sides: Mapping[str, Figures]) -> Goal:
    """A whole request for one wire, beside those of its peers."""
    own = whole(sides[wire])
    ours = statistics.median(own)
    beside = {
        **slow_ones(own),
        "encode ms": statistics.median(sides[wire]["encode"]),
        "first ms": statistics.median(sides[wire]["first"]),
        "MB": sides[wire]["MB"][-1],
    }
    for peer in (PLAIN, *PEERS.get(wire, ())):
        if peer.name in sides:
            theirs = statistics.median(whole(sides[peer.name]))
            beside[f"{peer.name} ms"] = theirs
            if "map" in sides[peer.name] and peer != PLAIN:
                beside[f"{peer.name}, mapping alone ms"] = statistics.median(
                    sides[peer.name]["map"]
                )
            beside[f"over {peer.name}"] = ours / theirs
    return Goal(f"{wire}, {entries:,} entries", ours, "ms", peers=beside, spread=spread(own))


def measured(rounds: int, repeats: int) -> list[Goal]:
    """All sides, asked in turn."""
    with tempfile.TemporaryDirectory(prefix="bench-requests-") as folder, ExitStack() as stack:
        running = started(stack, Path(folder), SIDES, warm_up)
        figures = {
            entries: {
                name: asked(process, entries, _rounds_of(name, rounds), repeats)
                for name, process in running.items()
            }
            for entries in ENTRIES
        }
    goals = build_goals(figures)
    return goals + [wire_goal(wire, size, figures[size]) for wire in WIRES for size in ENTRIES]


def _rounds_of(side: str, rounds: int) -> int:
    """Fewer of those whose rounds are all alike, and take a second."""
    return rounds if side in WIRES else max(rounds // 6, 10)


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    rounds, repeats = (60, 1) if arguments.quick else (200, 3)
    goals = measured(rounds, repeats)
    peers = ("pydantic-ai", "openai-agents", "langgraph")
    report(TITLE, goals, as_json=arguments.json, environments=peers)


if __name__ == "__main__":
    main()
