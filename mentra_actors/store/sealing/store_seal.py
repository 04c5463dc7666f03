"""All that opens and closes the payloads of one store, put together from its sealing directory."""

import uuid
from pathlib import Path

import msgspec

from mentra_actors.envelope import FORGOTTEN_PAYLOAD
from mentra_actors.errors import StoreCorrupted, StoreError
from mentra_actors.ids import StreamId
from mentra_actors.store.archived_parts import ARCHIVED_EVENT_TYPE
from mentra_actors.store.ports import EncodedEvent, StateSnapshot, StoredEvent, Tick, TickPiece
from mentra_actors.store.sealing.compression import Compression
from mentra_actors.store.sealing.data_key import DataKey, SealBroken
from mentra_actors.store.sealing.dictionaries import Dictionaries, trained_dictionary
from mentra_actors.store.sealing.durable_files import file_errors, remove_drafts
from mentra_actors.store.sealing.forgetting import finish_forgetting, is_forgetting
from mentra_actors.store.sealing.key_ring import KNOWN, KeyRing
from mentra_actors.store.sealing.master_key import MasterKey
from mentra_actors.store.sealing.options import TICK_TAG, Sealing
from mentra_actors.store.sealing.part_seal import PartSeal
from mentra_actors.store.sealing.seal import Seal, exactly
from mentra_actors.store.sealing.sealed_blobs import SealedBlobs
from mentra_actors.store.sealing.sealing_record import (
    SealingRecord,
    changed_record,
    find_record,
    unlocked,
)
from mentra_actors.store.sealing.wrapped_files import (
    FIRST_KEYS,
    WrappedFiles,
    shred_other_keys,
)
from mentra_actors.store.store_directory import fsync_directory

__all__ = ["StoreSeal", "draft_sealing", "open_seal"]


class StoreSeal:
    """Seals what is written and opens what is read; safe from any thread.

    It works on files and bytes only; which store is behind does not matter to it.
    """

    def __init__(
        self,
        directory: Path,
        record: SealingRecord,
        sealing: Sealing,
        ring: KeyRing | None,
        *,
        is_writer: bool,
    ) -> None:
        """Use `open_seal`."""
        self.directory = directory
        self._is_writer = is_writer
        self.record = record
        self.ring = ring
        self.dictionaries = Dictionaries(directory, None if ring is None else ring.own())
        self._subject_of = sealing.subject_of
        compression = Compression(self.dictionaries, is_on=record.compression == "zstd")
        self._seal = Seal(compression)
        self._find_key = None if ring is None else ring.by_id
        self._derived: DataKey | None = None if ring is None else ring.derived()
        self.blobs = None if ring is None else SealedBlobs(self._seal, ring)

    @property
    def part_seal(self) -> PartSeal | None:
        """What views of this store are to be sealed with; None if it is not encrypted."""
        return None if self._derived is None else PartSeal(self._seal, self._derived)

    def notice_changes(self) -> None:
        """Use no key that another process has forgotten; a writer is the only one that may."""
        if self.ring is not None and not self._is_writer:
            self.ring.notice_changes()

    def event_closed(self, stream_id: StreamId, event: EncodedEvent) -> EncodedEvent:
        """An event as the store behind gets it.

        Raises:
            StoreError: there is no key for its subject, and none can be kept.
        """
        key = None
        if self.ring is not None:
            key = self.ring.of_subject(self._subject_of(stream_id, event.event_type))
        context = _event_context(stream_id, event.event_type)
        return EncodedEvent(event.event_type, self._seal.closed(event.payload, context, key))

    def event_opened(self, stored: StoredEvent) -> StoredEvent:
        """An event as it was appended; `FORGOTTEN_PAYLOAD` in it if it was forgotten.

        Raises:
            StoreCorrupted: its payload is not what was sealed.
        """
        if stored.global_position <= self.record.plain_through:
            return stored
        if stored.event_type == ARCHIVED_EVENT_TYPE:  # what was sealed is in a file
            return stored
        context = _event_context(stored.stream_id, stored.event_type)
        try:
            payload = self._seal.opened(stored.payload, context, self._find_key)
        except SealBroken as error:
            raise StoreCorrupted(
                f"{stored.stream_id}: the payload of version {stored.stream_version} (position "
                f"{stored.global_position}) is not what was written; restore a backup"
            ) from error
        return msgspec.structs.replace(stored, payload=payload)

    def snapshot_closed(self, snapshot: StateSnapshot) -> StateSnapshot:
        """A snapshot as the store behind gets it."""
        context = _snapshot_context(snapshot)
        payload = self._seal.closed(snapshot.payload, context, self._derived)
        return msgspec.structs.replace(snapshot, payload=payload)

    def snapshot_opened(self, stored: StateSnapshot) -> StateSnapshot | None:
        """A snapshot as it was saved; None for one from before a forgetting, or before sealing."""
        find_key = None if self._derived is None else exactly(self._derived)
        try:
            payload = self._seal.opened(stored.payload, _snapshot_context(stored), find_key)
        except (SealBroken, StoreCorrupted):
            return None
        return msgspec.structs.replace(stored, payload=payload)

    def tick_closed(self, tick: Tick) -> Tick:
        """A tick as the store behind gets it: each piece under the key of its own subject.

        Raises:
            StoreError: there is no key for a subject, and none can be kept.
        """
        pieces = tuple(self._piece_closed(tick.number, piece) for piece in tick.pieces)
        return Tick(number=tick.number, pieces=pieces)

    def tick_opened(self, stored: Tick) -> Tick:
        """A tick as it was saved, without the pieces about subjects that were forgotten.

        Raises:
            StoreCorrupted: it is not what was sealed, or is from before the sealing.
        """
        opened = [(piece, self._piece_payload(stored.number, piece)) for piece in stored.pieces]
        pieces = tuple(
            msgspec.structs.replace(piece, payload=payload)
            for piece, payload in opened
            if payload is not FORGOTTEN_PAYLOAD  # this object: a piece may hold such bytes
        )
        return Tick(number=stored.number, pieces=pieces)

    def _piece_closed(self, number: int, piece: TickPiece) -> TickPiece:
        key = None
        if self.ring is not None:
            key = self.ring.of_subject(self._subject_of(piece.stream_id, TICK_TAG))
        sealed = self._seal.closed(piece.payload, _piece_context(number, piece), key)
        return TickPiece(piece.stream_id, piece.effect_id, sealed)

    def _piece_payload(self, number: int, piece: TickPiece) -> bytes:
        try:
            return self._seal.opened(piece.payload, _piece_context(number, piece), self._find_key)
        except SealBroken as error:
            raise StoreCorrupted(
                f"the piece of {piece.stream_id} in tick {number} is not what was written"
            ) from error


def draft_sealing(
    directory: Path, sealing: Sealing, key: bytes | None, *, plain_through: int
) -> SealingRecord:
    """Make a sealing directory and the draft of its record; the caller holds the store's lock.

    Raises:
        StoreError: there may be something there, but no record of it.
    """
    record = SealingRecord(
        sealing_id=uuid.uuid4().hex,
        compression=sealing.compression or "zstd",
        plain_through=plain_through,
        is_draft=True,
        keys="" if key is None else FIRST_KEYS,
    )
    with file_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        for inner in (KNOWN, record.keys) if record.keys else ():
            (directory / inner).mkdir(exist_ok=True)
        fsync_directory(directory)
        fsync_directory(directory.resolve().parent)
    master = None if key is None else MasterKey(key, record.sealing_id)
    return changed_record(directory, record, master)


def open_seal(
    directory: Path,
    sealing: Sealing,
    key: bytes | None,
    *,
    is_writer: bool,
    is_flushed: bool = True,
) -> StoreSeal:
    """The seal of a store; a writer first finishes what a crash has interrupted.

    Raises:
        WrongKey, StoreCorrupted, StoreFormatError, StoreError: nothing is open.
        ConfigurationError: a library is missing.
    """
    record = find_record(directory)
    if record is None:
        raise StoreCorrupted(f"{directory} has no record of how its store is sealed")
    master = unlocked(record, key, directory)
    if is_writer:
        remove_drafts(directory)
        record = _brought_up_to_date(directory, record, sealing, master)
    ring = None
    if master is not None:
        files = WrappedFiles(directory / record.keys, master, is_flushed=is_flushed)
        ring = KeyRing(directory, record.sealing_id, files)
        _settle(directory, ring, is_writer=is_writer)
    opened = StoreSeal(directory, record, sealing, ring, is_writer=is_writer)
    if is_writer and sealing.samples and not opened.dictionaries.newest:
        samples = [one.encode() if isinstance(one, str) else one for one in sealing.samples]
        opened.dictionaries.publish(trained_dictionary(samples))
    return opened


def _brought_up_to_date(
    directory: Path, record: SealingRecord, sealing: Sealing, master: MasterKey | None
) -> SealingRecord:
    """The record in force, with the compression that was asked for."""
    compression = sealing.compression or record.compression
    wanted = msgspec.structs.replace(record, compression=compression, is_draft=False)
    return record if wanted == record else changed_record(directory, wanted, master)


def _settle(directory: Path, ring: KeyRing, *, is_writer: bool) -> None:
    """Finish what was interrupted, and make the keys that every store has."""
    if is_writer:
        shred_other_keys(directory, ring.files.directory.name)
        remove_drafts(directory / KNOWN)
        remove_drafts(ring.files.directory)
        finish_forgetting(directory, ring)
        ring.own()
        ring.replace_derived(only_if_missing=True)
    elif is_forgetting(directory):
        raise StoreError(
            f"{directory}: a forgetting was interrupted; open the store for writing, or forget "
            "again, before it is read"
        )


def _event_context(stream_id: str, event_type: str) -> bytes:
    return f"event:{len(stream_id)}:{stream_id}:{event_type}".encode()


def _snapshot_context(snapshot: StateSnapshot) -> bytes:
    place = f"{snapshot.stream_version}:{snapshot.fold_version}:{snapshot.stream_id}"
    return f"snapshot:{place}".encode()


def _piece_context(number: int, piece: TickPiece) -> bytes:
    place = f"{number}:{len(piece.stream_id)}:{piece.stream_id}:{piece.effect_id}"
    return f"tick:{place}".encode()
