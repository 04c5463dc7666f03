"""Finds what one recorder appended, among all that others put on the same log."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mentra_actors.store.recorders.side_keys import (
    append_key,
    row_key,
    row_position,
    unpack_count,
)
from mentra_actors.store.recorders.side_rows import last_row

if TYPE_CHECKING:
    import lmdb

__all__ = ["appends_from", "last_own_position"]


def last_own_position(cursor: "lmdb.Cursor", sequence: str) -> int | None:
    """Position of the last event of a recorder, or None."""
    row = last_row(cursor, append_key(sequence))
    return None if row is None else row_position(row[0]) + unpack_count(row[1]) - 1


def appends_from(cursor: "lmdb.Cursor", sequence: str, position: int) -> Iterator[tuple[int, int]]:
    """First position and number of events of each append that ends at `position` or later."""
    prefix = append_key(sequence)
    is_there = cursor.set_range(row_key(prefix, position))
    if not (is_there and bytes(cursor.key()) == row_key(prefix, position)):
        # The append before may reach over the position.
        before = cursor.prev() if is_there else cursor.last()
        if not before:
            is_there = cursor.first()
        elif not _is_own(cursor, prefix) or _last_position(cursor) < position:
            is_there = cursor.next()
        else:
            is_there = True
    while is_there and _is_own(cursor, prefix):
        yield row_position(bytes(cursor.key())), unpack_count(bytes(cursor.value()))
        is_there = cursor.next()


def _is_own(cursor: "lmdb.Cursor", prefix: bytes) -> bool:
    return bytes(cursor.key()).startswith(prefix)


def _last_position(cursor: "lmdb.Cursor") -> int:
    return row_position(bytes(cursor.key())) + unpack_count(bytes(cursor.value())) - 1
