"""How a tick looks as a row of any store, and what a group of them changes.

A row is crc32, format, MessagePack: a list of stream id, effect id and payload. The checksum
covers the number of the tick too: a row in the wrong place is as bad as a wrong row.
"""

import logging
import struct
import zlib
from collections.abc import Iterable, Mapping

import msgspec

from mentra_actors.errors import StoreCorrupted, StoreError, StoreFormatError
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.store.ports import Tick, TickPiece

__all__ = ["TickChanges", "TickJob", "decode_tick", "readable_ticks", "tick_changes", "tick_job"]

_LOG = logging.getLogger(__name__)
_FORMAT = 1
_U64 = struct.Struct(">Q")
_HEADER = struct.Struct(">IB")
_CRC_BYTES = 4
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(tuple[tuple[StreamId, EffectId, bytes], ...])


class TickJob(msgspec.Struct, frozen=True):
    """A tick that waits to be written; an empty `row` is none, and only drops."""

    number: int
    row: bytes
    drop_below: int

    @property
    def size_bytes(self) -> int:
        """What it writes."""
        return len(self.row)


class TickChanges(msgspec.Struct, frozen=True):
    """What ticks change together: first all rows below `drop_below` go, then `rows` are put."""

    drop_below: int
    rows: Mapping[int, bytes]


def tick_job(tick: Tick, drop_below: int) -> TickJob:
    """The job that saves a tick which has passed `check_tick`.

    Raises:
        ValueError: a text of it is not Unicode.
    """
    return TickJob(tick.number, _encode(tick) if tick.pieces else b"", drop_below)


def tick_changes(jobs: Iterable[TickJob]) -> TickChanges:
    """The changes of `jobs`, one after another: a row that would go again at once is not put."""
    drop_below = 0
    rows: dict[int, bytes] = {}
    for job in jobs:
        if job.row:
            rows[job.number] = job.row
        if job.drop_below:
            drop_below = max(drop_below, job.drop_below)
            rows = {number: row for number, row in rows.items() if number >= job.drop_below}
    return TickChanges(drop_below, rows)


def readable_ticks(rows: Iterable[tuple[int, bytes]]) -> list[Tick]:
    """The ticks of these rows, in their order; what cannot be read is logged and left out."""
    found: list[Tick] = []
    for number, row in rows:
        try:
            found.append(decode_tick(number, row))
        except StoreError as error:
            _LOG.warning("ignored: %s", error)
    return found


def decode_tick(number: int, row: bytes) -> Tick:
    """The tick in a row.

    Raises:
        StoreCorrupted, StoreFormatError: these bytes are not the row of this tick, or not one of
            this release.
    """
    if len(row) < _HEADER.size:
        raise StoreCorrupted(f"tick {number}: {len(row)} bytes are too few")
    crc, layout = _HEADER.unpack_from(row)
    if crc != _checksum(number, memoryview(row)[_CRC_BYTES:]):
        raise StoreCorrupted(
            f"tick {number}: the checksum does not match, bytes on disk have changed"
        )
    if layout > _FORMAT:
        raise StoreFormatError(f"tick {number}: format {layout} was made by a newer release")
    try:
        pieces = _DECODER.decode(memoryview(row)[_HEADER.size :])
    except msgspec.DecodeError as error:
        raise StoreCorrupted(f"tick {number}: {error}") from error
    return Tick(number=number, pieces=tuple(TickPiece(*piece) for piece in pieces))


def _encode(tick: Tick) -> bytes:
    pieces = [(piece.stream_id, piece.effect_id, piece.payload) for piece in tick.pieces]
    rest = bytes([_FORMAT]) + _ENCODER.encode(pieces)
    return _checksum(tick.number, rest).to_bytes(_CRC_BYTES, "big") + rest


def _checksum(number: int, rest: bytes | memoryview) -> int:
    return zlib.crc32(rest, zlib.crc32(_U64.pack(number)))
