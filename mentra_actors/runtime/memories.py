"""The memories of the agents of a runtime: written by commands, searched in the index."""

import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import anyio.to_thread

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.agent.profile import AgentProfile, MemoryOptions
from mentra_actors.domain.memory import (
    ForgetRecord,
    FoundRecord,
    MemoryCommand,
    MemoryRecord,
    MemoryState,
    PinFact,
    pinned_id,
)
from mentra_actors.effects.ports import Clock
from mentra_actors.errors import CommandRejected, StoreError
from mentra_actors.ids import AgentId, StreamId, memory_stream
from mentra_actors.runtime.awaiting import wait_for
from mentra_actors.runtime.futures import mapped
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.store.opening import MEMORY, part_seal_of
from mentra_actors.store.ports import EventStore, JournalReader
from mentra_actors.store.sql.opening import MEMORY_INDEX_ENDING, files_of_database, is_sql_url

if TYPE_CHECKING:  # SQLite is imported when there is something to remember
    from projections.memory_index import MemoryIndex

__all__ = ["CallMemory", "Memories", "index_file", "opened_memories"]

_log = logging.getLogger(__name__)

_DIRECTORY_INDEX = "views-memory.sqlite"


@dataclass(frozen=True, slots=True)
class Memories:
    """Safe from any thread. What gives a future does not block; what gives records does."""

    index: "MemoryIndex"
    ask: "Callable[[StreamId, MemoryCommand], Future[Accepted]]"
    clock: Clock
    readers: Executor

    def search(self, agent_id: AgentId, question: str, limit: int) -> Sequence[FoundRecord]:
        """See `MemoryIndex.search`."""
        now = self.clock.now()
        return self.index.search(memory_stream(agent_id), question, limit=limit, now=now)

    def records(self, agent_id: AgentId) -> Sequence[MemoryRecord]:
        """See `MemoryIndex.records`."""
        return self.index.records(memory_stream(agent_id))

    def pin(self, agent_id: AgentId, record_id: str, content: str, *, by: str) -> "Future[str]":
        """Keep a fact; the id of the record that stands for it.

        Raises:
            CommandRejected: it is empty, too long, or was forgotten under this id.
        """
        command = PinFact(record_id=record_id, content=content, by=by, now=self.clock.now())

        def record_of(accepted: Accepted) -> str:
            state: MemoryState = accepted.state
            kept = pinned_id(state, command)
            if kept is None:
                raise CommandRejected(f"the record {record_id!r} was forgotten")
            return kept

        return mapped(self.ask(memory_stream(agent_id), command), record_of)

    def forget(self, agent_id: AgentId, record_id: str, *, by: str) -> "Future[None]":
        """Let a record be found no more, and take its words out of the index.

        Raises:
            CommandRejected: this memory has no such record.
        """
        stream_id = memory_stream(agent_id)
        command = ForgetRecord(record_id=record_id, by=by, now=self.clock.now())

        def take_out(_accepted: Accepted) -> None:
            try:
                self.index.catch_up(stream_id)
            except StoreError as error:
                _log.warning("%s is forgotten; its words are still indexed: %s", record_id, error)

        return mapped(self.ask(stream_id, command), take_out, on=self.readers)

    def of_call(self, profile: AgentProfile) -> "CallMemory":
        """The memory of an agent, for one of its calls."""
        return CallMemory(self, profile)


@dataclass(frozen=True, slots=True)
class CallMemory:
    """See `MemoryPort`."""

    memories: Memories
    profile: AgentProfile

    @property
    def options(self) -> MemoryOptions:
        """See `MemoryPort.options`."""
        return self.profile.memory

    async def search(self, question: str, limit: int) -> Sequence[FoundRecord]:
        """See `MemoryPort.search`."""
        search, agent_id = self.memories.search, self.profile.agent_id
        return await anyio.to_thread.run_sync(search, agent_id, question, limit)

    async def pin(self, record_id: str, content: str) -> str:
        """See `MemoryPort.pin`."""
        agent_id, by = self.profile.agent_id, self.profile.name
        return await wait_for(self.memories.pin(agent_id, record_id, content, by=by))

    async def forget(self, record_id: str) -> None:
        """See `MemoryPort.forget`."""
        agent_id, by = self.profile.agent_id, self.profile.name
        await wait_for(self.memories.forget(agent_id, record_id, by=by))


class Owner(Protocol):
    """What memories need of a runtime."""

    settings: RuntimeSettings
    store: EventStore
    clock: Clock
    readers: Executor

    def ask(self, stream_id: StreamId, command: Any) -> "Future[Accepted]":
        """See `RuntimeCore.ask`."""
        ...


@contextmanager
def opened_memories(owner: Owner) -> Iterator[Memories]:
    """The memories of a runtime for the length of a block."""
    file = index_file(owner.store, owner.settings.path)
    opening = importlib.import_module("projections.memory_index").open_memory_index
    with opening(owner.store, file) as index:
        yield Memories(index, owner.ask, owner.clock, owner.readers)


def index_file(reader: JournalReader, store: str | Path) -> Path | None:
    """Where the index of a store is kept; None where it must not outlive the process.

    It is plain text, so an encrypted store has none on disk; nor has one in another place.
    """
    try:
        is_encrypted = part_seal_of(reader, store) is not None
    except StoreError:
        return None
    if store == MEMORY or is_encrypted:
        return None
    if is_sql_url(store):
        files = files_of_database(store)
        return Path(f"{files[0]}{MEMORY_INDEX_ENDING}") if files else None
    return Path(store) / _DIRECTORY_INDEX
