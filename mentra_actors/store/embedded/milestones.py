"""Milestones in LMDB: older snapshots, in the table `side`, under a prefix of their own.

Earlier releases have that table and leave alone what they do not know in it. A key is the prefix,
the length of the id of the stream in two bytes, the id, and the version in eight.
"""

import struct
from typing import TYPE_CHECKING, Any

import msgspec

from mentra_actors.errors import StoreCorrupted
from mentra_actors.ids import StreamId
from mentra_actors.store.embedded.layout import decode_snapshot, encode_snapshot
from mentra_actors.store.ports import StateSnapshot

if TYPE_CHECKING:
    import lmdb

__all__ = [
    "check_milestone",
    "drop_milestones",
    "is_milestone_key",
    "milestone_through",
    "put_milestone",
]

_PREFIX = b"mentra.milestone."
_U16 = struct.Struct(">H")
_U64 = struct.Struct(">Q")


def put_milestone(
    txn: "lmdb.Transaction", side: "lmdb._Database", snapshot: StateSnapshot
) -> None:
    """Keep a milestone."""
    key = _of_stream(snapshot.stream_id) + _U64.pack(snapshot.stream_version)
    txn.put(key, encode_snapshot(snapshot), db=side)


def milestone_through(
    txn: "lmdb.Transaction[Any]", side: "lmdb._Database", stream_id: StreamId, version: int
) -> StateSnapshot | None:
    """The youngest milestone of a stream that is not above `version`, or None.

    Raises:
        StoreCorrupted, StoreFormatError: its row is damaged, or of a newer release.
    """
    prefix = _of_stream(stream_id)
    wanted = prefix + _U64.pack(max(version, 0))
    with txn.cursor(side) as cursor:
        is_at = cursor.set_range(wanted) and cursor.key() == wanted
        if not is_at and not (cursor.prev() if cursor.key() else cursor.last()):
            return None
        key, row = cursor.item()
    return _decoded(key, row, stream_id) if key.startswith(prefix) else None


def drop_milestones(txn: "lmdb.Transaction", side: "lmdb._Database", stream_id: StreamId) -> None:
    """Delete all milestones of a stream."""
    prefix = _of_stream(stream_id)
    with txn.cursor(side) as cursor:
        if cursor.set_range(prefix):
            while bytes(cursor.key()).startswith(prefix):
                cursor.delete()


def is_milestone_key(key: bytes) -> bool:
    """True for the key of a milestone, be it damaged."""
    return key.startswith(_PREFIX)


def check_milestone(key: bytes, row: bytes) -> None:
    """Make sure that a row is the milestone that its key says.

    Raises:
        StoreCorrupted, StoreFormatError: it is not.
    """
    name = key[len(_PREFIX) + _U16.size : -_U64.size]
    stream_id = StreamId(name.decode(errors="backslashreplace"))
    if _of_stream(stream_id) != key[: -_U64.size]:
        raise StoreCorrupted(f"a milestone lies under {key!r}, which names no stream")
    _decoded(key, row, stream_id)


def _of_stream(stream_id: StreamId) -> bytes:
    name = stream_id.encode()
    return _PREFIX + _U16.pack(len(name)) + name


def _decoded(key: bytes, row: bytes, stream_id: StreamId) -> StateSnapshot:
    snapshot = decode_snapshot(stream_id, row, "milestone")
    if _U64.pack(snapshot.stream_version) != key[-_U64.size :]:
        raise StoreCorrupted(f"milestone of {stream_id}: it lies under another version")
    return msgspec.structs.replace(snapshot, is_milestone=True)
