"""LMDB environments of this process: one per store directory, shared by all who open it.

LMDB forbids to open a file twice in a process, to resize or close a map under a transaction, and
to use an environment after a fork. So:

* The registry holds one `SharedEnv` per directory and counts its users.
* Each transaction passes a gate; who resizes, reopens, closes or forks is alone behind it.
* A forked child finds its environments closed. Its parent keeps the file, the lock, the readers.

No thread may begin a transaction while it is in one, or wait for anything inside of it.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import lmdb

from mentra_actors.errors import Fenced, StoreClosed, StoreCorrupted
from mentra_actors.store.fork_registry import ForkRegistry
from mentra_actors.store.lmdb_file import check_length, store_error
from mentra_actors.store.lmdb_tables import (
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
from mentra_actors.store.store_directory import DATA_FILE, Manifest, WriterLock, os_errors
from mentra_actors.store.transaction_gate import TransactionGate

__all__ = ["SharedEnv", "open_shared_env"]


class SharedEnv:
    """One environment, for every reader and the one writer of a store in this process."""

    def __init__(self, path: Path, key: tuple[int, int], manifest: Manifest) -> None:
        self.path = path
        self.advanced = threading.Condition(threading.Lock())
        """Notified when something may have changed for those who wait."""
        self.announced = 0
        """Counts the notifications of `advanced`."""
        self._key = key
        self._manifest = manifest
        self._gate = TransactionGate()
        self._env: lmdb.Environment | None = None
        self._tables: Tables | None = None
        self._writer_tables: WriterTables | None = None
        self._writer_epoch = 0
        self._writer_lock: WriterLock | None = None
        self._users = 0

    @property
    def tables(self) -> Tables:
        """Handles for use inside a transaction."""
        if self._tables is None:
            raise self._closed()
        return self._tables

    @property
    def writer_tables(self) -> WriterTables:
        """Handles for use inside a transaction of the process that writes."""
        if self._writer_tables is None:
            raise self._closed()
        return self._writer_tables

    @property
    def has_writer(self) -> bool:
        """True while this process is the one that writes, so that each append is announced."""
        return self._writer_lock is not None

    @contextlib.contextmanager
    def reading(self, *, buffers: bool = False) -> "Iterator[lmdb.Transaction[Any]]":
        """A short read transaction.

        Raises:
            StoreClosed, StoreCorrupted, StoreError: also for LMDB errors of the body.
        """
        try:
            txn = self._begin(write=False, buffers=buffers)
            try:
                yield txn
            finally:
                txn.abort()
                self._gate.leave()
        except lmdb.Error as error:
            raise store_error(error, self.path) from error

    @contextlib.contextmanager
    def writing(self) -> "Iterator[lmdb.Transaction[memoryview]]":
        """A write transaction, committed at the end; LMDB errors come as they are."""
        txn = self._begin(write=True, buffers=True)
        try:
            with txn:  # commits; buffers, because a head is a few bytes of a long record
                yield txn
        finally:
            self._gate.leave()

    def check_writer(self, txn: "lmdb.Transaction[Any]") -> None:
        """Make sure that no other process has taken this store over since it was opened.

        Raises:
            Fenced: one has; this one must not write.
        """
        current = writer_epoch(txn, self.tables)
        if current != self._writer_epoch:
            raise Fenced(str(self.path), epoch=self._writer_epoch, current=current)

    def last_txn_id(self) -> int:
        """Number of the last commit, of whatever process."""
        self._gate.enter()
        try:
            return int(self._live().info()["last_txnid"])
        finally:
            self._gate.leave()

    def announce(self) -> None:
        """Wake everyone who waits for this store to change."""
        with self.advanced:
            self.announced += 1
            self.advanced.notify_all()

    def grow(self, to_bytes: int = 0) -> None:
        """Map at least `to_bytes`, and not less than twice of before."""
        with self._gate.alone():
            env = self._live()
            env.set_mapsize(max(to_bytes, 2 * env.info()["map_size"]))

    def release_readers(self) -> None:
        """Free the slots of readers that died; they keep the file growing."""
        self._gate.enter()
        try:
            self._live().reader_check()
        finally:
            self._gate.leave()

    def attach_writer(self, lock: WriterLock, *, durability: Durability, map_size: int) -> None:
        """Reopen for writing, with the flushes that `durability` asks for.

        What an earlier writer left unflushed is flushed first.

        Raises:
            StoreCorrupted, StoreError: nothing was changed.
        """
        with self._gate.alone():
            self._live().close()
            self._env = None
            self._open(map_size=map_size, readonly=False, flushes=FLUSHES[durability])
            self._begin_writing()
            self._writer_lock = lock
            self._flush_alone(None)
        self.announce()

    def detach_writer(
        self, lock: WriterLock, *, on_flushed: Callable[[], None] | None = None
    ) -> None:
        """Flush everything and let another process write; nothing if `lock` is not attached.

        Raises:
            StoreError: not everything could be flushed; the lock is free all the same.
        """
        with self._gate.alone():
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
            with self._gate.alone():
                self._close()

    def join(self, *, map_size: int) -> None:
        """One user more; the first one opens the environment. The registry is locked."""
        if self._env is None:
            self._open(map_size=map_size, readonly=True, flushes=FLUSHES["sync"])
        self._users += 1

    def before_fork(self) -> None:
        """Wait until no transaction runs, and let none begin."""
        self._gate.close()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._gate.open()

    def after_fork_in_child(self) -> None:
        """Close what was inherited; the child has to open the store for itself."""
        self._close()
        if self._writer_lock is not None:
            self._writer_lock.forget()
        self.advanced = threading.Condition(threading.Lock())
        self._gate.open()

    def _begin(self, *, write: bool, buffers: bool = False) -> "lmdb.Transaction[Any]":
        while True:
            self._gate.enter()
            try:
                if buffers:
                    return self._live().begin(write=write, buffers=True)
                return self._live().begin(write=write)
            except lmdb.MapResizedError:
                self._gate.leave()
                self._adopt_map_size()
            except BaseException:
                self._gate.leave()
                raise

    def _begin_writing(self) -> None:
        """Raise the number of the writer, so that whoever wrote before can write no more."""
        env = self._live()
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
        if self._env is None:
            return
        try:
            self._env.sync(force=True)
        except lmdb.Error as error:
            raise store_error(error, self.path) from error
        if on_flushed is not None:
            on_flushed()

    def _adopt_map_size(self) -> None:
        with self._gate.alone():
            self._live().set_mapsize(0)

    def _open(self, *, map_size: int, readonly: bool, flushes: Mapping[str, bool]) -> None:
        try:
            with os_errors(self.path):
                check_length(self.path)
                size = max(map_size, (self.path / DATA_FILE).stat().st_size)
                env = lmdb.open(
                    str(self.path),
                    map_size=whole_pages(size),
                    readonly=readonly,
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
        self._env = env

    def _check_identity(self, env: lmdb.Environment) -> None:
        with env.begin(db=self.tables.meta) as txn:
            found = txn.get(STORE_ID)
        if found != self._manifest.store_id.encode():
            raise StoreCorrupted(f"{self.path}: the manifest belongs to another data file")

    def _close(self) -> None:
        if self._env is not None:
            self._env.close()
        self._env = self._tables = self._writer_tables = None

    def _live(self) -> lmdb.Environment:
        if self._env is None:
            raise self._closed()
        return self._env

    def _closed(self) -> StoreClosed:
        return StoreClosed(f"the store at {self.path} is closed, or was opened before a fork")


def open_shared_env(
    path: Path, manifest: Manifest, *, map_size: int = DEFAULT_MAP_BYTES
) -> SharedEnv:
    """The environment of a store, for reading; the caller owes it one `leave`.

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


_REGISTRY: ForkRegistry[SharedEnv] = ForkRegistry()
