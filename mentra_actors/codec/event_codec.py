"""Events to MessagePack and back, by tag.

Decoding never raises. A tag of a later release, or bytes that do not fit their tag, come back as
an `UnknownEvent` that keeps the bytes: folds skip it, exports lose nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.codec.upcasters import UPCASTERS, Upcaster
from mentra_actors.envelope import UnknownEvent

__all__ = ["CODEC", "EventCodec", "tag_of"]

_MOST_UPCASTS = 100


def tag_of(event_type: type[Any]) -> str:
    """The stored name of an event class."""
    tag = event_type.__struct_config__.tag
    if not isinstance(tag, str):
        raise TypeError(f"{event_type.__qualname__} has no string tag and cannot be stored")
    return tag


class EventCodec:
    """Knows the given event classes. Immutable, safe from any thread."""

    def __init__(
        self, event_types: Iterable[type[Any]], upcasters: Mapping[str, Upcaster] | None = None
    ) -> None:
        self._types: dict[str, type[Any]] = {}
        for event_type in event_types:
            tag = tag_of(event_type)
            if tag in self._types:
                raise ValueError(f"two event types are stored as {tag!r}")
            self._types[tag] = event_type
        self._upcasters = dict(upcasters or {})
        self._encoder = msgspec.msgpack.Encoder()
        self._decoders = {
            tag: msgspec.msgpack.Decoder(event_type) for tag, event_type in self._types.items()
        }

    @property
    def event_types(self) -> Mapping[str, type[Any]]:
        """Known event classes by tag."""
        return dict(self._types)

    def encode(self, event: Any) -> tuple[str, bytes]:
        """Tag and bytes of an event.

        Raises:
            TypeError: its class is not in the list of stored types, or a field holds a value of
                another type than declared, which could be written but never read again.
        """
        if isinstance(event, UnknownEvent):
            return event.event_type, event.payload
        tag = tag_of(type(event))
        if self._types.get(tag) is not type(event):
            raise TypeError(f"{type(event).__qualname__} is not a stored event type")
        payload = self._encoder.encode(event)
        try:
            self._decoders[tag].decode(payload)
        except (msgspec.DecodeError, RecursionError) as error:
            raise TypeError(f"{tag} cannot be stored: {error}") from error
        return tag, payload

    def decode(self, event_type: str, payload: bytes) -> Any:
        """The event, or an `UnknownEvent` that says why it could not be read."""
        decoder = self._decoders.get(event_type)
        try:
            if event_type in self._upcasters:
                return self._decode_older(event_type, payload)
            if decoder is not None:
                return decoder.decode(payload)
        except Exception as error:  # noqa: BLE001 - bytes and upcasters may hold any fault
            return UnknownEvent(event_type=event_type, payload=payload, reason=str(error))
        return UnknownEvent(event_type=event_type, payload=payload)

    def _decode_older(self, event_type: str, payload: bytes) -> Any:
        fields = msgspec.msgpack.decode(payload, type=dict[str, Any])
        tag = event_type
        for _ in range(_MOST_UPCASTS):
            upcast = self._upcasters.get(tag)
            if upcast is None:
                return msgspec.convert({**fields, "type": tag}, self._types[tag])
            tag, fields = upcast(fields)
        raise ValueError(f"the upcasters of {event_type!r} go round in a circle")


CODEC = EventCodec(EVENT_TYPES, UPCASTERS)
"""The codec for everything that this package stores."""
