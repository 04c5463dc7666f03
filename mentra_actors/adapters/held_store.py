"""A store that is held open for the sessions of other frameworks.

Who names a path gets the store opened for writing: once in a process, however many savers and
sessions name it, and until the last of them is closed. Who passes a running team gets its store.
"""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from mentra_actors.adapters.stream_names import is_hashed, names_in
from mentra_actors.domain.frameworks.naming import StreamNamed
from mentra_actors.errors import StoreClosed, StoreCorrupted
from mentra_actors.ids import StreamId
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.registrations import Registrations
from mentra_actors.runtime.writing.exit_hook import close_before_exit
from mentra_actors.runtime.writing.lent_store import LentStore, lent_store
from mentra_actors.runtime.writing.writer_lease import acquire_writer_lease, release_writer_lease
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import MEMORY, open_event_store
from mentra_actors.store.ownership.process_name import process_name
from mentra_actors.store.ports import AppendRequest, EventStore
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sql.opening import is_sql_url

__all__ = ["Appending", "HeldStore", "Holder", "StoreOrRuntime", "hold"]

Appending: TypeAlias = tuple[StreamId, Sequence[Any], int | None]
"""A stream, events for it, and the version that it must have (0: it is new, None: any)."""

_TERM_S = 10 * 365 * 86_400.0
"""Longer than any process lives: the lock of the store, which ends with it, is what counts."""
_FIRST_PARTS = 1


class HeldStore:
    """An open store; safe from any thread. Everything here blocks for file I/O."""

    def __init__(self, lent: LentStore, *, is_own: bool) -> None:
        """Use `hold`."""
        self._lent = lent
        self._is_own = is_own
        self._is_closed = False

    @property
    def store(self) -> EventStore:
        """The store itself."""
        return self._lent.store

    @property
    def journal(self) -> Journal:
        """Reads typed events of the store."""
        return self._lent.journal

    def now(self) -> float:
        """Unix time in seconds."""
        return self._lent.clock.now()

    def append(self, *appending: Appending, names: Sequence[str] = (), cause: str) -> int:
        """Record events for some streams in one append; the new version of the first stream.

        `names` are those of the first stream, which may be too long for its id. `cause` is the
        method of the framework that brought them.

        Raises:
            VersionConflict: a stream has another version; nothing was written.
            StoreError: nothing was written.
        """
        if self._is_closed:
            raise StoreClosed("the session store is closed")
        first, *others = appending
        if is_hashed(first[0]) and not self.store.stream_version(first[0]):
            first = (first[0], [StreamNamed(names=tuple(names)), *first[1]], first[2])
        request = AppendRequest(
            streams=tuple(self.journal.stream_append(*one) for one in (first, *others)),
            fence=self._lent.fence,
            recorded_at_ns=int(self.now() * 1e9),
            causation=cause,
        )
        return self.store.append(request).versions[0]

    def names_of(self, stream_id: StreamId) -> tuple[str, ...]:
        """The names that a stream was made for.

        Raises:
            StoreCorrupted: they were hashed, and the event that says them is not to be read.
        """
        if not is_hashed(stream_id):
            return names_in(stream_id)
        first = self.journal.read_stream(stream_id, through=_FIRST_PARTS)
        if first and isinstance(first[0].event, StreamNamed):
            return first[0].event.names
        raise StoreCorrupted(f"{stream_id} does not begin with the names it was made for")

    def close(self) -> None:
        """Give the lease back and close the store, if it is not that of a team."""
        if self._is_closed:
            return
        self._is_closed = True
        if not self._is_own:
            return
        lent = self._lent
        try:
            release_writer_lease(lent.store, lent.journal, lent.clock, lent.fence)
        finally:
            lent.store.close()


class _Shared:
    """An open store and how many hold it."""

    def __init__(self, held: HeldStore) -> None:
        self.held = held
        self.holders = 0


_shared: dict[str, _Shared] = {}
"""By the path; stores in memory have none."""
_lock = threading.Lock()


class Holder:
    """One holder of a store. Safe from any thread."""

    def __init__(self, shared: _Shared, path: str = "") -> None:
        """Use `hold`; the caller has the lock."""
        self._shared = shared
        self._path = path
        self._is_closed = False
        shared.holders += 1

    @property
    def held(self) -> HeldStore:
        """The store."""
        return self._shared.held

    def check_open(self) -> None:
        """Raise `StoreClosed` after `close`."""
        if self._is_closed:
            raise StoreClosed("it is closed: open another one to go on")

    def another(self) -> "Holder":
        """Another holder of the same store."""
        with _lock:
            self.check_open()
            return Holder(self._shared, self._path)

    def close(self) -> None:
        """Let go of the store; the last holder closes it. Calling it twice is allowed."""
        with _lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._shared.holders -= 1
            if self._shared.holders:
                return
            _shared.pop(self._path, None)
            self.held.close()


StoreOrRuntime: TypeAlias = str | Path | Registrations | Holder
"""The path of a store, a running team of either face, or who holds a store already."""


def hold(place: StoreOrRuntime, *, sealing: Sealing | None = None) -> Holder:
    """Hold the store at a path, which is made if there is none, or the one of a running team.

    `sealing` counts for whoever opens the store first.

    Raises:
        StoreLocked: another process writes it; nothing was changed.
        StoreError, ConfigurationError: it cannot be opened; nothing was changed.
    """
    if isinstance(place, Holder):
        return place.another()
    with _lock:
        if isinstance(place, Registrations):
            return Holder(_Shared(HeldStore(lent_store(place), is_own=False)))
        if place == MEMORY:
            return Holder(_Shared(_opened(place, sealing)))
        path = str(place) if is_sql_url(place) else os.path.realpath(place)
        if path not in _shared:
            _shared[path] = _Shared(_opened(place, sealing))
        return Holder(_shared[path], path)


def _opened(path: str | Path, sealing: Sealing | None) -> HeldStore:
    clock = SystemClock()
    store = open_event_store(path, sealing=sealing)
    try:
        journal = Journal(store)
        fence = acquire_writer_lease(store, journal, clock, holder=process_name(), term_s=_TERM_S)
    except BaseException:
        store.close()
        raise
    lent = LentStore(store=store, journal=journal, clock=clock, fence=fence)
    held = HeldStore(lent, is_own=True)
    close_before_exit(held)
    return held
