"""Dictionaries of a store, by number: files `dictionary-1`, `dictionary-2` and so on.

Each is on disk before the first payload that needs it is written, and stays. A file is a digest
and the content, which an encrypted store seals with its own key: a dictionary is made of pieces
of what it was trained on.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mentra_actors.errors import ConfigurationError, StoreCorrupted, StoreError
from mentra_actors.store.sealing.data_key import DataKey, SealBroken
from mentra_actors.store.sealing.durable_files import (
    DRAFT,
    create_durably,
    file_errors,
    read_if_there,
)
from mentra_actors.store.sealing.extras import sealing_library

__all__ = ["Dictionaries", "Dictionary", "trained_dictionary"]

_PREFIX = "dictionary-"
_MOST = 254
"""A payload says in one byte which dictionary it needs."""
_DIGEST_BYTES = 8
_DICTIONARY_BYTES = 32 << 10
_SAMPLE_BYTES = 4 << 10
_LEAST_SAMPLES = 8


class Dictionary(msgspec.Struct, frozen=True):
    """A dictionary; its digest is part of what payloads are checked by."""

    content: bytes
    digest: bytes


class Dictionaries:
    """The dictionaries of one sealing directory. Safe from any thread; one thread may publish."""

    def __init__(self, directory: Path, own_key: DataKey | None) -> None:
        self._directory = directory
        self._own_key = own_key
        self._loaded: dict[int, Dictionary] = {}
        self.newest = self._last_published()
        """Number of the one to compress with; 0 for none."""

    def get(self, number: int) -> Dictionary:
        """A dictionary.

        Raises:
            StoreCorrupted: its file is missing or is not what was written.
        """
        return self._loaded.get(number) or self._load(number)

    def publish(self, content: bytes) -> int:
        """Make a dictionary durable and use it from now on; its number.

        Raises:
            StoreError: there are too many, or the disk refused it.
        """
        for number in range(self.newest + 1, _MOST + 1):
            stored = content
            if self._own_key is not None:
                stored = self._own_key.encrypt(content, _context(number))
            if create_durably(self._file(number), _digest(content) + stored):
                self.newest = number
                return number
        raise StoreError(f"{self._directory} has {_MOST} dictionaries, which is the most")

    def _load(self, number: int) -> Dictionary:
        file = self._file(number)
        stored = read_if_there(file)
        if stored is None:
            raise StoreCorrupted(f"dictionary {file} is missing; restore it from a backup")
        digest, content = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
        try:
            if self._own_key is not None:
                content = self._own_key.decrypt(content, _context(number))
            if digest != _digest(content):
                raise SealBroken
        except SealBroken as error:
            raise StoreCorrupted(
                f"dictionary {file} is not what was written; restore it from a backup"
            ) from error
        return self._loaded.setdefault(number, Dictionary(content, digest))

    def _last_published(self) -> int:
        with file_errors(self._directory):
            names = [
                path.name
                for path in self._directory.glob(f"{_PREFIX}*")
                if not path.name.endswith(DRAFT)
            ]
        return max((int(name.removeprefix(_PREFIX)) for name in names), default=0)

    def _file(self, number: int) -> Path:
        return self._directory / f"{_PREFIX}{number}"


def trained_dictionary(samples: Sequence[bytes]) -> bytes:
    """A dictionary for payloads like these; about a tenth of a second.

    Raises:
        ConfigurationError: they are too few, or have nothing in common.
    """
    zstd = sealing_library("zstandard")
    pieces = [sample[:_SAMPLE_BYTES] for sample in samples if sample]
    if len(pieces) < _LEAST_SAMPLES:
        raise ConfigurationError(f"{len(pieces)} samples are too few to train a dictionary on")
    size = min(_DICTIONARY_BYTES, max(sum(map(len, pieces)) // 8, 1024))
    try:
        content: bytes = zstd.train_dictionary(size, pieces).as_bytes()
    except zstd.ZstdError as error:
        raise ConfigurationError(
            f"no dictionary came of {len(pieces)} samples: {error}"
        ) from error
    return content


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _context(number: int) -> bytes:
    return b"dictionary %d" % number
