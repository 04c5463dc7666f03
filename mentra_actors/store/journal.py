"""A store of typed events: the codec in front of an event store."""

from collections.abc import Iterator, Sequence
from typing import Any

from mentra_actors.codec.event_codec import CODEC, EventCodec
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import EncodedEvent, JournalReader, StoredEvent, StreamAppend

__all__ = ["Journal"]


class Journal:
    """Reads typed events and prepares appends of them. Safe from any thread."""

    def __init__(self, reader: JournalReader, codec: EventCodec = CODEC) -> None:
        self._reader = reader
        self._codec = codec

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> list[RecordedEvent[Any]]:
        """Events of one stream with `after < stream_version <= through`, in order."""
        stored = self._reader.read_stream(stream_id, after=after, through=through)
        return [self.decode(event) for event in stored]

    def read_journal(self, *, after: int = 0, limit: int = 1000) -> list[RecordedEvent[Any]]:
        """A page of the log after a position; see `JournalReader.read_journal`."""
        stored = self._reader.read_journal(after=after, limit=limit)
        return [self.decode(event) for event in stored]

    def through(self, position: int | None = None) -> Iterator[RecordedEvent[Any]]:
        """The log from its first event up to a global position (None: its present end)."""
        last = self._reader.last_position() if position is None else position
        after = 0
        while after < last:
            page = self.read_journal(after=after)
            if not page:
                return
            for one in page:
                if one.global_position <= last:
                    yield one
            after = page[-1].global_position

    def decode(self, stored: StoredEvent) -> RecordedEvent[Any]:
        """A stored event with its payload decoded."""
        return RecordedEvent(
            global_position=stored.global_position,
            stream_id=stored.stream_id,
            stream_version=stored.stream_version,
            event_type=stored.event_type,
            event=self._codec.decode(stored.event_type, stored.payload),
            recorded_at_ns=stored.recorded_at_ns,
            epoch=stored.epoch,
            causation=stored.causation,
            correlation=stored.correlation,
        )

    def stream_append(
        self, stream_id: StreamId, events: Sequence[Any], expected_version: int | None
    ) -> StreamAppend:
        """Events encoded for an append."""
        data = tuple(EncodedEvent(*self._codec.encode(event)) for event in events)
        return StreamAppend(stream_id=stream_id, events=data, expected_version=expected_version)
