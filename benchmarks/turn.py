"""What a turn costs beside a plain asyncio loop that does the same work and keeps nothing.

One turn: prompt -> model (10 deltas, one tool call) -> tool -> model (10 deltas) -> answer.
Both sides use the same model and the same tool function; the model answers at once, so that all
the time is ours. The plain loop keeps its history in a list and loses it with the process.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from benchmarks.harness import Goal, interleaved, median, parsed_arguments, report
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


class InstantModel:
    """Answers a prompt with a tool call, and a result with a text; costs the same every turn."""

    name = "instant"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        for _ in range(DELTAS):
            yield TextDelta(TEXT)
        if isinstance(request.messages[-1], UserMessage):
            block: TextBlock | ToolCallBlock = ToolCallBlock(
                call_id="call", name="upper", arguments='{"text":"some words for the tool"}'
            )
            reason = StopReason.TOOL_USE
        else:
            block, reason = TextBlock(text=TEXT * DELTAS), StopReason.END_TURN
        usage = TokenUsage(input_tokens=100, output_tokens=50)
        yield ReplyFinished(ModelReply(blocks=(block,), stop_reason=reason, usage=usage))

    async def aclose(self) -> None:
        return


@tool(retry="safe")
async def upper(text: str) -> str:
    """Text in capitals."""
    return text.upper()


async def plain_turn(model: InstantModel, history: list[Message], prompt: str) -> str:
    """The same work in the simplest loop: no log, no actors, no recovery."""
    history.append(UserMessage(text=prompt))
    while True:
        request = ModelRequest(model="x", messages=history)
        heard: list[str] = []
        async for event in model.stream(request):
            if isinstance(event, TextDelta):
                heard.append(event.text)
            elif isinstance(event, ReplyFinished):
                reply = event.reply
        history.append(AssistantMessage(blocks=reply.blocks))
        calls = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
        if not calls:
            return "".join(heard)
        results = []
        for call in calls:
            text = await upper(text="some words for the tool")
            results.append(ToolResultBlock(call_id=call.call_id, name=call.name, content=text))
        history.append(ToolResultsMessage(results=tuple(results)))


async def run_plain(agents: int, turns: int) -> list[float]:
    """Seconds of each turn of all agents, all running at once."""
    model, seconds = InstantModel(), []

    async def one() -> None:
        history: list[Message] = []
        for number in range(turns):
            started = time.perf_counter()
            await plain_turn(model, history, f"prompt {number}")
            seconds.append(time.perf_counter() - started)

    await asyncio.gather(*(one() for _ in range(agents)))
    return seconds


async def run_mentra(agents: int, turns: int, store: str, durability: Durability) -> list[float]:
    """The same through the whole system."""
    seconds: list[float] = []
    async with open_runtime(
        store, durability=durability, tools=[upper], providers=[InstantModel()], team_tools=False
    ) as runtime:
        team = await asyncio.gather(
            *(runtime.spawn(f"agent{i}", model="instant:x", role="r") for i in range(agents))
        )

        async def one(index: int) -> None:
            for number in range(turns):
                started = time.perf_counter()
                await team[index].send(f"prompt {number}")
                seconds.append(time.perf_counter() - started)

        begun = time.perf_counter()
        await asyncio.gather(*(one(index) for index in range(agents)))
        seconds.append(time.perf_counter() - begun)
    return seconds


def timed(kind: str, agents: int, turns: int) -> tuple[float, float]:
    """Turns per second, and the median seconds of a turn."""
    if kind == "plain asyncio":
        begun = time.perf_counter()
        seconds = asyncio.run(run_plain(agents, turns))
        total = time.perf_counter() - begun
    else:
        seconds = in_store(kind, lambda store, level: run_mentra(agents, turns, store, level))
        total = seconds.pop()
    return agents * turns / total, median(seconds)


def in_store(kind: str, run: "Callable[[str, Durability], object]") -> list[float]:
    """Run against a fresh store of a kind, and remove it."""
    if kind == "mentra, memory":
        return asyncio.run(run(":memory:", "sync"))  # type: ignore[arg-type]
    folder = Path(tempfile.mkdtemp(prefix="bench-turn-"))
    level: Durability = "volatile" if kind == "mentra, volatile" else "sync"
    try:
        return asyncio.run(run(str(folder / "store"), level))  # type: ignore[arg-type]
    finally:
        shutil.rmtree(folder)


KINDS = ("plain asyncio", "mentra, memory", "mentra, volatile", "mentra, sync")


def concurrency_goals(*, quick: bool) -> list[Goal]:
    """Turns per second and added latency for 1, 100 and 1000 agents at once."""
    goals = []
    for agents, turns in (
        (1, 50 if quick else 200),
        (100, 3 if quick else 10),
        (1000, 1 if quick else 3),
    ):
        latency: dict[str, list[float]] = {kind: [] for kind in KINDS}

        def case(
            kind: str,
            agents: int = agents,
            turns: int = turns,
            latency: dict[str, list[float]] = latency,
        ) -> float:
            rate, middle = timed(kind, agents, turns)
            latency[kind].append(middle)
            return rate

        rates = interleaved(
            {kind: lambda kind=kind: case(kind) for kind in KINDS},
            3 if quick else 5,  # type: ignore[misc]
        )
        plain = median(rates["plain asyncio"])
        for kind in KINDS[1:]:
            rate = median(rates[kind])
            added = median(latency[kind]) - median(latency["plain asyncio"])
            goals.append(
                Goal(
                    name=f"{agents} agents, {kind}: plain loop's rate over ours",
                    value=plain / rate,
                    unit="x",
                    peers={
                        "turns/s": rate,
                        "plain turns/s": plain,
                        "added ms/turn, all agents at once": added * 1e3,
                        "added ms/turn, per agent": added * 1e3 / agents,
                    },
                )
            )
    return goals


def length_goals(*, quick: bool) -> list[Goal]:
    """The cost of turn 1, of turns around 100 and around 2000 in one conversation."""
    goals = []
    turns = 600 if quick else 2000
    for kind in ("mentra, volatile", "mentra, sync"):
        rounds = [
            in_store(kind, lambda store, level: run_mentra(1, turns, store, level))[:-1]
            for _ in range(1 if quick else 3)
        ]
        first = median([seconds[0] for seconds in rounds])
        early = median([s for seconds in rounds for s in seconds[50:150]])
        late = median([s for seconds in rounds for s in seconds[-100:]])
        goals.append(
            Goal(
                name=f"one conversation, {kind}: turn {turns} over turn 100",
                value=late / early,
                unit="x",
                goal="<= 1.3",
                holds=late / early <= 1.3,
                peers={
                    "turn 1 ms": first * 1e3,
                    "turn 100 ms": early * 1e3,
                    f"turn {turns} ms": late * 1e3,
                },
            )
        )
    return goals


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    goals = [*concurrency_goals(quick=arguments.quick), *length_goals(quick=arguments.quick)]
    report("A turn, beside a plain asyncio loop", goals, as_json=arguments.json)


if __name__ == "__main__":
    main()
