"""The OpenAI Agents SDK: its input items as messages of Chat Completions.

To the Responses API the SDK sends its items as they are: there is nothing to map.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from agents.models.chatcmpl_converter import Converter

from benchmarks.peers.conversation import TOOL, Turn
from benchmarks.peers.request_rounds import AddTurn, Request, json_seconds, served


def begin() -> tuple[AddTurn, Request]:
    """A list of input items."""
    items: list[Any] = []

    def add(turn: Turn) -> None:
        call_id = turn.call_id
        answer = {"type": "output_text", "text": turn.answer, "annotations": []}
        items.extend(
            [
                {"role": "user", "content": turn.user},
                {
                    "type": "function_call",
                    "call_id": call_id,
                    "name": TOOL,
                    "arguments": turn.arguments,
                },
                {"type": "function_call_output", "call_id": call_id, "output": turn.result},
                {
                    "type": "message",
                    "id": f"msg_{turn.number}",
                    "role": "assistant",
                    "status": "completed",
                    "content": [answer],
                },
            ]
        )

    async def request() -> tuple[Mapping[str, float], int]:
        start = time.perf_counter()
        messages = Converter.items_to_messages(items)
        return json_seconds(messages, time.perf_counter() - start)

    return add, request


if __name__ == "__main__":
    asyncio.run(served(begin))
