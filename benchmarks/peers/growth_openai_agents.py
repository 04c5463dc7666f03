"""The OpenAI Agents SDK in the growth benchmark: `Runner` with a `SQLiteSession` on a file.

See `recovery/contestants/with_openai_agents.py` for the pages of its documentation.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
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

from benchmarks.peers.conversation import TOOL, Turn
from benchmarks.peers.turns import OneTurn, served

set_tracing_disabled(True)


class ScriptedModel(Model):
    """Calls the tool, then answers."""

    turn = Turn(0)

    async def get_response(self, *_args: Any, **asked: Any) -> ModelResponse:
        """One answer; the runner passes all by name."""
        given, now = asked["input"], self.turn
        if not isinstance(given, str) and given[-1].get("type") == "function_call_output":
            output = [assistant_message(now.answer)]
        else:
            output = [function_call(TOOL, now.arguments, call_id=now.call_id)]
        return ModelResponse(output=output, usage=Usage(), response_id=None)

    def stream_response(self, *_args: Any, **_kwargs: Any) -> Any:
        """Nothing here streams."""
        raise NotImplementedError


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[OneTurn]:
    model = ScriptedModel()

    @function_tool
    async def look(place: str) -> str:  # noqa: ARG001
        """Look at a place."""
        return model.turn.result

    agent: Agent[None] = Agent(name="agent", model=model, tools=[look])
    with closing(SQLiteSession("conversation", folder / "session.sqlite")) as session:

        async def turn(now: Turn) -> None:
            model.turn = now
            await Runner.run(agent, now.user, session=session)

        yield turn


if __name__ == "__main__":
    asyncio.run(served(_opened))
