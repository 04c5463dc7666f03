"""A store of typed events: the codec in front of an event store.

Every stored event is read as one event or more, never as none. One that was split by upcasters
gives its parts, side by side and at one place; one that means nothing to this release gives a
`SkippedEvent`. So the last event read stands at the last version and position, whatever the
release that stored it.
"""

import logging
from collections.abc import Collection, Iterator, Sequence

from mentra_actors.codec.event_codec import CODEC, EventCodec
from mentra_actors.envelope import RecordedEvent, UnknownEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.archived_parts import ARCHIVED_EVENT_TYPE, archived_event
from mentra_actors.store.log_pages import pages_between
from mentra_actors.store.ports import (
    EncodedEvent,
    JournalReader,
    PayloadReader,
    StoredEvent,
    StreamAppend,
)

__all__ = ["Journal"]

_LOG = logging.getLogger(__name__)


class Journal:
    """Reads typed events and prepares appends of them. Safe from any thread.

    Of events that cannot be read it warns, once for each tag.
    """

    def __init__(self, reader: JournalReader, codec: EventCodec = CODEC) -> None:
        self._reader = reader
        self._payloads = reader if isinstance(reader, PayloadReader) else None
        self._codec = codec
        self._warned_of: dict[str, object] = {}
        """By the tag; whoever put its mark there warns."""

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> list[RecordedEvent[object]]:
        """Events of one stream with `after < stream_version <= through`, in order."""
        return self.decoded(self._reader.read_stream(stream_id, after=after, through=through))

    def last_position(self) -> int:
        """Global position of the last event; 0 for an empty log."""
        return self._reader.last_position()

    def event_pages(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Iterator[tuple[list[object], int]]:
        """Events of one stream without their places, and the version of the last of each page.

        They are those with `after < stream_version <= through`.

        All that a fold needs, in half the time, and never a whole stream in memory.
        """
        version = after
        while self._payloads is not None:
            payloads, is_end = self._payloads.read_payloads(
                stream_id, after=version, through=through
            )
            events = self._codec.decode_all_current(payloads)
            if events is None:
                break
            version += len(payloads)
            if events:
                yield events, version
            if is_end:
                return
        recorded = self.read_stream(stream_id, after=version, through=through)
        if recorded:
            yield [one.event for one in recorded], recorded[-1].stream_version

    def events(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Iterator[object]:
        """Events of one stream without their places, with `after < stream_version <= through`."""
        for events, _ in self.event_pages(stream_id, after=after, through=through):
            yield from events

    def read_journal(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        categories: Collection[str] = (),
        event_types: Collection[str] = (),
    ) -> list[RecordedEvent[object]]:
        """A page of the log after a position; see `JournalReader.read_journal`.

        The parts of a split event are on one page; `limit` does not count them. `event_types`
        are tags as they are stored: what was upcast is found under its older one.
        """
        page = self._reader.read_journal(
            after=after, limit=limit, categories=categories, event_types=event_types
        )
        return self.decoded(page)

    def through(self, position: int | None = None) -> Iterator[RecordedEvent[object]]:
        """The log from its first event up to a global position (None: its present end)."""
        last = self._reader.last_position() if position is None else position
        return self.between(0, last)

    def between(
        self, after: int, through: int, *, of_types: Collection[type[object]] | None = None
    ) -> Iterator[RecordedEvent[object]]:
        """Events with `after < global_position <= through`, in order.

        `of_types` lets readers leave out events of other classes, which saves decoding them;
        some may come all the same.
        """
        tags: Collection[str] = () if of_types is None else self._tags_of(of_types)
        for page in pages_between(self._reader, after, through, event_types=tags):
            yield from self.decoded(page)

    def event_at(self, position: int) -> RecordedEvent[object] | None:
        """The event at a global position, or None; the first part of one that was split."""
        if not 1 <= position <= self._reader.last_position():
            return None
        return self.read_journal(after=position - 1, limit=1)[0]

    def end_of_append(self, position: int) -> int:
        """The last position of what was recorded together with the event at one (from 1)."""
        return self._reader.read_journal(after=position - 1, limit=1)[-1].global_position

    def stream_version(self, stream_id: StreamId) -> int:
        """Version of the last event; 0 for a stream that does not exist."""
        return self._reader.stream_version(stream_id)

    def position_of(self, stream_id: StreamId, version: int) -> int:
        """Global position of the event of a stream with this version, which must be there."""
        found = self._reader.read_stream(stream_id, after=version - 1, through=version)
        return found[0].global_position

    def version_at(self, stream_id: StreamId, position: int) -> int:
        """Version of the last event of a stream that is not after a position; 0 for none."""
        low, high = 0, self._reader.stream_version(stream_id)
        while low < high:
            middle = (low + high + 1) // 2
            stored = self._reader.read_stream(stream_id, after=middle - 1, through=middle)
            if stored and stored[-1].global_position <= position:
                low = middle
            else:
                high = middle - 1
        return low

    def decode(self, stored: StoredEvent) -> tuple[RecordedEvent[object], ...]:
        """What a stored event says today: at least one event."""
        if stored.event_type == ARCHIVED_EVENT_TYPE:
            return (_recorded(stored, archived_event(stored.payload), 0),)
        events = self._codec.decode(stored.event_type, stored.payload)
        if isinstance(events[0], UnknownEvent):
            self._warn_of(stored, events[0])
        return tuple(_recorded(stored, event, part) for part, event in enumerate(events))

    def decoded(self, stored_events: Sequence[StoredEvent]) -> list[RecordedEvent[object]]:
        """What stored events say today, in order; see `decode`."""
        pairs = [(stored.event_type, stored.payload) for stored in stored_events]
        events = self._codec.decode_all_current(pairs)
        if events is None:
            return self._decoded_one_by_one(stored_events)
        return [
            _recorded(stored, event, 0)
            for stored, event in zip(stored_events, events, strict=True)
        ]

    def stream_append(
        self, stream_id: StreamId, events: Sequence[object], expected_version: int | None
    ) -> StreamAppend:
        """Events encoded for an append."""
        data = tuple(EncodedEvent(*self._codec.encode(event)) for event in events)
        return StreamAppend(stream_id=stream_id, events=data, expected_version=expected_version)

    def _tags_of(self, event_types: Collection[type[object]]) -> Collection[str]:
        """Tags under which events of these classes may be stored, older ones among them."""
        known = self._codec.event_types
        return self._codec.older_tags | {tag for tag in known if known[tag] in event_types}

    def _decoded_one_by_one(
        self, stored_events: Sequence[StoredEvent]
    ) -> list[RecordedEvent[object]]:
        decode_current = self._codec.decode_current
        recorded: list[RecordedEvent[object]] = []
        for stored in stored_events:
            event = decode_current(stored.event_type, stored.payload)
            if event is not None:
                recorded.append(_recorded(stored, event, 0))
            else:
                recorded.extend(self.decode(stored))
        return recorded

    def _warn_of(self, stored: StoredEvent, unknown: UnknownEvent) -> None:
        mark = object()
        if self._warned_of.setdefault(stored.event_type, mark) is mark:
            _LOG.warning(
                "events of type %r cannot be read by this release; they are kept and skipped "
                "(the first one: position %d, %s, version %d: %s)",
                stored.event_type,
                stored.global_position,
                stored.stream_id,
                stored.stream_version,
                unknown.reason,
            )


def _recorded(stored: StoredEvent, event: object, part: int) -> RecordedEvent[object]:
    return RecordedEvent(
        global_position=stored.global_position,
        stream_id=stored.stream_id,
        stream_version=stored.stream_version,
        event_type=stored.event_type,
        event=event,
        recorded_at_ns=stored.recorded_at_ns,
        epoch=stored.epoch,
        causation=stored.causation,
        correlation=stored.correlation,
        part=part,
    )
