"""How an actor gets its state: the newest snapshot, then every event after it."""

from typing import Any, Generic, NamedTuple, TypeVar

from mentra_actors.actors.milestones import MilestoneMaker, state_through
from mentra_actors.codec.snapshot_codec import SnapshotCodec
from mentra_actors.decider import Decider
from mentra_actors.envelope import UnknownEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import EventStore, SnapshotReader, StateSnapshot

__all__ = ["Loaded", "StateLoader"]

S = TypeVar("S")

EVENTS_PER_SNAPSHOT = 100
"""Reading and folding one costs some 5 µs: half of them is a tenth of what an agent takes to be
there again, and a snapshot is one commit among the fifty or so that the events were."""


class Loaded(NamedTuple, Generic[S]):
    """A state, its stream version, and the version of the snapshot it was folded from.

    `is_whole` is false if events were skipped that this release cannot read.
    """

    state: S
    version: int
    snapshot_version: int
    is_whole: bool = True


class StateLoader(Generic[S]):
    """Loads and saves the states of one kind of stream. Safe from any thread."""

    def __init__(
        self,
        decider: Decider[Any, Any, S, Any],
        store: EventStore,
        journal: Journal | None = None,
    ) -> None:
        """`journal` reads `store`; without one it gets its own, with its own warnings."""
        self._decider = decider
        self._store = store
        self._journal = journal or Journal(store)
        self._codec = SnapshotCodec(decider.initial)
        self._milestones = MilestoneMaker()

    def load(self, stream_id: StreamId) -> Loaded[S]:
        """State of a stream as of its last durable event.

        Raises:
            StoreError: the stream cannot be read.
        """
        state, snapshot_version = self._from_snapshot(stream_id)
        version, is_whole = snapshot_version, True
        for events, last in self._journal.event_pages(stream_id, after=snapshot_version):
            state, version = self._decider.fold(events, state), last
            is_whole = is_whole and not any(type(event) is UnknownEvent for event in events)
        return Loaded(state, version, snapshot_version, is_whole)

    def _from_snapshot(self, stream_id: StreamId) -> tuple[S, int]:
        snapshot = self._store.load_snapshot(stream_id)
        if (
            snapshot is not None
            and snapshot.is_milestone
            and isinstance(self._store, SnapshotReader)
        ):  # a branch begins with what its origin has kept before the cut
            snapshot = state_through(self._store, stream_id, snapshot.stream_version)
        if snapshot is None or snapshot.fold_version != self._decider.fold_version:
            return self._decider.initial, 0
        state = self._codec.decode(snapshot.payload)
        if state is None:
            return self._decider.initial, 0
        return state, snapshot.stream_version

    def save(self, stream_id: StreamId, loaded: Loaded[S]) -> Loaded[S]:
        """Save a snapshot if enough events came since the last one, and perhaps a milestone.

        A state that lacks events is not saved: a release that can read them would miss them.
        """
        is_due = loaded.version - loaded.snapshot_version >= EVENTS_PER_SNAPSHOT
        if not (is_due and loaded.is_whole):
            return loaded
        snapshot = StateSnapshot(
            stream_id=stream_id,
            stream_version=loaded.version,
            fold_version=self._decider.fold_version,
            payload=self._codec.encode(loaded.state),
        )
        self._store.save_snapshot(snapshot)
        milestone = self._milestones.due(snapshot, since=loaded.snapshot_version)
        if milestone is not None:
            self._store.save_snapshot(milestone)
        return loaded._replace(snapshot_version=loaded.version)
