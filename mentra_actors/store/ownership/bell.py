"""A bell that one process rings and others sleep beside: a number in a small file, mapped by all.

Who waits reads the number, looks whether there is anything for it, says in the file that somebody
sleeps, and lets the kernel put it to sleep for as long as the number is what it has read. Who
rings changes the number, and asks the kernel to wake sleepers if the file says that there are any.
So a ring between the look and the sleep is not missed, nobody is registered anywhere, and whoever
is killed leaves nothing behind.

Waking one costs some microseconds, so a ring wakes two, and whoever is woken wakes all others: a
ring costs the same for any number of sleepers. Two, because one may be killed or suspended before
it passes the ring on.

This is the futex that the locks of LMDB stand on: where those work, it works, and it knows no
limit on paths, readers or descriptors. It is of Linux on 64 bits; elsewhere `open_bell` gives
None and one has to look from time to time. A ringer that clears the word of the sleepers changes
the number again, because one who said so in between has read the new number already.
"""

import ctypes
import errno
import itertools
import mmap
import os
import platform
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["BELL_FILE", "Bell", "open_bell"]

BELL_FILE = "bell"
_SYS_FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "s390x": 238}
_FUTEX_WAIT, _FUTEX_WAKE = 0, 1
_FIRST, _EVERYBODY = 2, 2**31 - 1
_NUMBER, _SLEEPERS = 0, 1
_BYTES = 8


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_int64), ("nanoseconds", ctypes.c_int64))


class Bell:
    """A mapped bell; safe from any thread. It is unmapped when nobody refers to it any more."""

    def __init__(self, words: "ctypes.Array[ctypes.c_uint32]", file: tuple[int, int]) -> None:
        """Use `open_bell`."""
        self._words = words
        self._file = file
        # Numbers of its own, so that one who sleeps cannot meet the number that it has read
        # again when two processes ring at the same time.
        self._numbers: Iterator[int] = itertools.count(random.getrandbits(32))

    def number(self) -> int:
        """What is changed by a ring; read it before you look for what you wait for."""
        return int(self._words[_NUMBER])

    def ring(self) -> None:
        """Wake everybody who sleeps; no system call where nobody does."""
        words = self._words
        words[_NUMBER] = next(self._numbers) & 0xFFFFFFFF
        if words[_SLEEPERS]:
            words[_SLEEPERS] = 0
            words[_NUMBER] = next(self._numbers) & 0xFFFFFFFF
            if self._wake(_FIRST) == _FIRST:
                words[_SLEEPERS] = 1  # there may be more, and the two may be gone

    def sleep(self, number: int, timeout_s: float) -> bool:
        """Sleep until the number is not `number`; False if `timeout_s` has passed before.

        May also return True without cause: look, and sleep again.
        """
        words = self._words
        timeout = _Timespec(int(timeout_s), int(timeout_s % 1 * 1e9))
        words[_SLEEPERS] = 1
        limit = ctypes.byref(timeout)
        result = _SLEEP(_FUTEX, ctypes.byref(words), _FUTEX_WAIT, number, limit, None, 0)
        is_late = result == -1 and ctypes.get_errno() == errno.ETIMEDOUT
        # Not without a change: two that wake each other for nothing would go on for ever.
        if result == 0 and words[_NUMBER] != number:
            self._wake(_EVERYBODY)
        return not is_late

    def _wake(self, count: int) -> int:
        """Wake so many at most; how many it were."""
        # Keeps the interpreter lock: this never blocks, and getting it back may take long.
        return int(_RING(_FUTEX, ctypes.byref(self._words), _FUTEX_WAKE, count, None, None, 0))

    def hangs_at(self, path: Path) -> bool:
        """True while the file of this bell is still the one in the directory `path`."""
        try:
            status = (path / BELL_FILE).stat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._file


def open_bell(path: Path, *, create: bool) -> Bell | None:
    """The bell in the directory `path`; None if there is none, or none can be used here."""
    if not _FUTEX:
        return None
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    try:
        descriptor = os.open(path / BELL_FILE, flags, 0o666)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        # Bytes and not a hole: a store to a hole ends the process when the disk is full.
        if status.st_size < _BYTES and os.pwrite(descriptor, bytes(_BYTES), 0) != _BYTES:
            return None
        words = (ctypes.c_uint32 * 2).from_buffer(mmap.mmap(descriptor, _BYTES))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
    return Bell(words, (status.st_dev, status.st_ino))


def _futex_number() -> int:
    """Number of the system call; 0 where it is not known."""
    if not sys.platform.startswith("linux") or sys.maxsize < 2**32:
        return 0
    return _SYS_FUTEX.get(platform.machine(), 0)


def _system_call(library: type[ctypes.CDLL]) -> object:
    call = library(None, use_errno=True).syscall
    long, pointer = ctypes.c_long, ctypes.c_void_p
    call.argtypes = (long, pointer, long, long, pointer, pointer, long)
    call.restype = long
    return call


_FUTEX = _futex_number()
_SLEEP: Any = _system_call(ctypes.CDLL) if _FUTEX else None
_RING: Any = _system_call(ctypes.PyDLL) if _FUTEX else None
