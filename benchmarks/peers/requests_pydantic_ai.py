"""pydantic-ai: the mapping inside its models, for the wire that is named on the line."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from benchmarks.peers.conversation import TOOL, Turn
from benchmarks.peers.request_rounds import AddTurn, Request, json_seconds, served

MapHistory = Callable[[list[ModelMessage]], Awaitable[Any]]


def mapping(wire: str) -> MapHistory:
    """What its model of this wire does with a history."""
    parameters = ModelRequestParameters()
    if wire == "anthropic":
        claude = AnthropicModel("claude-sonnet-4-5", provider=AnthropicProvider(api_key="none"))
        return lambda history: claude._map_message(history, parameters, {})  # noqa: SLF001 - it has no other name
    gpt = OpenAIChatModel("gpt-5", provider=OpenAIProvider(api_key="none"))
    return lambda history: gpt._map_messages(history, parameters)  # noqa: SLF001 - nor has this


def begin(mapped: MapHistory) -> tuple[AddTurn, Request]:
    """A list of its messages; the result of a call and the next words are requests of it."""
    history: list[ModelMessage] = []

    def add(turn: Turn) -> None:
        history.extend(
            [
                ModelRequest(parts=[UserPromptPart(turn.user)]),
                ModelResponse(parts=[ToolCallPart(TOOL, turn.arguments, turn.call_id)]),
                ModelRequest(parts=[ToolReturnPart(TOOL, turn.result, turn.call_id)]),
                ModelResponse(parts=[TextPart(turn.answer)]),
            ]
        )

    async def request() -> tuple[Mapping[str, float], int]:
        start = time.perf_counter()
        messages = await mapped(history)
        return json_seconds(messages, time.perf_counter() - start)

    return add, request


if __name__ == "__main__":
    asyncio.run(served(partial(begin, mapping(sys.argv[1]))))
