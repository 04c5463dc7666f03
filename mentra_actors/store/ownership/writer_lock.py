"""The right of one process to write a store, and how it passes on.

* `writer.lock` is locked by the process that writes; the kernel gives it free when that dies. In
  it stand the name of the holder and whether it is inside of a commit.
* `opening.lock` is locked for as long as somebody opens the store for writing. So the lock and
  the number of the writer, which the store keeps, change together, and one process at a time
  can take the place of another.
* Who takes the place of a process that hangs puts a file of its own where `writer.lock` is. The
  lock of the other one stays locked for ever, on a file that nobody looks at any more.
"""

import contextlib
import fcntl
import mmap
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import msgspec

from mentra_actors.errors import StoreError, StoreLocked
from mentra_actors.store.ownership.process_name import described, process_name
from mentra_actors.store.store_directory import OPENING_LOCK, WRITER_LOCK, os_errors

__all__ = [
    "LockHolder",
    "WriterLock",
    "has_writer",
    "lock_against_writers",
    "opening_turn",
    "present_holder",
]

_DRAFT = "writer.lock.new"
_NAME_BYTES = 127
_BYTES = _NAME_BYTES + 1
_COMMITTING, _RESTING = b"*"[0], b" "[0]
_COMMIT_PATIENCE_S = 1.0
_TURN_PATIENCE_S = 1.0
_LOOK_S = 0.01


class LockHolder(msgspec.Struct, frozen=True):
    """Who holds the lock, as far as the lock file says; the name may be empty."""

    name: str
    is_committing: bool


class WriterLock:
    """The lock of one store, held by this process. Only one thread at a time may use it."""

    def __init__(self, path: Path, *, file: str = WRITER_LOCK) -> None:
        """Take the lock of the store directory `path`, if nobody has it.

        Raises:
            StoreLocked: another open store holds it; nothing was changed.
        """
        self._path = path
        self._state: mmap.mmap | None = None
        with os_errors(path):
            self._descriptor = _locked(path / file)
        self._sign()

    @classmethod
    def in_place_of_another(cls, path: Path) -> Self:
        """A lock where another process has one, which is worth nothing from now on.

        The caller has the opening turn, and makes sure that the other one cannot write.
        """
        with os_errors(path):
            (path / _DRAFT).unlink(missing_ok=True)
            lock = cls(path, file=_DRAFT)
            os.replace(path / _DRAFT, path / WRITER_LOCK)
        return lock

    def is_current(self) -> bool:
        """True while nobody has taken the place of this process."""
        if self._descriptor < 0:
            return False
        return _is_file_of(self._descriptor, self._path / WRITER_LOCK)

    def while_current(self, act: Callable[[], None]) -> None:
        """Call `act` if this is still the lock of the store, and keep it so for that long.

        Where somebody is just opening the store, `act` is not called either.
        """
        if not self.is_current():
            return
        with contextlib.suppress(StoreLocked), opening_turn(self._path):
            if self.is_current():
                act()

    def begin_commit(self) -> None:
        """Say that this process may hold the write lock of the data file from now on."""
        if self._state is not None:
            self._state[_NAME_BYTES] = _COMMITTING

    def end_commit(self) -> None:
        """Say that it does not."""
        if self._state is not None:
            self._state[_NAME_BYTES] = _RESTING

    def release(self) -> None:
        """Let another process write. Calling it twice is allowed."""
        if self._descriptor >= 0:
            self._state = None
            with contextlib.suppress(OSError):
                os.pwrite(self._descriptor, b" " * _BYTES, 0)
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # a child of a fork may have it as well
            self.forget()

    def forget(self) -> None:
        """Close the descriptor; in a forked child this leaves the parent's lock alone."""
        self._state = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _sign(self) -> None:
        """Write who holds the lock: for others to read, so a full disk must not matter."""
        with contextlib.suppress(OSError, ValueError):
            if os.pwrite(self._descriptor, _signature(), 0) == _BYTES:
                self._state = mmap.mmap(self._descriptor, _BYTES)


@contextlib.contextmanager
def opening_turn(path: Path) -> Iterator[None]:
    """Be the only one who opens the store at `path` for writing, or takes it over.

    Waits a little: one who is refused has the turn for a moment only, and must not keep away
    another one who would not be refused.

    Raises:
        StoreLocked: another process or thread is at it.
        StoreError: the directory cannot be written.
    """
    with os_errors(path):
        descriptor = os.open(path / OPENING_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + _TURN_PATIENCE_S
        while not _try_lock(descriptor, fcntl.LOCK_EX, path):
            if time.monotonic() < deadline:
                time.sleep(_LOOK_S)
                continue
            name = _held_by(descriptor).name
            raise StoreLocked(
                f"{path} is just being opened for writing by {described(name)}", holder=name
            )
        with contextlib.suppress(OSError):
            os.pwrite(descriptor, _signature(), 0)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child of a fork may have it as well
    finally:
        os.close(descriptor)


def present_holder(path: Path, *, patience_s: float = _COMMIT_PATIENCE_S) -> LockHolder:
    """Who holds the lock of the store at `path`; waits a little for the end of its commit.

    Raises:
        StoreError: the lock file cannot be read.
    """
    deadline = time.monotonic() + patience_s
    with os_errors(path):
        descriptor = os.open(path / WRITER_LOCK, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while (holder := _held_by(descriptor)).is_committing and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
    finally:
        os.close(descriptor)
    return holder


def has_writer(path: Path) -> bool:
    """Whether a process writes the store at `path`, or is just opening it.

    Never waits, and refuses nobody the lock: who opens a store waits for the turn.

    Raises:
        StoreError: the lock files cannot be read or locked.
    """
    with contextlib.ExitStack() as stack, os_errors(path):
        for name in (OPENING_LOCK, WRITER_LOCK):
            try:
                descriptor = os.open(path / name, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:  # nobody has ever locked it here
                continue
            stack.callback(os.close, descriptor)
            if not _try_lock(descriptor, fcntl.LOCK_SH, path):
                return True
    return False


def lock_against_writers(path: Path) -> int:
    """A descriptor that keeps writers away while it is open; for one who cannot lock pages.

    Raises:
        StoreLocked: somebody writes.
        FileNotFoundError: nobody has ever written, or the lock file was left out of a copy.
        StoreError: the lock file cannot be locked.
    """
    descriptor = os.open(path / WRITER_LOCK, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _try_lock(descriptor, fcntl.LOCK_SH, path):
            return descriptor
        name = _held_by(descriptor).name
        raise StoreLocked(
            f"{path} is written by {described(name)}, and who may not write lock.mdb cannot "
            "read beside it; give this user that right, or read a backup",
            holder=name,
        )
    except BaseException:
        os.close(descriptor)
        raise


def _locked(file: Path) -> int:
    """A descriptor of a lock file, locked."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _lock_alone(descriptor, file.parent)
            if _is_file_of(descriptor, file):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the file was replaced or deleted meanwhile


def _lock_alone(descriptor: int, path: Path) -> None:
    if _try_lock(descriptor, fcntl.LOCK_EX, path):
        return
    name = _held_by(descriptor).name
    if not _try_lock(descriptor, fcntl.LOCK_SH, path):
        raise StoreLocked(
            f"{path} is written by {described(name)}; close it there, or read it without writing",
            holder=name,
        )
    if not _try_lock(descriptor, fcntl.LOCK_EX, path):  # not just released, but shared by others
        raise StoreLocked(
            f"{path} is read by a process that may not write lock.mdb; end that first"
        )


def _try_lock(descriptor: int, kind: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StoreError(f"cannot lock the store at {path}: {error.strerror}") from error
    return True


def _is_file_of(descriptor: int, file: Path) -> bool:
    try:
        here, there = os.fstat(descriptor), file.stat()
    except OSError:
        return False
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _signature() -> bytes:
    return process_name().encode()[:_NAME_BYTES].ljust(_BYTES)


def _held_by(descriptor: int) -> LockHolder:
    content = os.pread(descriptor, _BYTES, 0)
    name = content[:_NAME_BYTES].decode("ascii", "replace").strip()
    return LockHolder(name, content[_NAME_BYTES:] == bytes([_COMMITTING]))
