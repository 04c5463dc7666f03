"""States of milestones to bytes and back: packed, and most of them only what has changed.

Whole ones are zlib's. One that keeps only what has changed begins with a byte that no value of
MessagePack has, and with how many versions before it the milestone is that it was made from; then
comes zlib's again, with the state of that one as its dictionary. So it opens with the very state
that it was packed with, or not at all. States that are not packed are those of earlier releases.
"""

import struct
import zlib

__all__ = ["LONGEST_BASE", "distance_to_base", "packed_changes", "packed_state", "unpacked_state"]

LONGEST_BASE = 32_000
"""Bytes of a state that zlib sees whole; of a longer one only the end would be compared."""
_PACKED = 0x78
_CHANGES = 0xC1
_HEAD = struct.Struct(">BQ")
_LEVEL = 6


def packed_state(state: bytes) -> bytes:
    """A state that can be read alone."""
    return zlib.compress(state, _LEVEL)


def packed_changes(state: bytes, base: bytes, distance: int) -> bytes:
    """A state that can be read beside another one, so many versions before it."""
    packing = zlib.compressobj(_LEVEL, zdict=base)
    return _HEAD.pack(_CHANGES, distance) + packing.compress(state) + packing.flush()


def distance_to_base(payload: bytes) -> int:
    """How many versions before a milestone the one is that it is read beside; 0 if alone."""
    if payload[:1] != bytes([_CHANGES]) or len(payload) < _HEAD.size:
        return 0
    return int(_HEAD.unpack_from(payload)[1])


def unpacked_state(payload: bytes, base: bytes = b"") -> bytes | None:
    """The state of a payload; None if it is damaged, or was packed beside another `base`."""
    try:
        if distance_to_base(payload):
            unpacking = zlib.decompressobj(zdict=base)
            return unpacking.decompress(payload[_HEAD.size :]) if base else None
        return zlib.decompress(payload) if payload[:1] == bytes([_PACKED]) else payload
    except zlib.error:
        return None
