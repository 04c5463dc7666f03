"""The store of a runtime, opened as its settings say."""

from typing import NamedTuple

from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.runtime.writing.branch_settling import branch_behind, settle_branch
from mentra_actors.runtime.writing.lone_writer import LoneWriter
from mentra_actors.runtime.writing.take_over import open_or_take_over
from mentra_actors.store.branches.branch_file import BranchRecord
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_event_store, open_journal_reader
from mentra_actors.store.ports import EventStore, Fence

__all__ = ["OpenedStore", "opened_store"]


class OpenedStore(NamedTuple):
    """A store that is open for writing, and the branch that it is, if it is one."""

    store: EventStore
    branch: BranchRecord | None

    def settle(self, journal: Journal, settings: RuntimeSettings, fence: Fence) -> None:
        """Answer what was open where a branch was cut, if nobody has; see `settle_branch`."""
        if self.branch is not None:
            clock = settings.clock
            writer = LoneWriter(self.store, journal, clock, fence)
            settle_branch(self.store, journal, clock, self.branch, writer.record)


def opened_store(settings: RuntimeSettings) -> OpenedStore:
    """Open the store of these settings, in the place of a process that hangs if need be.

    Raises:
        StoreError: it cannot be opened or written.
    """
    store = open_or_take_over(
        settings.path,
        lambda epoch: open_event_store(
            settings.path,
            durability=settings.durability,
            create=settings.create,
            sealing=settings.sealing,
            take_over_from=epoch,
        ),
        lambda: open_journal_reader(settings.path, sealing=settings.sealing),
        clock=settings.clock,
        take_over=settings.take_over,
    )
    seen = settings.wrap_store(store) if settings.wrap_store else store
    return OpenedStore(seen, branch_behind(store) or branch_behind(seen))
