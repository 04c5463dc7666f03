"""Secrets in small files, each wrapped by the master key under its own name.

The directory of them has a number. To change the master key every file is wrapped anew in a
directory with the next number, and one renaming of the record lets that one be read: at any
instant the whole of one directory is good for one key.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.sealing.data_key import SealBroken
from mentra_actors.store.sealing.durable_files import (
    DRAFT,
    create_durably,
    file_errors,
    read_if_there,
    shred,
    write_durably,
)
from mentra_actors.store.sealing.master_key import MasterKey
from mentra_actors.store.store_directory import fsync_directory

__all__ = ["FIRST_KEYS", "WrappedFiles", "keys_after", "shred_other_keys"]

_PREFIX = "keys-"
FIRST_KEYS = f"{_PREFIX}1"


class WrappedFiles:
    """The secrets of one directory. Safe from any thread; one process may write."""

    def __init__(self, directory: Path, master: MasterKey, *, is_flushed: bool) -> None:
        self.directory = directory
        self._master = master
        self.is_flushed = is_flushed

    def read(self, name: str) -> bytes | None:
        """A secret, or None if there is no such file.

        Raises:
            StoreCorrupted: the file is not what was written.
        """
        wrapped = read_if_there(self.directory / name)
        if wrapped is None:
            return None
        try:
            return self._master.unwrap(wrapped, name)
        except SealBroken as error:
            raise StoreCorrupted(
                f"the key file {self.directory / name} is not what was written; restore a backup"
            ) from error

    def create(self, name: str, secret: bytes) -> bool:
        """Keep a new secret, durably; False if there is one of this name already.

        Raises:
            StoreError: it is not kept.
        """
        wrapped = self._master.wrap(secret, name)
        return create_durably(self.directory / name, wrapped, is_flushed=self.is_flushed)

    def write(self, name: str, secret: bytes) -> None:
        """Keep a secret in place of the one before; it is durable on return.

        Raises:
            StoreError: it is not kept.
        """
        wrapped = self._master.wrap(secret, name)
        write_durably(self.directory / name, wrapped, is_flushed=self.is_flushed)

    def shred(self, name: str) -> None:
        """Destroy a secret; one that is gone is no error."""
        shred(self.directory / name)

    def changed_at(self) -> int:
        """Changes whenever a file comes or goes; 0 if the directory is gone."""
        try:
            return os.stat(self.directory).st_mtime_ns
        except OSError:
            return 0

    def rewrapped(self, master: MasterKey, directory: Path) -> "WrappedFiles":
        """The same secrets under another master key in another directory, durably.

        Raises:
            StoreError: the other directory is not whole; this one is as it was.
        """
        with file_errors(directory):
            directory.mkdir(exist_ok=True)
        other = WrappedFiles(directory, master, is_flushed=True)
        for name in self._names():
            secret = self.read(name)
            if secret is not None:
                other.write(name, secret)
        with file_errors(directory):
            fsync_directory(directory)
            fsync_directory(directory.parent)
        return other

    def _names(self) -> Iterator[str]:
        with file_errors(self.directory):
            names = sorted(os.listdir(self.directory))
        return (name for name in names if not name.endswith(DRAFT))


def keys_after(name: str) -> str:
    """Name of the directory that follows `name`."""
    return f"{_PREFIX}{int(name.removeprefix(_PREFIX)) + 1}"


def shred_other_keys(directory: Path, current: str) -> None:
    """Destroy what an interrupted or finished change of the master key has left behind.

    Raises:
        StoreError: some of it may still be there.
    """
    with file_errors(directory):
        leftovers = [path for path in directory.glob(f"{_PREFIX}*") if path.name != current]
        for leftover in leftovers:
            for file in list(leftover.iterdir()):
                shred(file)
            with contextlib.suppress(FileNotFoundError):
                leftover.rmdir()
        if leftovers:
            fsync_directory(directory)
