"""Small files that are there whole or not at all, also after a power loss, and can be shredded.

A file is written beside its name, flushed and renamed, and then its directory is flushed. What a
crash leaves beside the name ends in `.new` and is nobody's.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from mentra_actors.errors import StoreError, StoreFull
from mentra_actors.store.store_directory import fsync_directory

__all__ = [
    "DRAFT",
    "create_durably",
    "file_errors",
    "read_if_there",
    "remove_drafts",
    "shred",
    "write_durably",
]

DRAFT = ".new"
"""How the name of an unfinished file ends."""
_REFUSED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses at `path` into `StoreError`."""
    try:
        yield
    except OSError as error:
        kind = StoreFull if error.errno in _REFUSED else StoreError
        raise kind(f"cannot use {path}: {error.strerror}") from error


def write_durably(file: Path, content: bytes, *, is_flushed: bool = True) -> None:
    """Write a file as a whole, for its owner only; without `is_flushed` a power loss may take it.

    Raises:
        StoreFull, StoreError: what was there before is there still.
    """
    with file_errors(file):
        draft = _drafted(file, content, is_flushed=is_flushed)
        os.replace(draft, file)
        if is_flushed:
            fsync_directory(file.parent)


def create_durably(file: Path, content: bytes, *, is_flushed: bool = True) -> bool:
    """Write a file that is not there yet; False, and nothing has changed, if it is.

    A process that hangs is replaced by another one, and may wake up between any two steps. What
    it then makes must not take the place of what the other one has made and used.

    Raises:
        StoreFull, StoreError: there is no such file.
    """
    with file_errors(file):
        draft = _drafted(file, content, is_flushed=is_flushed)
        try:
            os.link(draft, file)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        if is_flushed:
            fsync_directory(file.parent)
    return True


def remove_drafts(directory: Path) -> None:
    """Remove what crashes have left beside the names of files in a directory.

    Raises:
        StoreError: some of it may still be there.
    """
    with file_errors(directory):
        for draft in list(directory.glob(f"*{DRAFT}")):
            draft.unlink(missing_ok=True)


def read_if_there(file: Path) -> bytes | None:
    """What a file holds, or None.

    Raises:
        StoreError: it cannot be read.
    """
    with file_errors(file):
        try:
            return file.read_bytes()
        except FileNotFoundError:
            return None


def shred(file: Path) -> None:
    """Overwrite a file with noise and remove it, both durably; one that is gone is no error.

    Raises:
        StoreError: it may still be there.
    """
    with file_errors(file), contextlib.suppress(FileNotFoundError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, os.urandom(os.fstat(descriptor).st_size))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        file.unlink()
        fsync_directory(file.parent)


def _drafted(file: Path, content: bytes, *, is_flushed: bool) -> Path:
    draft = file.with_name(f"{file.name}.{os.urandom(4).hex()}{DRAFT}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        if is_flushed:
            os.fsync(descriptor)
    return draft
