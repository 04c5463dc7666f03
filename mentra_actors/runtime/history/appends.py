"""Which events were recorded together."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from mentra_actors.envelope import RecordedEvent

__all__ = ["append_at", "appends_in"]

_FIRST_LOOK = 16


class _Log(Protocol):
    """A journal, or pages of it."""

    def between(self, after: int, through: int) -> Iterator[RecordedEvent[object]]:
        """See `Journal.between`."""
        ...


def appends_in(events: Iterable[RecordedEvent[object]]) -> Iterator[list[RecordedEvent[object]]]:
    """Events of the log, put together as they were recorded.

    What was recorded together has one stamp, and of each stream one unbroken piece.
    """
    append: list[RecordedEvent[object]] = []
    streams: set[str] = set()
    for one in events:
        if append and not _goes_on(append[-1], one, streams):
            yield append
            append, streams = [], set()
        append.append(one)
        streams.add(one.stream_id)
    if append:
        yield append


def append_at(log: _Log, recorded: RecordedEvent[object]) -> list[RecordedEvent[object]]:
    """All events that were recorded together with one, itself among them, in order."""
    position, look = recorded.global_position, _FIRST_LOOK
    while True:
        first = max(0, position - look)
        events = list(log.between(first, position + look))
        found = next(one for one in appends_in(events) if _holds(one, position))
        begins_later = found[0].global_position > first + 1 or first == 0
        ends_sooner = found[-1].global_position < events[-1].global_position
        if begins_later and (ends_sooner or events[-1].global_position < position + look):
            return found
        look *= 8


def _holds(append: Sequence[RecordedEvent[object]], position: int) -> bool:
    return append[0].global_position <= position <= append[-1].global_position


def _goes_on(last: RecordedEvent[object], one: RecordedEvent[object], streams: set[str]) -> bool:
    is_of_stamp = (
        one.recorded_at_ns == last.recorded_at_ns
        and one.epoch == last.epoch
        and one.causation == last.causation
        and one.correlation == last.correlation
    )
    if not is_of_stamp:
        return False
    if one.stream_id == last.stream_id:
        return one.stream_version - last.stream_version in (0, 1)
    return one.stream_id not in streams
