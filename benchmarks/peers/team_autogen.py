"""autogen-core in the team benchmark: its single-threaded runtime, an agent for each number.

https://microsoft.github.io/autogen/stable/user-guide/core-user-guide/framework/agent-and-agent-runtime.html:
agents are registered by a type and made when the first message for their key comes. Nothing is
kept: the runtime has `save_state`, which an application may call when nobody is at work.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from autogen_core import (
    AgentId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    message_handler,
)

from benchmarks.peers.team_turns import Turn, served, streamed


@dataclass
class Said:
    """A message, or the answer to one."""

    text: str


class Agent(RoutedAgent):
    """Answers one message after the other."""

    def __init__(self) -> None:
        super().__init__("An agent.")
        self._history: list[tuple[str, str]] = []

    @message_handler
    async def on_said(self, message: Said, _context: MessageContext) -> Said:
        """One turn."""
        self._history.append(("user", message.text))
        pieces = [piece async for piece in streamed()]
        self._history.append(("assistant", "".join(pieces)))
        return Said(self._history[-1][1])


@asynccontextmanager
async def _opened(_agents: int) -> AsyncIterator[Turn]:
    runtime = SingleThreadedAgentRuntime()
    await Agent.register(runtime, "agent", Agent)
    runtime.start()

    async def turn(agent: int, message: str) -> str:
        answer = await runtime.send_message(Said(message), AgentId("agent", str(agent)))
        return str(answer.text)

    try:
        yield turn
    finally:
        await runtime.stop_when_idle()


if __name__ == "__main__":
    asyncio.run(served(_opened))
