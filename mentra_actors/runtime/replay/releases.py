"""Which release has decided what a log holds: the lease says it, by the epoch of its writer."""

from bisect import bisect_left
from collections.abc import Callable
from typing import TypeAlias

from mentra_actors.domain.lease import LeaseAcquired
from mentra_actors.envelope import RecordedEvent
from mentra_actors.runtime.writing.writer_lease import WRITER_LEASE
from mentra_actors.store.journal import Journal

__all__ = ["ReleaseOf", "ReleasesOfLog"]

ReleaseOf: TypeAlias = Callable[[int], str]
"""The release of a writer by its epoch; empty if nothing says it."""


class ReleasesOfLog:
    """Looks them up where they are recorded, each once, in a few reads. Not for several threads.

    Who goes through a part of a log needs it: the lease may not be in that part.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._found: dict[int, str] = {0: ""}

    def __call__(self, epoch: int) -> str:
        """The release that writes with this epoch."""
        if epoch not in self._found:
            self._found[epoch] = self._recorded(epoch)
        return self._found[epoch]

    def _recorded(self, epoch: int) -> str:
        """Epochs never fall, so the first event that has one is that of its writer's beginning."""
        versions = range(1, self._journal.stream_version(WRITER_LEASE) + 1)
        earlier = bisect_left(versions, epoch, key=lambda version: self._at(version).epoch)
        if earlier == len(versions):
            return ""
        event = self._at(versions[earlier]).event
        return event.release if isinstance(event, LeaseAcquired) and event.epoch == epoch else ""

    def _at(self, version: int) -> RecordedEvent[object]:
        return self._journal.read_stream(WRITER_LEASE, after=version - 1, through=version)[0]
