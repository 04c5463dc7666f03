"""Events to MessagePack and back, by tag.

Decoding never raises. A tag of a later release, or bytes that do not fit their tag, come back as
an `UnknownEvent` that keeps the bytes: folds skip it, exports lose nothing. A tag of an earlier
release comes back as whatever its upcasters make of it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.codec.framework_event_types import FRAMEWORK_EVENT_TYPES
from mentra_actors.codec.upcasters import UPCASTERS, Upcaster
from mentra_actors.envelope import FORGOTTEN_PAYLOAD, RetiredEvent, SkippedEvent, UnknownEvent

__all__ = ["CODEC", "EventCodec", "tag_of"]

_FORGOTTEN = "forgotten: its key was destroyed"
_FIXMAP, _FIXMAP_FIELDS = 0x80, 15
_FIXED_MAP_BYTES, _LONG_MAP_BYTES = 1, 3
_FIXSTR_BYTES = 32
_TAG_FIELD = b"\xa4type"
_MOST_UPCASTS = 1000
"""Steps from one stored event to what it says today; only a circle takes more."""


def tag_of(event_type: type[Any]) -> str:
    """The stored name of an event class.

    Raises:
        TypeError: it has none, so it cannot be stored.
    """
    tag = event_type.__struct_config__.tag
    if not isinstance(tag, str):
        raise TypeError(f"{event_type.__qualname__} has no string tag and cannot be stored")
    return tag


class EventCodec:
    """Knows the given event classes. Immutable, safe from any thread."""

    def __init__(
        self, event_types: Iterable[type[object]], upcasters: Mapping[str, Upcaster] | None = None
    ) -> None:
        self._types: dict[str, type[object]] = {}
        for event_type in event_types:
            tag = tag_of(event_type)
            if tag in self._types:
                raise ValueError(f"two event types are stored as {tag!r}")
            self._types[tag] = event_type
        self._upcasters = dict(upcasters or {})
        if both := sorted(self._types.keys() & self._upcasters.keys()):
            raise ValueError(f"{both} are still written, so they cannot be upcast: use new tags")
        self._encoder = msgspec.msgpack.Encoder()
        self._decoders = {
            tag: msgspec.msgpack.Decoder(event_type).decode
            for tag, event_type in self._types.items()
        }

    @property
    def event_types(self) -> Mapping[str, type[object]]:
        """Known event classes by tag."""
        return dict(self._types)

    @property
    def older_tags(self) -> frozenset[str]:
        """Tags of earlier releases that have an upcaster."""
        return frozenset(self._upcasters)

    def encode(self, event: object) -> tuple[str, bytes]:
        """Tag and bytes of an event.

        Raises:
            TypeError: its class is not in the list of stored types, or a field holds a value of
                another type than declared, which could be written but never read again.
        """
        if isinstance(event, SkippedEvent):
            return event.event_type, event.payload
        tag = tag_of(type(event))
        if self._types.get(tag) is not type(event):
            raise TypeError(f"{type(event).__qualname__} is not a stored event type")
        payload = _without_tag(self._encoder.encode(event), tag)
        try:
            self._decoders[tag](payload)
        except (msgspec.DecodeError, RecursionError) as error:
            raise TypeError(f"{tag} cannot be stored: {error}") from error
        return tag, payload

    def decode(self, event_type: str, payload: bytes) -> tuple[object, ...]:
        """What a stored event says today: one event, or the several that it was split into.

        Never none: an event that cannot be read is an `UnknownEvent` that says why, and one of
        which upcasters leave nothing, or whose payload was forgotten, is a `RetiredEvent`.
        """
        if payload == FORGOTTEN_PAYLOAD:
            return (RetiredEvent(event_type=event_type, payload=payload, reason=_FORGOTTEN),)
        try:
            decoder = self._decoders.get(event_type)
            if decoder is not None:
                return (decoder(payload),)
            if event_type in self._upcasters:
                events = self._upcast(event_type, payload)
                return events or (RetiredEvent(event_type=event_type, payload=payload),)
        except Exception as error:  # noqa: BLE001 - bytes and upcasters may hold any fault
            reason = _reason(error)
            return (UnknownEvent(event_type=event_type, payload=payload, reason=reason),)
        return (UnknownEvent(event_type=event_type, payload=payload),)

    def decode_all_current(self, stored: Iterable[tuple[str, bytes]]) -> list[object] | None:
        """The events of many tags and payloads; None if `decode` must say more of one of them.

        Nearly every page is of known classes and sound, and this saves two calls an event.
        """
        decoders = self._decoders
        try:
            return [decoders[event_type](payload) for event_type, payload in stored]
        except Exception:  # noqa: BLE001 - `decode` will meet it again, and say it
            return None

    def decode_current(self, event_type: str, payload: bytes) -> object | None:
        """The event, if it is of a known class and sound; None where `decode` must say more.

        Nearly every event is, and this saves a tuple for each of them: a tenth of reading a log.
        """
        decoder = self._decoders.get(event_type)
        if decoder is None:
            return None
        try:
            return decoder(payload)
        except Exception:  # noqa: BLE001 - `decode` will meet it again, and say it
            return None

    def _upcast(self, event_type: str, payload: bytes) -> tuple[object, ...]:
        """The events that an older one was replaced by; all of them are sound, or it raises."""
        waiting = [(event_type, msgspec.msgpack.decode(payload, type=dict[str, Any]))]
        events: list[object] = []
        for _ in range(_MOST_UPCASTS):
            if not waiting:
                return tuple(events)
            tag, fields = waiting.pop()
            upcaster = self._upcasters.get(tag)
            if upcaster is not None:
                named = {name: value for name, value in fields.items() if name != "type"}
                waiting.extend(reversed(upcaster(named)))
            elif tag in self._types:
                events.append(msgspec.convert({**fields, "type": tag}, self._types[tag]))
            else:
                raise ValueError(f"upcast to {tag!r}, which is not known")
        raise ValueError(f"the upcasters of {event_type!r} go round in a circle")


def _without_tag(payload: bytes, tag: str) -> bytes:
    """The fields of an event without its tag, which is stored beside them.

    It is always the first field that msgspec writes. Reading takes both forms.
    """
    first = payload[0]
    is_short = first & 0xF0 == _FIXMAP
    count = (first & 0x0F if is_short else int.from_bytes(payload[1:3], "big")) - 1
    head = _FIXED_MAP_BYTES if is_short else _LONG_MAP_BYTES
    fields = payload[head + len(_TAG_FIELD) + _string_bytes(tag) :]
    if count <= _FIXMAP_FIELDS:
        return bytes([_FIXMAP | count]) + fields
    return b"\xde" + count.to_bytes(2, "big") + fields


def _string_bytes(text: str) -> int:
    """Size of a text as MessagePack; tags have at most 255 bytes."""
    size = len(text.encode())
    return size + (1 if size < _FIXSTR_BYTES else 2)


def _reason(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an error without words is a fault of the event too
        return type(error).__name__


CODEC = EventCodec((*EVENT_TYPES, *FRAMEWORK_EVENT_TYPES), UPCASTERS)
"""The codec for everything that this package stores."""
