"""Keys of the rows that the recorders keep beside the log, in the table `side`.

A key is `es`, a letter, and parts of which each begins with its length in two bytes, so that
no text can be mistaken for another. Integers are big-endian; those that may be negative are
shifted, so that byte order is number order.

* E sequence, originator, version -> position of the append, place in it: an event
* N sequence, position of the append -> number of its events: what one recorder appended
* S sequence, originator, version -> checksum, topic and state: an event that is not on the log
* T scope, application -> notification id: tracking
* V scope, key -> value: a row of a view
* D 16 bytes of BLAKE2b over sequence, kind and text, position -> place in the append: an event
  with a tag or of a type

E, N and D can be computed from the log. A sequence is the name of what one recorder writes.
"""

import hashlib
import struct
from typing import Literal, TypeAlias

__all__ = [
    "MAX_KEY_BYTES",
    "PostingKind",
    "append_key",
    "event_key",
    "pack_count",
    "pack_place",
    "pack_signed",
    "posting_prefix",
    "row_key",
    "row_position",
    "snapshot_key",
    "tracking_key",
    "unpack_count",
    "unpack_place",
    "unpack_signed",
    "version_bounds",
    "view_key",
]

MAX_KEY_BYTES = 511
"""What LMDB takes."""
_SHIFT = 1 << 63
_U64 = struct.Struct(">Q")
_U32 = struct.Struct(">I")
_PLACE = struct.Struct(">QI")
_PART = struct.Struct(">H")
_DIGEST_BYTES = 16

PostingKind: TypeAlias = Literal["type", "tag"]


def event_key(sequence: str, originator: str) -> bytes:
    """What the keys of the events of one originator begin with; a version follows."""
    return _checked(b"esE" + _part(sequence) + _part(originator), more=_U64.size)


def snapshot_key(sequence: str, originator: str) -> bytes:
    """Like `event_key`, for events that are not on the log."""
    return _checked(b"esS" + _part(sequence) + _part(originator), more=_U64.size)


def append_key(sequence: str) -> bytes:
    """What the keys of the appends of one recorder begin with; a position follows."""
    return _checked(b"esN" + _part(sequence), more=_U64.size)


def tracking_key(scope: str, application_name: str) -> bytes:
    """Key of the tracking of one application."""
    return _checked(b"esT" + _part(scope) + _part(application_name))


def view_key(scope: str, key: bytes = b"") -> bytes:
    """Key of a row of a view, or what all of them begin with."""
    return _checked(b"esV" + _part(scope) + key)


def posting_prefix(sequence: str, kind: PostingKind, text: str) -> bytes:
    """What the keys of all events with a tag, or of a type, begin with; a position follows."""
    name = _part(sequence) + _part(kind) + text.encode()
    return b"esD" + hashlib.blake2b(name, digest_size=_DIGEST_BYTES).digest()


def row_key(prefix: bytes, position: int) -> bytes:
    """The key that begins with `prefix` and ends with a position."""
    return prefix + _U64.pack(position)


def row_position(key: bytes) -> int:
    """The position at the end of a key."""
    return int(_U64.unpack(key[-_U64.size :])[0])


def pack_signed(number: int) -> bytes:
    """Eight bytes that sort like the numbers.

    Raises:
        ValueError: the number has more than 63 bits.
    """
    if not -_SHIFT <= number < _SHIFT:
        raise ValueError(f"a version or a position must fit in 64 bits, unlike {number}")
    return _U64.pack(number + _SHIFT)


def unpack_signed(content: bytes) -> int:
    """The number that `pack_signed` wrote, also at the end of a key."""
    return row_position(content) - _SHIFT


def version_bounds(gt: int | None, lte: int | None) -> tuple[bytes, bytes] | None:
    """The last eight bytes of the first and of the last key of a range; None if it is empty."""
    first = -_SHIFT if gt is None else max(gt + 1, -_SHIFT)
    last = _SHIFT - 1 if lte is None else min(lte, _SHIFT - 1)
    return None if first > last else (pack_signed(first), pack_signed(last))


def pack_place(first_position: int, offset: int) -> bytes:
    """Which event of which append."""
    return _PLACE.pack(first_position, offset)


def unpack_place(content: bytes) -> tuple[int, int]:
    """First position of an append and place of an event in it."""
    first_position, offset = _PLACE.unpack(content)
    return first_position, offset


def pack_count(count: int) -> bytes:
    """Four bytes."""
    return _U32.pack(count)


def unpack_count(content: bytes) -> int:
    """The number that `pack_count` wrote."""
    return int(_U32.unpack(content)[0])


def _part(text: str) -> bytes:
    content = text.encode()
    if len(content) > MAX_KEY_BYTES:
        raise ValueError(f"a name takes at most {MAX_KEY_BYTES} bytes, not {len(content)}")
    return _PART.pack(len(content)) + content


def _checked(key: bytes, *, more: int = 0) -> bytes:
    if len(key) + more > MAX_KEY_BYTES:
        excess = len(key) + more - MAX_KEY_BYTES
        raise ValueError(f"{key[3:60]!r}… is a key that is {excess} bytes too long")
    return key
