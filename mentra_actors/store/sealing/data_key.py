"""AES-256-GCM under one key, by `cryptography`; nothing here invents a cipher.

Nonces are 96 random bits. One key may so seal some four thousand million payloads before a nonce
is likely to come twice.
"""

import os
from typing import Any

from mentra_actors.store.sealing.extras import sealing_library

__all__ = ["KEY_BYTES", "KEY_ID_BYTES", "NONCE_BYTES", "DataKey", "SealBroken", "new_secret"]

KEY_BYTES = 32
KEY_ID_BYTES = 8
NONCE_BYTES = 12


class SealBroken(Exception):
    """The bytes, the context or the key are not those of the sealing; raised for the caller here.

    It never leaves this package: who knows the place says `StoreCorrupted` or `WrongKey`.
    """


def new_secret() -> bytes:
    """A new random key."""
    return os.urandom(KEY_BYTES)


class DataKey:
    """One key with its id. Safe from any thread; its text does not show the secret."""

    def __init__(self, key_id: bytes, secret: bytes) -> None:
        aead = sealing_library("cryptography.hazmat.primitives.ciphers.aead")
        self.key_id = key_id
        self._cipher: Any = aead.AESGCM(secret)
        self._broken: type[Exception] = sealing_library("cryptography.exceptions").InvalidTag

    def __repr__(self) -> str:
        return f"DataKey({self.key_id.hex()})"

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        """A new nonce and the ciphertext, which opens under the same `context` only."""
        nonce = os.urandom(NONCE_BYTES)
        sealed: bytes = self._cipher.encrypt(nonce, plain, context)
        return nonce + sealed

    def decrypt(self, sealed: bytes, context: bytes) -> bytes:
        """What `encrypt` was given.

        Raises:
            SealBroken: these bytes are not what it gave, or the context differs.
        """
        try:
            plain: bytes = self._cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context
            )
        except (self._broken, ValueError) as error:
            raise SealBroken from error
        return plain
