"""The memories of a runtime: facts are written by commands, all records are found in the index."""

import importlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import anyio.to_thread
import msgspec

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.profile import AgentProfile, MemoryOptions
from mentra_actors.domain.memory import (
    SCOPES,
    ForgetRecord,
    FoundRecord,
    MemoryCommand,
    MemoryRecord,
    MemoryRecorded,
    MemoryScope,
    MemoryState,
    PinFact,
    PinFacts,
    is_read_off_the_log,
    pinned_id,
)
from mentra_actors.domain.memory_views import (
    MemoryQuestion,
    MemoryView,
    SeenWords,
    agent_view,
)
from mentra_actors.effects.models.live import LiveFeed
from mentra_actors.effects.ports import Clock
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected, RuntimeClosed, StoreError
from mentra_actors.ids import AgentId, StreamId, TeamId, agent_stream
from mentra_actors.runtime.awaiting import wait_for
from mentra_actors.runtime.futures import chained, mapped
from mentra_actors.runtime.memory.memory_imports import written_stream
from mentra_actors.runtime.memory.memory_vectors import MemoryVectors
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import MEMORY, part_seal_of
from mentra_actors.store.ports import EventStore, JournalReader
from mentra_actors.store.sql.opening import MEMORY_INDEX_ENDING, files_of_database, is_sql_url

if TYPE_CHECKING:  # SQLite is imported when there is something to remember
    from projections.memory.index import MemoryIndex

__all__ = ["CallMemory", "Memories", "index_file", "opened_memories", "team_of"]

_log = logging.getLogger(__name__)

T = TypeVar("T")

_DIRECTORY_INDEX = "views-memory.sqlite"
_PATIENCE_S = 1.0
"""How long somebody who searches waits for the vector of the question, and of new records."""
_WORDS_ALONE = "by words alone"
_SHARE_OF_TIME = 0.9
"""Of the time of a recall: the rest is for saying why nothing came of it."""


@dataclass(frozen=True, slots=True)
class Memories:
    """Safe from any thread. What gives a future does not block; what gives records does."""

    index: "MemoryIndex"
    ask: "Callable[[StreamId, MemoryCommand], Future[Accepted]]"
    clock: Clock
    readers: Executor
    streams: set[StreamId] = field(default_factory=set)
    """Those in which facts were ever pinned."""
    at_once: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))
    """Recalls that search at the same time; the others wait as long as they may."""
    vectors: MemoryVectors | None = None

    def search(
        self,
        view: MemoryView,
        question: str,
        limit: int,
        scopes: Sequence[MemoryScope] = SCOPES,
    ) -> Sequence[FoundRecord]:
        """See `MemoryIndex.search`. What was just recorded is found by its meaning, too."""
        asked = MemoryQuestion(
            words=question,
            limit=limit,
            now=self.clock.now(),
            scopes=tuple(scopes),
            vector=self._vector(question, _PATIENCE_S),
        )
        found = self._found(view, asked)
        if self.vectors is not None and asked.vector and self.vectors.made_within(_PATIENCE_S):
            found = self._found(view, asked)
        return found

    def _found(
        self, view: MemoryView, asked: MemoryQuestion, until: float | None = None
    ) -> Sequence[FoundRecord]:
        """What a search finds; its `why` says if it had to do without vectors that there are."""
        found: Sequence[FoundRecord] = self.index.search(view, asked, until=until)
        if self.vectors is None:
            return found
        self.vectors.fill()
        if asked.vector:
            return found
        return [
            msgspec.structs.replace(one, why="; ".join(filter(None, (one.why, _WORDS_ALONE))))
            for one in found
        ]

    def records(
        self, view: MemoryView, scopes: Sequence[MemoryScope] = SCOPES
    ) -> Sequence[MemoryRecord]:
        """See `MemoryIndex.records`."""
        return self.index.records(view, scopes)

    def pin(self, view: MemoryView, command: PinFact) -> "Future[str]":
        """Keep a fact in a scope of a view; the id of the record that stands for it.

        Raises:
            CommandRejected: it is empty, too long, or was forgotten under this id; or nobody who
                has this view has such a scope.
        """

        def record_of(kept: str | None) -> str:
            if kept is None:
                raise CommandRejected(f"the record {command.record_id!r} was forgotten")
            return kept

        return mapped(self.kept(view, command), record_of)

    def kept(self, view: MemoryView, command: PinFact) -> "Future[str | None]":
        """See `pin`; None if the record was forgotten."""

        def record_of(accepted: Accepted) -> str | None:
            state: MemoryState = accepted.state
            return pinned_id(state, command)

        return mapped(self.ask(written_stream(view, command.scope), command), record_of)

    def kept_all(self, stream_id: StreamId, command: PinFacts) -> "Future[list[str | None]]":
        """Keep facts in one stream; as `kept` for each."""

        def records_of(accepted: Accepted) -> list[str | None]:
            return [pinned_id(accepted.state, fact) for fact in command.facts]

        return mapped(self.ask(stream_id, command), records_of)

    def forget(
        self, view: MemoryView, record_id: str, *, by: str, scopes: Sequence[MemoryScope] = SCOPES
    ) -> "Future[None]":
        """Let a record be found no more, and take its words out of the index.

        Of several records of this id the one in the first of these scopes is meant.

        Raises:
            CommandRejected: this memory has no such record.
        """
        command = ForgetRecord(record_id=record_id, by=by, now=self.clock.now())

        def forget_there(scope: MemoryScope) -> "Future[None]":
            stream_id = written_stream(view, scope)

            def take_out(_accepted: Accepted) -> None:
                try:
                    self.index.catch_up_with(stream_id)
                except StoreError as error:
                    _log.warning("forgotten, but %s is still indexed: %s", record_id, error)

            return mapped(self.ask(stream_id, command), take_out, on=self.readers)

        found: Future[MemoryScope] = self._read(lambda: self._scope_of(view, record_id, scopes))
        return chained(found, forget_there)

    def _scope_of(
        self, view: MemoryView, record_id: str, scopes: Sequence[MemoryScope]
    ) -> MemoryScope:
        try:
            found = self.index.scope_of(view, record_id, scopes)
        except StoreError as error:
            _log.warning("%s is looked for where it may be: %s", record_id, error)
            return scopes[0]
        if found is None and is_read_off_the_log(record_id):
            raise CommandRejected(f"this memory has no record {record_id!r}")
        return found or scopes[0]

    def _read(self, work: Callable[[], T]) -> "Future[T]":
        try:
            return self.readers.submit(work)
        except RuntimeError:  # it is shut down
            failed: Future[T] = Future()
            failed.set_exception(RuntimeClosed("the runtime was closed; nothing was recorded"))
            return failed

    def of_call(self, profile: AgentProfile) -> "CallMemory":
        """The memory of an agent, for one of its calls."""
        return CallMemory(self, profile)

    # --- recall ---------------------------------------------------------------------------

    def has_facts(self, profile: AgentProfile) -> bool:
        """See `RecallPort`."""
        view = _view_of(profile)
        return any(one.stream_id in self.streams for one in view.streams)

    async def recall(
        self, profile: AgentProfile, question: str, seen: SeenWords
    ) -> Sequence[FoundRecord]:
        """See `RecallPort`."""
        until = time.monotonic() + profile.memory.auto_recall_timeout_s * _SHARE_OF_TIME

        def recalled() -> Sequence[FoundRecord]:
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the memory was not searched in time")
            asked = MemoryQuestion(
                words=question,
                limit=profile.memory.auto_recall_limit,
                now=self.clock.now(),
                seen=seen,
                vector=self._vector(question, left_s / 2),
            )
            return self._found(_view_of(profile), asked, until)

        return await anyio.to_thread.run_sync(
            recalled, abandon_on_cancel=True, limiter=self.at_once
        )

    def _vector(self, question: str, within_s: float) -> tuple[float, ...]:
        return () if self.vectors is None else self.vectors.of_question(question, within_s)

    def note(self, recorded: Sequence[RecordedEvent[object]]) -> None:
        """Hear what was recorded."""
        for one in recorded:
            if type(one.event) is MemoryRecorded:
                self.streams.add(one.stream_id)


def _view_of(profile: AgentProfile) -> MemoryView:
    return agent_view(profile.agent_id, profile.team_id)


def team_of(journal: Journal, agent_id: AgentId, otherwise: TeamId) -> TeamId:
    """The team of an agent; the other one where the log does not tell. Reads the store."""
    for one in journal.read_stream(agent_stream(agent_id), through=1):
        if isinstance(one.event, e.AgentSpawned):
            return one.event.profile.team_id
    return otherwise


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
        search, view = self.memories.search, _view_of(self.profile)
        return await anyio.to_thread.run_sync(search, view, question, limit)

    async def pin(self, record_id: str, content: str, scope: MemoryScope = "agent") -> str:
        """See `MemoryPort.pin`."""
        command = PinFact(
            record_id=record_id,
            content=content,
            by=self.profile.name,
            now=self.memories.clock.now(),
            scope=scope,
        )
        return await wait_for(self.memories.pin(_view_of(self.profile), command))

    async def forget(self, record_id: str) -> None:
        """See `MemoryPort.forget`."""
        view, by = _view_of(self.profile), self.profile.name
        await wait_for(self.memories.forget(view, record_id, by=by))


class Owner(Protocol):
    """What memories need of a runtime."""

    settings: RuntimeSettings
    store: EventStore
    clock: Clock
    readers: Executor
    recorded: LiveFeed[tuple[RecordedEvent[object], ...]]

    def ask(self, stream_id: StreamId, command: object) -> "Future[Accepted]":
        """See `RuntimeCore.ask`."""
        ...

    def perform(
        self, work: Callable[..., Awaitable[object]], *arguments: object
    ) -> "Future[object]":
        """See `RuntimeCore.perform`."""
        ...


@contextmanager
def opened_memories(owner: Owner) -> Iterator[Memories]:
    """The memories of a runtime for the length of a block."""
    file = index_file(owner.store, owner.settings.path)
    opening = importlib.import_module("projections.memory.index").open_memory_index
    model = owner.settings.embeddings
    with opening(owner.store, file, vectors_of=model.name if model else "") as index:
        vectors = MemoryVectors(model, index, owner.perform) if model else None
        memories = Memories(index, owner.ask, owner.clock, owner.readers, vectors=vectors)
        owner.recorded.subscribe(memories.note)
        memories.streams.update(owner.store.stream_ids("memory"))
        yield memories


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
