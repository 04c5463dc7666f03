"""The LMDB environment of one views directory, shared by all who open it in this process.

Views can be rebuilt, so nothing that is wrong with the directory keeps a store from opening: a
damaged one, one of a newer release, or one that is sealed with another key, is set aside with a
warning and an empty one takes its place. Processes take turns at opening, by a lock file beside
the directory.
"""

import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lmdb

from mentra_actors.errors import (
    StoreCorrupted,
    StoreError,
    StoreFormatError,
    StoreNotFound,
)
from mentra_actors.store.embedded.data_file import check_length, reserve_page_locks, store_error
from mentra_actors.store.embedded.fork_registry import ForkRegistry
from mentra_actors.store.embedded.gated_env import GatedEnv

if TYPE_CHECKING:
    from lmdb import _Database

__all__ = [
    "DEFAULT_MAP_BYTES",
    "ViewsEnv",
    "can_keep_views",
    "open_views_env",
    "release_views_env",
]

DEFAULT_MAP_BYTES = 1 << 30
"""Address space to begin with; it doubles when it is full."""
VIEWS_FORMAT = b"2"
_FORMAT_KEY = b"format"
_DATA_FILE = "data.mdb"
_PAGE_LOCKS = "lock.mdb"
_DAMAGE_MARK = "DAMAGED"
_SEALED = b" sealed with "
_OTHER_KEY = "they are sealed with another key, as after somebody was forgotten"
# A commit may be lost with the power, and never damages: the view is then older, and catches up.
# Without `meminit` unused parts of pages would bring to disk what was in memory before.
_OPTIONS: dict[str, Any] = {
    "max_dbs": 4,
    "max_readers": 512,
    "meminit": True,
    "metasync": False,
}
# A new file has the format of LMDB 0.9; an existing one is opened by the engine that made it.
_ENGINE_0_9: dict[str, Any] = (
    {"lib_version": 0} if hasattr(lmdb.Environment, "lib_version") else {}
)
_LOG = logging.getLogger(__name__)


class ViewsEnv:
    """One environment with its tables `parts` and `checkpoints`."""

    def __init__(self, path: Path, env: lmdb.Environment, key_name: str) -> None:
        self.users = 0
        self.key_name = key_name
        self._path = path
        self._gated = GatedEnv(f"the view store at {path}", env)
        self.parts: _Database = env.open_db(b"parts")
        self.checkpoints: _Database = env.open_db(b"checkpoints")

    @contextlib.contextmanager
    def reading(self) -> "Iterator[lmdb.Transaction[bytes]]":
        """A short read transaction.

        Raises:
            StoreClosed, StoreBusy, StoreError: also for LMDB errors of the body.
        """
        with self._errors():
            txn = self._gated.begin(write=False)
            try:
                yield txn
            finally:
                txn.abort()
                self._gated.leave()

    @contextlib.contextmanager
    def writing(self) -> "Iterator[lmdb.Transaction[bytes]]":
        """A write transaction, committed at the end.

        Raises:
            lmdb.MapFullError: nothing was written; grow and do it again.
            StoreClosed, StoreError: nothing was written.
        """
        with self._errors():
            txn = self._gated.begin(write=True)
            try:
                with txn:
                    yield txn
            finally:
                self._gated.leave()

    def grow(self) -> None:
        """Double the map."""
        with self._errors():
            self._gated.grow()

    def close(self) -> None:
        """Close, when no transaction is left."""
        with self._gated.alone():
            self._gated.close()

    def before_fork(self) -> None:
        """Wait until no transaction runs, and let none begin."""
        self._gated.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._gated.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        """Close what was inherited; the child has to open the views for itself."""
        self._gated.after_fork_in_child()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except lmdb.MapFullError:
            raise
        except lmdb.Error as error:
            failure = store_error(error, self._path)
            if isinstance(failure, StoreCorrupted):
                (self._path / _DAMAGE_MARK).touch()
                raise StoreCorrupted(
                    f"the views at {self._path} are damaged ({error}); "
                    "they are rebuilt when the store is opened again"
                ) from error
            raise failure from error


def can_keep_views(path: Path) -> bool:
    """Whether this user may write the views directory `path`, or make it; asks, and makes none.

    False for a medium that is read-only, and for the directory of another user.
    """
    needed = [path.parent, _lock_file(path), path, path / _DATA_FILE, path / _PAGE_LOCKS]
    return all(os.access(one, os.W_OK) for one in needed if one.exists())


def open_views_env(
    path: Path, *, map_size: int = DEFAULT_MAP_BYTES, key_name: str = ""
) -> ViewsEnv:
    """The environment of a views directory; the caller owes it one `release_views_env`.

    `key_name` is that of the key which the views are sealed with, empty for plain ones.

    Raises:
        StoreNotFound: the directory around it does not exist; nothing was created.
        StoreError: the directory cannot be used.
    """
    with _REGISTRY.lock:
        try:
            with _opening_turn(path):
                shared = _REGISTRY.opened.get(_key(path))
                if shared is not None and shared.key_name != key_name:
                    _set_aside_open(path, shared)
                    shared = None
                if shared is None:
                    env = _opened_or_replaced(path, map_size, key_name)
                    shared = ViewsEnv(path, env, key_name)
                    _REGISTRY.opened[_key(path)] = shared
        except FileNotFoundError as error:
            raise StoreNotFound(f"there is no directory {path.parent} to keep views in") from error
        except OSError as error:
            raise StoreError(f"cannot keep views at {path}: {error.strerror}") from error
        shared.users += 1
    return shared


def release_views_env(shared: ViewsEnv) -> None:
    """One user less; the last one closes the environment."""
    with _REGISTRY.lock:
        shared.users -= 1
        if shared.users:
            return
        for key in [key for key, known in _REGISTRY.opened.items() if known is shared]:
            del _REGISTRY.opened[key]
        shared.close()


def _key(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


@contextlib.contextmanager
def _opening_turn(path: Path) -> Iterator[None]:
    descriptor = os.open(_lock_file(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        path.mkdir(exist_ok=True)
        yield
    finally:
        os.close(descriptor)


def _opened_or_replaced(path: Path, map_size: int, key_name: str) -> lmdb.Environment:
    try:
        return _opened(path, map_size, key_name)
    except (StoreCorrupted, StoreFormatError) as error:
        _set_aside(path, str(error))
        return _opened(path, map_size, key_name)


def _set_aside(path: Path, cause: str) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    _LOG.warning(
        "views at %s are set aside as %s and rebuilt from the log: %s", path, aside, cause
    )
    shutil.rmtree(aside, ignore_errors=True)
    path.rename(aside)
    path.mkdir()


def _set_aside_open(path: Path, shared: ViewsEnv) -> None:
    """Let those who have it open go on with it, under no path that anybody will open."""
    del _REGISTRY.opened[_key(path)]
    _REGISTRY.opened[-1, id(shared)] = shared
    _set_aside(path, _OTHER_KEY)


def _opened(path: Path, map_size: int, key_name: str) -> lmdb.Environment:
    if (path / _DAMAGE_MARK).exists():
        raise StoreCorrupted(f"{path} was found damaged before")
    data = path / _DATA_FILE
    is_new = not data.exists() or data.stat().st_size == 0
    if not is_new:
        check_length(path)
    engine = _ENGINE_0_9 if is_new else {}
    reserve_page_locks(path, _OPTIONS["max_readers"])
    try:
        env = lmdb.open(str(path), map_size=map_size, **_OPTIONS, **engine)
    except lmdb.Error as error:
        raise store_error(error, path) from error
    try:
        env.reader_check()
        _check_format(path, env, key_name)
    except lmdb.Error as error:
        env.close()
        raise store_error(error, path) from error
    except BaseException:
        env.close()
        raise
    return env


def _check_format(path: Path, env: lmdb.Environment, key_name: str) -> None:
    expected = VIEWS_FORMAT + (_SEALED + key_name.encode() if key_name else b"")
    meta = env.open_db(b"meta")
    with env.begin(write=True, db=meta) as txn:
        found = txn.get(_FORMAT_KEY)
        if found is None:
            txn.put(_FORMAT_KEY, expected)
        elif found != expected:
            if key_name and found.startswith(VIEWS_FORMAT + _SEALED):
                raise StoreFormatError(_OTHER_KEY)
            name = found[:40].decode(errors="replace")
            raise StoreFormatError(f"{path} has views of format {name!r}, of no use here")


_REGISTRY: ForkRegistry[ViewsEnv] = ForkRegistry()
