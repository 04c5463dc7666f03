"""Rows of a view, changed in the transaction that records how far the view has come."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from mentra_actors.store.ports import Appended
from mentra_actors.store.recorders.library_errors import ChangeFailed, as_library_errors
from mentra_actors.store.recorders.side_keys import view_key
from mentra_actors.store.recorders.side_rows import Row, rows_under

if TYPE_CHECKING:
    import lmdb

__all__ = ["ViewRows", "ViewRowsChange"]

T = TypeVar("T")


class ViewRows:
    """The rows of one view as they are and will be; keys and values are bytes.

    A key takes up to about 400 bytes, a value as many as it likes. Use it only inside of the
    function that got it.
    """

    def __init__(self, txn: "lmdb.Transaction", side: "lmdb._Database", scope: str) -> None:
        self._txn = txn
        self._side = side
        self._scope = scope
        self._changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value of a row, or None if there is no such row."""
        stored_key = self._stored_key(key)
        if stored_key in self._changes:
            return self._changes[stored_key]
        value = self._txn.get(stored_key, db=self._side)
        return None if value is None else bytes(value)

    def put(self, key: bytes, value: bytes) -> None:
        """Add a row, or replace its value."""
        self._changes[self._stored_key(key)] = bytes(value)

    def delete(self, key: bytes) -> None:
        """Remove a row, if it is there."""
        self._changes[self._stored_key(key)] = None

    def items(self, prefix: bytes = b"") -> Sequence[Row]:
        """All rows whose keys begin with `prefix`, by key."""
        own = len(view_key(self._scope))
        start = self._stored_key(prefix)
        with self._txn.cursor(self._side) as cursor:
            rows: dict[bytes, bytes | None] = dict(rows_under(cursor, start))
        rows.update((key, value) for key, value in self._changes.items() if key.startswith(start))
        return [(key[own:], value) for key, value in sorted(rows.items()) if value is not None]

    def flush(self) -> None:
        """Write the changes to the transaction."""
        for key, value in self._changes.items():
            if value is None:
                self._txn.delete(key, db=self._side)
            else:
                self._txn.put(key, value, db=self._side)

    def _stored_key(self, key: bytes) -> bytes:
        with as_library_errors():
            return view_key(self._scope, key)


class ViewRowsChange(Generic[T]):
    """A change of a view's rows as an extension of an append.

    `change` runs on the writer thread while the append is checked; what it puts is kept aside, so
    that nothing is written if it raises. It runs again if the transaction has to be repeated.
    """

    def __init__(self, scope: str, change: Callable[[ViewRows], T]) -> None:
        self._scope = scope
        self._change = change
        self._changed: list[tuple[ViewRows, T]] = []

    @property
    def result(self) -> T:
        """What `change` returned in the transaction that was committed."""
        return self._changed[0][1]

    def check(self, txn: "lmdb.Transaction", side: "lmdb._Database") -> None:
        """See `CommitExtension.check`."""
        rows = ViewRows(txn, side, self._scope)
        try:
            self._changed[:] = [(rows, self._change(rows))]
        except Exception as error:
            raise ChangeFailed(error) from error

    def write(self, _: "lmdb.Transaction", __: "lmdb._Database", ___: Appended) -> None:
        """See `CommitExtension.write`."""
        self._changed[0][0].flush()
