"""One payload, sealed and opened: compressed first, then encrypted or at least checksummed.

Sealed bytes: format, number of the compression, then
* format 1: CRC-32 and what the compression left;
* format 2: key id, nonce, what the compression left under AES-256-GCM.

The check covers also the first bytes, the digest of the dictionary and the *context*: what the
payload is and where it belongs. So none opens in another place than its own.
"""

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from mentra_actors.envelope import FORGOTTEN_PAYLOAD
from mentra_actors.store.sealing.compression import Compression
from mentra_actors.store.sealing.data_key import KEY_ID_BYTES, DataKey, SealBroken

__all__ = ["FindKey", "Seal", "SealHead", "exactly", "head_of", "key_id_of"]

_CHECKSUMMED = 1
_ENCRYPTED = 2
_HEAD_BYTES = 2
_U32 = struct.Struct(">I")
_LEAST_BYTES = _HEAD_BYTES + _U32.size
_KEY_END = _HEAD_BYTES + KEY_ID_BYTES

FindKey: TypeAlias = Callable[[bytes], DataKey | None]
"""The key with an id; None if it was forgotten."""


class SealHead(NamedTuple):
    """What it takes to open a payload: a number of the compression, and a key if there is one."""

    compression: int
    key_id: bytes


class Seal:
    """Seals and opens bytes of one store; safe from any thread."""

    def __init__(self, compression: Compression) -> None:
        self._compression = compression

    def closed(self, payload: bytes, context: bytes, key: DataKey | None) -> bytes:
        """`payload` sealed for `context`, with `key`, or with a checksum only."""
        number, body = self._compression.compress(payload)
        digest = self._compression.dictionary_digest(number)
        if key is None:
            head = bytes((_CHECKSUMMED, number))
            return head + _checksum(head + digest + context, body) + body
        head = bytes((_ENCRYPTED, number)) + key.key_id
        return head + key.encrypt(body, head + digest + context)

    def opened(self, sealed: bytes, context: bytes, find_key: FindKey | None) -> bytes:
        """What `closed` was given; `FORGOTTEN_PAYLOAD` where `find_key` finds no key.

        Without `find_key` it must be checksummed, with it encrypted: whoever can write the disk
        but has no key must not be able to put in text of his own.

        Raises:
            SealBroken: these bytes were not sealed for this context, or have changed.
            StoreCorrupted: a key file or a dictionary is lost.
        """
        if len(sealed) < _LEAST_BYTES or sealed[0] != (_ENCRYPTED if find_key else _CHECKSUMMED):
            raise SealBroken
        number = sealed[1]
        if find_key is None:
            head, body = sealed[:_HEAD_BYTES], sealed[_LEAST_BYTES:]
            digest = self._compression.dictionary_digest(number)
            if sealed[_HEAD_BYTES:_LEAST_BYTES] != _checksum(head + digest + context, body):
                raise SealBroken
            return self._compression.decompress(number, body)
        key = find_key(sealed[_HEAD_BYTES:_KEY_END])
        if key is None:
            return FORGOTTEN_PAYLOAD
        digest = self._compression.dictionary_digest(number)
        body = key.decrypt(sealed[_KEY_END:], sealed[:_KEY_END] + digest + context)
        return self._compression.decompress(number, body)


def key_id_of(sealed: bytes) -> bytes:
    """Id of the key that an encrypted payload names."""
    return sealed[_HEAD_BYTES:_KEY_END]


def head_of(sealed: bytes) -> SealHead:
    """What the first bytes of a sealed payload say."""
    if len(sealed) < _LEAST_BYTES or sealed[0] not in (_CHECKSUMMED, _ENCRYPTED):
        return SealHead(0, b"")
    return SealHead(sealed[1], key_id_of(sealed) if sealed[0] == _ENCRYPTED else b"")


def exactly(key: DataKey) -> FindKey:
    """Finds this key and no other."""

    def find(key_id: bytes) -> DataKey:
        if key_id != key.key_id:
            raise SealBroken
        return key

    return find


def _checksum(head: bytes, body: bytes) -> bytes:
    return _U32.pack(zlib.crc32(body, zlib.crc32(head)))
