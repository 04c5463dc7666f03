"""What a turn costs beside a plain asyncio loop that does the same work and keeps nothing.

One turn: prompt -> model (10 deltas, one tool call) -> tool -> model (10 deltas) -> answer.
Both sides use the same model and the same tool function. With the instant model all the time is
ours: its ratios are the price of the log and the actors, not what a person waits for. The paced
model takes 5 ms a delta, 100 ms a turn, which is still ten times faster than a real one. The
plain loop keeps its history in a list and loses it with the process.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import Goal, interleaved, median, parsed_arguments, ratio_spread, report
from mentra_actors import open_runtime, tool
from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import ModelReply, ModelRequest, StopReason, TokenUsage
from mentra_actors.providers.port import ModelEvent, ReplyFinished, TextDelta
from mentra_actors.runtime.settings import Durability

DELTAS = 10
TEXT = "twenty bytes of text"
PLAIN = "plain asyncio"
KINDS = (PLAIN, "mentra, memory", "mentra, volatile", "mentra, sync")


class BenchModel:
    """Answers a prompt with a tool call, and a result with a text; costs the same every turn."""

    name = "bench"

    def __init__(self, delta_delay_s: float = 0.0) -> None:
        self._delay_s = delta_delay_s

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        for _ in range(DELTAS):
            await asyncio.sleep(self._delay_s)  # also 0 yields, as any real stream does
            yield TextDelta(TEXT)
        usage = TokenUsage(input_tokens=100, output_tokens=50)
        if isinstance(request.messages[-1], UserMessage):
            call = ToolCallBlock(call_id="c", name="upper", arguments='{"text":"some words"}')
            yield ReplyFinished(
                ModelReply(blocks=(call,), stop_reason=StopReason.TOOL_USE, usage=usage)
            )
        else:
            text = TextBlock(text=TEXT * DELTAS)
            yield ReplyFinished(
                ModelReply(blocks=(text,), stop_reason=StopReason.END_TURN, usage=usage)
            )

    async def aclose(self) -> None:
        return


@tool(retry="safe")
async def upper(text: str) -> str:
    """Text in capitals."""
    return text.upper()


@dataclass(frozen=True)
class Figures:
    """Of one run: turns per second; of each turn, in order of ending, seconds and CPU seconds.

    The CPU seconds are of the whole process while the turn ran. `disk_bytes` is the store's size.
    """

    turns_per_s: float
    seconds: Sequence[float]
    cpu_seconds: Sequence[float]
    disk_bytes: int = 0


async def plain_turn(model: BenchModel, history: list[Message], prompt: str) -> None:
    """The same work in the simplest loop: no log, no actors, no recovery."""
    history.append(UserMessage(text=prompt))
    while True:
        async for event in model.stream(ModelRequest(model="x", messages=history)):
            if isinstance(event, ReplyFinished):
                blocks = event.reply.blocks
        history.append(AssistantMessage(blocks=blocks))
        calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
        if not calls:
            return
        results = [
            ToolResultBlock(call_id=one.call_id, name=one.name, content=await upper("some words"))
            for one in calls
        ]
        history.append(ToolResultsMessage(results=tuple(results)))


async def all_turns(
    agents: int, turns: int, turn: Callable[[int, int], Coroutine[Any, Any, Any]]
) -> Figures:
    """Run `turn(agent, number)` for all agents at once, each one's turns in order."""
    seconds: list[float] = []
    cpu_seconds: list[float] = []

    async def one(agent: int) -> None:
        for number in range(turns):
            started, cpu = time.perf_counter(), time.process_time()
            await turn(agent, number)
            seconds.append(time.perf_counter() - started)
            cpu_seconds.append(time.process_time() - cpu)

    begun = time.perf_counter()
    await asyncio.gather(*(one(agent) for agent in range(agents)))
    rate = agents * turns / (time.perf_counter() - begun)
    return Figures(rate, seconds, cpu_seconds)


async def run_plain(agents: int, turns: int, model: BenchModel) -> Figures:
    """The plain loop."""
    histories: list[list[Message]] = [[] for _ in range(agents)]
    return await all_turns(
        agents, turns, lambda agent, n: plain_turn(model, histories[agent], f"prompt {n}")
    )


async def run_mentra(
    agents: int, turns: int, model: BenchModel, store: str, durability: Durability
) -> Figures:
    """The same through the whole system."""
    async with open_runtime(
        store,
        durability=durability,
        tools=[upper],
        providers=[model],
        team_tools=False,
        memory_tools=False,
    ) as runtime:
        spawning = (runtime.spawn(f"agent{i}", model="bench:x") for i in range(agents))
        team = await asyncio.gather(*spawning)
        return await all_turns(agents, turns, lambda agent, n: team[agent].send(f"prompt {n}"))


def run_kind(kind: str, agents: int, turns: int, delta_delay_s: float = 0.0) -> Figures:
    """One run, against a fresh store that is removed afterwards."""
    model = BenchModel(delta_delay_s)
    if kind == PLAIN:
        return asyncio.run(run_plain(agents, turns, model))
    if kind == "mentra, memory":
        return asyncio.run(run_mentra(agents, turns, model, ":memory:", "sync"))
    level: Durability = "volatile" if kind == "mentra, volatile" else "sync"
    folder = Path(tempfile.mkdtemp(prefix="bench-turn-"))
    try:
        figures = asyncio.run(run_mentra(agents, turns, model, str(folder / "store"), level))
        size = (folder / "store" / "data.mdb").stat().st_size
        return replace(figures, disk_bytes=size)
    finally:
        shutil.rmtree(folder)


def concurrency_goals(*, quick: bool) -> list[Goal]:
    """Turns per second and added latency for 1, 100 and 1000 agents at once."""
    sizes = ((1, 30, 300), (100, 3, 20), (1000, 1, 3))
    goals = []
    for agents, few, many in sizes:
        goals += beside_plain(agents, few if quick else many, 0.0, rounds=3 if quick else 5)
    for agents in (1, 100):
        goals += beside_plain(agents, 3 if quick else 10, 0.005, rounds=3 if quick else 5)
    return goals


def beside_plain(agents: int, turns: int, delta_delay_s: float, *, rounds: int) -> list[Goal]:
    """Each kind of store beside the plain loop, interleaved."""
    runs: dict[str, list[Figures]] = {kind: [] for kind in KINDS}

    def one(kind: str) -> float:
        figures = run_kind(kind, agents, turns, delta_delay_s)
        runs[kind].append(figures)
        return figures.turns_per_s

    rates = interleaved({kind: partial(one, kind) for kind in KINDS}, rounds)
    plain_rate, plain_s = median(rates[PLAIN]), turn_seconds(runs[PLAIN])
    pace = "paced model" if delta_delay_s else "instant model"
    goals = []
    for kind in KINDS[1:]:
        rate, seconds = median(rates[kind]), turn_seconds(runs[kind])
        added = (seconds - plain_s) * 1e3
        # With all agents at once a turn waits for its neighbours: a share is what it adds itself.
        peers = {
            "turns/s": rate,
            "plain turns/s": plain_rate,
            "turn ms": seconds * 1e3,
            "added ms": added,
            "added ms/agents": added / agents,
        }
        name = f"{agents} agents, {pace}, {kind[8:]}: plain loop's turns/s over ours"
        around = ratio_spread(rates[PLAIN], rates[kind])
        goals.append(Goal(name, plain_rate / rate, "x", peers=peers, spread=around))
    return goals


def turn_seconds(runs: Sequence[Figures]) -> float:
    """Median over the runs of the median turn."""
    return median([median(figures.seconds) for figures in runs])


def length_goals(*, quick: bool) -> list[Goal]:
    """Turn 1, turns around 100 and around 2000 of one conversation: the cost must not grow.

    The goal is on CPU time, which other work on the machine disturbs least.
    """
    turns, goals = (600 if quick else 2000), []
    for kind in ("mentra, volatile", "mentra, sync"):
        runs = [run_kind(kind, 1, turns) for _ in range(1 if quick else 3)]
        early = median([s for one in runs for s in one.cpu_seconds[50:150]])
        late = median([s for one in runs for s in one.cpu_seconds[-100:]])
        peers = {
            "turn 1 ms": median([one.seconds[0] for one in runs]) * 1e3,
            "turn 100 ms": median([s for one in runs for s in one.seconds[50:150]]) * 1e3,
            f"turn {turns} ms": median([s for one in runs for s in one.seconds[-100:]]) * 1e3,
            "turn 100 CPU ms": early * 1e3,
            f"turn {turns} CPU ms": late * 1e3,
            "disk KB/turn": runs[0].disk_bytes / turns / 1e3,
        }
        name = f"one conversation, {kind[8:]}: CPU of turn {turns} over turn 100"
        goals.append(Goal(name, late / early, "x", "<= 1.3", late / early <= 1.3, peers))
    return goals


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    goals = [*concurrency_goals(quick=arguments.quick), *length_goals(quick=arguments.quick)]
    report("A turn, beside a plain asyncio loop", goals, as_json=arguments.json)


if __name__ == "__main__":
    main()
