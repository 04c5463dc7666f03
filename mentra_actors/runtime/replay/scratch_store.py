"""A store of its own that begins as another one was after a position; what it gets stays in it."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from mentra_actors.ids import StreamId
from mentra_actors.runtime.writing.branch_settling import leave_unsettled
from mentra_actors.store.branches.branch_file import BranchRecord
from mentra_actors.store.branches.branch_store import BranchStore
from mentra_actors.store.branches.shared_past import SharedPast
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import (
    AppendRequest,
    EncodedEvent,
    JournalReader,
    StoredEvent,
    StreamAppend,
)

__all__ = ["ScratchStore", "copied", "scratch_store"]


class ScratchStore(BranchStore):
    """A branch in memory: it reads what the origin has up to a position, and keeps what it gets.

    Nobody finds anything in the inbox until `open_inbox`: letters are taken when the log says so.
    """

    def __init__(self, origin: JournalReader, position: int, inbox: StreamId) -> None:
        """Made by `scratch_store`."""
        record = BranchRecord(name="replay", created_at=0.0, cut=position)
        super().__init__(SharedPast(origin, position), MemoryEventStore(), record)
        self._inbox = inbox
        self._is_inbox_open = False

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_stream`."""
        if self._is_hidden(stream_id):
            return ()
        return super().read_stream(stream_id, after=after, through=through)

    def read_payloads(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> tuple[list[tuple[str, bytes]], bool]:
        """See `PayloadReader.read_payloads`."""
        if self._is_hidden(stream_id):
            return [], True
        return super().read_payloads(stream_id, after=after, through=through)

    def _is_hidden(self, stream_id: StreamId) -> bool:
        return stream_id == self._inbox and not self._is_inbox_open

    def open_inbox(self) -> None:
        """Let the agent find what is in its inbox."""
        self._is_inbox_open = True

    def deliver(self, through: int) -> None:
        """Put into the inbox what the origin has there up to a version."""
        there = self.stream_version(self._inbox)
        origin = self.past.origin
        for stored in origin.read_stream(self._inbox, after=there, through=through):
            self.append(_request([stored]))

    def close(self) -> None:
        """See `JournalReader.close`; the origin stays open."""
        self._own.close()


def scratch_store(origin: JournalReader, position: int, inbox: StreamId) -> ScratchStore:
    """A store that begins with the events up to a position; nobody has open work in it."""
    store = ScratchStore(origin, position, inbox)
    leave_unsettled(store)
    return store


def copied(store: MemoryEventStore, stored: Iterable[StoredEvent]) -> None:
    """Append events of another store to one that has all before them, byte for byte.

    Raises:
        VersionConflict: it has not.
    """
    for _, same in groupby(stored, key=_place):
        store.append(_request(list(same)))


def _place(stored: StoredEvent) -> tuple[StreamId, str, str, int, int]:
    return (
        stored.stream_id,
        stored.causation,
        stored.correlation,
        stored.recorded_at_ns,
        stored.epoch,
    )


def _request(stored: list[StoredEvent]) -> AppendRequest:
    first = stored[0]
    part = StreamAppend(
        stream_id=first.stream_id,
        events=tuple(EncodedEvent(one.event_type, one.payload) for one in stored),
        expected_version=first.stream_version - 1,
    )
    return AppendRequest(
        streams=(part,),
        recorded_at_ns=first.recorded_at_ns,
        causation=first.causation,
        correlation=first.correlation,
    )
