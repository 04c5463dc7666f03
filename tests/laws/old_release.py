"""Logs of an old release that could store any number of events as one."""

import msgspec

from mentra_actors.codec.event_codec import EventCodec, tag_of
from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.envelope import SkippedEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend

BUNDLE = "old.bundle.v0"
CODEC = EventCodec(EVENT_TYPES, {BUNDLE: lambda fields: fields["events"]})
"""Reads an event of an old release that could say any number of things at once."""


class Bundle(tuple):
    """Events that were stored as one."""

    __slots__ = ()


def encoded(stored):
    if not isinstance(stored, Bundle):
        return EncodedEvent(*CODEC.encode(stored))
    inside = [(tag_of(type(event)), msgspec.to_builtins(event)) for event in stored]
    return EncodedEvent(BUNDLE, msgspec.msgpack.encode({"type": BUNDLE, "events": inside}))


def meant(stored):
    """What a stored event says, skipped ones left out."""
    return [] if isinstance(stored, SkippedEvent) else [*stored] if is_bundle(stored) else [stored]


def is_bundle(stored):
    return isinstance(stored, Bundle)


def store_of(appends):
    store = MemoryEventStore()
    for pairs in appends:
        append(store, *pairs)
    return store


def append(store, *pairs):
    parts = tuple(
        StreamAppend(stream_id=StreamId(stream_id), events=(encoded(one),))
        for stream_id, one in pairs
    )
    store.append(AppendRequest(streams=parts, recorded_at_ns=10**18))


def rows_of(appends):
    return [pair for pairs in appends for pair in pairs]


def heard(recorded):
    return [one.event for one in recorded if not isinstance(one.event, SkippedEvent)]
