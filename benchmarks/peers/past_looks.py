"""Answers JSON lines about the past of one scripted conversation; what both sides share.

    {"open": "/a/folder"}      a new conversation there
    {"turns": 25}              its next turns: {"seconds": ...}
    {"middle": 15}             so many looks at the end of its middle turn, all messages of then:
                               {"cold_ms": [...], "warm_ms": [...], "messages": 2000}
    {"page": 15}               so many times the ten states before that: {"ms": [...]}
    {"whole": 60}              all states there are, the newest first, for so many seconds at most:
                               {"ms": ..., "states": ..., "is_all": true}

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

    def states(self) -> Iterator[int]:
        """All of them; how many messages each has."""
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
        case {"whole": most_s}:
            return _whole(conversation, most_s)
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


def _whole(conversation: Conversation, most_s: float) -> dict[str, Any]:
    count, is_all = 0, True
    begun = time.perf_counter()
    with conversation.past() as past:
        for _ in past.states():
            count += 1
            if time.perf_counter() - begun > most_s:
                is_all = False
                break
    took = time.perf_counter() - begun
    return {"ms": took * 1e3, "states": count, "is_all": is_all}


def _ms(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1e3
