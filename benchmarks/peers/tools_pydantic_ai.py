"""pydantic-ai in the tools benchmark: `Agent.run` with a `FunctionModel`; nothing is kept.

See `recovery/contestants/with_pydantic_ai.py` for the pages of its documentation. It runs
the calls of a round at once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import UsageLimits

from benchmarks.peers.tool_calls import ANSWER, PROMPT, TOOL, Job, served


@asynccontextmanager
async def _opened(job: Job) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    async def answer(_messages: list[ModelMessage], _info: Any) -> ModelResponse:
        calls = [ToolCallPart(TOOL, arguments, call_id) for call_id, arguments in job.calls()]
        return ModelResponse(parts=calls or [TextPart(ANSWER)])

    async def count(number: int) -> str:
        """Count."""
        return job.call(number)

    agent = Agent(FunctionModel(answer), tools=[count])
    limits = UsageLimits(request_limit=None)
    yield lambda: agent.run(PROMPT, usage_limits=limits)


if __name__ == "__main__":
    asyncio.run(served(_opened))
