"""The OpenAI Agents SDK in the tools benchmark, without a session or with one on a file.

See `recovery/contestants/with_openai_agents.py` for the pages of its documentation. It runs
the calls of a round at once.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, nullcontext
from functools import partial
from typing import Any

from agents import (
    Agent,
    Model,
    ModelResponse,
    Runner,
    SQLiteSession,
    Usage,
    function_tool,
    set_tracing_disabled,
)
from agents.testing import assistant_message, function_call

from benchmarks.peers.tool_calls import ANSWER, PROMPT, TOOL, Job, served

set_tracing_disabled(True)


class ScriptedModel(Model):
    """Calls the tool as often as the job says, then answers."""

    def __init__(self, job: Job) -> None:
        self._job = job

    async def get_response(self, *_args: Any, **_asked: Any) -> ModelResponse:
        """One answer."""
        calls = [
            function_call(TOOL, arguments, call_id=call_id)
            for call_id, arguments in self._job.calls()
        ]
        output = calls or [assistant_message(ANSWER)]
        return ModelResponse(output=output, usage=Usage(), response_id=None)

    def stream_response(self, *_args: Any, **_kwargs: Any) -> Any:
        """Nothing here streams."""
        raise NotImplementedError


@asynccontextmanager
async def _opened(folder: str, job: Job) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    @function_tool
    async def count(number: int) -> str:
        """Count."""
        return job.call(number)

    agent: Agent[None] = Agent(name="agent", model=ScriptedModel(job), tools=[count])
    opened = closing(SQLiteSession(str(id(job)), f"{folder}/session.sqlite")) if folder else None
    with opened or nullcontext() as session:
        yield lambda: Runner.run(agent, PROMPT, session=session, max_turns=job.rounds + 1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-tools-") as place:
        asyncio.run(served(partial(_opened, place if "session" in sys.argv else "")))
