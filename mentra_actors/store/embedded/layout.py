"""How the log looks as bytes in LMDB: keys, records, index entries, checksums.

Every integer is big-endian, so that byte order is number order.

* log: position of the first event -> crc32, format, event count, link, MessagePack body; one
  record per append, and one more byte of anything means another format number.
* streams: stream id -> one entry per append that touched it: first version, position of the log
  record, number of events. Sorted, so the last one is the head.
* snapshots: stream id -> crc32, format, MessagePack body.
* blobs: digest -> content. open: stream id -> crc32 of it. fences: resource -> epoch, crc32.

A checksum covers its key too: a record in the wrong place is as bad as a wrong record.

The link of a record is a BLAKE2b hash of its content and of the link of the last record before it
of each stream that it touches. So the records of a stream are a chain: whoever changes one, even
with a right checksum, breaks every link after it. Records of format 1 have no link.

A record of format 3 lacks the payloads of some of its parts, which were moved to an archive. It
has the link that it had before, so that the chains of the other streams can still be followed,
and a digest of each part that it lacks. Its events are read as tombstones.
"""

import hashlib
import struct
import zlib
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from mentra_actors.errors import StoreCorrupted, StoreFormatError, StreamArchived
from mentra_actors.ids import StreamId
from mentra_actors.store.append_plan import PlannedPart
from mentra_actors.store.archived_parts import (
    ArchiveName,
    PartEvents,
    RemovedPart,
    tombstones,
)
from mentra_actors.store.ports import AppendRequest, StateSnapshot, StoredEvent

__all__ = [
    "LINKED_FORMAT",
    "NO_LINK",
    "RECORD_HEADER_BYTES",
    "LogRecord",
    "RecordBody",
    "RecordBytes",
    "content_link",
    "decode_record",
    "decode_snapshot",
    "encode_archived_mark",
    "encode_body",
    "encode_record",
    "encode_snapshot",
    "join_record",
    "key_position",
    "position_key",
    "rebuild_record",
    "record_event_count",
    "record_link",
    "split_record",
    "stored_events",
    "stream_payloads",
]

_FORMAT = 1
_ARCHIVED_FORMAT = 2
"""Of a snapshot: there is none, because the events before it are in an archive."""
_FIRST_RECORD_FORMAT, LINKED_FORMAT, _ARCHIVED_RECORD_FORMAT = 1, 2, 3
_LINK_BYTES = 8
NO_LINK = bytes(_LINK_BYTES)
"""The link before the first record of a stream, and of records that were written without one."""
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_RECORD_START = struct.Struct(">IBI")
_FORMAT_AND_COUNT = struct.Struct(">BI")
_TWO_FIELDS = b"\x92"
"""How MessagePack begins an array of two."""
_SNAPSHOT_HEADER = struct.Struct(">IB")
RECORD_HEADER_BYTES = _RECORD_START.size + _LINK_BYTES


class RecordBody(msgspec.Struct, frozen=True, array_like=True):
    """What an append says, wherever it lands: streams, each with tags and payloads."""

    recorded_at_ns: int
    epoch: int
    causation: str
    correlation: str
    parts: tuple[tuple[StreamId, tuple[tuple[str, bytes], ...]], ...]


class LogRecord(msgspec.Struct, frozen=True, array_like=True):
    """One append as stored: its body, and the first version of each part of it."""

    first_versions: tuple[int, ...]
    body: RecordBody
    removed: tuple[RemovedPart, ...] = ()
    archives: tuple[ArchiveName, ...] = ()


class RecordBytes(NamedTuple):
    """A record as it lies in the log, without its checksum."""

    format: int
    event_count: int
    link: bytes
    content: bytes


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
    """The part of a log record that does not depend on where it lands: a `RecordBody`."""
    parts = [
        (stream.stream_id, [(event.event_type, event.payload) for event in stream.events])
        for stream in request.streams
        if stream.events
    ]
    epoch = 0 if request.fence is None else request.fence.epoch
    return _ENCODER.encode(
        (request.recorded_at_ns, epoch, request.causation, request.correlation, parts)
    )


def encode_record(
    first_position: int, parts: Sequence[PlannedPart], body: bytes, links: bytes
) -> tuple[bytes, bytes]:
    """The log record of one append and its link; `links` are those of its streams before it."""
    versions = [part.first_version for part in parts]
    count = len(parts[0].events) if len(parts) == 1 else sum(len(part.events) for part in parts)
    content = _TWO_FIELDS + _ENCODER.encode(versions) + body
    link = content_link(content, (links,))
    rest = _FORMAT_AND_COUNT.pack(LINKED_FORMAT, count) + link + content
    crc = zlib.crc32(rest, zlib.crc32(_U64.pack(first_position)))
    return _U32.pack(crc) + rest, link


def content_link(content: bytes, links: Iterable[bytes]) -> bytes:
    """Link of a record with this content; `links` are those of its streams before it."""
    return hashlib.blake2b(b"".join((*links, content)), digest_size=_LINK_BYTES).digest()


def split_record(value: bytes) -> RecordBytes:
    """The pieces of a record that has passed `decode_record`."""
    _, number, count = _RECORD_START.unpack_from(value)
    if number == _FIRST_RECORD_FORMAT:
        return RecordBytes(number, count, NO_LINK, value[_RECORD_START.size :])
    link = value[_RECORD_START.size : RECORD_HEADER_BYTES]
    return RecordBytes(number, count, link, value[RECORD_HEADER_BYTES:])


def join_record(first_position: int, record: RecordBytes) -> bytes:
    """The record from its pieces, with the checksum for its place."""
    number, count, link, content = record
    start = _RECORD_START.pack(0, number, count)[_U32.size :]
    rest = b"".join((start, b"" if number == _FIRST_RECORD_FORMAT else link, content))
    return _U32.pack(_checksum(position_key(first_position), rest)) + rest


def rebuild_record(record: LogRecord, link: bytes) -> RecordBytes:
    """The record that holds this, in the format that such records are written in."""
    count = sum(len(events) for _, events in record.body.parts)
    if record.removed:
        return RecordBytes(_ARCHIVED_RECORD_FORMAT, count, link, _ENCODER.encode(record))
    number = _FIRST_RECORD_FORMAT if link == NO_LINK else LINKED_FORMAT
    return RecordBytes(number, count, link, _ENCODER.encode((record.first_versions, record.body)))


def record_event_count(header: bytes) -> int:
    """Number of events of a record, from its first bytes; the checksum is not looked at."""
    return int(_RECORD_START.unpack_from(header)[2])


def record_link(header: bytes) -> bytes:
    """Link of a record, from its first `RECORD_HEADER_BYTES`; the checksum is not looked at."""
    if _RECORD_START.unpack_from(header)[1] == _FIRST_RECORD_FORMAT:
        return NO_LINK
    return header[_RECORD_START.size : RECORD_HEADER_BYTES]


def decode_record(position: int, value: bytes) -> LogRecord:
    """The record that starts at `position`.

    Raises:
        StoreCorrupted, StoreFormatError: these bytes are not a record of this release.
    """
    # Written out, without messages made in advance: nothing else is done so often. A slice of
    # bytes takes a third of the time that a view does, until there is much to copy.
    view = value if len(value) < _MUCH else memoryview(value)
    try:
        crc, number, count = _RECORD_START.unpack_from(view)
        if crc != zlib.crc32(view[_U32.size :], zlib.crc32(_U64.pack(position))):
            raise StoreCorrupted(f"{_record_at(position)}: {_CHANGED}")
        if number > _ARCHIVED_RECORD_FORMAT:
            raise StoreFormatError(f"{_record_at(position)}: {_newer(number)}")
        start = _RECORD_START.size if number == _FIRST_RECORD_FORMAT else RECORD_HEADER_BYTES
        record: LogRecord = _RECORD_DECODER.decode(view[start:])
    except struct.error:
        raise StoreCorrupted(f"{_record_at(position)}: {_too_few(value)}") from None
    except msgspec.DecodeError as error:
        raise StoreCorrupted(f"{_record_at(position)}: {error}") from error
    parts = record.body.parts
    found = len(parts[0][1]) if len(parts) == 1 else sum(len(events) for _, events in parts)
    if count != found or len(record.first_versions) != len(parts):
        raise StoreCorrupted(f"{_record_at(position)}: the number of events is wrong")
    if record.removed or number == _ARCHIVED_RECORD_FORMAT:
        _check_removed(position, record, is_archived=number == _ARCHIVED_RECORD_FORMAT)
    return record


def _check_removed(position: int, record: LogRecord, *, is_archived: bool) -> None:
    parts, archives = len(record.body.parts), len(record.archives)
    if is_archived != bool(record.removed) or not all(
        one.part < parts and one.archive < archives for one in record.removed
    ):
        raise StoreCorrupted(f"{_record_at(position)}: what it lacks is in no archive")


def stored_events(
    position: int,
    record: LogRecord,
    *,
    only: StreamId | None = None,
    event_types: Collection[str] = (),
) -> list[StoredEvent]:
    """Events of a record that starts at `position`: all, or those of one stream, or of some tags.

    What is not asked for costs next to nothing.
    """
    body = record.body
    recorded_at_ns, epoch = body.recorded_at_ns, body.epoch
    causation, correlation = body.causation, body.correlation
    parts = _readable_parts(record) if record.removed else body.parts
    found: list[StoredEvent] = []
    for version, (stream_id, events) in zip(record.first_versions, parts, strict=True):
        if only is None or only == stream_id:
            for offset, (event_type, payload) in enumerate(events):
                if event_types and event_type not in event_types:
                    continue
                one = StoredEvent(
                    global_position=position + offset,
                    stream_id=stream_id,
                    stream_version=version + offset,
                    event_type=event_type,
                    payload=payload,
                    recorded_at_ns=recorded_at_ns,
                    epoch=epoch,
                    causation=causation,
                    correlation=correlation,
                )
                found.append(one)
        position += len(events)
    return found


def stream_payloads(record: LogRecord, stream_id: StreamId) -> tuple[int, PartEvents]:
    """First version, and tags and payloads, of the events of one stream; 0 if it has none."""
    parts = _readable_parts(record) if record.removed else record.body.parts
    if len(parts) == 1 and parts[0][0] == stream_id:
        return record.first_versions[0], parts[0][1]
    own = [index for index, (name, _) in enumerate(parts) if name == stream_id]
    first_version = record.first_versions[own[0]] if own else 0
    return first_version, tuple(event for index in own for event in parts[index][1])


def _readable_parts(record: LogRecord) -> Sequence[tuple[StreamId, PartEvents]]:
    """The parts of a record, with tombstones for what it lacks."""
    parts: list[tuple[StreamId, PartEvents]] = list(record.body.parts)
    for removed in record.removed:
        stream_id, events = parts[removed.part]
        parts[removed.part] = (stream_id, tombstones(events, record.archives[removed.archive]))
    return parts


def encode_snapshot(snapshot: StateSnapshot) -> bytes:
    """Value of a state snapshot under its stream id."""
    body = _SnapshotBody(snapshot.stream_version, snapshot.fold_version, snapshot.payload)
    return _snapshot_row(snapshot.stream_id, _FORMAT, _ENCODER.encode(body))


def encode_archived_mark(stream_id: StreamId, archive: str) -> bytes:
    """What stands in the place of a snapshot of a stream that was moved to an archive."""
    return _snapshot_row(stream_id, _ARCHIVED_FORMAT, archive.encode())


def _snapshot_row(stream_id: StreamId, number: int, body: bytes) -> bytes:
    rest = bytes([number]) + body
    return _U32.pack(_checksum(stream_id.encode(), rest)) + rest


def decode_snapshot(stream_id: StreamId, value: bytes, kind: str = "snapshot") -> StateSnapshot:
    """The snapshot that `encode_snapshot` wrote; errors call it a `kind` of the stream.

    Raises:
        StoreCorrupted, StoreFormatError: these bytes are not a snapshot of this release.
        StreamArchived: there is none, and the stream must not be folded without its archive.
    """
    what = f"{kind} of {stream_id}"
    key = stream_id.encode()
    number = _check(key, value, what=what, header=_SNAPSHOT_HEADER, newest=_ARCHIVED_FORMAT)
    if number == _ARCHIVED_FORMAT:
        raise StreamArchived(stream_id, value[_SNAPSHOT_HEADER.size :].decode(errors="replace"))
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


_MUCH = 1 << 14
_CHANGED = "the checksum does not match, bytes on disk have changed"


def _record_at(position: int) -> str:
    return f"log record at position {position}"


def _newer(number: int) -> str:
    return f"format {number} was made by a newer release"


def _too_few(value: bytes) -> str:
    return f"{len(value)} bytes are too few"


def _check(key: bytes, value: bytes, *, what: str, header: struct.Struct, newest: int) -> int:
    """The number of the format, if this release can read it."""
    if len(value) < header.size:
        raise StoreCorrupted(f"{what}: {_too_few(value)}")
    crc, number = header.unpack_from(value)[:2]
    if crc != _checksum(key, memoryview(value)[_U32.size :]):
        raise StoreCorrupted(f"{what}: {_CHANGED}")
    if number > newest:
        raise StoreFormatError(f"{what}: {_newer(number)}")
    return int(number)


def _decode(decoder: msgspec.msgpack.Decoder[Any], body: memoryview, what: str) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        raise StoreCorrupted(f"{what}: {error}") from error
