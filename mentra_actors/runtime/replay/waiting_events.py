"""Events of a group that are taken from its front, so that a long group costs what its length is.

Each step of a walk asks what its stream has next in the group. That is found once for all events
that stand together, and given as a part of the group; a copy for each step would make a group of
ten times as many events cost a hundred times as much.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, overload

from mentra_actors.envelope import RecordedEvent, SkippedEvent
from mentra_actors.runtime.replay.forgotten import is_forgotten
from mentra_actors.store.archived_parts import archived_tag

__all__ = ["Part", "WaitingEvents"]

T = TypeVar("T")


class Part(Sequence[T]):
    """What stands between two places of a sequence; only slices of it are copies."""

    def __init__(self, whole: Sequence[T], begin: int, end: int) -> None:
        """From the place `begin` to the one before `end`."""
        self._whole = whole
        self._places = range(begin, end)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...

    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        """One of them; of a slice that goes forward a copy."""
        if isinstance(place, slice):
            wanted = self._places[place]
            return self._whole[wanted.start : wanted.stop : wanted.step]
        return self._whole[self._places[place]]

    def behind(self, count: int) -> "Part[T]":
        """What is left without the first ones."""
        return Part(self._whole, self._places.start + count, self._places.stop)


class WaitingEvents:
    """One group of events, and how many of them were taken. Not safe from several threads."""

    def __init__(self, group: Sequence[RecordedEvent[object]]) -> None:
        """All of the group wait."""
        self._group = group
        self._events = [one.event for one in group]
        self._place = self._end = 0
        self._last_forgotten = self._last_archived = self._last_unread = -1

    def __bool__(self) -> bool:
        return self._place < len(self._group)

    @property
    def own(self) -> Part[RecordedEvent[object]]:
        """The first one that waits, and those of its stream right behind it."""
        self._look_on()
        return Part(self._group, self._place, self._end)

    @property
    def own_events(self) -> Part[Any]:
        """The same, without what the log says of them."""
        self._look_on()
        return Part(self._events, self._place, self._end)

    @property
    def has_forgotten(self) -> bool:
        """Whether one of its own was forgotten."""
        self._look_on()
        return self._place <= self._last_forgotten

    @property
    def has_archived(self) -> bool:
        """Whether one of its own is in an archive, and no more in the log."""
        self._look_on()
        return self._place <= self._last_archived

    @property
    def has_unread(self) -> bool:
        """Whether this release does not understand one of its own."""
        self._look_on()
        return self._place <= self._last_unread

    def behind(self, count: int) -> Iterator[RecordedEvent[object]]:
        """What waits behind the first ones, of whatever stream."""
        return iter(Part(self._group, self._place + count, len(self._group)))

    def take(self) -> RecordedEvent[object]:
        """The first one; it waits no more."""
        self._place += 1
        return self._group[self._place - 1]

    def _look_on(self) -> None:
        """Find the end of its own, if those that were found were all taken."""
        if self._place < self._end:
            return
        self._end = self._place  # what stood beside an append was taken with it
        stream_id = self._group[self._place].stream_id
        while self._end < len(self._group) and self._group[self._end].stream_id == stream_id:
            if is_forgotten(self._events[self._end]):
                self._last_forgotten = self._end
            if archived_tag(self._events[self._end]):
                self._last_archived = self._end
            if isinstance(self._events[self._end], SkippedEvent):
                self._last_unread = self._end
            self._end += 1
