"""Blobs of an encrypted store: each has a key of its own, so that one can be forgotten.

The store behind keeps sealed bytes under their own digest. The key file of a blob, whose name
cannot be told from the content, holds the key and that digest. Without the file there is no blob.
"""

import threading

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.ports import BlobStore, JournalReader, blob_digest
from mentra_actors.store.sealing.data_key import (
    KEY_BYTES,
    KEY_ID_BYTES,
    DataKey,
    SealBroken,
    new_secret,
)
from mentra_actors.store.sealing.key_ring import KeyRing
from mentra_actors.store.sealing.seal import Seal, exactly

__all__ = ["SealedBlobs"]

_REMEMBERED = 100_000


class SealedBlobs:
    """Reads and keeps blobs. Safe from any thread."""

    def __init__(self, seal: Seal, ring: KeyRing) -> None:
        self._seal = seal
        self._ring = ring
        self._putting = threading.Lock()
        self._put_here: dict[str, None] = {}
        """Digests, the oldest first."""

    def put(self, content: bytes, store: BlobStore) -> str:
        """See `BlobStore.put_blob`; a new blob costs the flush of a small file.

        Raises:
            StoreError: the blob is not stored.
        """
        digest = blob_digest(content)
        with self._putting:
            # One that this process has put may still wait to be written; it must stay as it is.
            if digest not in self._put_here and self.read(digest, store) is None:
                self._put(digest, content, store)
            self._put_here[digest] = None
            if len(self._put_here) > _REMEMBERED:
                del self._put_here[next(iter(self._put_here))]
        return digest

    def read(self, digest: str, store: BlobStore | JournalReader) -> bytes | None:
        """See `BlobStore.read_blob`.

        Raises:
            StoreCorrupted: the bytes are not those that were put.
        """
        name = self._ring.blob_name(digest)
        secret = self._ring.files.read(name)
        sealed = None if secret is None else store.read_blob(secret[KEY_BYTES:].decode())
        if secret is None or sealed is None:
            return None
        try:
            return self._seal.opened(sealed, _context(digest), exactly(_key(name, secret)))
        except SealBroken as error:
            raise StoreCorrupted(f"blob {digest} is not what was put") from error

    def is_there(self, digest: str) -> bool:
        """True if there is a key for this blob."""
        return self._ring.files.read(self._ring.blob_name(digest)) is not None

    def _put(self, digest: str, content: bytes, store: BlobStore) -> None:
        name, secret = self._ring.blob_name(digest), new_secret()
        sealed = self._seal.closed(content, _context(digest), _key(name, secret))
        entry = secret + store.put_blob(sealed).encode()
        if not self._ring.files.create(name, entry) and self.read(digest, store) is None:
            self._ring.files.write(name, entry)  # the bytes behind the one before were lost


def _key(name: str, secret: bytes) -> DataKey:
    return DataKey(bytes.fromhex(name)[:KEY_ID_BYTES], secret[:KEY_BYTES])


def _context(digest: str) -> bytes:
    return f"blob:{digest}".encode()
