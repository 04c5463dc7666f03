"""The LMDB store keeps the contract: at each durability, with a small map, over reopens."""

from pathlib import Path

from hypothesis import settings

from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import EventStore
from mentra_actors.testing.store_contract import DurableStoreContract
from mentra_actors.testing.store_machine import EventStoreMachine


class TestLmdbStore(DurableStoreContract):
    """The default store."""

    def make_store(self, directory: Path) -> EventStore:
        return LmdbEventStore.open(directory / "store")


class TestVolatileLmdbStore(DurableStoreContract):
    """The store of other people's tests must differ in nothing but what a power loss does."""

    def make_store(self, directory: Path) -> EventStore:
        return LmdbEventStore.open(directory / "store", durability="volatile")


class TestRelaxedLmdbStore(DurableStoreContract):
    """The store of those who trade the last commit for speed must be the same in all else."""

    def make_store(self, directory: Path) -> EventStore:
        return LmdbEventStore.open(directory / "store", durability="relaxed")


class TestGrowingLmdbStore(DurableStoreContract):
    """Nobody should have to know beforehand how large a log will become."""

    def make_store(self, directory: Path) -> EventStore:
        return LmdbEventStore.open(directory / "store", durability="volatile", map_size=1 << 16)


class VolatileLmdbMachine(EventStoreMachine):
    """Against the model, with a map that must grow and is opened again and again."""

    def open_store(self, directory: Path) -> EventStore:
        return LmdbEventStore.open(directory / "store", durability="volatile", map_size=1 << 16)


TestLmdbBesideItsModel = VolatileLmdbMachine.TestCase
TestLmdbBesideItsModel.settings = settings(
    stateful_step_count=30, max_examples=max(20, settings().max_examples // 5)
)
