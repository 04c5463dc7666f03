"""The state of a stream as of any version, from the youngest snapshot before it.

A store that keeps milestones makes a look at any version cost about what one at the end costs.
Where they are missing (the log of an earlier release), the events are folded once, and milestones
are saved on the way if the store is open for writing.
"""

from typing import Any, Generic, TypeVar

from mentra_actors.actors.recovery import EVENTS_PER_MILESTONE
from mentra_actors.codec.snapshot_codec import SnapshotCodec
from mentra_actors.decider import Decider
from mentra_actors.envelope import UnknownEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import (
    JournalReader,
    SnapshotReader,
    SnapshotWriter,
    StateSnapshot,
)

__all__ = ["PastStates"]

S = TypeVar("S")


class PastStates(Generic[S]):
    """States of one kind of stream as they were. Safe from any thread; reading does file I/O."""

    def __init__(
        self,
        decider: Decider[Any, Any, S, Any],
        reader: JournalReader,
        journal: Journal | None = None,
    ) -> None:
        """`journal` reads `reader`."""
        self._decider = decider
        self._snapshots = reader if isinstance(reader, SnapshotReader) else None
        self._writer = reader if isinstance(reader, SnapshotWriter) else None
        self._journal = journal or Journal(reader)
        self._codec = SnapshotCodec(decider.initial)

    def at(self, stream_id: StreamId, version: int) -> S:
        """The state after the event with this version, which must be there; 0 is before the first.

        Raises:
            StoreError: the stream cannot be read.
        """
        state, start = self._before(stream_id, version)
        is_worth_saving = self._writer is not None and version - start > 2 * EVENTS_PER_MILESTONE
        while start < version:
            end = min(version, start - start % EVENTS_PER_MILESTONE + EVENTS_PER_MILESTONE)
            for events, _ in self._journal.event_pages(stream_id, after=start, through=end):
                state = self._decider.fold(events, state)
                if any(type(event) is UnknownEvent for event in events):
                    is_worth_saving = False  # a release that can read them would miss them
            if is_worth_saving and end % EVENTS_PER_MILESTONE == 0:
                self._save(stream_id, end, state)
            start = end
        return state

    def _before(self, stream_id: StreamId, version: int) -> tuple[S, int]:
        found = self._snapshots and self._snapshots.snapshot_through(stream_id, version)
        if found and found.fold_version == self._decider.fold_version:
            state = self._codec.decode(found.payload)
            if state is not None:
                return state, found.stream_version
        return self._decider.initial, 0

    def _save(self, stream_id: StreamId, version: int, state: S) -> None:
        assert self._writer is not None
        snapshot = StateSnapshot(
            stream_id=stream_id,
            stream_version=version,
            fold_version=self._decider.fold_version,
            payload=self._codec.encode(state),
            is_milestone=True,
        )
        self._writer.save_snapshot(snapshot)
