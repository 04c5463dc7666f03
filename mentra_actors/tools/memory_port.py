"""What a tool may do with the long-term memory of its agent."""

from collections.abc import Sequence
from typing import Protocol

from mentra_actors.domain.agent.profile import MemoryOptions
from mentra_actors.domain.memory import FoundRecord, MemoryScope
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["MemoryPort", "NoMemory"]


class MemoryPort(Protocol):
    """The memory of the agent whose call this is. Awaited on the effects loop."""

    @property
    def options(self) -> MemoryOptions:
        """What the agent's profile says of its memory."""
        ...

    async def search(self, question: str, limit: int) -> Sequence[FoundRecord]:
        """The records that answer best, best first; with everything recorded before.

        Raises:
            StoreError: the log or the index cannot be read.
        """
        ...

    async def pin(self, record_id: str, content: str, scope: MemoryScope = "agent") -> str:
        """Keep a fact, also for the team or the project; the id of the record that stands for it.

        That is an older one, if it says the same.

        Raises:
            CommandRejected: it is empty, too long, or was forgotten under this id.
            StoreError: it was not recorded.
        """
        ...

    async def forget(self, record_id: str) -> None:
        """Let a record be found no more; one that was forgotten already is all right.

        Raises:
            CommandRejected: this memory has no such record.
            StoreError: it was not recorded.
        """
        ...


class NoMemory:
    """See `MemoryPort`. Of calls that are made without a runtime."""

    options = MemoryOptions()

    async def search(self, question: str, limit: int) -> Sequence[FoundRecord]:
        """See `MemoryPort.search`."""
        del question, limit
        raise _no_memory()

    async def pin(self, record_id: str, content: str, scope: MemoryScope = "agent") -> str:
        """See `MemoryPort.pin`."""
        del record_id, content, scope
        raise _no_memory()

    async def forget(self, record_id: str) -> None:
        """See `MemoryPort.forget`."""
        del record_id
        raise _no_memory()


def _no_memory() -> ToolError:
    return ToolError("this call has no memory to search or to change")
