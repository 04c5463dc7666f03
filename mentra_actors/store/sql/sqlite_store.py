"""How a log in SQLite is opened: by one process for writing, by many for reading."""

import contextlib
import logging
from pathlib import Path
from typing import Self, get_args

from mentra_actors.errors import StoreError, StoreNotFound
from mentra_actors.store.embedded.tables import Durability
from mentra_actors.store.sql.sql_reader import SqlJournalReader
from mentra_actors.store.sql.sql_store import SqlEventStore
from mentra_actors.store.sql.sqlite_file import (
    UnflushedMark,
    WriterLockFile,
    check_file,
    check_place,
    create_file,
    create_missing_tables,
    file_uri,
)
from mentra_actors.store.sql.sqlite_log import SqliteLog, open_recorder
from mentra_actors.store.store_directory import os_errors

__all__ = ["SqliteEventStore", "SqliteJournalReader"]

_LOG = logging.getLogger(__name__)
_SYNCHRONOUS = {"sync": "FULL", "relaxed": "NORMAL", "volatile": "OFF"}
_LARGEST_IDLE_WAL_BYTES = 64 << 20


class SqliteJournalReader(SqlJournalReader):
    """Reads a log that this or another process may be writing; see `JournalReader`."""

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """A reader of the log at `path`, which must exist.

        Raises:
            StoreNotFound, StoreFormatError, StoreCorrupted, StoreError: nothing is open.
        """
        path = Path(path)
        check_file(path)
        mark = UnflushedMark(path)
        is_doubtful = mark.is_doubtful()
        if is_doubtful:
            mark.check_structure()
        recorder = open_recorder(file_uri(path), {"query_only": "ON"})
        reader = cls(SqliteLog(recorder, path, is_writer=False))
        if is_doubtful:
            reader.check_or_close()
        return reader


class SqliteEventStore(SqlEventStore):
    """The one writer of a log in a file; see `EventStore`."""

    def __init__(self, log: SqliteLog, lock: WriterLockFile, mark: UnflushedMark | None) -> None:
        """Use `open`."""
        super().__init__(log)
        self._lock = lock
        self._mark = mark

    @classmethod
    def open(
        cls, path: str | Path, *, durability: Durability = "sync", create: bool = True
    ) -> Self:
        """The store at `path`, for writing; where there is none it is made, if `create`.

        `relaxed` may lose the last commits to a power loss. With `volatile` a power loss may ruin
        the file; it is then checked at the next opening.

        Raises:
            StoreLocked, StoreNotFound, StoreFormatError, StoreCorrupted, StoreError: nothing is
                open and nothing that was there has changed.
        """
        if durability not in get_args(Durability):
            names = ", ".join(get_args(Durability))
            raise ValueError(f"durability is one of {names}, not {durability!r}")
        path = Path(path)
        if not check_place(path):
            if not create:
                raise StoreNotFound(f"there is no store at {path}")
            with os_errors(path):
                path.absolute().parent.mkdir(parents=True, exist_ok=True)
        lock = WriterLockFile(path)
        try:
            if not check_place(path):
                create_file(path)
            check_file(path)
            return cls._open_locked(path, lock, durability)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _open_locked(cls, path: Path, lock: WriterLockFile, durability: Durability) -> Self:
        mark = UnflushedMark(path)
        if mark.is_doubtful():
            _LOG.warning("%s was not closed before the machine stopped: checking all of it", path)
            SqliteJournalReader.open(path).close()
        if durability == "volatile":
            mark.set()
        else:
            mark.clear()
        create_missing_tables(path)
        pragmas = {
            "synchronous": _SYNCHRONOUS[durability],
            "journal_size_limit": str(_LARGEST_IDLE_WAL_BYTES),
        }
        log = SqliteLog(open_recorder(file_uri(path), pragmas), path, is_writer=True)
        return cls(log, lock, mark if durability == "volatile" else None)

    def _before_closing(self) -> None:
        super()._before_closing()
        if self._mark is not None:
            with contextlib.suppress(StoreError):  # it stays, and the next opening checks all
                self._mark.clear()

    def _let_go(self) -> None:
        try:
            super()._let_go()
        finally:
            self._lock.release()
