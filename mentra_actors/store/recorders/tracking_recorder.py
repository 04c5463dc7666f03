"""How far something has come in the events of applications, and rows that change with it."""

import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from eventsourcing.persistence import Tracking, TrackingRecorder, WaitInterruptedError

from mentra_actors.store.ports import Appended
from mentra_actors.store.recorders.datastore import LMDBDatastore
from mentra_actors.store.recorders.library_errors import RowsClash, as_library_errors
from mentra_actors.store.recorders.side_keys import pack_signed, tracking_key, unpack_signed
from mentra_actors.store.recorders.side_rows import Row, Together
from mentra_actors.store.recorders.view_rows import ViewRows, ViewRowsChange

if TYPE_CHECKING:
    import lmdb

__all__ = ["LMDBTrackingRecorder", "NewTracking"]

_INTERRUPT_POLL_S = 0.02
"""A wait ends at once when its position comes, and so long after its interrupt at the latest."""

T = TypeVar("T")


class LMDBTrackingRecorder(TrackingRecorder):
    """Positions that only grow, one for each application.

    A view derives from it, keeps its rows here too, and changes them by `insert_tracking_with`
    in the transaction that records the position: each event counts once, whenever the process
    dies.
    """

    def __init__(self, datastore: LMDBDatastore) -> None:
        """Recorders of datastores with the same path and name see the same positions and rows."""
        self.datastore = datastore
        self.scope = datastore.sequence("tracking")

    def insert_tracking(self, tracking: Tracking) -> None:
        """Record a position.

        Raises:
            IntegrityError: it is not above the one of this application; nothing was written.
            OperationalError, InterfaceError: see `as_library_errors`.
        """
        with as_library_errors():
            self.datastore.append((), NewTracking(self.scope, tracking))

    def insert_tracking_with(self, tracking: Tracking, change: Callable[[ViewRows], T]) -> T:
        """Record a position and change the rows of the view; what `change` returned.

        `change` runs on the thread that writes the store, once or more often, and holds up
        every other append meanwhile: it only reads and changes the rows that it gets. It
        does not run if the position was recorded before.

        Raises:
            IntegrityError: as `insert_tracking`; nothing was written.
            Exception: whatever `change` raised; nothing was written.
        """
        changed = ViewRowsChange(self.scope, change)
        with as_library_errors():
            self.datastore.append((), Together(NewTracking(self.scope, tracking), changed))
        return changed.result

    def row(self, key: bytes) -> bytes | None:
        """The value of a row of the view, or None."""
        with as_library_errors(), self.datastore.reading() as (txn, side):
            return ViewRows(txn, side, self.scope).get(key)

    def rows(self, prefix: bytes = b"") -> Sequence[Row]:
        """Keys and values of all rows of the view whose keys begin with `prefix`, by key."""
        with as_library_errors(), self.datastore.reading() as (txn, side):
            return ViewRows(txn, side, self.scope).items(prefix)

    def max_tracking_id(self, application_name: str) -> int | None:
        """The position recorded last for an application, or None."""
        with as_library_errors(), self.datastore.reading() as (txn, side):
            stored = txn.get(tracking_key(self.scope, application_name), db=side)
        return None if stored is None else unpack_signed(stored)

    def wait(
        self,
        application_name: str,
        notification_id: int | None,
        timeout: float = 1.0,
        interrupt: Event | None = None,
    ) -> None:
        """Block until a position is recorded; woken by the commit that records it.

        Raises:
            TimeoutError: it was not recorded in `timeout` seconds.
            WaitInterruptedError: `interrupt` is set.
        """
        deadline = time.monotonic() + timeout
        while True:
            with as_library_errors():
                announced = self.datastore.store.announced
            if self.has_tracking_id(application_name, notification_id):
                return
            if interrupt is not None and interrupt.is_set():
                raise WaitInterruptedError
            if time.monotonic() >= deadline:
                raise TimeoutError(
                    f"{application_name} {notification_id} was not processed in {timeout} s"
                )
            with as_library_errors():
                self._wait_for_more(announced, deadline, interrupt)

    def _wait_for_more(self, announced: int, deadline: float, interrupt: Event | None) -> None:
        """Until the store has announced more, the time is up, or the interrupt is set."""
        store = self.datastore.store
        while store.announced == announced:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or (interrupt is not None and interrupt.is_set()):
                return
            patience = remaining if interrupt is None else min(remaining, _INTERRUPT_POLL_S)
            store.wait_for_announcement(announced, timeout_s=patience)


class NewTracking:
    """A position that must be above the one recorded before, as an extension of an append."""

    def __init__(self, scope: str, tracking: Tracking) -> None:
        """Compute the row.

        Raises:
            ValueError: the name or the position cannot be kept.
        """
        self._tracking = tracking
        self._key = tracking_key(scope, tracking.application_name)
        self._value = pack_signed(tracking.notification_id)

    def check(self, txn: "lmdb.Transaction", side: "lmdb._Database") -> None:
        """See `CommitExtension.check`."""
        stored = txn.get(self._key, db=side)
        if stored is not None and bytes(stored) >= self._value:
            raise RowsClash(
                f"{self._tracking.application_name} {self._tracking.notification_id} is not "
                f"above {unpack_signed(bytes(stored))}, which was processed before"
            )

    def write(self, txn: "lmdb.Transaction", side: "lmdb._Database", _: Appended) -> None:
        """See `CommitExtension.write`."""
        txn.put(self._key, self._value, db=side)
