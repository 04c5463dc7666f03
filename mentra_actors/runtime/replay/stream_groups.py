"""The parts of a log that concern some streams; what stands between them is not read.

So what one agent did costs what it has recorded, however much the others of its team have.
"""

import heapq
from collections.abc import Iterable, Iterator

from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, StreamId, agent_stream, inbox_stream
from mentra_actors.runtime.replay.walk import is_beside
from mentra_actors.store.journal import Journal
from mentra_actors.store.log_pages import stored_between
from mentra_actors.store.ports import JournalReader, StoredEvent

__all__ = ["StreamGroups", "agent_events", "agent_groups"]

_STREAM_EVENTS = 512
_BEFORE = 8
_FIRST_PIECE = 32
_LARGEST_PIECE = 1024


class StreamGroups:
    """Groups of events that stand side by side (see `groups_of`), those that touch some streams.

    They come in the order of the log. Whoever takes them may add streams on the way: the groups
    that come later touch those as well.
    """

    def __init__(
        self, reader: JournalReader, streams: Iterable[StreamId], *, after: int, through: int
    ) -> None:
        """Those of events with `after < global_position <= through`, and all beside these."""
        self._reader = reader
        self._after = after
        self._through = through
        self._piece = _Piece(reader, through)
        self._known: set[StreamId] = set()
        self._next: list[tuple[int, StreamId, Iterator[int]]] = []
        """A heap of positions: the next one of each stream."""
        for one in streams:
            self.add(one)

    def __contains__(self, stream_id: StreamId) -> bool:
        return stream_id in self._known

    def add(self, stream_id: StreamId) -> None:
        """Give the groups of this stream as well, from here on."""
        if stream_id not in self._known:
            self._known.add(stream_id)
            self._push(stream_id, self._positions(stream_id))

    def __iter__(self) -> Iterator[list[StoredEvent]]:
        while self._next:
            position, stream_id, coming = heapq.heappop(self._next)
            if position > self._after:
                group = self._piece.group_at(position)
                self._after = group[-1].global_position
                yield group
            self._push(stream_id, coming)

    def _push(self, stream_id: StreamId, coming: Iterator[int]) -> None:
        position = next((one for one in coming if one > self._after), None)
        if position is not None:
            heapq.heappush(self._next, (position, stream_id, coming))

    def _positions(self, stream_id: StreamId) -> Iterator[int]:
        version = Journal(self._reader).version_at(stream_id, self._after) if self._after else 0
        while True:
            stored = self._reader.read_stream(
                stream_id, after=version, through=version + _STREAM_EVENTS
            )
            places = [one.global_position for one in stored]
            yield from (one for one in places if one <= self._through)
            if not stored or places[-1] > self._through:
                return
            version = stored[-1].stream_version


class _Piece:
    """A piece of the log that is moved forward. Positions have no gaps."""

    def __init__(self, reader: JournalReader, through: int) -> None:
        self._reader = reader
        self._through = through
        self._events: list[StoredEvent] = []
        self._first = 1
        self._size = _FIRST_PIECE

    def group_at(self, position: int) -> list[StoredEvent]:
        """All that stands beside an event, which is not before that of the last call."""
        self._move(position)
        begin = end = position
        while begin > 1 and is_beside(self._at(begin - 1), self._at(begin)):
            begin -= 1
        while end < self._through and is_beside(self._at(end), self._at(end + 1)):
            end += 1
        return self._events[begin - self._first : end - self._first + 1]

    @property
    def _last(self) -> int:
        return self._first + len(self._events) - 1

    def _move(self, position: int) -> None:
        """Hold what is near to a position; who comes from near by reads larger pieces."""
        if position <= self._last:
            return
        is_near = position <= self._last + self._size
        self._size = min(self._size * 2, _LARGEST_PIECE) if is_near else _FIRST_PIECE
        if is_near:
            gone = max(len(self._events) - _BEFORE, 0)
            del self._events[:gone]
            self._first += gone
        else:
            self._events, self._first = [], max(position - _BEFORE, 1)
        self._read_on(max(self._size, position - self._last))

    def _at(self, position: int) -> StoredEvent:
        while position < self._first:
            begin = max(self._first - 1 - max(self._size, len(self._events)), 0)
            self._events[:0] = stored_between(self._reader, begin, self._first - 1)
            self._first = begin + 1
        if position > self._last:
            self._read_on(max(self._size, len(self._events)))
        return self._events[position - self._first]

    def _read_on(self, events: int) -> None:
        last = self._last
        through = min(last + events, self._through)
        self._events += stored_between(self._reader, last, through)


def agent_groups(
    reader: JournalReader, agents: Iterable[AgentId], *, after: int = 0, through: int | None = None
) -> StreamGroups:
    """The groups of some agents and of their inboxes, up to a position (None: the present end)."""
    streams = [stream for one in agents for stream in (agent_stream(one), inbox_stream(one))]
    last = reader.last_position() if through is None else through
    return StreamGroups(reader, streams, after=after, through=last)


def agent_events(
    reader: JournalReader,
    journal: Journal,
    agents: Iterable[AgentId],
    *,
    after: int = 0,
    through: int | None = None,
) -> Iterator[RecordedEvent[object]]:
    """The events of these groups, one after the other; `journal` reads `reader`."""
    for group in agent_groups(reader, agents, after=after, through=through):
        yield from journal.decoded(group)
