"""Runs turns of a conversation on demand, with a clock and the kernel's counters around each.

A side of the growth benchmark gives `served` a way to open its conversation in a folder. Requests
come as JSON lines on standard input, answers go to standard output:

    {"open": "/a/folder", "turns": 15}    a new conversation there, and its first turns
    {"turns": 25}                         the next turns
    {"close": true}                       the end of it, and what there is to say about it

CPU time and bytes are of the whole process since the last turn: nothing that a framework does
behind a turn is missed.
"""

import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers.conversation import Turn

__all__ = ["OneTurn", "Turns", "served"]

OneTurn = Callable[[Turn], Awaitable[Any]]
Open = Callable[[Path], AbstractAsyncContextManager[OneTurn]]
Remarks = Callable[[Path, int], dict[str, Any]]


@dataclass
class Turns:
    """Some turns that followed each other; `first` counts from 1.

    `written` are bytes that dirtied pages of the page cache (`write_bytes` of /proc/self/io): what
    the disk will have to take. `passed` are bytes that were passed to `write` (`wchar`). `disk` is
    the length of all files after the last turn: database, write-ahead log, index, lock.
    """

    first: int = 1
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)
    disk: int = 0


async def served(open_conversation: Open, remarks: Remarks | None = None) -> None:
    """Answer requests until standard input ends. Each open closes the conversation before it."""
    folder, number = Path(), 0
    async with AsyncExitStack() as stack:
        turn: OneTurn | None = None
        for line in iter(sys.stdin.readline, ""):
            request = json.loads(line)
            if "open" in request or "close" in request:
                await stack.aclose()
            if "close" in request:
                _tell(remarks(folder, number) if remarks else {})
                continue
            if "open" in request:
                folder, number = Path(request["open"]), 0
                turn = await stack.enter_async_context(open_conversation(folder))
            if turn is None:
                raise ValueError("the first request opens a conversation")
            some = await _measured(turn, number + 1, request["turns"])
            number += request["turns"]
            some.disk = disk_bytes(folder)
            _tell(asdict(some))


def disk_bytes(folder: Path) -> int:
    """Length of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _tell(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


async def _measured(turn: OneTurn, first: int, count: int) -> Turns:
    some = Turns(first)
    before = _Counters.now()
    for number in range(first, first + count):
        this = Turn(number)
        started = time.perf_counter()
        await turn(this)
        some.wall_s.append(time.perf_counter() - started)
        now = _Counters.now()
        some.cpu_s.append(now.cpu_s - before.cpu_s)
        some.written.append(now.written - before.written)
        some.passed.append(now.passed - before.passed)
        before = now
    return some


@dataclass(frozen=True)
class _Counters:
    """What the process has used so far, all threads together."""

    cpu_s: float
    written: int
    passed: int

    @classmethod
    def now(cls) -> "_Counters":
        """As the kernel counts."""
        pairs = (line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        counts = {name: int(value) for name, value in pairs}
        return cls(time.process_time(), counts["write_bytes"], counts["wchar"])
