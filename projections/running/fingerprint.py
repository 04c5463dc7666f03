"""Tells one past of a log from another: a short hash of one stored event and its place."""

import hashlib

import msgspec

from mentra_actors.store.ports import JournalReader, StoredEvent

__all__ = ["UNKNOWN", "fingerprint_at", "fingerprint_of", "place_fingerprint_at"]

UNKNOWN = 0
"""The fingerprint of no event."""
_BYTES = 8


def fingerprint_of(event: StoredEvent) -> int:
    """64 bits of everything that is stored of an event.

    An event that was lost and one that took its place differ in the time at which they were
    recorded, if in nothing else.
    """
    return _hash(event)


def fingerprint_at(reader: JournalReader, position: int) -> int:
    """Of the event at a position, or `UNKNOWN` where the log has none."""
    event = _event_at(reader, position)
    return UNKNOWN if event is None else fingerprint_of(event)


def place_fingerprint_at(reader: JournalReader, position: int) -> int:
    """Of where and when the event at a position was recorded, or `UNKNOWN`.

    It stays the same when what the event says is forgotten or archived.
    """
    one = _event_at(reader, position)
    if one is None:
        return UNKNOWN
    return _hash((one.stream_id, one.stream_version, one.recorded_at_ns, one.epoch))


def _event_at(reader: JournalReader, position: int) -> StoredEvent | None:
    events = reader.read_journal(after=position - 1, limit=1) if position > 0 else ()
    return events[0] if events else None


def _hash(value: StoredEvent | tuple[str | int, ...]) -> int:
    content = msgspec.msgpack.encode(value)
    digest = hashlib.blake2b(content, digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") or 1
