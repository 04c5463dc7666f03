"""What one agent remembers beyond its conversation, as a program sees and changes it."""

from collections.abc import Sequence
from concurrent.futures import Future

import anyio.to_thread

from mentra_actors.domain.memory import FoundRecord, MemoryRecord, fact_id_of
from mentra_actors.ids import AgentId
from mentra_actors.runtime.awaiting import asked
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.plain_arguments import require_text
from mentra_actors.runtime.run_operations import HOST, new_id

__all__ = ["AgentMemory", "SyncAgentMemory"]

_MOST_FOUND = 10


class AgentMemory:
    """The long-term memory of one agent: nobody else's records are found in it."""

    def __init__(self, agent_id: AgentId, core: RuntimeCore) -> None:
        """Made by `Agent`."""
        self._agent_id = agent_id
        self._core = core

    async def search(self, query: str, *, limit: int = _MOST_FOUND) -> Sequence[FoundRecord]:
        """The records that have words of `query`, best first; with all that is recorded now.

        Raises:
            StoreError: the log or the index cannot be read.
        """
        search = self._core.memories.search
        return await anyio.to_thread.run_sync(search, self._agent_id, query, limit)

    async def records(self) -> Sequence[MemoryRecord]:
        """All records that are not forgotten, oldest first."""
        return await anyio.to_thread.run_sync(self._core.memories.records, self._agent_id)

    async def pin(self, content: str, *, record_id: str | None = None) -> str:
        """Keep a fact, and return the id of its record.

        A fact that is pinned already in the same words is not recorded again: its id is
        returned. The same `record_id` again records nothing either.

        Raises:
            CommandRejected: it is empty, longer than 16,384 bytes, or was forgotten.
            TypeError, ValueError: it is not text that can be stored.
        """
        return await asked(lambda: _pinned(self._core, self._agent_id, content, record_id))

    async def forget(self, record_id: str) -> None:
        """Let a record be found no more; its id never comes back. The log keeps its words.

        Raises:
            CommandRejected: this memory has no such record.
        """
        await asked(lambda: _forgotten(self._core, self._agent_id, record_id))


class SyncAgentMemory:
    """See `AgentMemory`. Every call blocks."""

    def __init__(self, agent_id: AgentId, core: RuntimeCore) -> None:
        """Made by `SyncAgent`."""
        self._agent_id = agent_id
        self._core = core

    def search(self, query: str, *, limit: int = _MOST_FOUND) -> Sequence[FoundRecord]:
        """See `AgentMemory.search`."""
        return self._core.memories.search(self._agent_id, query, limit)

    def records(self) -> Sequence[MemoryRecord]:
        """See `AgentMemory.records`."""
        return self._core.memories.records(self._agent_id)

    def pin(self, content: str, *, record_id: str | None = None) -> str:
        """See `AgentMemory.pin`."""
        pin = _pinned
        return result_of(self._core, lambda: pin(self._core, self._agent_id, content, record_id))

    def forget(self, record_id: str) -> None:
        """See `AgentMemory.forget`."""
        result_of(self._core, lambda: _forgotten(self._core, self._agent_id, record_id))


def _pinned(
    core: RuntimeCore, agent_id: AgentId, content: str, record_id: str | None
) -> "Future[str]":
    require_text(content, "a fact")
    if record_id is not None:
        require_text(record_id, "the id of a record")
    chosen = fact_id_of(new_id()) if record_id is None else record_id
    return core.memories.pin(agent_id, chosen, content, by=HOST)


def _forgotten(core: RuntimeCore, agent_id: AgentId, record_id: str) -> "Future[None]":
    require_text(record_id, "the id of a record")
    return core.memories.forget(agent_id, record_id, by=HOST)
