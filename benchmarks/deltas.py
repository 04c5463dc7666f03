"""What a piece of a streamed answer costs, beside a bare httpx loop that reads the same stream.

Both sides read answers of the Responses wire from one local server process, 200 deltas each. The
bare loop takes the lines of the response, decodes each event as JSON and joins the text. Ours is
the whole of it: prompt, provider, decoder, live answer, durable log (LMDB, `sync`), checkpoints of
the text every 0.1 s (`paced`: the stream then lasts 0.3 s), answer.

*Per delta* is the price of one more delta: the time of a message of 200 less that of one with 2,
over 198; the sides take turns message by message. So what a message costs in any case (two
appends, which wait for the disk) is not in it; it stands in *whole message*. CPU time is of the
whole process, all threads.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.harness import Goal, at_most, median, parsed_arguments, ratio_spread, report
from mentra_actors import open_runtime
from mentra_actors.effects.live import LiveNotice
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.presets import GENERIC

DELTAS, FEW = 200, 2
PACE_MS = 1.5
MOST_RATIO = 2.0
WARM_UP = 3

Message = Callable[[], Awaitable[None]]


@contextmanager
def server(deltas: int, pace_ms: float) -> Iterator[str]:
    """The address of a server process."""
    command = [sys.executable, "-m", "benchmarks.sse_server", str(deltas), str(pace_ms)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


@asynccontextmanager
async def bare(url: str) -> AsyncIterator[Message]:
    """A loop over the lines of the response."""
    async with httpx.AsyncClient(timeout=30) as client:

        async def message() -> None:
            pieces: list[str] = []
            body = {"model": "m", "stream": True, "input": "Go."}
            async with client.stream("POST", f"{url}/v1/responses", json=body) as response:
                async for line in response.aiter_lines():
                    if line.startswith("data: "):
                        event: dict[str, Any] = json.loads(line[6:])
                        if event["type"] == "response.output_text.delta":
                            pieces.append(event["delta"])
            assert "".join(pieces)

        yield message


@asynccontextmanager
async def ours(url: str, *, is_heard: bool = False) -> AsyncIterator[Message]:
    """A conversation of an agent with a durable log; with somebody who listens, or nobody."""
    folder = tempfile.mkdtemp(prefix="mentra-deltas-")
    profile = msgspec.structs.replace(GENERIC, base_url=url)
    try:
        async with open_runtime(
            f"{folder}/store",
            providers=[HttpProvider(profile)],
            team_tools=False,
            memory_tools=False,
        ) as runtime:
            number = 0

            async def message() -> None:
                nonlocal number
                number += 1
                # a conversation of its own, so that all messages have the same history
                agent = await runtime.spawn(f"agent-{number}", model="generic:m")
                reply = await agent.send("Go.")
                assert reply.text

            if is_heard:
                heard: list[LiveNotice] = []
                runtime.on_live(heard.append)
            yield message
    finally:
        shutil.rmtree(folder, ignore_errors=True)


SIDES = {"bare httpx": bare, "ours": ours, "ours, heard": partial(ours, is_heard=True)}


@dataclass
class Taken:
    """Times of one side: seconds of wall clock and of CPU, by how many deltas a message had."""

    many: list[tuple[float, float]] = field(default_factory=list)
    few: list[tuple[float, float]] = field(default_factory=list)


async def timed(message: Message) -> tuple[float, float]:
    """Seconds of wall clock and of CPU for one message."""
    wall, cpu = time.perf_counter(), time.process_time()
    await message()
    return time.perf_counter() - wall, time.process_time() - cpu


async def all_taken(many: str, few: str, rounds: int) -> dict[str, Taken]:
    """Message by message in turn, so that the noise of the machine is in all sides alike."""
    taken = {name: Taken() for name in SIDES}
    async with AsyncExitStack() as stack:
        messages = {
            name: (
                await stack.enter_async_context(side(many)),
                await stack.enter_async_context(side(few)),
            )
            for name, side in SIDES.items()
        }
        for number in range(-WARM_UP, rounds):
            for name, (long_message, short_message) in messages.items():
                times = await timed(long_message), await timed(short_message)
                if number >= 0:
                    taken[name].many.append(times[0])
                    taken[name].few.append(times[1])
            progress(number, rounds)
    return taken


def progress(number: int, rounds: int) -> None:
    """On a terminal."""
    if sys.stderr.isatty():
        print(f"\r  round {max(number + 1, 0)}/{rounds} ", end="", file=sys.stderr)


def figures(pace_ms: float, rounds: int) -> dict[str, dict[str, list[float]]]:
    """By side: milliseconds of a message, and microseconds of one more delta, of all rounds."""
    with server(DELTAS, pace_ms) as many, server(FEW, pace_ms) as few:
        taken = asyncio.run(all_taken(many, few, rounds))
    return {name: _figures(one) for name, one in taken.items()}


def _figures(taken: Taken) -> dict[str, list[float]]:
    pairs = list(zip(taken.many, taken.few, strict=True))
    each = 1e6 / (DELTAS - FEW)
    return {
        "message_ms": [wall * 1e3 for wall, _ in taken.many],
        "message_cpu_ms": [cpu * 1e3 for _, cpu in taken.many],
        "delta_us": [(many[0] - few[0]) * each for many, few in pairs],
        "delta_cpu_us": [(many[1] - few[1]) * each for many, few in pairs],
    }


def goals(name: str, found: dict[str, dict[str, list[float]]], *, is_paced: bool) -> list[Goal]:
    """Ratios of one pace. With a pace the wall clock is the server's, so only CPU time counts."""
    base = found["bare httpx"]

    def goal(said: str, kind: str, side: str = "ours", most: float | None = None) -> Goal:
        beside = {one: median(figure[kind]) for one, figure in found.items()}
        value = beside[side] / median(base[kind])
        around = ratio_spread(found[side][kind], base[kind])
        if most is None:
            return Goal(f"{name}: {said}", value, "x", peers=beside, spread=around)
        return at_most(f"{name}: {said}", value, most, beside, around)

    over = "over a bare httpx loop"
    result = [
        goal(f"CPU time per delta, {over}", "delta_cpu_us", most=MOST_RATIO),
        goal("with a listener, CPU time per delta", "delta_cpu_us", "ours, heard"),
        goal("CPU time of a whole message", "message_cpu_ms"),
    ]
    if is_paced:
        return result
    first = goal(f"time per delta, {over}", "delta_us", most=MOST_RATIO)
    return [first, *result, goal("time of a whole message", "message_ms")]


def main() -> None:
    """Streams at full speed, then paced ones."""
    arguments = parsed_arguments(__doc__ or "")
    fast = figures(0.0, 60 if arguments.quick else 400)
    paced = figures(PACE_MS, 6 if arguments.quick else 30)
    report(
        f"A streamed answer of {DELTAS} deltas, beside a bare httpx loop",
        [
            *goals("at full speed", fast, is_paced=False),
            *goals(f"paced, {PACE_MS:g} ms", paced, is_paced=True),
        ],
        as_json=arguments.json,
    )


if __name__ == "__main__":
    main()
