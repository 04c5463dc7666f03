"""Parts of a view to bytes and back."""

from typing import Any, Generic, TypeVar

import msgspec

from projections.contract import Projection
from projections.stores.view_store import ViewDamaged

__all__ = ["PartCodec"]

V = TypeVar("V")


class PartCodec(Generic[V]):
    """Encodes the parts of one projection's view as MessagePack."""

    def __init__(self, projection: Projection[V]) -> None:
        self._name = projection.name
        self._encoder = msgspec.msgpack.Encoder()
        self._sound: set[type[object]] = set()
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(projection.view_type)

    def encode(self, part: V) -> bytes:
        """Bytes of a part.

        Raises:
            TypeError: it is of another type than the view; seen of the first part of each class.
        """
        encoded = self._encoder.encode(part)
        if type(part) not in self._sound:
            try:
                self._decoder.decode(encoded)
            except msgspec.DecodeError as error:
                raise TypeError(f"`apply` returned {part!r:.80}: {error}") from error
            self._sound.add(type(part))
        return encoded

    def decode(self, data: bytes) -> V:
        """The part that `encode` wrote.

        Raises:
            ViewDamaged: these bytes are not a part of this type.
        """
        try:
            part: V = self._decoder.decode(data)
        except msgspec.DecodeError as error:
            raise ViewDamaged(f"a part of view {self._name!r} cannot be read: {error}") from error
        return part
