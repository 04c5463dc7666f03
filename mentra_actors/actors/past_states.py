"""The state of a stream as of any version, from the youngest snapshot before it.

A store that keeps milestones makes a look at any version cost about what one at the end costs.
Where they are missing (the log of an earlier release), the events are folded once, and milestones
are saved on the way if the store is open for writing.
"""

from typing import Any, Generic, TypeVar

from mentra_actors.actors.milestones import (
    EVENTS_PER_MILESTONE,
    MilestoneMaker,
    milestone_spacing,
    state_through,
)
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
        state, start, saved = self._before(stream_id, version)
        if self._writer is not None and version - start > 2 * EVENTS_PER_MILESTONE:
            state, start = self._with_milestones(stream_id, (start, version), state, saved)
        return self._folded(stream_id, (start, version), state)[0]

    def _before(self, stream_id: StreamId, version: int) -> tuple[S, int, StateSnapshot | None]:
        found = self._snapshots and state_through(self._snapshots, stream_id, version)
        if found and found.fold_version == self._decider.fold_version:
            state = self._codec.decode(found.payload)
            if state is not None:
                return state, found.stream_version, found
        return self._decider.initial, 0, None

    def _folded(self, stream_id: StreamId, versions: tuple[int, int], state: S) -> tuple[S, bool]:
        """The state carried on between two versions; False if it lacks events.

        What this release cannot read a later one may: it must not find a state without it.
        """
        is_whole, (after, through) = True, versions
        if after < through:
            for events, _ in self._journal.event_pages(stream_id, after=after, through=through):
                state = self._decider.fold(events, state)
                is_whole = is_whole and not any(type(one) is UnknownEvent for one in events)
        return state, is_whole

    def _with_milestones(
        self,
        stream_id: StreamId,
        versions: tuple[int, int],
        state: S,
        saved: StateSnapshot | None,
    ) -> tuple[S, int]:
        """The state carried on, and how far: milestones are saved as long as it is whole."""
        start, version = versions
        maker, size, is_whole = MilestoneMaker(), 0, True
        if saved is not None:
            size = len(saved.payload)
            if saved.is_milestone:
                maker.begin(stream_id, start, saved.payload)
        while is_whole:
            spacing = milestone_spacing(size)
            end = start - start % spacing + spacing
            if end > version:
                break
            state, is_whole = self._folded(stream_id, (start, end), state)
            if is_whole:
                size = self._save(maker, self._snapshot(stream_id, end, state), start)
            start = end
        return state, start

    def _snapshot(self, stream_id: StreamId, version: int, state: S) -> StateSnapshot:
        return StateSnapshot(
            stream_id=stream_id,
            stream_version=version,
            fold_version=self._decider.fold_version,
            payload=self._codec.encode(state),
        )

    def _save(self, maker: MilestoneMaker, snapshot: StateSnapshot, since: int) -> int:
        """Save what is due; how many bytes the state has."""
        milestone = maker.due(snapshot, since=since)
        if milestone is not None and self._writer is not None:
            self._writer.save_snapshot(milestone)
        return len(snapshot.payload)
