"""How the log looks as bytes in LMDB: keys, records, index entries, checksums.

Every integer is big-endian, so that byte order is number order.

* log: position of the first event -> crc32, format, event count, link, MessagePack body; one
  record per append, and one more byte of anything means another format number.
* streams: stream id -> one entry per append that touched it: first version, position of the log
  record, number of events. Sorted, so the last one is the head.
* snapshots: stream id -> crc32, format, MessagePack body.
* blobs: digest -> content. open: stream id -> nothing. fences: resource -> epoch.

A checksum covers its key too: a record in the wrong place is as bad as a wrong record.

The link of a record is a BLAKE2b hash of its content and of the link of the last record before it
of each stream that it touches. So the records of a stream are a chain: whoever changes one, even
with a right checksum, breaks every link after it. Records of format 1 have no link.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from mentra_actors.errors import StoreCorrupted, StoreFormatError
from mentra_actors.ids import StreamId
from mentra_actors.store.append_plan import PlannedPart
from mentra_actors.store.ports import AppendRequest, StateSnapshot, StoredEvent

__all__ = [
    "NO_LINK",
    "RECORD_HEADER_BYTES",
    "IndexEntry",
    "LogRecord",
    "decode_record",
    "decode_snapshot",
    "encode_body",
    "encode_record",
    "encode_snapshot",
    "index_rows",
    "key_position",
    "position_key",
    "record_event_count",
    "record_link",
    "stored_events",
]

_FORMAT = 1
_RECORD_FORMAT = 2
_LINK_BYTES = 8
NO_LINK = bytes(_LINK_BYTES)
"""The link before the first record of a stream, and of records that were written without one."""
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_ENTRY = struct.Struct(">QQQ")
_RECORD_START = struct.Struct(">IBI")
_SNAPSHOT_HEADER = struct.Struct(">IB")
RECORD_HEADER_BYTES = _RECORD_START.size + _LINK_BYTES


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


class _Body(msgspec.Struct, frozen=True, array_like=True):
    recorded_at_ns: int
    epoch: int
    causation: str
    correlation: str
    parts: tuple[tuple[StreamId, tuple[tuple[str, bytes], ...]], ...]


class LogRecord(msgspec.Struct, frozen=True, array_like=True):
    """One append as stored: its body, and the first version of each part of it."""

    first_versions: tuple[int, ...]
    body: _Body


class _SnapshotBody(msgspec.Struct, frozen=True, array_like=True):
    stream_version: int
    fold_version: int
    payload: bytes


_ENCODER = msgspec.msgpack.Encoder()
_RECORD_DECODER = msgspec.msgpack.Decoder(LogRecord)
_SNAPSHOT_DECODER = msgspec.msgpack.Decoder(_SnapshotBody)


def position_key(position: int) -> bytes:
    """Key of a position."""
    return _U64.pack(position)


def key_position(key: bytes) -> int:
    """Position of a key."""
    return int(_U64.unpack(key)[0])


def encode_body(request: AppendRequest) -> bytes:
    """The part of a log record that does not depend on where it lands."""
    parts = tuple(
        (stream.stream_id, tuple((event.event_type, event.payload) for event in stream.events))
        for stream in request.streams
        if stream.events
    )
    epoch = 0 if request.fence is None else request.fence.epoch
    return _ENCODER.encode(
        _Body(request.recorded_at_ns, epoch, request.causation, request.correlation, parts)
    )


def encode_record(
    first_position: int, parts: Sequence[PlannedPart], body: bytes, links: Iterable[bytes]
) -> tuple[bytes, bytes]:
    """The log record of one append and its link; `links` are those of its streams before it."""
    versions = tuple(part.first_version for part in parts)
    count = sum(len(part.events) for part in parts)
    content = _ENCODER.encode((versions, msgspec.Raw(body)))
    link = _link(content, links)
    rest = b"".join((_RECORD_START.pack(0, _RECORD_FORMAT, count)[_U32.size :], link, content))
    return _U32.pack(_checksum(position_key(first_position), rest)) + rest, link


def record_event_count(header: bytes) -> int:
    """Number of events of a record, from its first bytes; the checksum is not looked at."""
    return int(_RECORD_START.unpack_from(header)[2])


def record_link(header: bytes) -> bytes:
    """Link of a record, from its first `RECORD_HEADER_BYTES`; the checksum is not looked at."""
    if _RECORD_START.unpack_from(header)[1] < _RECORD_FORMAT:
        return NO_LINK
    return header[_RECORD_START.size : RECORD_HEADER_BYTES]


def decode_record(position: int, value: bytes) -> LogRecord:
    """The record that starts at `position`.

    Raises:
        StoreCorrupted, StoreFormatError: these bytes are not a record of this release.
    """
    what = f"log record at position {position}"
    number = _check(
        position_key(position), value, what=what, header=_RECORD_START, newest=_RECORD_FORMAT
    )
    start = RECORD_HEADER_BYTES if number == _RECORD_FORMAT else _RECORD_START.size
    record: LogRecord = _decode(_RECORD_DECODER, memoryview(value)[start:], what)
    count = sum(len(events) for _, events in record.body.parts)
    if count != record_event_count(value) or len(record.first_versions) != len(record.body.parts):
        raise StoreCorrupted(f"{what}: the number of events is wrong")
    return record


def stored_events(
    position: int, record: LogRecord, *, only: StreamId | None = None
) -> Iterator[StoredEvent]:
    """Events of a record that starts at `position`, all or those of one stream."""
    body = record.body
    for first_version, (stream_id, events) in zip(record.first_versions, body.parts, strict=True):
        if only in (None, stream_id):
            for offset, (event_type, payload) in enumerate(events):
                yield StoredEvent(
                    global_position=position + offset,
                    stream_id=stream_id,
                    stream_version=first_version + offset,
                    event_type=event_type,
                    payload=payload,
                    recorded_at_ns=body.recorded_at_ns,
                    epoch=body.epoch,
                    causation=body.causation,
                    correlation=body.correlation,
                )
        position += len(events)


def index_rows(
    record_position: int, parts: Sequence[PlannedPart]
) -> Iterator[tuple[bytes, bytes]]:
    """Rows of the stream index, one per stream of the append."""
    entries: dict[StreamId, IndexEntry] = {}
    for part in parts:
        earlier = entries.get(part.stream_id)
        first_version = part.first_version if earlier is None else earlier.first_version
        count = len(part.events) + (0 if earlier is None else earlier.event_count)
        entries[part.stream_id] = IndexEntry(first_version, record_position, count)
    return ((stream_id.encode(), entry.encode()) for stream_id, entry in entries.items())


def encode_snapshot(snapshot: StateSnapshot) -> bytes:
    """Value of a state snapshot under its stream id."""
    body = _SnapshotBody(snapshot.stream_version, snapshot.fold_version, snapshot.payload)
    rest = bytes([_FORMAT]) + _ENCODER.encode(body)
    return _U32.pack(_checksum(snapshot.stream_id.encode(), rest)) + rest


def decode_snapshot(stream_id: StreamId, value: bytes) -> StateSnapshot:
    """The snapshot that `encode_snapshot` wrote.

    Raises:
        StoreCorrupted, StoreFormatError: these bytes are not a snapshot of this release.
    """
    what = f"snapshot of {stream_id}"
    _check(stream_id.encode(), value, what=what, header=_SNAPSHOT_HEADER, newest=_FORMAT)
    body: _SnapshotBody = _decode(
        _SNAPSHOT_DECODER, memoryview(value)[_SNAPSHOT_HEADER.size :], what
    )
    return StateSnapshot(
        stream_id=stream_id,
        stream_version=body.stream_version,
        fold_version=body.fold_version,
        payload=body.payload,
    )


def _checksum(key: bytes, rest: bytes | memoryview) -> int:
    return zlib.crc32(rest, zlib.crc32(key))


def _link(content: bytes, links: Iterable[bytes]) -> bytes:
    return hashlib.blake2b(b"".join((*links, content)), digest_size=_LINK_BYTES).digest()


def _check(key: bytes, value: bytes, *, what: str, header: struct.Struct, newest: int) -> int:
    """The number of the format, if this release can read it."""
    if len(value) < header.size:
        raise StoreCorrupted(f"{what}: {len(value)} bytes are too few")
    crc, number = header.unpack_from(value)[:2]
    if crc != _checksum(key, memoryview(value)[_U32.size :]):
        raise StoreCorrupted(f"{what}: the checksum does not match, bytes on disk have changed")
    if number > newest:
        raise StoreFormatError(f"{what}: format {number} was made by a newer release")
    return int(number)


def _decode(decoder: msgspec.msgpack.Decoder[Any], body: memoryview, what: str) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        raise StoreCorrupted(f"{what}: {error}") from error
