"""Runs the turns of many agents on demand, with a clock around each.

A side of the team benchmark gives `served` a way to open a team. Requests come as JSON lines on
standard input, answers go to standard output:

    {"agents": 1000, "turns": 3}

A turn is a message to an agent and a streamed answer of `DELTAS` pieces that is joined to a text;
the agent keeps its conversation. Each agent has one turn at a time; all are at work at once.
The model is one asynchronous generator on every side: of strings, or, where a side has an
interface for models, of what that asks for.
Each answer has the seconds and CPU seconds of all turns, the seconds of each of them, the threads
at the end, and how much memory the process has for itself.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

__all__ = ["DELTAS", "PIECE", "TEXT", "Turn", "own_kb", "served", "streamed", "streamed_here"]

DELTAS = 200
PIECE = "five "
TEXT = PIECE * DELTAS

Turn = Callable[[int, str], Awaitable[str]]
"""The answer of the agent with this number to a message."""

OpenTeam = Callable[[int], AbstractAsyncContextManager[Turn]]


async def streamed() -> AsyncIterator[str]:
    """The model of all sides with an event loop: it yields to others before each piece."""
    for _ in range(DELTAS):
        await asyncio.sleep(0)
        yield PIECE


def streamed_here() -> Iterator[str]:
    """The same model where nobody awaits: threads take turns by themselves."""
    return iter([PIECE] * DELTAS)


async def served(opened: OpenTeam) -> None:
    """Answer requests until standard input ends. Making a team is not measured."""
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        async with opened(asked["agents"]) as turn:
            answer = await _measured(turn, asked["agents"], asked["turns"])
        print(json.dumps(answer), flush=True)


async def _measured(turn: Turn, agents: int, turns: int) -> dict[str, object]:
    seconds: list[float] = []

    async def one(agent: int) -> None:
        for number in range(turns):
            started = time.perf_counter()
            text = await turn(agent, f"message {number}")
            seconds.append(time.perf_counter() - started)
            if text != TEXT:
                raise ValueError(f"agent {agent} has answered {text[:40]!r}")

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one(agent) for agent in range(agents)))
    return {
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
        "seconds": seconds,
        "threads": threading.active_count(),
        "own_kb": own_kb(),
    }


def own_kb() -> int:
    """Kilobytes that this process has for itself, files that it has mapped left out."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "RssAnon" in line)
