"""The stream index: where the events of a stream are in the log.

An entry is three integers: first version, position of the log record, number of events.
"""

import struct
from collections.abc import Iterable, Sequence

import msgspec

from mentra_actors.ids import StreamId
from mentra_actors.store.append_plan import PlannedPart
from mentra_actors.store.embedded.layout import LogRecord

__all__ = ["INDEX_ENTRY_BYTES", "IndexEntry", "index_entries", "index_rows", "unpack_entry"]

_ENTRY = struct.Struct(">QQQ")
INDEX_ENTRY_BYTES = _ENTRY.size
unpack_entry = _ENTRY.unpack
"""First version, position, number of events."""


class IndexEntry(msgspec.Struct, frozen=True):
    """Where one append put events of one stream."""

    first_version: int
    record_position: int
    event_count: int

    @property
    def last_version(self) -> int:
        """Version of the last of the events."""
        return self.first_version + self.event_count - 1

    def encode(self) -> bytes:
        """24 bytes that sort by version."""
        return _ENTRY.pack(self.first_version, self.record_position, self.event_count)

    @staticmethod
    def decode(value: bytes) -> "IndexEntry":
        """The entry that `encode` wrote."""
        return IndexEntry(*_ENTRY.unpack(value))


def index_rows(
    record_position: int, parts: Sequence[PlannedPart]
) -> Iterable[tuple[bytes, bytes]]:
    """Rows of the stream index, one per stream of the append."""
    if len(parts) == 1:
        part = parts[0]
        entry = _ENTRY.pack(part.first_version, record_position, len(part.events))
        return ((part.stream_id.encode(), entry),)
    counts = ((part.stream_id, part.first_version, len(part.events)) for part in parts)
    entries = _index_entries(record_position, counts)
    return ((stream_id.encode(), entry.encode()) for stream_id, entry in entries.items())


def index_entries(record_position: int, record: LogRecord) -> dict[StreamId, IndexEntry]:
    """What the stream index has for a record, by stream, in order of appearance."""
    if len(record.body.parts) == 1:  # nearly always
        stream_id, events = record.body.parts[0]
        return {stream_id: IndexEntry(record.first_versions[0], record_position, len(events))}
    counts = (
        (stream_id, first_version, len(events))
        for first_version, (stream_id, events) in zip(
            record.first_versions, record.body.parts, strict=True
        )
    )
    return _index_entries(record_position, counts)


def _index_entries(
    record_position: int, counts: Iterable[tuple[StreamId, int, int]]
) -> dict[StreamId, IndexEntry]:
    entries: dict[StreamId, IndexEntry] = {}
    for stream_id, first_version, count in counts:
        earlier = entries.get(stream_id)
        if earlier is not None:
            first_version, count = earlier.first_version, count + earlier.event_count  # noqa: PLW2901
        entries[stream_id] = IndexEntry(first_version, record_position, count)
    return entries
