"""Conditions and rows that others add to an append, in its transaction.

The faces of this store for other libraries keep indexes of their own; an index must never differ
from the log, so it is written by the same commit.
"""

from typing import TYPE_CHECKING, Protocol

from mentra_actors.store.ports import Appended

if TYPE_CHECKING:
    import lmdb

__all__ = ["CommitExtension"]


class CommitExtension(Protocol):
    """One more condition and more rows for one append. Both methods run on the writer thread.

    They may use the table `side` only, under keys that begin with a prefix of their own (ticks
    have `mentra.tick.`), see the rows of every append before this one, also of the same group, and
    must not keep what they read: the transaction gives buffers. They may be called again, if the
    group is tried again.
    """

    def check(self, txn: "lmdb.Transaction", side: "lmdb._Database") -> None:
        """Refuse the append by raising a `StoreError`; nothing of it is then written."""
        ...

    def write(
        self, txn: "lmdb.Transaction", side: "lmdb._Database", appended: Appended, /
    ) -> None:
        """Put rows. Raising here fails the whole group."""
        ...
