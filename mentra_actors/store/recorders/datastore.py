"""What the recorders of one application share: a use of a store, names, and the type of ids."""

import contextlib
import inspect
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import UUID

from mentra_actors.errors import StoreClosed
from mentra_actors.store.embedded.extension import CommitExtension
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.embedded.tables import DEFAULT_MAP_BYTES, Durability
from mentra_actors.store.ports import Appended, AppendRequest, StreamAppend
from mentra_actors.store.recorders.library_errors import as_library_errors
from mentra_actors.store.recorders.open_stores import (
    enter_store,
    leave_store,
    leave_store_later,
)

if TYPE_CHECKING:
    import lmdb

__all__ = ["LMDBDatastore", "OriginatorIdType"]

OriginatorIdType: TypeAlias = Literal["uuid", "text"]
"""What the ids of aggregates are when they are read: UUIDs or strings."""
_DEFAULT_NAME = "stored"


class LMDBDatastore:
    """One use of the store at a path; other uses of it in this process are others' business.

    `name` is that of the application or projection: what others keep in the same store has other
    names and does not mix with it. Safe from any thread. Whoever forgets to close it gives
    the store free a moment after the garbage collector has found it.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str = "",
        durability: Durability = "sync",
        map_size: int = DEFAULT_MAP_BYTES,
        originator_id_type: OriginatorIdType = "uuid",
    ) -> None:
        """Open the store, or make it.

        Raises:
            OperationalError: another process writes this store, or the disk refuses.
            InternalError: it is damaged, of a newer release, or not a store.
            DataError: this process has it open with another durability.
        """
        self.path = Path(path)
        self.name = name or _DEFAULT_NAME
        self.originator_id_type = originator_id_type
        with as_library_errors():
            self._opened = enter_store(self.path, durability=durability, map_size=map_size)
        self._use = weakref.finalize(self, leave_store_later, self._opened)
        self._use.atexit = False

    @property
    def store(self) -> LmdbEventStore:
        """The store behind it.

        Raises:
            StoreClosed: this datastore is closed, or was opened before a fork.
        """
        if not self._use.alive or self._opened.is_forked:
            raise StoreClosed(
                f"the datastore at {self.path} is closed, or was opened before a fork; "
                "construct the application again"
            )
        return self._opened.store

    def sequence(self, purpose: str) -> str:
        """Name of what one recorder of this application writes."""
        return f"{self.name}_{purpose}"

    @contextlib.contextmanager
    def reading(self) -> "Iterator[tuple[lmdb.Transaction[bytes], lmdb._Database]]":
        """A short read transaction and the table of the recorders' rows."""
        with self.store.reading_side() as transaction_and_table:
            yield transaction_and_table

    def append(self, streams: Sequence[StreamAppend], extension: CommitExtension) -> Appended:
        """Append with rows beside the log; as durable on return as the store promises."""
        request = AppendRequest(streams=tuple(streams), recorded_at_ns=time.time_ns())
        return self.store.append_with(request, extension)

    @property
    def is_exiting(self) -> bool:
        """True when the interpreter ends, and all stores were closed for it."""
        return self._opened.is_exiting

    def wake(self) -> None:
        """Wake all who wait for this store, so that they look again at what ends their wait."""
        self._opened.store.announce()

    def id_text(self, originator_id: UUID | str) -> str:
        """The id of an aggregate as it is stored.

        Raises:
            ValueError: it is not a UUID, where ids are UUIDs.
        """
        if isinstance(originator_id, UUID):
            return originator_id.hex
        if self.originator_id_type == "uuid":
            return UUID(originator_id).hex
        return originator_id

    def id_from_text(self, text: str) -> UUID | str:
        """The id that `id_text` made a text of."""
        return UUID(text) if self.originator_id_type == "uuid" else text

    def close(self) -> None:
        """Give the store free if nobody else uses it. Calling it twice is allowed.

        Called by a finalizer, it does not wait for that.
        """
        if self._use.detach() is None:
            return
        if _is_in_finalizer():
            leave_store_later(self._opened)
        else:
            with as_library_errors():
                leave_store(self._opened)


def _is_in_finalizer() -> bool:
    """True while a `__del__` runs: the library closes applications in theirs."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
