"""Views of single streams that are kept in memory and beside the log.

A view is read from its newest snapshot and the events after it, and stays in memory while it is
used. A snapshot is saved whenever a quarter of the stream is new, so that all snapshots together
are of the size of the last one, and no view is folded from its beginning but the first time.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from mentra_actors.adapters.held_store import HeldStore
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import StateSnapshot

__all__ = ["FoldedStreams", "StreamView"]

_MOST_VIEWS = 512
_PAGE_EVENTS = 500
_LEAST_NEW = 256


class StreamView(Protocol):
    """A view of one stream. It is changed in place, by whoever holds its lock."""

    def apply(self, recorded: RecordedEvent[object]) -> None:
        """Take an event in; one that is not known is left alone."""
        ...

    def encoded(self) -> bytes:
        """The view as bytes."""
        ...


V = TypeVar("V", bound=StreamView)
V_co = TypeVar("V_co", bound=StreamView, covariant=True)


class ViewKind(Protocol[V_co]):
    """How views of a kind begin."""

    fold_version: int
    """Rises when a view is folded in another way: older snapshots are void."""

    def initial(self, stream_id: StreamId) -> V_co:
        """The view of a stream before its first event."""
        ...

    def decoded(self, stream_id: StreamId, payload: bytes) -> V_co | None:
        """The view of a stream from its bytes; None if they are of another shape."""
        ...


class _Folded(Generic[V]):
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.view: V | None = None
        self.version = 0
        self.saved_version = 0


class FoldedStreams(Generic[V]):
    """The views of one kind, of the streams of a store. Safe from any thread."""

    def __init__(self, held: HeldStore, kind: ViewKind[V]) -> None:
        self._held = held
        self._kind = kind
        self._lock = threading.Lock()
        self._folded: OrderedDict[StreamId, _Folded[V]] = OrderedDict()

    @contextmanager
    def locked(self, stream_id: StreamId) -> Iterator[tuple[V, int]]:
        """The view of a stream and the version it is of, for this thread alone.

        Raises:
            StoreError: the stream cannot be read.
        """
        folded = self._entry(stream_id)
        with folded.lock:
            yield self._caught_up(stream_id, folded), folded.version

    def as_of(self, stream_id: StreamId, version: int) -> V:
        """The view of a stream after one of its versions; nobody else has it.

        Raises:
            StoreError: the stream cannot be read.
        """
        folded: _Folded[V] = _Folded()
        view = self._begun(stream_id, folded, version)
        self._read(stream_id, folded, view, version)
        return view

    def _entry(self, stream_id: StreamId) -> _Folded[V]:
        with self._lock:
            folded = self._folded.setdefault(stream_id, _Folded())
            self._folded.move_to_end(stream_id)
            if len(self._folded) > _MOST_VIEWS:
                self._folded.popitem(last=False)
            return folded

    def _caught_up(self, stream_id: StreamId, folded: _Folded[V]) -> V:
        last = self._held.store.stream_version(stream_id)
        if folded.view is None:
            folded.view = self._begun(stream_id, folded, last)
        self._read(stream_id, folded, folded.view, last)
        new = folded.version - folded.saved_version
        if new >= max(_LEAST_NEW, folded.version // 4):
            self._save(stream_id, folded, folded.view)
        return folded.view

    def _begun(self, stream_id: StreamId, folded: _Folded[V], last: int) -> V:
        """The newest view that is saved, unless it is of a later version than `last`."""
        saved = self._held.store.load_snapshot(stream_id) if last else None
        if (
            saved is not None
            and saved.fold_version == self._kind.fold_version
            and saved.stream_version <= last
            and (view := self._kind.decoded(stream_id, saved.payload)) is not None
        ):
            folded.version = folded.saved_version = saved.stream_version
            return view
        return self._kind.initial(stream_id)

    def _read(self, stream_id: StreamId, folded: _Folded[V], view: V, last: int) -> None:
        while folded.version < last:
            through = min(folded.version + _PAGE_EVENTS, last)
            journal = self._held.journal
            for recorded in journal.read_stream(stream_id, after=folded.version, through=through):
                view.apply(recorded)
                folded.version = recorded.stream_version

    def _save(self, stream_id: StreamId, folded: _Folded[V], view: V) -> None:
        self._held.store.save_snapshot(
            StateSnapshot(
                stream_id=stream_id,
                stream_version=folded.version,
                fold_version=self._kind.fold_version,
                payload=view.encoded(),
            )
        )
        folded.saved_version = folded.version
