"""What surrounds an event once it is recorded."""

from typing import Any, Generic, TypeVar

import msgspec

from mentra_actors.ids import StreamId

__all__ = ["RecordedEvent", "UnknownEvent"]

E_co = TypeVar("E_co", covariant=True)


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event whose tag or shape this release does not know: kept byte for byte, and skipped."""

    event_type: str
    payload: bytes
    reason: str = "unknown tag"


class RecordedEvent(msgspec.Struct, Generic[E_co], frozen=True, kw_only=True):
    """One event with its place in the log.

    `global_position` and `stream_version` count from 1 and have no gaps. `recorded_at_ns` is
    Unix time in nanoseconds. `epoch` is the lease epoch of the writer. `causation` names the
    command that caused the event, `correlation` the run it belongs to; both may be empty.
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


AnyRecorded = RecordedEvent[Any]
