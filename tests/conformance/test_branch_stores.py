"""A branch keeps the contract of all event stores, over an origin and over another branch."""

from pathlib import Path

from branch_making import new_branch

from mentra_actors.store.branches.branch_file import BranchRecord
from mentra_actors.store.branches.branch_store import BranchStore
from mentra_actors.store.branches.shared_past import SharedPast
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ports import EventStore
from mentra_actors.testing.store_contract import DurableStoreContract, EventStoreContract

_RECORD = BranchRecord(name="try", created_at=0.0)


class TestMemoryBranch(EventStoreContract):
    """Of a store in memory that goes on meanwhile: nothing of that may be seen."""

    def make_store(self, directory: Path) -> EventStore:
        return BranchStore(SharedPast(MemoryEventStore(), 0), MemoryEventStore(), _RECORD)


class TestLmdbBranch(DurableStoreContract):
    """Of an empty store in a directory, opened by its path as every command opens it."""

    def make_store(self, directory: Path) -> EventStore:
        path = new_branch(directory / "store")
        return open_event_store(path, durability="volatile")


class TestLmdbBranchOfABranch(DurableStoreContract):
    """The same again, one floor up."""

    def make_store(self, directory: Path) -> EventStore:
        path = new_branch(new_branch(directory / "store"), "second")
        return open_event_store(path, durability="volatile")
