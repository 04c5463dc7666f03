"""The file of a log in SQLite: whether it is one, how it is made, who writes it.

A new log is made beside its place and moved there when it is complete, so a file at the place is
a log or damage. The lock of the writer is a file of its own: SQLite's locks last for a
transaction, and closing any descriptor of its file would drop them.
"""

import contextlib
import fcntl
import os
import sqlite3
import weakref
from collections.abc import Iterator
from pathlib import Path

from eventsourcing.persistence import PersistenceError

from mentra_actors.errors import (
    StoreCorrupted,
    StoreError,
    StoreFormatError,
    StoreLocked,
    StoreNotFound,
)
from mentra_actors.store.ownership.process_name import described, process_name
from mentra_actors.store.sql.side_tables import META, SIDE_TABLES, TABLE_FORMAT
from mentra_actors.store.sql.sqlite_log import LOCK_TIMEOUT_S, open_recorder, sqlite_error
from mentra_actors.store.store_directory import fsync_directory, os_errors

__all__ = [
    "UnflushedMark",
    "WriterLockFile",
    "check_file",
    "check_place",
    "create_file",
    "create_missing_tables",
    "file_uri",
]

APPLICATION_ID = 0x6D6E7472
"""`mntr`, in the header of the file."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_UNFLUSHED = "unflushed_since_boot"
_NAME_BYTES = 255


def file_uri(path: Path, mode: str = "rw") -> str:
    """A path as SQLite takes it, whatever characters it has."""
    return f"{path.absolute().as_uri()}?mode={mode}"


def check_place(path: Path) -> bool:
    """Whether there is something to open at `path`.

    Raises:
        StoreFormatError, StoreCorrupted: it is not a log; nothing was changed.
    """
    with os_errors(path):
        if path.is_dir():
            raise StoreFormatError(f"{path} is a directory; a log in SQLite is a file")
        if not path.exists():
            if path.with_name(f"{path.name}-wal").exists():
                raise StoreCorrupted(f"{path} is missing beside its -wal; restore a backup")
            return False
        if path.stat().st_size == 0:
            raise StoreCorrupted(f"{path} is empty; restore a backup")
        return True


def check_file(path: Path) -> None:
    """See that the file at `path` is a log of this release; it is read only.

    Raises:
        StoreNotFound, StoreFormatError, StoreCorrupted, StoreError: nothing was changed.
    """
    if not check_place(path):
        raise StoreNotFound(f"there is no store at {path}")
    with _connected(path, "ro") as connection:
        application = _pragma(connection, "application_id")
        number = _pragma(connection, "user_version")
    if application != APPLICATION_ID:
        raise StoreFormatError(f"{path} is a database of another program")
    if number > TABLE_FORMAT:
        raise StoreFormatError(
            f"{path} was made by a newer release (format {number}, this release reads up to "
            f"{TABLE_FORMAT}); upgrade to open it"
        )


def create_file(path: Path) -> None:
    """A new empty log at `path`; the caller holds its lock."""
    draft = path.with_name(f"{path.name}.new")
    with os_errors(path):
        for suffix in ("", "-wal", "-shm", "-journal"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    with _connected(draft, "rwc") as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    recorder = open_recorder(file_uri(draft), {"synchronous": "FULL"})
    try:
        recorder.create_table()
    finally:
        recorder.datastore.close()
    with _connected(draft, "rw") as connection:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={TABLE_FORMAT}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with os_errors(path):
        os.replace(draft, path)
        fsync_directory(path.absolute().parent)


def create_missing_tables(path: Path) -> None:
    """Make the tables that a log of an earlier release lacks; the caller holds its lock.

    Raises:
        StoreFull, StoreBusy, StoreError: the log is as it was.
    """
    with _connected(path, "rw") as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names = {name for (name,) in rows}
    if names >= {table.name for table in SIDE_TABLES}:
        return
    recorder = open_recorder(file_uri(path), {"synchronous": "FULL"})
    try:
        recorder.create_table()
    except (sqlite3.Error, PersistenceError) as error:
        raise sqlite_error(error, f"the store at {path}") from error
    finally:
        recorder.datastore.close()


class WriterLockFile:
    """The right of one process to write a log; the kernel takes it back when it dies."""

    def __init__(self, path: Path) -> None:
        """Take the lock of the log at `path`, which need not exist.

        Raises:
            StoreLocked: another open store holds it; nothing was changed.
        """
        file = path.with_name(f"{path.name}-writer")
        with os_errors(path):
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, _NAME_BYTES, 0).decode("ascii", "replace")
            self.forget()
            raise StoreLocked(
                f"{path} is written by {described(holder)}; close it there, or read it without "
                "writing",
                holder=holder,
            ) from error
        except OSError as error:
            self.forget()
            raise StoreError(f"cannot lock the store at {path}: {error.strerror}") from error
        _HELD.add(self)
        with contextlib.suppress(OSError):  # the name is for the message only
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, process_name().encode(), 0)

    def release(self) -> None:
        """Let another process write. Calling it twice is allowed."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # a child of a fork may have it as well
            self.forget()

    def forget(self) -> None:
        """Close the descriptor; in a forked child this leaves the parent's lock alone."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


_HELD: "weakref.WeakSet[WriterLockFile]" = weakref.WeakSet()


def _forget_in_child() -> None:
    for lock in list(_HELD):
        lock.forget()


os.register_at_fork(after_in_child=_forget_in_child)


class UnflushedMark:
    """Says, in the log itself, that a writer leaves flushing to the kernel, under which boot.

    While the machine stays up nothing is lost, whatever dies. When the mark is found under
    another boot, the file may be a mixture of old and new pages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_doubtful(self) -> bool:
        """True if a power loss may have hit writes that were not flushed."""
        with _connected(self._path, "rw") as connection:
            marked = _marked(connection)
        return marked is not None and (not marked or marked != _boot_id())

    def check_structure(self) -> None:
        """Let SQLite check every page.

        Raises:
            StoreCorrupted: the first of what it found.
        """
        with _connected(self._path, "rw") as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise StoreCorrupted(f"the store at {self._path}: {found}; restore a backup")

    def set(self) -> None:
        """Write the mark, flushed; call it before the first write that is not."""
        with _connected(self._path, "rw") as connection:
            self._put(connection)

    def clear(self) -> None:
        """Flush everything, then remove the mark. It stays if a reader is in the way.

        To write it once more makes something to flush, and flushing takes the file as a whole.
        """
        with _connected(self._path, "rw") as connection:
            if _marked(connection) is None:
                return
            self._put(connection)
            (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not is_busy:
                connection.execute(f"DELETE FROM {META.name} WHERE name = ?", [_UNFLUSHED])

    def _put(self, connection: sqlite3.Connection) -> None:
        row = [_UNFLUSHED, _boot_id()]
        connection.execute(f"INSERT OR REPLACE INTO {META.name} VALUES (?, ?)", row)


@contextlib.contextmanager
def _connected(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """A connection of its own that flushes what it writes."""
    try:
        with contextlib.closing(
            sqlite3.connect(
                file_uri(path, mode), uri=True, isolation_level=None, timeout=LOCK_TIMEOUT_S
            )
        ) as connection:
            connection.execute("PRAGMA synchronous=FULL")
            yield connection
    except sqlite3.Error as error:
        raise sqlite_error(error, f"the store at {path}") from error


def _marked(connection: sqlite3.Connection) -> str | None:
    statement = f"SELECT value FROM {META.name} WHERE name = ?"
    row = connection.execute(statement, [_UNFLUSHED]).fetchone()
    return None if row is None else str(row[0])


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _boot_id() -> str:
    """Name of this run of the kernel; empty where the system has none, which never matches."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
