"""A store directory that appears whole, or not at all.

It is made under a hidden name beside its place, flushed, and renamed. Whoever is killed in the
middle leaves the hidden directory, which the next one that makes the same thing sweeps away: a
lock in it says that nobody works in it any more.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mentra_actors.errors import ConfigurationError, StoreError, StoreFull, StoreLocked
from mentra_actors.store.embedded.data_file import is_refusal
from mentra_actors.store.ownership.writer_lock import WriterLock
from mentra_actors.store.store_directory import (
    MANIFEST_FILE,
    OPENING_LOCK,
    WRITER_LOCK,
    Manifest,
    fsync_directory,
)

__all__ = [
    "NewDirectory",
    "flush_file",
    "made_directory",
    "refusals",
    "require_parent",
    "write_flushed",
]

_OWN_FILES = (WRITER_LOCK, OPENING_LOCK, "lock.mdb")


class NewDirectory:
    """The hidden directory, for as long as it is being made."""

    def __init__(self, path: Path, target: Path) -> None:
        self.path = path
        """Where to work."""
        self.target = target
        self.is_finished = False

    def finish(self, manifest: Manifest | None = None) -> None:
        """Give it the manifest, if it has none yet, flush everything and put it in its place.

        Raises:
            StoreError: there is something at its place.
        """
        if manifest is not None:
            write_flushed(self.path / MANIFEST_FILE, msgspec.json.encode(manifest))
        for name in _OWN_FILES:
            (self.path / name).unlink(missing_ok=True)
        for folder, _, names in os.walk(self.path):
            for name in names:
                flush_file(Path(folder) / name)
            fsync_directory(Path(folder))
        _refuse_existing(self.target)
        os.rename(self.path, self.target)
        self.is_finished = True
        fsync_directory(self.target.parent)


@contextlib.contextmanager
def made_directory(target: Path) -> Iterator[NewDirectory]:
    """A directory that becomes `target` if the block finishes it, and else is removed.

    Raises:
        ConfigurationError: there is something at `target`, or no directory to make it in.
        StoreFull, StoreError: of the block too, for what the operating system refuses.
    """
    target = target.absolute()
    _refuse_existing(target)
    require_parent(target)
    with refusals(target):
        _sweep(target)
        path = target.parent / f"{_prefix(target)}{uuid.uuid4().hex[:8]}"
        path.mkdir()
        new = NewDirectory(path, target)
        lock = WriterLock(path)
        try:
            yield new
        finally:
            lock.release()
            if not new.is_finished:
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def refusals(place: Path) -> Iterator[None]:
    """Turn what the operating system refuses at `place` into `StoreError`."""
    try:
        yield
    except OSError as error:
        what = f"cannot write {place}: {error.strerror}"
        raise (StoreFull(what) if is_refusal(error) else StoreError(what)) from error


def write_flushed(file: Path, content: bytes) -> None:
    """Write a small file, durably."""
    file.write_bytes(content)
    flush_file(file)


def flush_file(file: Path) -> None:
    """Make the content of a file durable."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_parent(target: Path) -> None:
    """See that there is a directory for `target`: one that is missing may be a disk or a typo.

    Raises:
        ConfigurationError: there is none.
    """
    parent = target.absolute().parent
    if not parent.is_dir():
        raise ConfigurationError(f"there is no directory {parent}; make it, or name another place")


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise ConfigurationError(f"{target} exists already; name another place")


def _prefix(target: Path) -> str:
    return f".{target.name}.unfinished-"


def _sweep(target: Path) -> None:
    """Remove what was left behind by somebody who was killed."""
    for leftover in target.parent.glob(f"{_prefix(target)}*"):
        with contextlib.suppress(StoreLocked, StoreError):
            lock = WriterLock(leftover)
            shutil.rmtree(leftover, ignore_errors=True)
            lock.release()
