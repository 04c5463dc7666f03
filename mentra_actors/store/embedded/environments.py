"""LMDB environments of this process: one per store directory, shared by all who open it.

LMDB forbids to open a file twice in a process. So a registry holds one `SharedEnv` per directory
and counts its users. It is opened for reading; the one writer reopens it, and everybody else goes
on with what it has opened. A forked child finds its environments closed; its parent keeps the
file, the lock, the readers.

No thread may begin a transaction while it is in one, or wait for anything inside of it.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import lmdb

from mentra_actors.errors import Fenced, StoreCorrupted
from mentra_actors.store.embedded.data_file import check_length, reserve_page_locks, store_error
from mentra_actors.store.embedded.fork_registry import ForkRegistry
from mentra_actors.store.embedded.gated_env import GatedEnv
from mentra_actors.store.embedded.lockless import WritersKeptOut, can_lock_pages
from mentra_actors.store.embedded.reader_watch import LaggingReader, ReaderWatch
from mentra_actors.store.embedded.tables import (
    DEFAULT_MAP_BYTES,
    FLUSHES,
    OPTIONS,
    STORE_ID,
    Durability,
    Tables,
    WriterTables,
    open_tables,
    open_writer_tables,
    raise_writer_epoch,
    whole_pages,
    writer_epoch,
)
from mentra_actors.store.ownership.change_signal import ChangeSignal, Heard
from mentra_actors.store.ownership.writer_lock import WriterLock
from mentra_actors.store.store_directory import DATA_FILE, Manifest, os_errors

if TYPE_CHECKING:
    from lmdb import _Database

__all__ = ["SharedEnv", "open_paths", "open_shared_env"]


class SharedEnv:
    """One environment, for every reader and the one writer of a store in this process."""

    def __init__(self, path: Path, key: tuple[int, int], manifest: Manifest) -> None:
        self.path = path
        self.watch = ReaderWatch(path)
        self._key = key
        self._manifest = manifest
        self._gated = GatedEnv(f"the store at {path}")
        self._changes = ChangeSignal(path)
        self._tables: Tables | None = None
        self._writer_tables: WriterTables | None = None
        self._writer_epoch = 0
        self._writer_lock: WriterLock | None = None
        self._successor_epoch = 0
        self._kept_out: WritersKeptOut | None = None
        self._users = 0
        self._file = (0, 0)
        self._map_size = DEFAULT_MAP_BYTES

    @property
    def tables(self) -> Tables:
        """Handles for use inside a transaction."""
        if self._tables is None:
            raise self._gated.closed()
        return self._tables

    @property
    def writer_tables(self) -> WriterTables:
        """Handles for use inside a transaction of the process that writes."""
        if self._writer_tables is None:
            raise self._gated.closed()
        return self._writer_tables

    @property
    def side(self) -> "_Database | None":
        """Handle of the rows beside the log, for reading; None if no writer has made it yet."""
        return self.tables.side if self._writer_tables is None else self._writer_tables.side

    @property
    def has_writer(self) -> bool:
        """True while this process is the one that writes, so that each append is announced."""
        return self._writer_lock is not None and not self._successor_epoch

    @property
    def advanced(self) -> threading.Condition:
        """Notified when something may have changed for those who wait in this process."""
        return self._changes.changed

    @property
    def announced(self) -> int:
        """Counts the notifications of `advanced`."""
        return self._changes.announced

    @contextlib.contextmanager
    def reading(self, *, buffers: bool = False) -> "Iterator[lmdb.Transaction[bytes]]":
        """A short read transaction.

        Raises:
            StoreClosed, StoreBusy, StoreCorrupted, StoreError: also for LMDB errors of the body.
        """
        if self._kept_out is not None:
            self._kept_out.check()
        self._follow_file()
        try:
            txn = self._gated.begin(write=False, buffers=buffers)
            try:
                yield txn
            finally:
                txn.abort()
                self._gated.leave()
        except lmdb.Error as error:
            raise store_error(error, self.path) from error

    @contextlib.contextmanager
    def writing(self) -> "Iterator[lmdb.Transaction[memoryview]]":
        """A write transaction, committed at the end; LMDB errors come as they are.

        Raises:
            Fenced: `check_writer` has found that another process has taken over.
        """
        lock = self._writer_lock
        if lock is None:
            raise self._gated.closed()
        if self._successor_epoch:
            raise self._fenced()
        if self.watch.is_due:
            self.release_readers()
        lock.begin_commit()
        try:
            txn = self._gated.begin(write=True, buffers=True)
            try:
                with txn:  # commits; buffers, because a head is a few bytes of a long record
                    yield txn
            finally:
                self._gated.leave()
        finally:
            lock.end_commit()

    def check_writer(self, txn: "lmdb.Transaction") -> None:
        """Make sure that no other process has taken this store over since it was opened.

        Raises:
            Fenced: one has; this one must not write.
        """
        current = writer_epoch(txn, self.tables)
        if current != self._writer_epoch:
            self._successor_epoch = current
            raise self._fenced()

    def writer_epoch(self) -> int:
        """Number of the writer that opened the store last, in whatever process."""
        with self.reading() as txn:
            return writer_epoch(txn, self.tables)

    def announce(self) -> None:
        """Wake everyone who waits for this store to change, in every process."""
        self._changes.announce()

    def heard(self) -> Heard:
        """See `ChangeSignal.heard`."""
        return self._changes.heard()

    def wait(self, heard: Heard, timeout_s: float, *, poll_s: float) -> None:
        """See `ChangeSignal.wait`."""
        self._changes.wait(heard, timeout_s, poll_s=poll_s, is_told=self.has_writer)

    def grow(self, to_bytes: int = 0) -> None:
        """Map at least `to_bytes`, and not less than twice of before."""
        self._gated.grow(to_bytes)

    def release_readers(self) -> Sequence[LaggingReader]:
        """Free the slots of readers that died; they keep the file growing. Which ones lag."""
        self._changes.connect(create=self.has_writer)
        with self._gated.inside() as env:
            return self.watch.look(env)

    def attach_writer(self, lock: WriterLock, *, durability: Durability, map_size: int) -> None:
        """Reopen for writing, with the flushes that `durability` asks for; `map_size` in bytes.

        What an earlier writer left unflushed is flushed first.

        Raises:
            StoreCorrupted, StoreError: nothing was changed.
        """
        with self._gated.alone():
            self._close()
            self._open(map_size=map_size, readonly=False, flushes=FLUSHES[durability])
            self._begin_writing()
            self._writer_lock, self._successor_epoch = lock, 0
            self._flush_alone(None)
        self._changes.connect(create=True)
        self.announce()

    def detach_writer(
        self, lock: WriterLock, *, on_flushed: Callable[[], None] | None = None
    ) -> None:
        """Flush everything and let another process write; nothing if `lock` is not attached.

        Raises:
            StoreError: not everything could be flushed; the lock is free all the same.
        """
        with self._gated.alone():
            if self._writer_lock is lock:
                self._writer_lock = None
                try:
                    self._flush_alone(on_flushed)
                finally:
                    lock.release()
        self.announce()

    def leave(self) -> None:
        """One user less; the last one closes the environment."""
        with _REGISTRY.lock:
            self._users -= 1
            if self._users:
                return
            if _REGISTRY.opened.get(self._key) is self:
                del _REGISTRY.opened[self._key]
            with self._gated.alone():
                self._close()
            self._changes.disconnect()

    def join(self, *, map_size: int) -> None:
        """One user more; the first one opens the environment, for `map_size` bytes at least.

        The registry is locked.
        """
        if not self._gated.is_open:
            self._open(map_size=map_size, readonly=True, flushes=FLUSHES["sync"])
        self._changes.connect()
        self._users += 1

    def before_fork(self) -> None:
        """Wait until no transaction runs, and let none begin."""
        self._gated.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._gated.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        """Close what was inherited; the child has to open the store for itself."""
        self._close()
        if self._writer_lock is not None:
            self._writer_lock.forget()
        self._changes = ChangeSignal(self.path)
        self._gated.after_fork_in_child()

    def _fenced(self) -> Fenced:
        return Fenced(str(self.path), epoch=self._writer_epoch, current=self._successor_epoch)

    def _begin_writing(self) -> None:
        """Raise the number of the writer, so that whoever wrote before can write no more."""
        env = self._gated.live
        while self._writer_tables is None:
            try:
                tables = open_writer_tables(env)
                with env.begin(write=True) as txn:
                    self._writer_epoch = raise_writer_epoch(txn, self.tables)
                self._writer_tables = tables
            except lmdb.MapFullError:
                env.set_mapsize(2 * env.info()["map_size"])
            except lmdb.Error as error:
                raise store_error(error, self.path) from error

    def _flush_alone(self, on_flushed: Callable[[], None] | None) -> None:
        if not self._gated.is_open:
            return
        try:
            self._gated.live.sync(force=True)
        except lmdb.Error as error:
            raise store_error(error, self.path) from error
        if on_flushed is not None:
            on_flushed()

    def _follow_file(self) -> None:
        """Open the data file again if another one, which holds the same, has taken its place."""
        if self.has_writer or _file_of(self.path) in (self._file, _NO_FILE):
            return  # where the directory was moved away, the open file is still the right one
        with self._gated.alone():
            if self._gated.is_open and self._file != _file_of(self.path):
                self._close()
                self._open(map_size=self._map_size, readonly=True, flushes=FLUSHES["sync"])

    def _open(self, *, map_size: int, readonly: bool, flushes: Mapping[str, bool]) -> None:
        self._file, self._map_size = _file_of(self.path), map_size
        kept_out = None
        if readonly and not can_lock_pages(self.path):
            kept_out = WritersKeptOut(self.path)
        try:
            env = self._opened(map_size, readonly=readonly, lock=kept_out is None, flushes=flushes)
        except BaseException:
            if kept_out is not None:
                kept_out.end()
            raise
        self._kept_out = kept_out
        self._gated.put(env)

    def _opened(
        self, map_size: int, *, readonly: bool, lock: bool, flushes: Mapping[str, bool]
    ) -> lmdb.Environment:
        try:
            with os_errors(self.path):
                check_length(self.path)
                if lock:
                    reserve_page_locks(self.path, OPTIONS["max_readers"])
                size = max(map_size, (self.path / DATA_FILE).stat().st_size)
                env = lmdb.open(
                    os.fsencode(self.path),
                    map_size=whole_pages(size),
                    readonly=readonly,
                    lock=lock,
                    create=False,
                    **flushes,
                    **OPTIONS,
                )
        except lmdb.Error as error:
            raise store_error(error, self.path) from error
        try:
            env.reader_check()
            self._tables = open_tables(env, create=False)
            self._check_identity(env)
        except lmdb.Error as error:
            env.close()
            raise store_error(error, self.path) from error
        except BaseException:
            env.close()
            raise
        return env

    def _check_identity(self, env: lmdb.Environment) -> None:
        with env.begin(db=self.tables.meta) as txn:
            found = txn.get(STORE_ID)
        if found != self._manifest.store_id.encode():
            raise StoreCorrupted(f"{self.path}: the manifest belongs to another data file")

    def _close(self) -> None:
        self._gated.close()
        self._tables = self._writer_tables = None
        if self._kept_out is not None:
            self._kept_out.end()
        self._kept_out = None


_NO_FILE = (0, 0)


def _file_of(path: Path) -> tuple[int, int]:
    """Which file the data file is; compacting a store puts another one in its place."""
    try:
        status = os.stat(path / DATA_FILE)
    except OSError:
        return _NO_FILE
    return (status.st_dev, status.st_ino)


def open_shared_env(
    path: Path, manifest: Manifest, *, map_size: int = DEFAULT_MAP_BYTES
) -> SharedEnv:
    """The environment of a store, for reading; the caller owes it one `leave`.

    `map_size` is in bytes; a larger file is mapped whole.

    Raises:
        StoreCorrupted, StoreError: nothing is open.
    """
    with os_errors(path):
        status = path.stat()
    key = (status.st_dev, status.st_ino)
    with _REGISTRY.lock:
        shared = _REGISTRY.opened.get(key) or SharedEnv(path, key, manifest)
        shared.join(map_size=map_size)
        _REGISTRY.opened[key] = shared
    return shared


def open_paths() -> frozenset[Path]:
    """The directories of all stores that are open in this process."""
    with _REGISTRY.lock:
        return frozenset(shared.path for shared in _REGISTRY.opened.values())


_REGISTRY: ForkRegistry[SharedEnv] = ForkRegistry()
