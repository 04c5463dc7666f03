"""No framework: the messages are there as the wire wants them, and go through the json module."""

import asyncio
from collections.abc import Mapping
from typing import Any

from benchmarks.peers.conversation import Turn
from benchmarks.peers.request_rounds import AddTurn, Request, json_seconds, served


def begin() -> tuple[AddTurn, Request]:
    """A list of messages."""
    messages: list[dict[str, Any]] = []

    def add(turn: Turn) -> None:
        messages.extend(turn.messages())

    async def request() -> tuple[Mapping[str, float], int]:
        return json_seconds(messages, 0.0)

    return add, request


if __name__ == "__main__":
    asyncio.run(served(begin))
