"""Rows of ticks in LMDB: in the table `side`, under a prefix of their own.

Earlier releases have that table and leave alone what they do not know in it.
"""

import logging
import struct
from typing import TYPE_CHECKING, Any

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.tick_rows import TickChanges

if TYPE_CHECKING:
    import lmdb

__all__ = ["change_ticks", "is_tick_key", "kept_rows", "tick_number"]

_LOG = logging.getLogger(__name__)
_PREFIX = b"mentra.tick."
_U64 = struct.Struct(">Q")


def change_ticks(txn: "lmdb.Transaction", side: "lmdb._Database", changes: TickChanges) -> bool:
    """Carry out `changes` in a transaction that writes; true if anything has changed."""
    has_changed = bool(changes.rows)
    with txn.cursor(side) as cursor:
        if changes.drop_below and cursor.set_range(_PREFIX):
            end = _key(changes.drop_below)
            while _PREFIX <= bytes(cursor.key()) < end:
                has_changed = cursor.delete()
        for number, row in changes.rows.items():
            cursor.put(_key(number), row)
    return has_changed


def kept_rows(txn: "lmdb.Transaction[Any]", side: "lmdb._Database") -> list[tuple[int, bytes]]:
    """Number and row of each tick, in order; a key that is damaged is logged and left out."""
    found: list[tuple[int, bytes]] = []
    with txn.cursor(side) as cursor:
        if cursor.set_range(_PREFIX):
            for key, row in cursor.iternext():
                if not is_tick_key(key):
                    break
                try:
                    found.append((tick_number(key), row))
                except StoreCorrupted as error:
                    _LOG.warning("ignored: %s", error)
    return found


def is_tick_key(key: bytes) -> bool:
    """True for the key of a tick, be it damaged."""
    return key.startswith(_PREFIX)


def tick_number(key: bytes) -> int:
    """The number of the tick under a key for which `is_tick_key` is true.

    Raises:
        StoreCorrupted: there is none in it.
    """
    number = key[len(_PREFIX) :]
    if len(number) != _U64.size:
        raise StoreCorrupted(f"a tick lies under {key!r}, which ends with no number")
    return int(_U64.unpack(number)[0])


def _key(number: int) -> bytes:
    return _PREFIX + _U64.pack(number)
