"""Lists that have grown, stored as what is new of them.

A list in MessagePack is a header, which says how many elements there are, and the elements one
after the other. So a list that begins with all bytes of an older one's elements is the older one
with more behind it, whatever the elements are: this is compared, not assumed.

Which older one a list is stored against: every 16th growth reaches 16 growths back, every 256th
256, and so on. So a list that has grown n times is put together from at most 15 pieces for each
digit that n has in base 16, and every element is stored once and once more for each digit.
"""

from collections.abc import Callable

import msgspec

from mentra_actors.domain.frameworks.langgraph import Growth, Place, SavedValue

__all__ = ["Piece", "WholeValue", "put_together", "saved_value"]

_FAN_OUT = 16
_LEAST_BYTES = 64
"""Shorter lists are stored whole: what is saved would not pay for what says so."""
_PLAIN = "msgpack"
_SHORT_MASK, _SHORT_LIST = 0xF0, 0x90
_LONG_LISTS = {0xDC: 3, 0xDD: 5}
"""First byte and length of the headers of MessagePack lists."""


class Piece(msgspec.Struct, frozen=True):
    """A place on the way from a whole list to what it has become.

    `size` is the number of bytes that the elements have there.
    """

    depth: int
    place: Place
    size: int


class WholeValue(msgspec.Struct, frozen=True):
    """A value with all its bytes. `pieces`: where it stands, the whole list first."""

    kind: str
    content: bytes
    pieces: tuple[Piece, ...]


def saved_value(
    kind: str, content: bytes, older: WholeValue | None, place_of: Callable[[Place], Place]
) -> SavedValue:
    """How to store a value whose channel had the value `older` before.

    `place_of` says how the event that is going to hold it names a place.
    """
    if older is None or kind != _PLAIN or older.kind != kind or not older.pieces:
        return SavedValue(kind, content)
    head, old_head = _head_bytes(content), _head_bytes(older.content)
    old_body = older.content[old_head:]
    is_list = head > 0 and old_head > 0 and len(old_body) >= _LEAST_BYTES
    if not is_list or not content.startswith(old_body, head):
        return SavedValue(kind, content)
    depth = older.pieces[-1].depth + 1
    base = _base_of(depth, older.pieces)
    growth = Growth(place_of(base.place), content[:head], depth)
    return SavedValue(kind, content[head + base.size :], growth)


def put_together(
    place: Place, read: Callable[[Place], SavedValue], place_of: Callable[[Place, Place], Place]
) -> WholeValue:
    """A stored value with all its bytes. `read` gives what is stored at a place.

    `place_of` says which place is meant by an event at the first one, when it names the second.
    """
    parts: list[tuple[Place, SavedValue]] = []
    saved = read(place)
    while saved.growth is not None:
        parts.append((place, saved))
        place = place_of(place, saved.growth.base)
        saved = read(place)
    head = _head_bytes(saved.content)
    if not parts:
        size = len(saved.content) - head
        return WholeValue(saved.kind, saved.content, (Piece(0, place, size),))
    bodies, size = [saved.content[head:]], len(saved.content) - head
    pieces, last_head = [Piece(0, place, size)], b""
    for at, part in reversed(parts):
        bodies.append(part.content)
        size += len(part.content)
        if part.growth is not None:
            pieces.append(Piece(part.growth.depth, at, size))
            last_head = part.growth.head
    return WholeValue(saved.kind, last_head + b"".join(bodies), tuple(pieces))


def _base_of(depth: int, pieces: tuple[Piece, ...]) -> Piece:
    """The piece that a list of this depth is stored against; all it may be are among `pieces`."""
    reach = 1
    while depth % (reach * _FAN_OUT) == 0:
        reach *= _FAN_OUT
    return next(one for one in reversed(pieces) if one.depth <= depth - reach)


def _head_bytes(content: bytes) -> int:
    """How long the header of a list is; 0 for anything else."""
    first = content[0] if content else 0
    if first & _SHORT_MASK == _SHORT_LIST:
        return 1
    return _LONG_LISTS.get(first, 0)
