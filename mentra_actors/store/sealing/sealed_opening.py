"""Puts the seal before a store that is open, and begins one where that was asked for.

Beginning goes: the record as a draft, the mark in the store, the record in force. Until the last
step nothing is sealed; a crash before the mark leaves a plain store and a draft that the next
beginning writes over, a crash after it a store whose draft the next opening puts in force.
"""

from pathlib import Path

from mentra_actors.errors import WrongKey
from mentra_actors.store.ports import EventStore, JournalReader
from mentra_actors.store.sealing.extras import sealing_library
from mentra_actors.store.sealing.marks import Mark
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sealing.sealed_store import SealedEventStore, SealedJournalReader
from mentra_actors.store.sealing.sealing_record import find_record, unlocked
from mentra_actors.store.sealing.store_seal import draft_sealing, open_seal

__all__ = ["check_key", "check_libraries", "sealed_event_store", "sealed_journal_reader"]


def check_libraries(key: bytes | None) -> None:
    """See that everything is installed, before anything is made.

    Raises:
        ConfigurationError: something is not.
    """
    sealing_library("zstandard")
    if key is not None:
        sealing_library("cryptography")


def check_key(directory: Path, key: bytes | None, mark: Mark | None = None) -> None:
    """See that the keys in `directory` are those of the store, and open with `key`.

    Raises:
        WrongKey, StoreCorrupted, StoreFormatError, StoreError: they are not, or do not.
    """
    record = find_record(directory)
    if record is None or (mark is not None and not mark.is_of(record.sealing_id)):
        found = "nothing" if record is None else "that of another store"
        raise WrongKey(
            f"the store is sealed, and in {directory} is {found}; name the directory of its keys "
            "and dictionaries"
        )
    unlocked(record, key, directory)


def sealed_event_store(
    store: EventStore, mark: Mark, directory: Path, sealing: Sealing, *, is_flushed: bool = True
) -> EventStore:
    """`store` behind its seal; one that is plain and is to stay so comes back as it is.

    The caller closes `store` if this raises. Without `is_flushed` new keys may go with the power.

    Raises:
        WrongKey, StoreCorrupted, StoreFormatError, StoreError, ConfigurationError: nothing was
            sealed.
    """
    key = sealing.master_key()
    if not mark.is_set():
        if store.last_position() and not sealing.asks_for_something:
            return store
        _begin(store, mark, directory, sealing, key)
    check_key(directory, key, mark)
    seal = open_seal(directory, sealing, key, is_writer=True, is_flushed=is_flushed)
    return SealedEventStore(store, seal)


def sealed_journal_reader(
    reader: JournalReader, directory: Path, sealing: Sealing
) -> SealedJournalReader:
    """`reader` behind the seal of its store; the caller has checked the key.

    Raises:
        WrongKey, StoreCorrupted, StoreError: the reader is still open.
    """
    seal = open_seal(directory, sealing, sealing.master_key(), is_writer=False)
    return SealedJournalReader(reader, seal)


def _begin(
    store: EventStore, mark: Mark, directory: Path, sealing: Sealing, key: bytes | None
) -> None:
    check_libraries(key)
    events = store.last_position()
    if key is not None and events:
        raise WrongKey(
            f"the store holds {events} events in plain text, which a key would not take back: "
            "open it without one, or export it into a new store that has one"
        )
    record = find_record(directory)
    if record is not None and not record.is_draft:
        raise WrongKey(f"{directory} holds the keys of another store; name another directory")
    draft = draft_sealing(directory, sealing, key, plain_through=events)
    mark.set(draft.sealing_id)
