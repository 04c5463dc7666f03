"""What the rest of the system asks of an event store.

Every adapter passes the same contract suite (`mentra_actors.testing.store_contract`).
Events are bytes here; `mentra_actors.store.journal` adds the codec.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from mentra_actors.errors import StoreError
from mentra_actors.ids import EffectId, StreamId

__all__ = [
    "REMEMBERED_REQUESTS",
    "AppendRequest",
    "Appended",
    "BlobStore",
    "EncodedEvent",
    "EventStore",
    "Fence",
    "JournalReader",
    "OnAppended",
    "PayloadReader",
    "SnapshotReader",
    "SnapshotWriter",
    "StateSnapshot",
    "StoredEvent",
    "StreamAppend",
    "Tick",
    "TickPiece",
    "blob_digest",
    "payloads_of",
]


REMEMBERED_REQUESTS = 100_000
"""How many request ids a store remembers at least, the youngest ones."""


class EncodedEvent(msgspec.Struct, frozen=True):
    """One event to write: its stored tag and its encoded bytes."""

    event_type: str
    payload: bytes


class StreamAppend(msgspec.Struct, frozen=True, kw_only=True):
    """Events for one stream. `expected_version` 0 means a new stream, None any version."""

    stream_id: StreamId
    events: tuple[EncodedEvent, ...]
    expected_version: int | None = None


class Fence(msgspec.Struct, frozen=True):
    """The writer's lease: the append is refused when the store knows a higher epoch."""

    resource: str
    epoch: int


class AppendRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One atomic append: all of it is written, in this order, or nothing.

    `fence` is checked in the same transaction; `raise_fence` makes its epoch the lowest that may
    append from now on (it must be higher than the one known). `open_streams` marks streams as
    having work to resume after a restart; `settled` removes a mark if the stream's version after
    this append is not above the one given. A request with no events is allowed (marks only).

    `request_id` makes the append repeatable: a second request with the same id writes nothing
    and is answered as the first one was, even if it says something else. The store remembers
    the ids of the last `REMEMBERED_REQUESTS` such appends.
    """

    streams: tuple[StreamAppend, ...] = ()
    fence: Fence | None = None
    raise_fence: bool = False
    recorded_at_ns: int = 0
    causation: str = ""
    correlation: str = ""
    open_streams: tuple[StreamId, ...] = ()
    settled: tuple[tuple[StreamId, int], ...] = ()
    request_id: str = ""


class Appended(msgspec.Struct, frozen=True):
    """Where an append landed.

    Its events hold the positions `first_position` .. `last_position`, in request order (an
    append without events has `last_position == first_position - 1`). `versions` are the stream
    versions after the append, one per `StreamAppend`, in request order.
    """

    first_position: int
    last_position: int
    versions: tuple[int, ...]


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event as read back; see `RecordedEvent` for the meaning of the fields."""

    global_position: int
    stream_id: StreamId
    stream_version: int
    event_type: str
    payload: bytes
    recorded_at_ns: int
    epoch: int
    causation: str
    correlation: str


class StateSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A state at a stream version. It may be deleted at any time: it only saves folding.

    A milestone is kept beside the newest snapshot of its stream and replaces only the milestone
    of its own version, so that a look into the past need not begin at the first event.
    """

    stream_id: StreamId
    stream_version: int
    fold_version: int
    payload: bytes
    is_milestone: bool = False


class TickPiece(msgspec.Struct, frozen=True):
    """Text of one live answer that came since the tick before; what it means is the caller's."""

    stream_id: StreamId
    effect_id: EffectId
    payload: bytes


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """What all live answers have streamed since the tick before; one row beside the log.

    `number` is the caller's: from 1, rising, without gaps. So a gap between two rows that are
    kept says that one was lost, and that later pieces do not follow from earlier ones.
    """

    number: int
    pieces: tuple[TickPiece, ...]


def blob_digest(content: bytes) -> str:
    """Name of a blob: 32 hex digits of BLAKE2b."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


OnAppended: TypeAlias = Callable[[Appended | StoreError], None]


class JournalReader(Protocol):
    """Reads a log; safe from any thread. Reads see only durable, complete appends."""

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Sequence[StoredEvent]:
        """Events of one stream with `after < stream_version <= through`, in order."""
        ...

    def read_journal(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        through: int | None = None,
        categories: Collection[str] = (),
        event_types: Collection[str] = (),
    ) -> Sequence[StoredEvent]:
        """At least one and about `limit` events with `global_position > after`, in order.

        Where `categories` of streams (`agent`) or `event_types` (tags) are given, only events
        that are of one of each. The last append is never split, so a few more than `limit` may
        come; none means the end. What comes after `through` is neither read nor given.
        """
        ...

    def stream_version(self, stream_id: StreamId) -> int:
        """Version of the last event; 0 for a stream that does not exist."""
        ...

    def stream_ids(self, category: str) -> Sequence[StreamId]:
        """Ids of all streams of a category (`agent`), sorted."""
        ...

    def last_position(self) -> int:
        """Global position of the last event; 0 for an empty log."""
        ...

    def wait_for_position(self, position: int, *, timeout_s: float) -> int:
        """Block until the log has reached `position` or the time is up; the last position.

        Also wakes for appends of other processes. Never call it on an actor or loop thread.
        """
        ...

    def read_blob(self, digest: str) -> bytes | None:
        """The bytes stored under a digest, or None."""
        ...

    def close(self) -> None:
        """Release everything, after what is queued was answered. Calling it twice is allowed.

        Raises:
            RuntimeError: called by an `on_appended`, which would wait for itself.
        """
        ...


@runtime_checkable
class PayloadReader(Protocol):
    """What a reader may offer besides: a stream without the places of its events, for folding."""

    def read_payloads(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> tuple[list[tuple[str, bytes]], bool]:
        """Tags and payloads of some events, in order; True if they are all.

        They are those with `after < stream_version <= through`.
        """
        ...


def payloads_of(
    reader: JournalReader, stream_id: StreamId, *, after: int, through: int | None = None
) -> tuple[list[tuple[str, bytes]], bool]:
    """See `PayloadReader.read_payloads`; also of a reader that offers none."""
    if isinstance(reader, PayloadReader):
        return reader.read_payloads(stream_id, after=after, through=through)
    events = reader.read_stream(stream_id, after=after, through=through)
    return [(one.event_type, one.payload) for one in events], True


@runtime_checkable
class SnapshotReader(Protocol):
    """Saved states, for looks into the past: a reader may offer them, a store does."""

    def snapshot_through(self, stream_id: StreamId, version: int) -> StateSnapshot | None:
        """The youngest snapshot or milestone of a stream that is not above `version`, or None.

        Raises:
            StreamArchived: the stream must not be folded without its archive.
        """
        ...


@runtime_checkable
class SnapshotWriter(Protocol):
    """What a store that is open for writing offers to whoever has folded a state."""

    def save_snapshot(self, snapshot: StateSnapshot) -> None:
        """See `EventStore.save_snapshot`."""
        ...


class BlobStore(Protocol):
    """Content-addressed bytes."""

    def put_blob(self, content: bytes) -> str:
        """Queue `content` and return its digest at once; safe from any thread, never blocks.

        It is durable no later than any append submitted after it from the same thread.
        """
        ...

    def read_blob(self, digest: str) -> bytes | None:
        """The bytes stored under a digest, or None."""
        ...


class EventStore(JournalReader, BlobStore, SnapshotReader, Protocol):
    """Writes and reads a log; safe from any thread."""

    def submit(self, request: AppendRequest, on_appended: OnAppended) -> None:
        """Queue an append and return at once.

        `on_appended` is called exactly once, on the writer thread, after the append is durable
        (or with the error; then nothing of it was written). It must not block or raise; one that
        raises all the same is logged, and the writer goes on. It may `submit`. Appends are
        written in the order of submission; one that fails does not disturb its neighbours. When
        too many wait already, the answer is `StoreBusy`, on the calling thread.

        Raises:
            TypeError, ValueError: the request is malformed (`append_plan.check_request`); nothing
                was queued.
        """
        ...

    def append(self, request: AppendRequest) -> Appended:
        """Append and wait: for room in the queue, then until it is durable.

        Never call it on an actor or loop thread.

        Raises:
            VersionConflict, Fenced, StoreFull, StoreClosed: nothing was written.
            RuntimeError: called by an `on_appended`, which would wait for itself.
        """
        ...

    def save_snapshot(self, snapshot: StateSnapshot) -> None:
        """Queue a state snapshot; it replaces the older ones of its stream. Never blocks.

        A milestone replaces none but the one of its own version.
        """
        ...

    def load_snapshot(self, stream_id: StreamId) -> StateSnapshot | None:
        """The newest snapshot of a stream, or None."""
        ...

    def save_tick(self, tick: Tick, *, drop_below: int = 0) -> None:
        """Queue a row, and the removal of all rows with a number below `drop_below`: one commit.

        It is durable no later than any append submitted after it from the same thread. Safe from
        any thread, never blocks. A tick without pieces only drops; a row of the same number is
        replaced; a tick below its own `drop_below` is not kept.

        Failures (a full disk, a closed store) are logged: it only saves what can be streamed
        again. A removal that failed is made up for by the next one, so give `drop_below` always.

        Raises:
            TypeError, ValueError: the tick is malformed; nothing was queued.
        """
        ...

    def load_ticks(self) -> Sequence[Tick]:
        """All rows that are kept, by number; one that is damaged is skipped, with a warning.

        A piece about a subject that was forgotten is left out of its tick.

        Raises:
            StoreClosed, StoreError: they cannot be read.
        """
        ...

    def open_streams(self) -> Sequence[StreamId]:
        """Streams marked as having work to resume, sorted."""
        ...

    def fence_epoch(self, resource: str) -> int:
        """The lowest epoch that may append for `resource`; 0 if it was never raised."""
        ...
