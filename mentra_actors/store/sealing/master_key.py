"""The one key that the owner of a store keeps; it wraps every other one and is never stored."""

import base64
import binascii
import hashlib
import hmac
import os
import string
from pathlib import Path

from mentra_actors.errors import ConfigurationError
from mentra_actors.store.sealing.data_key import KEY_BYTES, DataKey, new_secret
from mentra_actors.store.sealing.extras import sealing_library

__all__ = ["MasterKey", "key_from_file", "key_from_variable", "make_key_file", "parse_key"]

_HEX_DIGITS = 2 * KEY_BYTES
_WRAPPING_ID = b"wrapping"
_PRINTABLE = frozenset(string.printable.encode())


class MasterKey:
    """A master key in use for one store. Its text does not show it."""

    def __init__(self, key: bytes, sealing_id: str) -> None:
        if len(key) != KEY_BYTES:
            raise ConfigurationError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._wrapping = DataKey(_WRAPPING_ID, _derived(key, sealing_id, b"wrap data keys"))
        self._signing = _derived(key, sealing_id, b"sign the record")

    def wrap(self, secret: bytes, name: str) -> bytes:
        """`secret` for the file `name`."""
        return self._wrapping.encrypt(secret, name.encode())

    def unwrap(self, wrapped: bytes, name: str) -> bytes:
        """What `wrap` was given.

        Raises:
            SealBroken: it was wrapped by another key, for another file, or has changed.
        """
        return self._wrapping.decrypt(wrapped, name.encode())

    def signature(self, content: bytes) -> str:
        """What only a holder of the key can say of `content`."""
        return hmac.new(self._signing, content, hashlib.sha256).hexdigest()

    def has_signed(self, content: bytes, signature: str) -> bool:
        """True if `signature` is that of `content`, by this key."""
        return hmac.compare_digest(self.signature(content), signature)


def parse_key(text: bytes, source: str) -> bytes:
    """A key from 64 hex digits, from base64, or from 32 bytes as they are.

    Raises:
        ConfigurationError: it is none of these; the message names the source, not the content.
    """
    if len(text) == KEY_BYTES and not _PRINTABLE.issuperset(text):
        return text
    stripped = text.strip()
    try:
        if len(stripped) == _HEX_DIGITS:
            return bytes.fromhex(stripped.decode("ascii"))
        padded = stripped + b"=" * (-len(stripped) % 4)
        key = base64.b64decode(padded.translate(bytes.maketrans(b"-_", b"+/")), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"{source} holds no key: expected {KEY_BYTES} bytes as 64 hex digits or as base64"
        )
    return key


def key_from_file(file: Path) -> bytes:
    """The key in a file.

    Raises:
        ConfigurationError: the file cannot be read or holds no key.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the key file {file}: {error.strerror}") from error
    return parse_key(content, f"the key file {file}")


def key_from_variable(name: str) -> bytes:
    """The key in an environment variable.

    Raises:
        ConfigurationError: the variable is not set or holds no key.
    """
    text = os.environ.get(name, "")
    if not text.strip():
        raise ConfigurationError(f"the variable {name} is to hold the key and is not set")
    return parse_key(text.encode(errors="replace"), f"the variable {name}")


def make_key_file(file: Path) -> None:
    """Write a new random key as hex digits, readable by its owner only.

    Raises:
        ConfigurationError: the file is there already, or cannot be made.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as opened:
            opened.write(new_secret().hex().encode() + b"\n")
            opened.flush()
            os.fsync(descriptor)
    except FileExistsError as error:
        raise ConfigurationError(f"{file} is there already; a key is never overwritten") from error
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror}") from error


def _derived(key: bytes, sealing_id: str, purpose: bytes) -> bytes:
    """A key for one purpose in one store."""
    hashes = sealing_library("cryptography.hazmat.primitives.hashes")
    hkdf = sealing_library("cryptography.hazmat.primitives.kdf.hkdf")
    derivation = hkdf.HKDF(
        algorithm=hashes.SHA256(), length=KEY_BYTES, salt=sealing_id.encode(), info=purpose
    )
    derived: bytes = derivation.derive(key)
    return derived
