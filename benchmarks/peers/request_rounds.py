"""Makes requests of a growing conversation on demand, with a clock around each.

A side of the requests benchmark gives `served` a way to begin a conversation. Requests come as
JSON lines on standard input, answers go to standard output:

    {"turns": 2500, "rounds": 20}    a conversation of so many turns; then so many more of them,
                                     after each of which a request is made

Each answer has the seconds of each part of a request, by name: of the `first` one, and of those
after each further turn; and the bytes of the last request. Adding a turn is not measured.
"""

import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from benchmarks.peers.conversation import Turn

__all__ = ["AddTurn", "Request", "json_seconds", "served"]

Request = Callable[[], Awaitable[tuple[Mapping[str, float], int]]]
"""Makes the request: the seconds of its parts, and its length in bytes."""

AddTurn = Callable[[Turn], None]


async def served(begin: Callable[[], tuple[AddTurn, Request]]) -> None:
    """Answer requests until standard input ends."""
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        add, request = begin()
        for number in range(1, asked["turns"] + 1):
            add(Turn(number))
        first, size_bytes = await request()
        seconds: dict[str, list[float]] = {name: [] for name in first}
        for number in range(asked["turns"] + 1, asked["turns"] + asked["rounds"] + 1):
            add(Turn(number))
            parts, size_bytes = await request()
            for name, taken in parts.items():
                seconds[name].append(taken)
        print(json.dumps({"first": first, "seconds": seconds, "bytes": size_bytes}), flush=True)


def json_seconds(mapped: Any, map_s: float) -> tuple[Mapping[str, float], int]:
    """The parts of a request whose messages took `map_s`: they go to the server as JSON."""
    start = time.perf_counter()
    size_bytes = len(json.dumps(mapped, separators=(",", ":")).encode())
    return {"map": map_s, "json": time.perf_counter() - start}, size_bytes
