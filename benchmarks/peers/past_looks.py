"""Answers JSON lines about the past of one scripted conversation; what both sides share.

    {"open": "/a/folder"}      a new conversation there
    {"turns": 25}              its next turns: {"seconds": ...}
    {"middle": 15}             so many looks at the end of its middle turn, all messages of then:
                               {"cold_ms": [...], "warm_ms": [...], "messages": 2000}
    {"page": 15}               so many times the ten states before that: {"ms": [...]}
    {"list": 100}              the last states, so many at most: {"ms": ..., "states": 100}

A cold look opens what is on disk; a warm one has it open. A state is all messages as they were.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

__all__ = ["PAGE", "Conversation", "Past", "serve"]

PAGE = 10


class Past(Protocol):
    """A conversation that is open for looking back; states are given by their messages."""

    def middle(self) -> int:
        """Look at the end of its middle turn; how many messages there were."""
        ...

    def page(self) -> int:
        """The `PAGE` states before that; how many messages the last of them has."""
        ...

    def states(self, limit: int) -> Iterator[int]:
        """The last ones; how many messages each has."""
        ...


class Conversation(Protocol):
    """A conversation on disk."""

    def turns(self, count: int) -> None:
        """Have so many more."""
        ...

    def past(self) -> AbstractContextManager[Past]:
        """Open it for looking back."""
        ...


def serve(new: Callable[[Path], Conversation]) -> None:
    """Answer requests until standard input ends."""
    conversation: Conversation | None = None
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        if "open" in request:
            conversation = new(Path(request["open"]))
            answer: dict[str, Any] = {}
        elif conversation is None:
            raise ValueError("the first request opens a conversation")
        else:
            answer = _answered(conversation, request)
        print(json.dumps(answer), flush=True)


def _answered(conversation: Conversation, request: dict[str, Any]) -> dict[str, Any]:
    match request:
        case {"turns": count}:
            begun = time.perf_counter()
            conversation.turns(count)
            return {"seconds": time.perf_counter() - begun}
        case {"middle": looks}:
            return _middle(conversation, looks)
        case {"page": looks}:
            with conversation.past() as past:
                past.page()
                return {"ms": [_ms(past.page) for _ in range(looks)]}
        case {"list": limit}:
            return _listed(conversation, limit)
    raise ValueError(f"unknown request: {request}")


def _middle(conversation: Conversation, looks: int) -> dict[str, Any]:
    cold, messages = [], 0
    for _ in range(looks):
        begun = time.perf_counter()
        with conversation.past() as past:
            messages = past.middle()
            cold.append((time.perf_counter() - begun) * 1e3)
    with conversation.past() as past:
        past.middle()
        warm = [_ms(past.middle) for _ in range(looks)]
    return {"cold_ms": cold, "warm_ms": warm, "messages": messages}


def _listed(conversation: Conversation, limit: int) -> dict[str, Any]:
    with conversation.past() as past:
        begun = time.perf_counter()
        count = len(list(past.states(limit)))
        return {"ms": (time.perf_counter() - begun) * 1e3, "states": count}


def _ms(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1e3
