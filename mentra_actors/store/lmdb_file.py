"""What can be said of an LMDB data file without letting LMDB touch it.

LMDB maps the file and trusts it: a truncated file kills the process by SIGBUS, a zeroed page by
SIGABRT. These checks read plain bytes, so damage ends as an exception.
"""

import errno
import importlib
import importlib.util
import struct
from pathlib import Path

import lmdb

from mentra_actors.errors import StoreCorrupted, StoreError, StoreFull
from mentra_actors.store.store_directory import DATA_FILE

__all__ = ["check_length", "check_structure", "store_error"]

# Of a 64-bit file of LMDB 0.9: page header, then the meta page.
_PAGE_HEADER_BYTES = 16
_META = struct.Struct("=II8xQI92xQQ")
_MAGIC = 0xBEEFC0DE
_VERSION_0_9 = 1
# LMDB reports a short write as EIO: a disk or a quota that ran full in the middle of a page run.
_REFUSED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def check_length(path: Path) -> None:
    """Make sure that the data file is as long as its meta pages say.

    Raises:
        StoreCorrupted: it is not, or it has no meta pages.
    """
    data = path / DATA_FILE
    with data.open("rb") as file:
        head = file.read(_PAGE_HEADER_BYTES + _META.size)
        first = _page_size_and_end(head, data)
        file.seek(first[0])
        second = _page_size_and_end(file.read(_PAGE_HEADER_BYTES + _META.size), data)
    size = data.stat().st_size
    _, end, _ = max(first, second, key=lambda meta: meta[2])
    if size < end:
        # Pages at the end may be free and never written; only a walk can tell.
        check_structure(path, unless_available=f"{data} has {size} of {end} bytes")


def check_structure(path: Path, *, unless_available: str = "") -> None:
    """Walk every page of the data file, about 100 MB/s.

    Where this release of `lmdb` has no walker, `unless_available` is the finding, if it is given.

    Raises:
        StoreCorrupted: a page is not what LMDB expects.
    """
    data = path / DATA_FILE
    if importlib.util.find_spec("lmdb.verify") is None:
        if unless_available:
            raise StoreCorrupted(f"{unless_available}; restore a backup")
        return
    walker = importlib.import_module("lmdb.verify")
    try:
        problems = list(walker.verify(str(data)))
    except walker.VerifyError as error:
        problems = [str(error)]
    if problems:
        raise StoreCorrupted(
            f"{data} is damaged: {problems[0]} ({len(problems)} problems); restore a backup"
        )


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
        | lmdb.VersionMismatchError,
    ):
        return StoreCorrupted(f"{path / DATA_FILE} is damaged ({error}); restore a backup")
    return StoreError(f"the store at {path} failed: {error}")


def _page_size_and_end(page: bytes, data: Path) -> tuple[int, int, int]:
    """Page size, bytes that the file must have, and transaction of a meta page."""
    if len(page) < _PAGE_HEADER_BYTES + _META.size:
        raise StoreCorrupted(f"{data} is too short for its meta pages; restore a backup")
    magic, version, _, page_size, last_page, txn_id = _META.unpack_from(page, _PAGE_HEADER_BYTES)
    if magic != _MAGIC or version != _VERSION_0_9:
        raise StoreCorrupted(f"{data} has no LMDB meta page where one must be; restore a backup")
    return page_size, (last_page + 1) * page_size, txn_id
