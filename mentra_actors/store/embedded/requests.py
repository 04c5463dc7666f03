"""Request ids that were answered: id -> answer, and in order of age, so that the oldest go.

Keys of the table: `i` and the id, whose value ends with a checksum, or `s` and a running number
whose value is the id.
"""

import zlib
from typing import TYPE_CHECKING

import msgspec

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.ports import REMEMBERED_REQUESTS, Appended

if TYPE_CHECKING:
    import lmdb

__all__ = ["find_answer", "parse_request_row", "remember_answer", "request_rows"]

_BY_ID = b"i"
_BY_AGE = b"s"
_NUMBER_BYTES = 8
_CHECKSUM_BYTES = 4
_AFTER_ALL_AGES = b"t"
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Appended)


def find_answer(
    txn: "lmdb.Transaction", table: "lmdb._Database", request_id: str
) -> Appended | None:
    """What was answered to `request_id`, or None if the store does not remember it."""
    key = _BY_ID + request_id.encode()
    stored = txn.get(key, db=table)
    return None if stored is None else _answer(key, bytes(stored))


def remember_answer(
    txn: "lmdb.Transaction", table: "lmdb._Database", request_id: str, answer: Appended
) -> None:
    """Keep the answer to a new id; forget the oldest one if there are too many."""
    number = _youngest(txn, table) + 1
    for key, value in request_rows(number, request_id, answer):
        txn.put(key, value, db=table)
    forgotten = _age_key(number - REMEMBERED_REQUESTS) if number > REMEMBERED_REQUESTS else b""
    if forgotten and (oldest := txn.get(forgotten, db=table)) is not None:
        txn.delete(_BY_ID + bytes(oldest), db=table)
        txn.delete(forgotten, db=table)


def request_rows(number: int, request_id: str, answer: Appended) -> list[tuple[bytes, bytes]]:
    """The rows of one answered request; `number` says how young it is."""
    key = request_id.encode()
    row, value = _BY_ID + key, _ENCODER.encode(answer)
    return [(_age_key(number), key), (row, value + _checksum(row, value))]


def parse_request_row(key: bytes, value: bytes) -> tuple[int, str] | tuple[str, Appended]:
    """What one of the two rows says: number and id, or id and answer.

    Raises:
        StoreCorrupted: it is neither.
    """
    try:
        if key.startswith(_BY_ID):
            return key[1:].decode(), _answer(key, value)
        if key.startswith(_BY_AGE) and len(key) == 1 + _NUMBER_BYTES:
            return int.from_bytes(key[1:], "big"), value.decode()
    except (UnicodeDecodeError, msgspec.DecodeError) as error:
        raise StoreCorrupted(f"request {key!r}: {error}") from error
    raise StoreCorrupted(f"request {key!r}: this is no row of a request")


def _answer(key: bytes, value: bytes) -> Appended:
    """The answer in a row. Older releases wrote no checksum, and nothing follows what they wrote.

    Raises:
        msgspec.DecodeError: these are not the bytes that were written.
    """
    content, checksum = value[:-_CHECKSUM_BYTES], value[-_CHECKSUM_BYTES:]
    return _DECODER.decode(content if checksum == _checksum(key, content) else value)


def _checksum(key: bytes, content: bytes) -> bytes:
    return zlib.crc32(content, zlib.crc32(key)).to_bytes(_CHECKSUM_BYTES, "big")


def _youngest(txn: "lmdb.Transaction", table: "lmdb._Database") -> int:
    with txn.cursor(table) as cursor:
        found = cursor.prev() if cursor.set_range(_AFTER_ALL_AGES) else cursor.last()
        key = bytes(cursor.key()) if found else b""
    return int.from_bytes(key[1:], "big") if key.startswith(_BY_AGE) else 0


def _age_key(number: int) -> bytes:
    return _BY_AGE + number.to_bytes(_NUMBER_BYTES, "big")
