"""Tells one past of a log from another: a short hash of one stored event and its place."""

import hashlib

import msgspec

from mentra_actors.store.ports import JournalReader, StoredEvent

__all__ = ["UNKNOWN", "fingerprint_at", "fingerprint_of"]

UNKNOWN = 0
"""The fingerprint of no event."""
_BYTES = 8


def fingerprint_of(event: StoredEvent) -> int:
    """64 bits of everything that is stored of an event.

    An event that was lost and one that took its place differ in the time at which they were
    recorded, if in nothing else.
    """
    content = msgspec.msgpack.encode(event)
    digest = hashlib.blake2b(content, digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") or 1


def fingerprint_at(reader: JournalReader, position: int) -> int:
    """Of the event at a position, or `UNKNOWN` where the log has none."""
    events = reader.read_journal(after=position - 1, limit=1) if position > 0 else ()
    return fingerprint_of(events[0]) if events else UNKNOWN
