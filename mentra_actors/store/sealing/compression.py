"""Payloads made smaller, with zstd and dictionaries that fit them.

A number goes with each payload: 0 it is as it was, 1 zstd, 2 and more zstd with the dictionary of
that number less one. What does not shrink stays as it was. Frames say how long their content is,
and none may be longer than `MAX_CONTENT_BYTES`: damage cannot eat the memory.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from mentra_actors.store.sealing.data_key import SealBroken
from mentra_actors.store.sealing.dictionaries import Dictionaries
from mentra_actors.store.sealing.extras import sealing_library

__all__ = ["MAX_CONTENT_BYTES", "Compression"]

MAX_CONTENT_BYTES = 64 << 20
"""A larger payload is not compressed."""
_MIN_CONTENT_BYTES = 24
_LEVEL = 3
"""With a dictionary the levels above cost 3 to 30 times as much for one hundredth of the bytes."""
_MAGIC = b"\x28\xb5\x2f\xfd"
"""Every frame begins with it, so it is not stored."""
_AS_IT_WAS = 0
_WITHOUT_DICTIONARY = 1

R = TypeVar("R")


class Compression:
    """Compresses if `is_on`, decompresses always. Safe from any thread."""

    def __init__(self, dictionaries: Dictionaries, *, is_on: bool) -> None:
        self._zstd = sealing_library("zstandard")
        self._dictionaries = dictionaries
        self._is_on = is_on
        self._compressors: dict[int, _Spares[Any]] = {}
        self._decompressors: dict[int, _Spares[Any]] = {}

    def dictionary_digest(self, number: int) -> bytes:
        """Which dictionary a payload with this number needs; empty for none.

        Raises:
            StoreCorrupted: it is missing or damaged.
        """
        if number <= _WITHOUT_DICTIONARY:
            return b""
        return self._dictionaries.get(number - 1).digest

    def compress(self, payload: bytes) -> tuple[int, bytes]:
        """A number and bytes that `decompress` turns back."""
        if not (self._is_on and _MIN_CONTENT_BYTES <= len(payload) <= MAX_CONTENT_BYTES):
            return _AS_IT_WAS, payload
        number = self._dictionaries.newest + 1
        spares = self._compressors.get(number) or self._spare_compressors(number)
        with_one = spares.take()
        frame: bytes = with_one.compress(payload)
        spares.give_back(with_one)
        if len(frame) - len(_MAGIC) >= len(payload):
            return _AS_IT_WAS, payload
        return number, frame[len(_MAGIC) :]

    def decompress(self, number: int, stored: bytes) -> bytes:
        """What `compress` was given.

        Raises:
            SealBroken: these bytes are not what it gave.
            StoreCorrupted: the dictionary is missing or damaged.
        """
        if number == _AS_IT_WAS:
            return stored
        frame = _MAGIC + stored
        spares = self._decompressors.get(number) or self._spare_decompressors(number)
        with_one = spares.take()
        try:
            if self._zstd.get_frame_parameters(frame).content_size > MAX_CONTENT_BYTES:
                raise SealBroken
            content: bytes = with_one.decompress(frame, allow_extra_data=False)
        except self._zstd.ZstdError as error:
            raise SealBroken from error
        spares.give_back(with_one)
        return content

    def _spare_compressors(self, number: int) -> "_Spares[Any]":
        parameters = self._zstd.ZstdCompressionParameters.from_level(
            _LEVEL, write_content_size=True, write_checksum=False, write_dict_id=False
        )
        dictionary = self._dictionary(number)
        if dictionary is not None:
            dictionary.precompute_compress(compression_params=parameters)
        return self._compressors.setdefault(
            number,
            _Spares(
                lambda: self._zstd.ZstdCompressor(
                    dict_data=dictionary, compression_params=parameters
                )
            ),
        )

    def _spare_decompressors(self, number: int) -> "_Spares[Any]":
        dictionary = self._dictionary(number)
        return self._decompressors.setdefault(
            number, _Spares(lambda: self._zstd.ZstdDecompressor(dict_data=dictionary))
        )

    def _dictionary(self, number: int) -> Any:
        if number == _WITHOUT_DICTIONARY:
            return None
        return self._zstd.ZstdCompressionDict(self._dictionaries.get(number - 1).content)


class _Spares(Generic[R]):
    """Contexts of zstd, of which each serves one thread at a time."""

    def __init__(self, make: Callable[[], R]) -> None:
        self._make = make
        self._idle: list[R] = []

    def take(self) -> R:
        """One that nobody uses."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._make()

    def give_back(self, one: R) -> None:
        """Let others use it."""
        self._idle.append(one)
