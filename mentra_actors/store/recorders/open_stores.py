"""Stores that recorders of this process have open, each one once, whoever asks for it.

A store may be opened once per process, and the library opens one for each application, runner
and view. So they share it; the last one that leaves closes it. Many of them are never closed but
forgotten, and a finalizer may run on any thread and between any two instructions, also while that
thread holds a lock that closing needs. So a finalizer only notes what is to be left, and a thread
of its own leaves it. At the exit of the interpreter everything that is open is closed.
"""

import atexit
import logging
import os
import queue
import threading
from pathlib import Path

from mentra_actors.errors import StoreError, WrongKey
from mentra_actors.store.embedded.fork_registry import ForkRegistry
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.embedded.tables import Durability
from mentra_actors.store.store_directory import find_manifest, os_errors

__all__ = ["SharedStore", "enter_store", "leave_store", "leave_store_later"]

_LOG = logging.getLogger(__name__)


class SharedStore:
    """A store and how many use it."""

    def __init__(self, store: LmdbEventStore, path: Path, durability: Durability) -> None:
        self.store = store
        self.durability = durability
        self.users = 0
        self.is_forked = False
        self.is_exiting = False
        with os_errors(path):
            # Kept open: the inode of a removed directory would be given to the next one.
            self._directory = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self._directory)
        self.key = (status.st_dev, status.st_ino)

    def close(self) -> None:
        """Write what is queued, flush, and give the store free."""
        try:
            self.store.close()
        finally:
            os.close(self._directory)

    def before_fork(self) -> None:
        """Nothing: the environment below keeps transactions out of the fork."""

    def after_fork_in_parent(self) -> None:
        """Nothing; see `before_fork`."""

    def after_fork_in_child(self) -> None:
        """The child has to open the store for itself, and leaves this one alone."""
        self.is_forked = True
        os.close(self._directory)


class _Leaver:
    """Leaves stores on a thread of its own."""

    def __init__(self) -> None:
        self._forgotten: queue.SimpleQueue[SharedStore] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def leave(self, opened: SharedStore) -> None:
        """Have a store left; takes no lock and does not wait."""
        self._forgotten.put(opened)

    def start(self) -> None:
        """Be ready for `leave`. The registry is locked."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="leaves stores", daemon=True)
            self._thread.start()

    def forget(self) -> None:
        """In a forked child: the thread stayed behind, and what it had to do with it."""
        self._forgotten = queue.SimpleQueue()
        self._thread = None

    def _run(self) -> None:
        while True:
            opened = self._forgotten.get()
            try:
                leave_store(opened)
            except StoreError as error:
                _LOG.error("a store that nobody closed: %s", error)


def enter_store(path: Path, *, durability: Durability, map_size: int) -> SharedStore:
    """The store at `path`, with one user more; it is opened, and made, if need be.

    Raises:
        StoreLocked, StoreFormatError, StoreCorrupted, StoreError: nothing was opened.
        WrongKey: the store is sealed, and recorders would write plain text into it.
        ValueError: this process has it open with another durability.
    """
    with _REGISTRY.lock:
        opened = _find(path)
        if opened is None:
            _refuse_sealed(path)
            store = LmdbEventStore.open(path, durability=durability, map_size=map_size)
            try:
                opened = SharedStore(store, path, durability)
            except BaseException:
                store.close()
                raise
            _REGISTRY.opened[opened.key] = opened
            _LEAVER.start()
        elif opened.durability != durability:
            raise ValueError(
                f"this process has the store at {path} open with durability "
                f"{opened.durability!r}; it cannot be {durability!r} as well"
            )
        opened.users += 1
    return opened


def _refuse_sealed(path: Path) -> None:
    manifest = find_manifest(path)
    if manifest is not None and manifest.sealing:
        raise WrongKey(
            f"{path} is a sealed store of a team; an application of eventsourcing encrypts by "
            "CIPHER_TOPIC and compresses by COMPRESSOR_TOPIC, in a store of its own"
        )


def leave_store(opened: SharedStore) -> None:
    """One user less. The last one closes the store; the others are woken where they wait.

    Raises:
        StoreError: not everything could be flushed; the store is closed all the same.
    """
    with _REGISTRY.lock:
        if opened.is_forked:
            return
        opened.users -= 1
        if opened.users:
            opened.store.announce()
        elif _REGISTRY.opened.pop(opened.key, None) is not None:
            opened.close()


def leave_store_later(opened: SharedStore) -> None:
    """Let another thread leave; for finalizers, which must not wait for anything."""
    _LEAVER.leave(opened)


def _find(path: Path) -> SharedStore | None:
    with os_errors(path):
        if not path.exists():
            return None
        status = path.stat()
    return _REGISTRY.opened.get((status.st_dev, status.st_ino))


def _close_all() -> None:
    with _REGISTRY.lock:
        while _REGISTRY.opened:
            _, opened = _REGISTRY.opened.popitem()
            opened.is_exiting = True
            try:
                opened.close()
            except StoreError as error:
                _LOG.error("at exit: %s", error)


_REGISTRY: ForkRegistry[SharedStore] = ForkRegistry()
_LEAVER = _Leaver()
os.register_at_fork(after_in_child=_LEAVER.forget)
atexit.register(_close_all)
