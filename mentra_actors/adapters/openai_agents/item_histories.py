"""Histories of items in a store, in bytes; `session` stands on it."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from mentra_actors.adapters.folded_streams import FoldedStreams
from mentra_actors.adapters.held_store import HeldStore
from mentra_actors.adapters.stream_names import named_stream
from mentra_actors.domain.frameworks.openai_agents import (
    HistoryBranched,
    HistoryCleared,
    HistoryEvent,
    ItemPopped,
    ItemsAdded,
)
from mentra_actors.envelope import AnyRecorded
from mentra_actors.errors import CommandRejected, StoreError, VersionConflict
from mentra_actors.ids import StreamId

__all__ = ["CATEGORY", "ItemHistories"]

CATEGORY = "openai"
_MOST_AT_ONCE = 256
_MOST_SPAN = 1024


class Part(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The first `count` items of an event, of this stream or of another one."""

    version: int
    count: int
    stream_id: str = ""


_DECODER: msgspec.msgpack.Decoder[list[Part]] = msgspec.msgpack.Decoder(list[Part])
_ENCODER = msgspec.msgpack.Encoder()


class ItemIndex:
    """Which items there are, in order, and where they are recorded."""

    def __init__(
        self, source: Callable[[StreamId, int], "ItemIndex"], parts: list[Part] | None = None
    ) -> None:
        """`source` gives the index of another session as of a version of its stream."""
        self._source = source
        self.parts = parts or []
        self.count = sum(one.count for one in self.parts)

    def last(self, count: int) -> list[tuple[Part, int]]:
        """Parts with the last items, each with how many of its first items are left out."""
        found: list[tuple[Part, int]] = []
        for part in reversed(self.parts):
            if count <= 0:
                break
            found.append((part, max(part.count - count, 0)))
            count -= part.count
        return found[::-1]

    def first(self, count: int) -> list[Part]:
        """Parts with exactly the first items."""
        found: list[Part] = []
        for part in self.parts:
            if count <= 0:
                break
            found.append(Part(part.version, min(part.count, count), part.stream_id))
            count -= part.count
        return found

    def apply(self, recorded: AnyRecorded) -> None:
        """See `StreamView.apply`."""
        match recorded.event:
            case ItemsAdded(items=items):
                self._add(Part(recorded.stream_version, len(items)))
            case ItemPopped():
                self._pop()
            case HistoryCleared():
                self.parts, self.count = [], 0
            case HistoryBranched(source=source, through=through, count=count):
                for part in self._source(StreamId(source), through).first(count):
                    self._add(Part(part.version, part.count, part.stream_id or source))

    def encoded(self) -> bytes:
        """See `StreamView.encoded`."""
        return _ENCODER.encode(self.parts)

    def _add(self, part: Part) -> None:
        if part.count:
            self.parts.append(part)
            self.count += part.count

    def _pop(self) -> None:
        if not self.parts:
            return
        part = self.parts.pop()
        self.count -= 1
        if part.count > 1:
            self.parts.append(Part(part.version, part.count - 1, part.stream_id))


class _ItemIndexes:
    """How an index begins; see `ViewKind`."""

    fold_version = 1

    def __init__(self, source: Callable[[StreamId, int], ItemIndex]) -> None:
        self._source = source

    def initial(self, stream_id: StreamId) -> ItemIndex:  # noqa: ARG002 - all begin alike
        return ItemIndex(self._source)

    def decoded(self, stream_id: StreamId, payload: bytes) -> ItemIndex | None:  # noqa: ARG002
        try:
            return ItemIndex(self._source, _DECODER.decode(payload))
        except (msgspec.DecodeError, ValueError):
            return None


class ItemHistories:
    """The items of all sessions of a store. Safe from any thread; blocks for file I/O."""

    def __init__(self, held: HeldStore) -> None:
        self._held = held
        self._indexes: FoldedStreams[ItemIndex] = FoldedStreams(held, _ItemIndexes(self._as_of))

    def _as_of(self, stream_id: StreamId, through: int) -> ItemIndex:
        return self._indexes.as_of(stream_id, through)

    def items(self, session_id: str, count: int | None = None) -> list[bytes]:
        """The last `count` items of a session, or all; the oldest first."""
        with self._indexes.locked(named_stream(CATEGORY, session_id)) as (index, _version):
            wanted = index.last(index.count if count is None else count)
        return list(self._read(named_stream(CATEGORY, session_id), wanted))

    def add(self, session_id: str, items: Sequence[bytes]) -> None:
        """Record items at the end."""
        self._append(session_id, ItemsAdded(items=tuple(items)), None, "add_items")

    def pop(self, session_id: str) -> bytes | None:
        """Take the last item away and give it, or None; of two who pop each gets another one."""
        stream_id = named_stream(CATEGORY, session_id)
        while True:
            with self._indexes.locked(stream_id) as (index, version):
                wanted = index.last(1)
            if not wanted:
                return None
            try:
                self._append(session_id, ItemPopped(), version, "pop_item")
            except VersionConflict:
                continue
            return next(iter(self._read(stream_id, wanted)))

    def clear(self, session_id: str) -> None:
        """Take all items away."""
        if self._held.store.stream_version(named_stream(CATEGORY, session_id)):
            self._append(session_id, HistoryCleared(), None, "clear_session")

    def branch(self, session_id: str, new_id: str, count: int | None) -> None:
        """Begin a session with the first `count` items of another one, or all.

        Raises:
            CommandRejected: the new session has items, or the other one has fewer than `count`.
        """
        source, target = named_stream(CATEGORY, session_id), named_stream(CATEGORY, new_id)
        with self._indexes.locked(source) as (index, through):
            have = index.count
        with self._indexes.locked(target) as (index, version):
            if index.count:
                raise CommandRejected(f"session {new_id!r} has items already")
        wanted = have if count is None else count
        if not 0 <= wanted <= have:
            raise CommandRejected(f"session {session_id!r} has {have} items, and not {wanted}")
        event = HistoryBranched(source=source, through=through, count=wanted)
        self._append(new_id, event, version, "branch")

    def _append(
        self, session_id: str, event: HistoryEvent, version: int | None, cause: str
    ) -> None:
        appending = (named_stream(CATEGORY, session_id), [event], version)
        self._held.append(appending, names=(session_id,), cause=cause)

    def _read(self, stream_id: StreamId, parts: Sequence[tuple[Part, int]]) -> Iterator[bytes]:
        for some in _neighbours(parts):
            source = StreamId(some[0][0].stream_id or stream_id)
            first, last = some[0][0].version, some[-1][0].version
            recorded = self._held.journal.read_stream(source, after=first - 1, through=last)
            events = {one.stream_version: one.event for one in recorded}
            for part, left_out in some:
                yield from _items_of(events.get(part.version), source, part)[left_out:]


def _items_of(event: object, stream_id: StreamId, part: Part) -> tuple[bytes, ...]:
    if isinstance(event, ItemsAdded):
        return event.items[: part.count]
    reason = getattr(event, "reason", "another event is there")
    raise StoreError(f"{stream_id}, version {part.version}: items cannot be read ({reason})")


def _neighbours(parts: Sequence[tuple[Part, int]]) -> Iterator[list[tuple[Part, int]]]:
    """Parts that one read of a stream gives."""
    some: list[tuple[Part, int]] = []
    for one in parts:
        if some and not _is_neighbour(one[0], some[0][0], some[-1][0], len(some)):
            yield some
            some = []
        some.append(one)
    if some:
        yield some


def _is_neighbour(part: Part, first: Part, last: Part, count: int) -> bool:
    is_behind = part.stream_id == last.stream_id and part.version > last.version
    return is_behind and count < _MOST_AT_ONCE and part.version - first.version < _MOST_SPAN
