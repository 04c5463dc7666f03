"""Rows of the table `side`: put many, find those between two keys, combine extensions."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from mentra_actors.store.embedded.extension import CommitExtension
from mentra_actors.store.ports import Appended

if TYPE_CHECKING:
    import lmdb

__all__ = [
    "PAGE_BYTES",
    "PAGE_ROWS",
    "Row",
    "Together",
    "find_one_of",
    "last_row",
    "put_rows",
    "rows_between",
    "rows_under",
]

Row: TypeAlias = tuple[bytes, bytes]
PAGE_ROWS = 512
PAGE_BYTES = 8 << 20
"""What one read transaction may take: an open one keeps the writer from reusing pages."""
_AFTER_ALL_POSITIONS = b"\xff" * 9


class Together:
    """Several extensions of one append: nothing is written unless all agree."""

    def __init__(self, *extensions: CommitExtension) -> None:
        self._extensions = extensions

    def check(self, txn: "lmdb.Transaction", side: "lmdb._Database") -> None:
        """See `CommitExtension.check`."""
        for extension in self._extensions:
            extension.check(txn, side)

    def write(self, txn: "lmdb.Transaction", side: "lmdb._Database", appended: Appended) -> None:
        """See `CommitExtension.write`."""
        for extension in self._extensions:
            extension.write(txn, side, appended)


def put_rows(txn: "lmdb.Transaction", side: "lmdb._Database", rows: Iterable[Row]) -> None:
    """Put rows in one call: each may cost a turn for the interpreter lock."""
    with txn.cursor(side) as cursor:
        cursor.putmulti(sorted(rows))


def find_one_of(
    txn: "lmdb.Transaction", side: "lmdb._Database", keys: Sequence[bytes]
) -> bytes | None:
    """One of `keys` that is there, or None."""
    with txn.cursor(side) as cursor:
        found = cursor.getmulti(keys)
    return bytes(found[0][0]) if found else None


def rows_between(
    cursor: "lmdb.Cursor", first: bytes, last: bytes, *, desc: bool, limit: int
) -> tuple[list[Row], bool]:
    """Rows with `first <= key <= last`, from the one end or from the other, and whether all.

    At most `limit` of them, and not many more than `PAGE_BYTES`; none only if there are none.
    """
    found: list[Row] = []
    size = 0
    for key, value in _from_the_end(cursor, last) if desc else _from_the_start(cursor, first):
        if not first <= key <= last:
            return found, True
        if len(found) >= limit or size > PAGE_BYTES:
            return found, False
        found.append((key, value))
        size += len(value)
    return found, True


def rows_under(cursor: "lmdb.Cursor", prefix: bytes) -> list[Row]:
    """All rows whose keys begin with `prefix`, in order."""
    found: list[Row] = []
    if cursor.set_range(prefix):
        for key, value in cursor.iternext():
            if bytes(key[: len(prefix)]) != prefix:
                break
            found.append((bytes(key), bytes(value)))
    return found


def last_row(cursor: "lmdb.Cursor", prefix: bytes) -> Row | None:
    """The row of the highest position under `prefix`, or None."""
    is_there = cursor.prev() if cursor.set_range(prefix + _AFTER_ALL_POSITIONS) else cursor.last()
    if not is_there or not bytes(cursor.key()).startswith(prefix):
        return None
    return bytes(cursor.key()), bytes(cursor.value())


def _from_the_start(cursor: "lmdb.Cursor[Any]", first: bytes) -> Iterator[Row]:
    return cursor.iternext() if cursor.set_range(first) else iter(())


def _from_the_end(cursor: "lmdb.Cursor[Any]", last: bytes) -> Iterator[Row]:
    if not cursor.set_range(last):
        is_there = cursor.last()
    else:
        is_there = cursor.key() == last or cursor.prev()
    return cursor.iterprev() if is_there else iter(())
