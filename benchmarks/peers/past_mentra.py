"""The past of a conversation in our store: `history.agent_at`, and the model calls of an agent."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.conversation import Turn
from benchmarks.peers.growth_mentra import STORE, opened
from benchmarks.peers.past_looks import PAGE, serve
from mentra_actors import open_history
from mentra_actors.ids import AgentId
from mentra_actors.runtime.history.history import History

AGENT_ID = AgentId("agent")


class StorePast:
    """The history of a store; each turn has the same number of events, after the first one."""

    def __init__(self, history: History, turns: int) -> None:
        self._history = history
        last = history.at().agent(AGENT_ID).version
        self._middle = 1 + (last - 1) // turns * (turns // 2)

    def middle(self) -> int:
        """See `Past.middle`."""
        return self._messages(self._middle)

    def page(self) -> int:
        """See `Past.page`: what the last model calls before that were sent."""
        calls = self._history.agent_at(AGENT_ID, self._middle).calls().calls
        return min(len(list(one.transcript.messages)) for one in calls[-PAGE:])

    def states(self, limit: int) -> Iterator[int]:
        """See `Past.states`: one for each model call."""
        calls = self._history.at().agent(AGENT_ID).calls().calls
        return (len(list(one.transcript.messages)) for one in calls[-limit:])

    def _messages(self, version: int) -> int:
        return len(self._history.agent_at(AGENT_ID, version).messages())


class StoreConversation:
    """An agent in the store of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turns = 0

    def turns(self, count: int) -> None:
        """See `Conversation.turns`."""
        asyncio.run(self._talk(count))

    async def _talk(self, count: int) -> None:
        async with opened("volatile", None, self._folder) as turn:
            for _ in range(count):
                self._turns += 1
                await turn(Turn(self._turns))

    @contextmanager
    def past(self) -> Iterator[StorePast]:
        """See `Conversation.past`."""
        with open_history(self._folder / STORE) as history:
            yield StorePast(history, self._turns)


if __name__ == "__main__":
    serve(StoreConversation)
