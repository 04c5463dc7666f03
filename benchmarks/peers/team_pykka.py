"""Raw pykka in the team benchmark: an actor, and so a thread, for each agent; nothing is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pykka

from benchmarks.peers.team_turns import Turn, served, streamed_here


class Agent(pykka.ThreadingActor):
    """Answers one message after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._history: list[tuple[str, str]] = []

    def on_receive(self, message: Any) -> None:
        """One turn; the answer goes back to the loop that has asked."""
        text, answered = message
        self._history.append(("user", text))
        self._history.append(("assistant", "".join(streamed_here())))
        answered(self._history[-1][1])


@asynccontextmanager
async def _opened(agents: int) -> AsyncIterator[Turn]:
    loop = asyncio.get_running_loop()
    refs = [Agent.start() for _ in range(agents)]

    async def turn(agent: int, message: str) -> str:
        answer: asyncio.Future[str] = loop.create_future()
        answered = loop.call_soon_threadsafe
        refs[agent].tell((message, lambda text: answered(answer.set_result, text)))
        return await answer

    try:
        yield turn
    finally:
        stops = [ref.stop(block=False) for ref in refs]
        await asyncio.to_thread(pykka.get_all, stops)


if __name__ == "__main__":
    asyncio.run(served(_opened))
