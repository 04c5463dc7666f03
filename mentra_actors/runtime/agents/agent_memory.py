"""What is remembered beyond conversations, as a program sees and changes it."""

from collections.abc import Iterable, Sequence
from functools import partial

import anyio.to_thread

from mentra_actors.domain.memory import FoundRecord, MemoryRecord, MemoryScope
from mentra_actors.ids import AgentId
from mentra_actors.runtime.awaiting import wait_for
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.memory.memory_operations import MemoryOperations

__all__ = ["AgentMemory", "SyncAgentMemory"]

_MOST_FOUND = 10


class AgentMemory:
    """The long-term memory of one agent, or the one that all agents of a team share.

    An agent sees its own records (`scope` `agent`), those of its team and of the project, which
    is the whole store, and nobody else's. `runtime.memory` sees those of the team and the project.
    """

    def __init__(self, core: RuntimeCore, agent_id: AgentId | None = None) -> None:
        """Made by `Agent` and `Runtime`."""
        self._operations = MemoryOperations(core, agent_id)

    async def search(
        self, query: str, *, limit: int = _MOST_FOUND, scope: MemoryScope | None = None
    ) -> Sequence[FoundRecord]:
        """The records that have words of `query`, best first; with all that is recorded now.

        Without a `scope` in all that may be seen; each record says its own.

        Raises:
            TypeError: the question is no text, or the limit no whole number.
            ValueError: there is no such scope.
            StoreError: the log or the index cannot be read.
        """
        return await anyio.to_thread.run_sync(self._operations.search, query, limit, scope)

    async def records(self, *, scope: MemoryScope | None = None) -> Sequence[MemoryRecord]:
        """All records that are not forgotten, oldest first."""
        return await anyio.to_thread.run_sync(self._operations.records, scope)

    async def export(self, *, scope: MemoryScope | None = None) -> str:
        """The same as lines of JSON, each with an `id`, a `kind`, a `scope` and so on."""
        return await anyio.to_thread.run_sync(self._operations.export, scope)

    async def import_facts(self, lines: Iterable[str]) -> int:
        """Pin the facts of an export, each in its scope; how many of them are there now.

        `lines` are its lines, or the export as one text.
        A fact whose id or whose words are there is not recorded again; one that was forgotten
        stays so.

        Raises:
            ValueError: a line is none of an export; nothing was recorded.
            CommandRejected: a fact is empty or too long, or is of a scope that is not to be seen
                here; nothing was recorded.
        """
        there = 0
        for begin in await anyio.to_thread.run_sync(self._operations.imports, lines):
            kept = await wait_for(await anyio.to_thread.run_sync(begin))
            there += sum(one is not None for one in kept)
        return there

    async def pin(
        self, content: str, *, scope: MemoryScope | None = None, record_id: str | None = None
    ) -> str:
        """Keep a fact, and return the id of its record.

        Without a `scope` it is the agent's own, or the team's. A fact that is pinned already in
        the same words is not recorded again: its id is returned. The same `record_id` again
        records nothing either.

        Raises:
            CommandRejected: it is empty, longer than 16,384 bytes, or was forgotten.
            TypeError, ValueError: it is not text that can be stored, or there is no such scope.
        """
        begin = partial(self._operations.pin, content, scope, record_id)
        return await wait_for(await anyio.to_thread.run_sync(begin))

    async def forget(self, record_id: str, *, scope: MemoryScope | None = None) -> None:
        """Let a record be found no more; its id never comes back. The log keeps its words.

        Without a `scope` it is looked for in the agent's own, then in those of its team and of
        the project. Episodes and summaries are forgotten in the same way.

        Raises:
            CommandRejected: this memory has no such record.
        """
        begin = partial(self._operations.forget, record_id, scope)
        await wait_for(await anyio.to_thread.run_sync(begin))


class SyncAgentMemory:
    """See `AgentMemory`. Every call blocks."""

    def __init__(self, core: RuntimeCore, agent_id: AgentId | None = None) -> None:
        """Made by `SyncAgent` and `SyncRuntime`."""
        self._core = core
        self._operations = MemoryOperations(core, agent_id)

    def search(
        self, query: str, *, limit: int = _MOST_FOUND, scope: MemoryScope | None = None
    ) -> Sequence[FoundRecord]:
        """See `AgentMemory.search`."""
        return self._operations.search(query, limit, scope)

    def records(self, *, scope: MemoryScope | None = None) -> Sequence[MemoryRecord]:
        """See `AgentMemory.records`."""
        return self._operations.records(scope)

    def export(self, *, scope: MemoryScope | None = None) -> str:
        """See `AgentMemory.export`."""
        return self._operations.export(scope)

    def import_facts(self, lines: Iterable[str]) -> int:
        """See `AgentMemory.import_facts`."""
        begins = self._operations.imports(lines)
        kept = [one for begin in begins for one in result_of(self._core, begin)]
        return sum(one is not None for one in kept)

    def pin(
        self, content: str, *, scope: MemoryScope | None = None, record_id: str | None = None
    ) -> str:
        """See `AgentMemory.pin`."""
        pin = self._operations.pin
        return result_of(self._core, lambda: pin(content, scope, record_id))

    def forget(self, record_id: str, *, scope: MemoryScope | None = None) -> None:
        """See `AgentMemory.forget`."""
        forget = self._operations.forget
        result_of(self._core, lambda: forget(record_id, scope))
