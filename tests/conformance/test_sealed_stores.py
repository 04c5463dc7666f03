"""Sealed stores keep the contract of all stores: compressed, encrypted, both; on each adapter."""

from pathlib import Path

from hypothesis import settings

from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ports import EventStore
from mentra_actors.store.sealing.marks import FenceMark
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sealing.sealed_opening import sealed_event_store
from mentra_actors.testing.store_contract import DurableStoreContract, EventStoreContract
from mentra_actors.testing.store_machine import EventStoreMachine

KEY = bytes(range(32))
COMPRESSED = Sealing(compression="zstd")
ENCRYPTED = Sealing(compression="none", key=KEY)
BOTH = Sealing(compression="zstd", key=KEY)


def in_memory(sealing: Sealing, directory: Path) -> EventStore:
    """A store that ends with the process, behind a seal whose keys do not."""
    store = MemoryEventStore()
    return sealed_event_store(store, FenceMark(store), directory / "keys", sealing)


class TestCompressedLmdbStore(DurableStoreContract):
    """Who saves room must notice nothing of it."""

    def make_store(self, directory: Path) -> EventStore:
        return open_event_store(directory / "store", sealing=COMPRESSED)


class TestEncryptedLmdbStore(DurableStoreContract):
    """Secrecy must cost nothing but time."""

    def make_store(self, directory: Path) -> EventStore:
        return open_event_store(directory / "store", durability="volatile", sealing=ENCRYPTED)


class TestSealedLmdbStore(DurableStoreContract):
    """Both at once, with every flush."""

    def make_store(self, directory: Path) -> EventStore:
        return open_event_store(directory / "store", sealing=BOTH)


class TestCompressedMemoryStore(EventStoreContract):
    """The seal knows nothing of the store behind it."""

    def make_store(self, directory: Path) -> EventStore:
        return in_memory(COMPRESSED, directory)


class TestEncryptedMemoryStore(EventStoreContract):
    """The seal knows nothing of the store behind it."""

    def make_store(self, directory: Path) -> EventStore:
        return in_memory(ENCRYPTED, directory)


class TestSealedMemoryStore(EventStoreContract):
    """The seal knows nothing of the store behind it."""

    def make_store(self, directory: Path) -> EventStore:
        return in_memory(BOTH, directory)


class TestSealedSqliteStore(DurableStoreContract):
    """A database is no directory: its keys are where the owner says."""

    def make_store(self, directory: Path) -> EventStore:
        sealing = Sealing(key=KEY, directory=directory / "keys")
        return open_event_store(f"sqlite:{directory / 'log.db'}", sealing=sealing)


class SealedLmdbMachine(EventStoreMachine):
    """Against the model, opened again and again: keys and dictionaries are found each time."""

    def open_store(self, directory: Path) -> EventStore:
        return open_event_store(directory / "store", durability="volatile", sealing=BOTH)


TestSealedLmdbBesideItsModel = SealedLmdbMachine.TestCase
TestSealedLmdbBesideItsModel.settings = settings(
    stateful_step_count=20, max_examples=max(20, settings().max_examples // 5)
)
