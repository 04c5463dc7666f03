"""LangChain: `convert_to_openai_messages` of langchain-core, for any model of that wire."""

import asyncio
import time
from collections.abc import Mapping

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.messages.utils import convert_to_openai_messages

from benchmarks.peers.conversation import TOOL, Turn
from benchmarks.peers.request_rounds import AddTurn, Request, json_seconds, served


def begin() -> tuple[AddTurn, Request]:
    """A list of its messages."""
    history: list[BaseMessage] = []

    def add(turn: Turn) -> None:
        call = ToolCall(name=TOOL, args={"place": turn.place}, id=turn.call_id)
        history.extend(
            [
                HumanMessage(turn.user),
                AIMessage(content="", tool_calls=[call]),
                ToolMessage(turn.result, tool_call_id=turn.call_id),
                AIMessage(content=turn.answer),
            ]
        )

    async def request() -> tuple[Mapping[str, float], int]:
        start = time.perf_counter()
        messages = convert_to_openai_messages(history)
        return json_seconds(messages, time.perf_counter() - start)

    return add, request


if __name__ == "__main__":
    asyncio.run(served(begin))
