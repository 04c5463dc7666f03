"""What surrounds an event once it is recorded."""

from typing import Generic, TypeAlias, TypeVar

import msgspec

from mentra_actors.ids import StreamId

__all__ = ["FORGOTTEN_PAYLOAD", "RecordedEvent", "RetiredEvent", "SkippedEvent", "UnknownEvent"]

E_co = TypeVar("E_co", covariant=True)

FORGOTTEN_PAYLOAD = b"\xc1forgotten"
"""What a store gives for a payload whose key was destroyed: MessagePack never begins like this."""


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event whose tag or shape this release does not know: kept byte for byte, and skipped."""

    event_type: str
    payload: bytes
    reason: str = "unknown tag"


class RetiredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that says nothing to any release any more: its bytes are kept, unread."""

    event_type: str
    payload: bytes
    reason: str = "it says nothing any more"


SkippedEvent: TypeAlias = UnknownEvent | RetiredEvent
"""What is read where a stored event means nothing to this release: it keeps the place."""


class RecordedEvent(msgspec.Struct, Generic[E_co], frozen=True, kw_only=True, gc=False):
    """One event with its place in the log.

    The garbage collector need not look at it: an event knows no place, so there is no circle.

    `global_position` and `stream_version` count from 1 and have no gaps. `recorded_at_ns` is
    Unix time in nanoseconds. `epoch` is the lease epoch of the writer. `causation` names the
    command that caused the event, `correlation` the run it belongs to; both may be empty.

    Places are those of stored events. One that an earlier release stored may be read as several
    events: they share its place and its `event_type`, and `part` counts them from 0.
    """

    global_position: int
    stream_id: StreamId
    stream_version: int
    event_type: str
    event: E_co
    recorded_at_ns: int
    epoch: int = 0
    causation: str = ""
    correlation: str = ""
    part: int = 0


AnyRecorded = RecordedEvent[object]
