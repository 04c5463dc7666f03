"""What is known of one append, and what makes commands of it.

An event says what its command has said, but for what deciding has not used. A builder gives every
command that may have been meant, the likeliest first; `decide` says which one it was.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from mentra_actors.domain.inbox import Mail
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId

__all__ = ["Builders", "KnownAppend", "Taken", "moment_in", "nothing_taken", "span"]

S = TypeVar("S")
T = TypeVar("T")

Taken: TypeAlias = Callable[[StreamId, int, int], Sequence[RecordedEvent[object]]]
"""What a stream holds after a version and through another one, as far as that is known."""

_LATER = ("expires_at", "retry_at", "deadline_at", "ends_at", "due_at", "remembered_at")
"""Times in events that are not the time of their command."""
_ULPS = 3
_TIMES: dict[type[object], tuple[str, ...]] = {}
"""Fields with the time of the command, by the class of the event."""


def nothing_taken(_stream_id: StreamId, _after: int, _through: int) -> tuple[()]:
    """Of other streams nothing is known."""
    return ()


@dataclass(frozen=True, slots=True)
class KnownAppend(Generic[S]):
    """The events that one command has caused, or more after them, and the state before them."""

    stream_id: StreamId
    events: Sequence[Any]
    state: S
    taken: Taken = nothing_taken

    @property
    def now(self) -> float:
        """The time in the command (Unix seconds); 0 if no event tells it."""
        return moment_in(self.events)

    def first(self, of: type[T]) -> T | None:
        """The first of the events that is one of these."""
        return next((one for one in self.events if isinstance(one, of)), None)


Builders: TypeAlias = Mapping[type[object], Callable[[Any, KnownAppend[Any]], Iterable[Any]]]
"""By the class of the first event: the commands that may have caused it."""


def moment_in(events: Iterable[object]) -> float:
    """The first time that one of the events tells; 0 if none does."""
    for event in events:
        for name in _times_of(type(event)):
            value = getattr(event, name)
            time = value.sent_at if isinstance(value, Mail) else value
            if isinstance(time, float | int):
                return float(time)
    return 0.0


def _times_of(event_type: type[object]) -> tuple[str, ...]:
    known = _TIMES.get(event_type)
    if known is None:
        known = _TIMES[event_type] = _named_times(event_type)
    return known


def _named_times(event_type: type[object]) -> tuple[str, ...]:
    if not issubclass(event_type, msgspec.Struct):
        return ()
    names = event_type.__struct_fields__
    own = [name for name in names if name.endswith("_at") and name not in _LATER]
    return (*own, *(name for name in ("mail", "notice") if name in names and not own))


def span(later: float, earlier: float) -> float:
    """Seconds that give exactly `later` when they are added to `earlier`."""
    seconds = later - earlier
    for direction in (math.inf, -math.inf):
        near = seconds
        for _ in range(_ULPS):
            if earlier + near == later:
                return near
            near = math.nextafter(near, direction)
    return seconds
