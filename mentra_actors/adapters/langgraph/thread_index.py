"""Where the checkpoints of a thread are: all of them, without their values."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator

import msgspec

from mentra_actors.domain.frameworks.langgraph import (
    CheckpointRef,
    CheckpointSaved,
    CheckpointsDropped,
    Place,
    ThreadCopied,
    ThreadDeleted,
    WritesSaved,
)
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId

__all__ = ["Entry", "ThreadIndex", "ThreadIndexes"]


class Entry(msgspec.Struct, array_like=True, gc=False):
    """A checkpoint, and events with what its tasks wrote.

    `place` is None while only writes have come. One that is dropped is not shown, but later
    checkpoints may be made of it.
    """

    place: Place | None = None
    parent_id: str = ""
    run_id: str = ""
    writes: list[Place] = []
    is_dropped: bool = False

    @property
    def is_shown(self) -> bool:
        """True if the framework may see it."""
        return self.place is not None and not self.is_dropped


Entries = dict[str, dict[str, Entry]]
_DECODER: msgspec.msgpack.Decoder[Entries] = msgspec.msgpack.Decoder(Entries)
_ENCODER = msgspec.msgpack.Encoder()


class ThreadIndex:
    """The checkpoints of one thread by namespace and id. Places name their stream, if copied."""

    def __init__(
        self, copied: Callable[[StreamId, int], "ThreadIndex"], entries: Entries | None = None
    ) -> None:
        """`copied` gives the index of another thread as of a version of its stream."""
        self._copied = copied
        self._entries = entries or {}
        self._shown: dict[str, list[str]] = {
            namespace: sorted(one for one, entry in entries.items() if entry.is_shown)
            for namespace, entries in self._entries.items()
        }

    # --- looking --------------------------------------------------------------------------

    @property
    def namespaces(self) -> list[str]:
        """Namespaces that show a checkpoint, sorted."""
        return sorted(name for name, shown in self._shown.items() if shown)

    def entries(self) -> Entries:
        """All checkpoints by namespace and id, shown or not; not to be changed."""
        return self._entries

    def entry(self, namespace: str, checkpoint_id: str) -> Entry | None:
        """A checkpoint, also one that is dropped or of which only writes are known."""
        return self._entries.get(namespace, {}).get(checkpoint_id)

    def newest(self, namespace: str) -> str | None:
        """The id of the last checkpoint that is shown."""
        shown = self._shown.get(namespace)
        return shown[-1] if shown else None

    def shown(self, namespace: str, before: str | None = None) -> list[str]:
        """Ids of a namespace, the newest first, all of them or those before an id."""
        shown = self._shown.get(namespace, [])
        end = len(shown) if before is None else bisect_left(shown, before)
        return shown[:end][::-1]

    def of_runs(self, run_ids: Iterable[str]) -> list[CheckpointRef]:
        """What is shown of some runs."""
        wanted = set(run_ids)
        return [
            CheckpointRef(namespace, one)
            for namespace, entries in self._entries.items()
            for one, entry in entries.items()
            if entry.is_shown and entry.run_id in wanted
        ]

    def older(self) -> list[CheckpointRef]:
        """All that is shown, but the newest of each namespace."""
        return [
            CheckpointRef(namespace, one)
            for namespace, shown in self._shown.items()
            for one in shown[:-1]
        ]

    def line_of(self, namespace: str, checkpoint_id: str) -> Iterator[Entry]:
        """The ancestors of a checkpoint, its parent first, dropped ones too."""
        seen = {checkpoint_id}
        entry = self.entry(namespace, checkpoint_id)
        while entry is not None and entry.parent_id and entry.parent_id not in seen:
            seen.add(entry.parent_id)
            entry = self.entry(namespace, entry.parent_id)
            if entry is not None and entry.place is not None:
                yield entry

    # --- folding --------------------------------------------------------------------------

    def apply(self, recorded: RecordedEvent[object]) -> None:
        """See `StreamView.apply`."""
        event, place = recorded.event, Place(recorded.stream_version)
        match event:
            case CheckpointSaved():
                self._save(event, place)
            case WritesSaved():
                self._open_entry(event.namespace, event.checkpoint_id).writes.append(place)
            case CheckpointsDropped():
                self._drop(event.checkpoints)
            case ThreadCopied():
                self._take_in(StreamId(event.source), event.through)
            case ThreadDeleted():
                self._entries.clear()
                self._shown.clear()

    def encoded(self) -> bytes:
        """See `StreamView.encoded`."""
        return _ENCODER.encode(self._entries)

    def _save(self, event: CheckpointSaved, place: Place) -> None:
        entry = self._open_entry(event.namespace, event.checkpoint_id)
        if entry.is_dropped:
            entry.is_dropped, entry.writes = False, []
        entry.place, entry.parent_id, entry.run_id = place, event.parent_id, event.run_id
        self._show(event.namespace, event.checkpoint_id)

    def _open_entry(self, namespace: str, checkpoint_id: str) -> Entry:
        return self._entries.setdefault(namespace, {}).setdefault(checkpoint_id, Entry())

    def _show(self, namespace: str, checkpoint_id: str) -> None:
        shown = self._shown.setdefault(namespace, [])
        at = bisect_left(shown, checkpoint_id)
        if at == len(shown) or shown[at] != checkpoint_id:
            insort(shown, checkpoint_id)

    def _drop(self, checkpoints: Iterable[CheckpointRef]) -> None:
        dropped: dict[str, set[str]] = {}
        for one in checkpoints:
            entry = self.entry(one.namespace, one.checkpoint_id)
            if entry is not None:
                entry.is_dropped = True
                dropped.setdefault(one.namespace, set()).add(one.checkpoint_id)
        for namespace, gone in dropped.items():
            self._shown[namespace] = [
                one for one in self._shown.get(namespace, []) if one not in gone
            ]

    def _take_in(self, source: StreamId, through: int) -> None:
        """Copy where everything is, not what it is."""
        for namespace, entries in self._copied(source, through).entries().items():
            for checkpoint_id, theirs in entries.items():
                entry = Entry(
                    place=_seen_from_elsewhere(theirs.place, source),
                    parent_id=theirs.parent_id,
                    run_id=theirs.run_id,
                    writes=[Place(one.version, one.stream_id or source) for one in theirs.writes],
                    is_dropped=theirs.is_dropped,
                )
                self._entries.setdefault(namespace, {})[checkpoint_id] = entry
                if entry.is_shown:
                    self._show(namespace, checkpoint_id)


def _seen_from_elsewhere(place: Place | None, source: StreamId) -> Place | None:
    return None if place is None else Place(place.version, place.stream_id or source)


class ThreadIndexes:
    """How the index of a thread begins; see `ViewKind`."""

    fold_version = 1

    def __init__(self, copied: Callable[[StreamId, int], ThreadIndex]) -> None:
        """`copied` gives the index of another thread as of a version of its stream."""
        self._copied = copied

    def initial(self, stream_id: StreamId) -> ThreadIndex:  # noqa: ARG002 - all begin alike
        """See `ViewKind.initial`."""
        return ThreadIndex(self._copied)

    def decoded(self, stream_id: StreamId, payload: bytes) -> ThreadIndex | None:  # noqa: ARG002
        """See `ViewKind.decoded`."""
        try:
            return ThreadIndex(self._copied, _DECODER.decode(payload))
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None
