"""The store in memory keeps the contract of all event stores."""

from pathlib import Path

from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import EventStore
from mentra_actors.testing.store_contract import EventStoreContract


class TestMemoryStore(EventStoreContract):
    """The model of the other adapters must itself be right."""

    def make_store(self, directory: Path) -> EventStore:
        return MemoryEventStore()
