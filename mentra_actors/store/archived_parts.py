"""Parts of log records whose payloads were moved out of the log, to an archive.

Positions, versions and tags stay. Where a payload was, a reader gets a tombstone: an event with a
tag of its own, that folds skip and that says what it was and where it is.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from mentra_actors.envelope import UnknownEvent

__all__ = [
    "ARCHIVED_EVENT_TYPE",
    "ArchiveName",
    "PartEvents",
    "RemovedPart",
    "archived_event",
    "archived_tag",
    "part_digest",
    "tombstones",
]

ARCHIVED_EVENT_TYPE = "store.archived.v1"
"""The tag of every tombstone."""
PartEvents: TypeAlias = Sequence[tuple[str, bytes]]
"""Tags and payloads of the events of one part."""
_DIGEST_BYTES = 16
_ENCODER = msgspec.msgpack.Encoder()


class ArchiveName(msgspec.Struct, frozen=True, array_like=True):
    """A file of events that were moved out of the log, by the name that it had, and its digest."""

    name: str
    digest: str


class RemovedPart(msgspec.Struct, frozen=True, array_like=True):
    """A part of a record, whose payloads are in one of its archives. Both count from 0."""

    part: int
    archive: int
    digest: bytes


class _Tombstone(msgspec.Struct, frozen=True, tag=ARCHIVED_EVENT_TYPE):
    event_type: str
    archive: str


_DECODER = msgspec.msgpack.Decoder(_Tombstone)


def archived_event(payload: bytes) -> UnknownEvent:
    """What a tombstone is read as: an event to skip, that says where it is."""
    try:
        stone = _DECODER.decode(payload)
    except msgspec.DecodeError:
        return UnknownEvent(event_type=ARCHIVED_EVENT_TYPE, payload=payload)
    reason = f"{stone.event_type} is archived in {stone.archive}"
    return UnknownEvent(event_type=ARCHIVED_EVENT_TYPE, payload=payload, reason=reason)


def archived_tag(event: Any) -> str:
    """The tag that an event had before it was archived; empty if it is there, or says no tag."""
    if not isinstance(event, UnknownEvent) or event.event_type != ARCHIVED_EVENT_TYPE:
        return ""
    try:
        return _DECODER.decode(event.payload).event_type
    except msgspec.DecodeError:
        return ""


def part_digest(events: PartEvents) -> bytes:
    """Digest of the tags and payloads of one part."""
    return hashlib.blake2b(_ENCODER.encode(events), digest_size=_DIGEST_BYTES).digest()


def tombstones(events: PartEvents, archive: ArchiveName) -> PartEvents:
    """What is read where `events` were."""
    return tuple(
        (ARCHIVED_EVENT_TYPE, _ENCODER.encode(_Tombstone(event_type, archive.name)))
        for event_type, _ in events
    )
