"""What can be said of an LMDB data file without letting LMDB touch it.

LMDB maps the file and trusts it: a truncated file kills the process by SIGBUS, a zeroed page by
SIGABRT. These checks read plain bytes, so damage ends as an exception.
"""

import errno
import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import lmdb

from mentra_actors.errors import StoreCorrupted, StoreError, StoreFull
from mentra_actors.store.embedded.page_file import PageFile
from mentra_actors.store.embedded.pages import LISTS, Meta
from mentra_actors.store.embedded.stream_index import INDEX_ENTRY_BYTES
from mentra_actors.store.embedded.walk import FileWalk, TableFault, newest_meta
from mentra_actors.store.store_directory import DATA_FILE

__all__ = ["check_length", "check_structure", "is_refusal", "reserve_page_locks", "store_error"]

# LMDB reports a short write as EIO: a disk or a quota that ran full in the middle of a page run.
_REFUSED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
LOCK_FILE = "lock.mdb"
_READER_BYTES = 64
_READERS_HEAD_BYTES = 128
"""What LMDB keeps in front of its table of readers."""


def check_length(path: Path) -> None:
    """Make sure that the data file is as long as its meta pages say.

    Raises:
        StoreCorrupted: it is not, or it has no meta pages.
    """
    data = path / DATA_FILE
    file = _opened(data)
    try:
        metas = [_sound(meta, data) for meta in file.metas()]
    finally:
        file.close()
    newest = max(metas, key=lambda meta: meta.txn_id)
    if data.stat().st_size < (newest.last_page + 1) * newest.page_bytes:
        # Pages at the end may be free and never written; only a walk can tell.
        check_structure(path)


def reserve_page_locks(path: Path, readers: int) -> None:
    """Take the space of a new table of readers from the disk before LMDB does.

    LMDB makes a file with a hole and maps it: where the disk is full it dies of SIGBUS.

    Raises:
        StoreFull: there is no space for it; nothing was made.
    """
    locks, size = path / LOCK_FILE, readers * _READER_BYTES + _READERS_HEAD_BYTES
    if locks.exists() and locks.stat().st_size >= size:
        return
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        descriptor = os.open(locks, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.posix_fallocate(descriptor, 0, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise StoreFull(
                f"the disk of {path} has no space for {LOCK_FILE}: free some"
            ) from error
        # Whatever else it is, LMDB will say it.


def check_structure(path: Path) -> None:
    """Walk every page of a data file that nobody writes, about 100 MB/s.

    Raises:
        StoreCorrupted: a page is not what LMDB expects.
    """
    data = path / DATA_FILE
    file = _opened(data)
    try:
        problems = [fault.what for fault in _faults(file)]
    except StoreCorrupted as error:
        problems = [str(error)]
    finally:
        file.close()
    if problems:
        raise StoreCorrupted(
            f"{data} is damaged: {problems[0]} ({len(problems)} problems); restore a backup"
        )


def is_refusal(error: OSError) -> bool:
    """True if the disk or a quota refused bytes."""
    return error.errno in _REFUSED


def store_error(error: lmdb.Error, path: Path) -> StoreError:
    """What an error of LMDB means for the caller of a store."""
    code = getattr(error, "code", 0)
    if isinstance(error, lmdb.DiskError) or code in _REFUSED:
        return StoreFull(f"the disk of {path} refused the bytes ({error}): is it full?")
    if isinstance(error, lmdb.MapFullError | lmdb.MemoryError):
        return StoreFull(f"{path} cannot grow in this address space ({error})")
    if isinstance(
        error,
        lmdb.CorruptedError
        | lmdb.PageNotFoundError
        | lmdb.InvalidError
        | lmdb.NotFoundError
        | lmdb.VersionMismatchError,
    ):
        return StoreCorrupted(f"{path / DATA_FILE} is damaged ({error}); restore a backup")
    return StoreError(f"the store at {path} failed: {error}")


def _opened(data: Path) -> PageFile:
    try:
        return PageFile.open(data)
    except StoreCorrupted as error:
        raise StoreCorrupted(f"{data}: {error}; restore a backup") from error


def _sound(meta: Meta | StoreCorrupted, data: Path) -> Meta:
    if isinstance(meta, StoreCorrupted):
        raise StoreCorrupted(f"{data}: {meta}; restore a backup") from meta
    return meta


def _faults(file: PageFile) -> Sequence[TableFault]:
    meta, faults = newest_meta(file)
    walk = FileWalk(file, meta)
    for name, tree in walk.tables().items():
        is_list = bool(tree.flags & LISTS)
        rows: Iterator[object] = (
            walk.lists(name, tree, value_bytes=INDEX_ENTRY_BYTES)
            if is_list
            else walk.rows(name, tree)
        )
        deque(rows, maxlen=0)
    walk.check_pages()
    return [*faults, *walk.faults]
