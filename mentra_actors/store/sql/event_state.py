"""An event in the library's columns.

originator_id is the stream id, originator_version the stream version, topic the tag, and the
notification id the global position. What has no column of its own stands before the payload in
`state`:

    crc32 | format | following | length of envelope | envelope | payload

where `following` is the number of events of the same append that come after this one.

All integers are big-endian, the envelope is MessagePack. The checksum covers stream id and tag
too: a state in the wrong row is as bad as a wrong state.
"""

import struct
import zlib
from collections.abc import Sequence

import msgspec

from mentra_actors.errors import StoreCorrupted, StoreFormatError
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import AppendRequest, StoredEvent

__all__ = ["ReadEvent", "StoredRow", "decode_event", "encode_states", "states_in"]

_FORMAT = 1
_CRC = struct.Struct(">I")
_HEAD = struct.Struct(">IBII")


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    recorded_at_ns: int
    epoch: int
    causation: str
    correlation: str


class StoredRow(msgspec.Struct, frozen=True):
    """An event as the table of the library has it."""

    position: int
    stream_id: StreamId
    stream_version: int
    event_type: str
    state: bytes


class ReadEvent(msgspec.Struct, frozen=True):
    """An event as read back; `following` events of the same append come after it."""

    event: StoredEvent
    following: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Envelope)


def encode_states(request: AppendRequest) -> bytes:
    """The states of all events of a request, in its order, one after the other."""
    epoch = 0 if request.fence is None else request.fence.epoch
    envelope = _ENCODER.encode(
        _Envelope(request.recorded_at_ns, epoch, request.causation, request.correlation)
    )
    following = sum(len(stream.events) for stream in request.streams)
    found: list[bytes] = []
    for stream in request.streams:
        for event in stream.events:
            following -= 1
            head = _HEAD.pack(0, _FORMAT, following, len(envelope))[_CRC.size :]
            crc = _checksum(stream.stream_id, event.event_type, head, envelope, event.payload)
            found += (_CRC.pack(crc), head, envelope, event.payload)
    return b"".join(found)


def states_in(request: AppendRequest, body: bytes) -> Sequence[bytes]:
    """The states that `encode_states` has put together, one by one."""
    payloads = [event.payload for stream in request.streams for event in stream.events]
    if not payloads:
        return []
    before_payload = (len(body) - sum(map(len, payloads))) // len(payloads)
    found: list[bytes] = []
    start = 0
    for payload in payloads:
        end = start + before_payload + len(payload)
        found.append(body[start:end])
        start = end
    return found


def decode_event(row: StoredRow) -> ReadEvent:
    """The event of a row.

    Raises:
        StoreCorrupted, StoreFormatError: these bytes are not a state of this release.
    """
    state = row.state
    what = f"{row.stream_id}, version {row.stream_version}, at position {row.position}"
    if len(state) < _HEAD.size:
        raise StoreCorrupted(f"{what}: {len(state)} bytes are too few")
    crc, number, following, length = _HEAD.unpack_from(state)
    if crc != _checksum(row.stream_id, row.event_type, memoryview(state)[_CRC.size :]):
        raise StoreCorrupted(f"{what}: the checksum does not match, bytes on disk have changed")
    if number > _FORMAT:
        raise StoreFormatError(f"{what}: format {number} was made by a newer release")
    end = _HEAD.size + length
    envelope = _DECODER.decode(memoryview(state)[_HEAD.size : end])
    event = StoredEvent(
        global_position=row.position,
        stream_id=row.stream_id,
        stream_version=row.stream_version,
        event_type=row.event_type,
        payload=state[end:],
        recorded_at_ns=envelope.recorded_at_ns,
        epoch=envelope.epoch,
        causation=envelope.causation,
        correlation=envelope.correlation,
    )
    return ReadEvent(event, following)


def _checksum(stream_id: StreamId, event_type: str, *rest: bytes | memoryview) -> int:
    crc = zlib.crc32(f"{stream_id}\0{event_type}\0".encode())
    for part in rest:
        crc = zlib.crc32(part, crc)
    return crc
