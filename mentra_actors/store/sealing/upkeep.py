"""The two deeds on the keys of an encrypted store that nothing else has open."""

import re
from collections.abc import Iterator

import msgspec

from mentra_actors.store.ports import JournalReader, StoredEvent
from mentra_actors.store.sealing.forgetting import (
    ForgettingPlan,
    begin_forgetting,
    finish_forgetting,
)
from mentra_actors.store.sealing.key_ring import KeyRing
from mentra_actors.store.sealing.master_key import MasterKey
from mentra_actors.store.sealing.seal import key_id_of
from mentra_actors.store.sealing.sealed_store import SealedEventStore
from mentra_actors.store.sealing.sealing_record import changed_record
from mentra_actors.store.sealing.store_seal import StoreSeal
from mentra_actors.store.sealing.wrapped_files import keys_after, shred_other_keys

__all__ = ["Forgotten", "change_master_key", "forget"]

_PAGE_EVENTS = 1000
_DIGEST = re.compile(rb"(?=([0-9a-f]{32}))")


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a subject: events and blobs that nobody can read any more.

    `blobs_kept` are named by events of others too, and stay.
    """

    events: int
    blobs: int
    blobs_kept: int


def forget(subject: str, store: SealedEventStore, ring: KeyRing) -> Forgotten:
    """Destroy the key of a subject.

    Raises:
        StoreError: it is not done; if it had begun, the next opening for writing does it.
    """
    key_id, reader, seal = ring.live_id(subject), store.behind, store.seal
    named: set[str] = set()
    events = 0
    for stored in _log(reader):
        if key_id_of(stored.payload) == key_id:
            events += 1
            named |= _digests_in(stored, seal)
    named = {digest for digest in named if _has_blob(seal, digest)}
    kept = _named_by_others(reader, seal, key_id, named) if named else set()
    gone = sorted(named - kept)
    plan = ForgettingPlan(key_id.hex(), tuple(ring.blob_name(digest) for digest in gone))
    begin_forgetting(seal.directory, plan)
    finish_forgetting(seal.directory, ring)
    return Forgotten(events=events, blobs=len(gone), blobs_kept=len(kept))


def change_master_key(seal: StoreSeal, ring: KeyRing, key: bytes) -> None:
    """Wrap every key with another master key; the log stays as it is.

    At any instant the store opens with one of the two keys: the new one from the moment when the
    record is written.

    Raises:
        StoreError: the old key is good still; what was begun is removed by the next opening.
    """
    record = seal.record
    name = keys_after(record.keys)
    master = MasterKey(key, record.sealing_id)
    ring.files.rewrapped(master, seal.directory / name)
    changed_record(seal.directory, msgspec.structs.replace(record, keys=name), master)
    shred_other_keys(seal.directory, name)


def _log(reader: JournalReader) -> Iterator[StoredEvent]:
    after = 0
    while page := reader.read_journal(after=after, limit=_PAGE_EVENTS):
        yield from page
        after = page[-1].global_position


def _digests_in(stored: StoredEvent, seal: StoreSeal) -> set[str]:
    """Everything in an event that could be the digest of a blob."""
    payload = seal.event_opened(stored).payload
    return {found.decode() for found in _DIGEST.findall(payload)}


def _has_blob(seal: StoreSeal, digest: str) -> bool:
    return seal.blobs is not None and seal.blobs.is_there(digest)


def _named_by_others(
    reader: JournalReader, seal: StoreSeal, key_id: bytes, digests: set[str]
) -> set[str]:
    kept: set[str] = set()
    for stored in _log(reader):
        if key_id_of(stored.payload) != key_id:
            kept |= digests & _digests_in(stored, seal)
    return kept
