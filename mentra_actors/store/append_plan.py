"""What one append may write and where it lands; pure, shared by every adapter.

The store is described by its `Heads`. A plan says what an append does to them, so a group of
appends is planned one after another and written, or dropped, as a whole.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache

import msgspec

from mentra_actors.errors import Fenced, VersionConflict
from mentra_actors.ids import StreamId, category_of
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    EncodedEvent,
    Fence,
    StateSnapshot,
    StoredEvent,
    StreamAppend,
    Tick,
)

__all__ = [
    "MAX_APPEND_BYTES",
    "MAX_NAME_BYTES",
    "AppendPlan",
    "Heads",
    "PlannedPart",
    "check_blob",
    "check_request",
    "check_snapshot",
    "check_tick",
    "only_of",
    "plan_append",
    "streams_of",
]

MAX_NAME_BYTES = 255
MAX_APPEND_BYTES = 1 << 30
_MAX_INT = (1 << 63) - 1
_NO_MARKS: Mapping[StreamId, bool] = {}


class Heads:
    """The last position, and versions and epochs by name; a name that is missing is unknown."""

    def __init__(self, last_position: int = 0) -> None:
        self.last_position = last_position
        self.versions: dict[StreamId, int] = {}
        self.epochs: dict[str, int] = {}
        self.answered: dict[str, Appended] = {}
        """What was answered to a request id; one that is missing is new."""

    def advance(self, plan: "AppendPlan") -> None:
        """Take over what `plan` leads to."""
        self.last_position = max(self.last_position, plan.appended.last_position)
        self.versions.update(plan.versions)
        if plan.raised is not None:
            self.epochs[plan.raised.resource] = plan.raised.epoch
        if plan.request_id:
            self.answered[plan.request_id] = plan.appended


class PlannedPart(msgspec.Struct, frozen=True):
    """At least one event for one stream, and the version of the first of them."""

    stream_id: StreamId
    first_version: int
    events: tuple[EncodedEvent, ...]


class AppendPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one append writes. `marks`: True opens a stream, False settles it.

    A repeated request writes nothing; its plan has only the first answer.
    """

    appended: Appended
    parts: tuple[PlannedPart, ...] = ()
    versions: Mapping[StreamId, int] = msgspec.field(default_factory=dict)
    marks: Mapping[StreamId, bool] = msgspec.field(default_factory=dict)
    raised: Fence | None = None
    request_id: str = ""
    is_repeat: bool = False


def plan_append(request: AppendRequest, heads: Heads) -> AppendPlan:
    """What `request` writes; `heads` must know every name of it and is left as it is.

    A request id that was answered before comes first: even a fenced writer may learn that its
    append is on the log. A stream that is named twice meets its own first part as history. A mark
    that is opened and settled by one request stays open: an idle wake-up is cheaper than lost
    work.

    Raises:
        VersionConflict, Fenced: nothing may be written.
    """
    if request.request_id and (earlier := heads.answered.get(request.request_id)) is not None:
        return AppendPlan(appended=earlier, is_repeat=True)
    if request.fence is not None:
        _check_fence(request, request.fence, heads)
    versions: dict[StreamId, int] = {}
    parts = []
    results = []
    count = 0
    for stream in request.streams:
        stream_id, events = stream.stream_id, stream.events
        version = versions[stream_id] if stream_id in versions else heads.versions[stream_id]
        expected = stream.expected_version
        if expected is not None and expected != version:
            raise VersionConflict(stream_id, expected=expected, actual=version)
        if events:
            parts.append(PlannedPart(stream_id, version + 1, events))
            version += len(events)
            count += len(events)
        versions[stream_id] = version
        results.append(version)
    return AppendPlan(
        appended=Appended(heads.last_position + 1, heads.last_position + count, tuple(results)),
        parts=tuple(parts),
        versions=versions,
        marks=_marks(request, versions, heads),
        raised=request.fence if request.raise_fence else None,
        request_id=request.request_id,
    )


def streams_of(request: AppendRequest) -> Iterable[StreamId]:
    """Streams whose version `plan_append` has to know."""
    yield from (stream.stream_id for stream in request.streams)
    yield from (stream_id for stream_id, _ in request.settled)


def only_of(
    events: Iterable[StoredEvent], *, categories: Collection[str], event_types: Collection[str]
) -> Iterator[StoredEvent]:
    """Events that a read of the journal asks for; an empty filter lets everything pass."""
    return (
        event
        for event in events
        if (not event_types or event.event_type in event_types)
        and (not categories or category_of(event.stream_id) in categories)
    )


def check_request(request: AppendRequest) -> None:
    """Refuse a request that no store can keep; such a request is a bug of the caller.

    Raises:
        TypeError, ValueError: nothing was queued.
    """
    if request.fence is not None:
        _check_name(request.fence.resource, "fence resource")
        _check_int(request.fence.epoch, "epoch")
    elif request.raise_fence:
        raise ValueError("raise_fence needs a fence")
    _check_name(request.request_id or "-", "request id")
    _check_int(request.recorded_at_ns, "recorded_at_ns")
    _check_text(request.causation, "causation")
    _check_text(request.correlation, "correlation")
    for stream_id in request.open_streams:
        _check_name(stream_id, "stream id")
    for stream_id, version in request.settled:
        _check_name(stream_id, "stream id")
        _check_int(version, "settled version")
    size = sum(_checked_size(stream) for stream in request.streams)
    if size > MAX_APPEND_BYTES:
        raise ValueError(f"an append takes at most {MAX_APPEND_BYTES} bytes of payload")


def check_snapshot(snapshot: StateSnapshot) -> None:
    """Refuse a snapshot that no store can keep.

    Raises:
        TypeError, ValueError: nothing was queued.
    """
    _check_name(snapshot.stream_id, "stream id")
    _check_int(snapshot.stream_version, "stream version")
    _check_int(snapshot.fold_version, "fold version")
    _check_content(snapshot.payload, "snapshot")


def check_tick(tick: Tick, drop_below: int) -> None:
    """Refuse a tick that no store can keep.

    Raises:
        TypeError, ValueError: nothing was queued.
    """
    _check_int(tick.number, "tick number")
    _check_int(drop_below, "drop_below")
    if not tick.number:
        raise ValueError("tick numbers must begin at 1")
    size = 0
    for piece in tick.pieces:
        _check_name(piece.stream_id, "stream id")
        _check_text(piece.effect_id, "effect id")
        if type(piece.payload) is not bytes:
            raise TypeError(f"a piece must be bytes, not {type(piece.payload).__name__}")
        size += len(piece.payload)
    if size > MAX_APPEND_BYTES:
        raise ValueError(f"a tick takes at most {MAX_APPEND_BYTES} bytes, and must not be {size}")


def check_blob(content: bytes) -> None:
    """Refuse a blob that no store can keep.

    Raises:
        TypeError, ValueError: nothing was queued.
    """
    _check_content(content, "blob")


def _check_content(content: bytes, what: str) -> None:
    if type(content) is not bytes:
        raise TypeError(f"{what} must be bytes, not {type(content).__name__}")
    if len(content) > MAX_APPEND_BYTES:
        raise ValueError(f"{what} takes {len(content)} bytes, and at most {MAX_APPEND_BYTES}")


def _checked_size(stream: StreamAppend) -> int:
    """Bytes of the payloads of one stream that can be kept."""
    _check_name(stream.stream_id, "stream id")
    if stream.expected_version is not None:
        _check_int(stream.expected_version, "expected_version")
    size = 0
    for event in stream.events:
        payload = event.payload
        _check_text(event.event_type, "event type")
        if not isinstance(payload, bytes):
            raise TypeError(f"payload must be bytes, not {type(payload).__name__}")
        size += len(payload)
    return size


def _check_fence(request: AppendRequest, fence: Fence, heads: Heads) -> None:
    resource, epoch = fence.resource, fence.epoch
    current = heads.epochs[resource]
    if epoch < current or (request.raise_fence and epoch == current):
        raise Fenced(resource, epoch=epoch, current=current)


def _marks(
    request: AppendRequest, versions: Mapping[StreamId, int], heads: Heads
) -> Mapping[StreamId, bool]:
    if not request.settled:
        return dict.fromkeys(request.open_streams, True) if request.open_streams else _NO_MARKS
    marks = {
        stream_id: False
        for stream_id, settled_version in request.settled
        if versions.get(stream_id, heads.versions[stream_id]) <= settled_version
    }
    return {**marks, **dict.fromkeys(request.open_streams, True)}


@lru_cache(maxsize=4096)  # names come again and again; a refusal is not kept
def _check_name(name: str, what: str) -> None:
    if type(name) is not str:
        raise TypeError(f"{what} must be a string, not {name!r}")
    size = len(name.encode())
    if not 1 <= size <= MAX_NAME_BYTES:
        raise ValueError(f"{what} must take 1 to {MAX_NAME_BYTES} bytes, not {size}: {name!r}")


def _check_text(value: str, what: str) -> None:
    # Exactly: what another type looks like on disk nobody can read back.
    if type(value) is not str:
        raise TypeError(f"{what} must be a string, not {value!r}")


def _check_int(value: int, what: str) -> None:
    if type(value) is not int:
        raise TypeError(f"{what} must be an integer, not {value!r}")
    if not 0 <= value <= _MAX_INT:
        raise ValueError(f"{what} must be from 0 to 2**63 - 1, not {value}")
