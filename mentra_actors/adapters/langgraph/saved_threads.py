"""Threads of LangGraph in a store: what is saved and read, in bytes.

`saver` stands on it; nothing here knows the framework.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from mentra_actors.adapters.folded_streams import FoldedStreams
from mentra_actors.adapters.held_store import HeldStore
from mentra_actors.adapters.langgraph.grown_values import (
    Piece,
    WholeValue,
    put_together,
    saved_value,
)
from mentra_actors.adapters.langgraph.thread_index import Entry, ThreadIndex, ThreadIndexes
from mentra_actors.adapters.stream_names import named_stream
from mentra_actors.domain.frameworks.langgraph import (
    CheckpointRef,
    CheckpointSaved,
    CheckpointsDropped,
    Packed,
    Place,
    SavedValue,
    ThreadCopied,
    ThreadDeleted,
    ThreadEvent,
    WritesSaved,
)
from mentra_actors.errors import StoreError
from mentra_actors.ids import StreamId

__all__ = ["CATEGORY", "NewCheckpoint", "SavedThreads", "Thread"]

CATEGORY = "langgraph"
_MOST_CACHED_BYTES = 16 << 20

K = TypeVar("K")
V = TypeVar("V")


class NewCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint to save. `changed` are packed values; `unchanged` are read from its parent.

    Of an unchanged channel that the parent does not have, `pack` gives the value.
    """

    checkpoint_id: str
    parent_id: str
    checkpoint: Packed
    metadata: Packed
    changed: Mapping[str, Packed]
    unchanged: Sequence[str]
    pack: Callable[[str], Packed]
    run_id: str
    source: str
    step: int | None


class Thread(msgspec.Struct, frozen=True):
    """One namespace of one thread."""

    thread_id: str
    namespace: str = ""

    @property
    def stream_id(self) -> StreamId:
        """The stream of the whole thread."""
        return named_stream(CATEGORY, self.thread_id)


class _Recent(Generic[K, V]):
    """What was read last, as much as may be kept in memory. Safe from any thread."""

    def __init__(self, size_of: Callable[[V], int]) -> None:
        self._lock = threading.Lock()
        self._size_of = size_of
        self._found: OrderedDict[K, V] = OrderedDict()
        self._size = 0

    def get(self, key: K) -> V | None:
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
            return found

    def add(self, key: K, value: V) -> None:
        with self._lock:
            self._forget(key)
            self._found[key] = value
            self._size += self._size_of(value)
            while self._size > _MOST_CACHED_BYTES:
                self._forget(next(iter(self._found)))

    def drop(self, key: K) -> None:
        """A value that has grown: its successor is asked for from now on."""
        with self._lock:
            self._forget(key)

    def _forget(self, key: K) -> None:
        if key in self._found:
            self._size -= self._size_of(self._found.pop(key))


class SavedThreads:
    """All threads of a store. Safe from any thread; every call blocks for file I/O."""

    def __init__(self, held: HeldStore) -> None:
        self._held = held
        self._indexes: FoldedStreams[ThreadIndex] = FoldedStreams(held, ThreadIndexes(self._as_of))
        self._values: _Recent[tuple[Place, str], WholeValue] = _Recent(
            lambda value: len(value.content)
        )
        self._events: _Recent[Place, object] = _Recent(_size_of)

    def _as_of(self, stream_id: StreamId, through: int) -> ThreadIndex:
        return self._indexes.as_of(stream_id, through)

    # --- saving ---------------------------------------------------------------------------

    def save(self, thread: Thread, new: NewCheckpoint) -> None:
        """Record a checkpoint: what has changed since its parent."""
        stream_id = thread.stream_id
        known = self._places(thread, new.parent_id)
        values = {
            channel: self._saved(stream_id, channel, packed, known.get(channel))
            for channel, packed in new.changed.items()
        }
        kept = {one: _named_in(stream_id, known[one]) for one in new.unchanged if one in known}
        for channel in set(new.unchanged) - kept.keys():
            packed = new.pack(channel)
            values[channel] = SavedValue(packed.kind, packed.content)
        event = CheckpointSaved(
            checkpoint_id=new.checkpoint_id,
            parent_id=new.parent_id,
            namespace=thread.namespace,
            checkpoint=new.checkpoint,
            metadata=new.metadata,
            values=values,
            kept=kept,
            run_id=new.run_id,
            source=new.source,
            step=new.step,
        )
        version = self._append(thread, event, "put")
        for channel, packed in new.changed.items():
            self._remember(Place(version, stream_id), channel, packed, known.get(channel), values)

    def save_writes(self, thread: Thread, event: WritesSaved) -> None:
        """Record what a task wrote."""
        self._append(thread, event, "put_writes")

    def delete(self, thread_id: str) -> None:
        """Empty a thread, if there is anything in it."""
        if self._held.store.stream_version(Thread(thread_id).stream_id):
            self._append(Thread(thread_id), ThreadDeleted(), "delete_thread")

    def delete_runs(self, run_ids: Sequence[str]) -> None:
        """Drop the checkpoints of some runs; looks through all threads."""
        for thread_id in self.thread_ids() if run_ids else []:
            self._drop(thread_id, lambda index: index.of_runs(run_ids), "delete_for_runs")

    def prune(self, thread_id: str) -> None:
        """Drop all but the newest checkpoint of each namespace."""
        self._drop(thread_id, ThreadIndex.older, "prune")

    def copy(self, source: str, target: str) -> None:
        """Put all checkpoints of a thread into another one, without a second copy of them."""
        stream_id = Thread(source).stream_id
        version = self._held.store.stream_version(stream_id)
        if version and source != target:
            event = ThreadCopied(source=stream_id, through=version)
            self._append(Thread(target), event, "copy_thread")

    def _drop(
        self, thread_id: str, chosen: Callable[[ThreadIndex], Sequence[CheckpointRef]], cause: str
    ) -> None:
        with self._indexes.locked(Thread(thread_id).stream_id) as (index, _version):
            dropped = tuple(chosen(index))
        if dropped:
            event = CheckpointsDropped(checkpoints=dropped, reason=cause)
            self._append(Thread(thread_id), event, cause)

    def _append(self, thread: Thread, event: ThreadEvent, cause: str) -> int:
        appending = (thread.stream_id, [event], None)
        return self._held.append(appending, names=(thread.thread_id,), cause=cause)

    def _saved(
        self, stream_id: StreamId, channel: str, packed: Packed, older: Place | None
    ) -> SavedValue:
        whole = None if older is None else self.value(older, channel)
        return saved_value(
            packed.kind, packed.content, whole, lambda place: _named_in(stream_id, place)
        )

    def _remember(
        self,
        place: Place,
        channel: str,
        packed: Packed,
        older: Place | None,
        values: Mapping[str, SavedValue],
    ) -> None:
        growth = values[channel].growth
        whole = None if older is None else self._values.get((older, channel))
        if growth is None or older is None or whole is None:
            return
        base = Place(growth.base.version, growth.base.stream_id or place.stream_id)
        pieces = whole.pieces
        kept = pieces[: 1 + next(i for i, one in enumerate(pieces) if one.place == base)]
        size = len(packed.content) - len(growth.head)
        new = Piece(growth.depth, place, size)
        whole = WholeValue(packed.kind, packed.content, (*kept, new))
        self._values.add((place, channel), whole)
        self._values.drop((older, channel))

    # --- reading --------------------------------------------------------------------------

    def thread_ids(self) -> list[str]:
        """All threads that there ever were, sorted by stream."""
        return [self._held.names_of(one)[0] for one in self._held.store.stream_ids(CATEGORY)]

    def namespaces(self, thread_id: str) -> list[str]:
        """The namespaces of a thread that show a checkpoint."""
        with self._indexes.locked(Thread(thread_id).stream_id) as (index, _version):
            return index.namespaces

    def ids(self, thread: Thread, before: str | None = None) -> list[str]:
        """Ids of the checkpoints that are shown, the newest first."""
        with self._indexes.locked(thread.stream_id) as (index, _version):
            return index.shown(thread.namespace, before)

    def entry(self, thread: Thread, checkpoint_id: str | None) -> Entry | None:
        """A checkpoint that is shown (None: the newest), with places of any thread."""
        with self._indexes.locked(thread.stream_id) as (index, _version):
            wanted = checkpoint_id or index.newest(thread.namespace) or ""
            entry = index.entry(thread.namespace, wanted)
            return None if entry is None or not entry.is_shown else _placed(thread, entry)

    def line_of(self, thread: Thread, checkpoint_id: str) -> list[Entry]:
        """The ancestors of a checkpoint, its parent first, with places of any thread."""
        with self._indexes.locked(thread.stream_id) as (index, _version):
            line = list(index.line_of(thread.namespace, checkpoint_id))
            return [_placed(thread, entry) for entry in line]

    def newest(self, thread: Thread) -> str | None:
        """The id of the last checkpoint that is shown."""
        with self._indexes.locked(thread.stream_id) as (index, _version):
            return index.newest(thread.namespace)

    def checkpoint(self, place: Place) -> CheckpointSaved:
        """The checkpoint that was recorded at a place.

        Raises:
            StoreError: it cannot be read any more.
        """
        event = self._event(place)
        if isinstance(event, CheckpointSaved):
            return event
        raise StoreError(
            f"{place.stream_id}, version {place.version}: the checkpoint cannot be read "
            f"({getattr(event, 'reason', 'another event is there')})"
        )

    def writes(self, entry: Entry) -> list[WritesSaved]:
        """What tasks wrote after a checkpoint, in the order in which it was recorded."""
        events = [self._event(place) for place in entry.writes]
        return [event for event in events if isinstance(event, WritesSaved)]

    def channels(self, place: Place) -> dict[str, Place]:
        """Where the values of a checkpoint are, by channel."""
        event = self.checkpoint(place)
        own = dict.fromkeys(event.values, place)
        return own | {one: _seen_from(place, kept) for one, kept in event.kept.items()}

    def value(self, place: Place, channel: str) -> WholeValue:
        """The value of a channel that was recorded at a place, with all its bytes."""
        found = self._values.get((place, channel))
        if found is None:
            read = lambda one: self.checkpoint(one).values[channel]  # noqa: E731
            found = put_together(place, read, _seen_from)
            self._values.add((place, channel), found)
        return found

    def _places(self, thread: Thread, checkpoint_id: str) -> dict[str, Place]:
        """Where the values of a parent are; none if there is no parent."""
        if not checkpoint_id:
            return {}
        with self._indexes.locked(thread.stream_id) as (index, _version):
            entry = index.entry(thread.namespace, checkpoint_id)
            place = None if entry is None else _placed(thread, entry).place
        return {} if place is None else self.channels(place)

    def _event(self, place: Place) -> object:
        event = self._events.get(place)
        if event is None:
            found = self._held.journal.read_stream(
                StreamId(place.stream_id), after=place.version - 1, through=place.version
            )
            event = found[0].event if found else None
            if isinstance(event, CheckpointSaved | WritesSaved):
                self._events.add(place, event)
        return event


def _size_of(event: object) -> int:
    match event:
        case CheckpointSaved(values=values, checkpoint=checkpoint):
            return len(checkpoint.content) + sum(len(one.content) for one in values.values())
        case WritesSaved(writes=writes):
            return sum(len(one.content) for one in writes)
        case _:
            return 0


def _placed(thread: Thread, entry: Entry) -> Entry:
    """A copy whose places all name their stream."""
    here = Place(0, thread.stream_id)
    return Entry(
        place=None if entry.place is None else _seen_from(here, entry.place),
        parent_id=entry.parent_id,
        run_id=entry.run_id,
        writes=[_seen_from(here, one) for one in entry.writes],
        is_dropped=entry.is_dropped,
    )


def _seen_from(here: Place, place: Place) -> Place:
    """The place that an event at `here` means by `place`."""
    return place if place.stream_id else Place(place.version, here.stream_id)


def _named_in(stream_id: StreamId, place: Place) -> Place:
    """How an event of a stream names a place."""
    return Place(place.version) if place.stream_id == stream_id else place
