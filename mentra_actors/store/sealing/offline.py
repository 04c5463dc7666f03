"""What the owner of a sealed store does to it while nothing else has it open."""

from pathlib import Path

from mentra_actors.errors import ConfigurationError, WrongKey
from mentra_actors.store.branches.branch_file import is_branch
from mentra_actors.store.opening import open_own_log
from mentra_actors.store.ports import EventStore
from mentra_actors.store.sealing.key_ring import KeyRing
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sealing.sealed_store import SealedEventStore
from mentra_actors.store.sealing.upkeep import Forgotten, change_master_key, forget

__all__ = ["change_key", "forget_subject", "train_dictionary"]


def forget_subject(path: str | Path, subject: str, *, sealing: Sealing) -> Forgotten | None:
    """Make all events about a subject unreadable for ever, and the snapshots and views of all.

    The log stays valid: positions and versions are as before, and the events are skipped. None if
    the store knows of no such subject, or has forgotten it already. Nothing else may have the
    store open: a process that reads it may still know the key, or the text.

    Raises:
        StoreLocked: the store is being written; nothing was changed.
        WrongKey: the store is not encrypted, or not with this key; nothing was changed.
        ValueError: the empty subject, which is the store's own.
        StoreError: it is not done, or not yet: then the next opening for writing does it.
    """
    if not subject:
        raise ValueError("the subject '' is the store itself; to forget it, delete the store")
    store = open_own_log(path, sealing=sealing)
    try:
        sealed, ring = _keys_of(path, store)
        if ring.has_key(subject):
            return forget(subject, sealed, ring)
        if is_branch(Path(path)):  # its snapshots and views may show what its origin forgets
            ring.replace_derived()
        return None
    finally:
        store.close()


def change_key(path: str | Path, new_key: Sealing, *, sealing: Sealing) -> None:
    """Let the key of `new_key` open a store from now on, and that of `sealing` no more.

    The log is left as it is: the keys in it are wrapped anew. A copy of the key files from before
    still opens with the old key.

    Raises:
        StoreLocked: the store is being written; nothing was changed.
        WrongKey: the store is not encrypted, or not with the key of `sealing`.
        ConfigurationError: there is no new key, or it cannot be read.
        StoreError: the old key is good still.
    """
    key = new_key.master_key()
    if key is None:
        raise ConfigurationError("a store that is encrypted stays so: give a new key")
    store = open_own_log(path, sealing=sealing)
    try:
        sealed, ring = _keys_of(path, store)
        change_master_key(sealed.seal, ring, key)
    finally:
        store.close()


def train_dictionary(path: str | Path, *, sealing: Sealing | None = None) -> int:
    """Train a dictionary on the youngest events of a compressed store; its number.

    What is written from now on uses it; payloads before are read with those before.

    Raises:
        StoreLocked: the store is being written; nothing was changed.
        ConfigurationError: it is not compressed, or encrypted, or has too few events.
        StoreError: no dictionary was kept.
    """
    store = open_own_log(path, sealing=sealing)
    try:
        if not isinstance(store, SealedEventStore):
            raise ConfigurationError(f"{path} is not compressed, so it needs no dictionary")
        return store.train_dictionary()
    finally:
        store.close()


def _keys_of(path: str | Path, store: EventStore) -> tuple[SealedEventStore, KeyRing]:
    if not isinstance(store, SealedEventStore) or store.seal.ring is None:
        raise WrongKey(f"{path} is not encrypted, so it has no keys")
    return store, store.seal.ring
