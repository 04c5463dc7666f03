"""Reading where no page can be locked: on a read-only medium, or in another user's directory.

A reader of LMDB says in `lock.mdb` which pages it still needs. One who may not write that file
can read only while nobody writes at all, so it holds the writer lock together with other readers
of its kind for as long as it reads.
"""

import os
from pathlib import Path

from mentra_actors.errors import StoreLocked
from mentra_actors.store.ownership.writer_lock import lock_against_writers
from mentra_actors.store.store_directory import WRITER_LOCK, os_errors

__all__ = ["WritersKeptOut", "can_lock_pages"]

_PAGE_LOCKS = "lock.mdb"


def can_lock_pages(path: Path) -> bool:
    """True if LMDB can use its lock file in the directory `path`, or make it."""
    file = path / _PAGE_LOCKS
    return os.access(file if file.exists() else path, os.W_OK)


class WritersKeptOut:
    """No process writes the store at `path` until `end`. A forked child may call `end` too."""

    def __init__(self, path: Path) -> None:
        """Keep writers out.

        Raises:
            StoreLocked: somebody writes.
        """
        self._path = path
        self._descriptor = -1
        with os_errors(path):
            try:
                self._descriptor = lock_against_writers(path)
            except FileNotFoundError:
                return  # a copy without the lock file: a writer has to make one first

    def check(self) -> None:
        """Make sure that it is still so where there was nothing to hold.

        Raises:
            StoreLocked: a writer has come.
        """
        if self._descriptor < 0 and (self._path / WRITER_LOCK).exists():
            raise StoreLocked(
                f"{self._path} was opened for writing, and is being read by a process that may "
                "not write lock.mdb; open it again"
            )

    def end(self) -> None:
        """Let writers come. Calling it twice is allowed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
