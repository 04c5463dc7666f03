"""The way into the past of a store."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.history.branches import Branches
from mentra_actors.runtime.history.futures import Futures
from mentra_actors.runtime.history.moment import Moment, position_at
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.sealing.options import Sealing

__all__ = ["History", "open_history"]


class History(Futures):
    """Every moment of a store. Safe from any thread; reading does file I/O and takes no lease."""

    def __init__(
        self,
        reader: JournalReader,
        journal: Journal | None = None,
        *,
        path: str | Path = "",
        sealing: Sealing | None = None,
    ) -> None:
        """Made by `open_history` and by a running team; `journal` reads `reader`, of `path`."""
        self._reader = reader
        self._journal = journal or Journal(reader)
        self._branches = Branches(reader, path, sealing, self._journal)

    @property
    def last_position(self) -> int:
        """Global position of the last event; 0 for an empty log."""
        return self._reader.last_position()

    def at(self, position: int | None = None, *, time: datetime | None = None) -> Moment:
        """The whole store after a global position, or at a time; without either, as it is now.

        Position 0 is before the first event.

        Raises:
            CommandRejected: both are given, the position is to come, or the time has no zone.
        """
        if time is not None:
            if position is not None:
                raise CommandRejected("give a position or a time, not both")
            return Moment(self._journal, position_at(self._journal, time))
        last = self.last_position
        if position is None:
            return Moment(self._journal, last)
        if not 0 <= position <= last:
            raise CommandRejected(f"the log has positions 0 to {last}; {position} is not there")
        return Moment(self._journal, position)


@contextmanager
def open_history(store: str | Path, *, sealing: Sealing | None = None) -> Iterator[History]:
    """The past of a store, for the length of a block, while any process may be writing it.

    `sealing` has the key of a store that is encrypted.

    Raises:
        StoreError: there is no store at the path, or it cannot be read; nothing was changed.
    """
    reader = open_journal_reader(store, sealing=sealing)
    try:
        yield History(reader, path=store, sealing=sealing)
    finally:
        reader.close()
