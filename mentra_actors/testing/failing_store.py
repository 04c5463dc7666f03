"""An event store that fails, and that becomes durable, when a test says so."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Literal

from mentra_actors.errors import StoreClosed, StoreError, VersionConflict
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    EventStore,
    OnAppended,
    StateSnapshot,
    StoredEvent,
    Tick,
)

__all__ = ["FailingStore"]


class FailingStore:
    """Stands in front of another store. See `EventStore`; safe from any thread.

        store = FailingStore(MemoryEventStore())
        store.fail_next(3, StoreFull("no space left"))
        store.hold()       # from now on nothing is written ...
        store.release(1)   # ... but the oldest append
        store.let_go()     # everything, and no holding any more
        store.conflict_at(2)       # the append after the next one
        store.die_at(3, "after")   # the third is written, and nobody hears of it
        store.recover()            # fail no more; the dead store lives again

    Appends are counted from 1, from now on, as they come to be written; those that only mark
    streams do not count. A failure is used up by the append that would be written next, so also
    on release. `survives_close` keeps the store behind it open: the next runtime can open it
    again.
    """

    def __init__(self, store: EventStore, *, survives_close: bool = False) -> None:
        self._store = store
        self._survives_close = survives_close
        self._errors: deque[StoreError] = deque()
        self._always: Callable[[AppendRequest], StoreError | None] = lambda _request: None
        self._held: deque[tuple[AppendRequest, OnAppended]] = deque()
        self._is_holding = False
        self._written = 0
        self._planned: dict[int, Callable[[AppendRequest], StoreError]] = {}
        self._dies_after = 0
        self._changed = threading.Condition()
        self.is_dead = False
        """True from a death (`die_at`) until `recover`."""
        self.submitted: list[AppendRequest] = []
        """Every append that was asked for, in order, whatever became of it."""

    # --- the script -----------------------------------------------------------------------

    def fail_next(self, count: int, error: StoreError) -> None:
        """Refuse the next `count` appends with this error; nothing of them is written."""
        with self._changed:
            self._errors.extend([error] * count)

    def fail_while(self, refusal: Callable[[AppendRequest], StoreError | None]) -> None:
        """Ask `refusal` before every append: an error refuses it, None lets it through."""
        self._always = refusal

    def fail_at(self, number: int, error: StoreError) -> None:
        """Refuse the append of this number with `error`; nothing of it is written."""
        self._plan(number, lambda _request: error)

    def conflict_at(self, number: int) -> None:
        """Refuse the append of this number as if another writer had been first."""
        self._plan(number, self._conflict)

    def die_at(self, number: int, when: Literal["before", "after"] = "before") -> None:
        """Die as a process would, before the append of this number is written, or right after.

        Whoever asked is answered as by a closed store, and so is everybody from then on. What
        was written can still be read.
        """
        if when == "before":
            self._plan(number, self._die)
        else:
            with self._changed:
                self._dies_after = self._written + _counted(number)

    def wait_for_death(self, *, timeout_s: float = 10.0) -> None:
        """Block until it has died.

        Raises:
            TimeoutError: it lives.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.is_dead, timeout_s):
                raise TimeoutError(f"{self._written} appends were written, and the store lives")

    def recover(self) -> None:
        """Fail no more."""
        with self._changed:
            self._errors.clear()
            self._always = lambda _request: None
            self._planned.clear()
            self._dies_after = 0
            self.is_dead = False

    def _plan(self, number: int, refusal: Callable[[AppendRequest], StoreError]) -> None:
        with self._changed:
            self._planned[self._written + _counted(number)] = refusal

    def _die(self, _request: AppendRequest) -> StoreError:
        self.is_dead = True
        self._changed.notify_all()
        return _dead()

    def _conflict(self, request: AppendRequest) -> StoreError:
        part = request.streams[0]
        found = self._store.stream_version(part.stream_id)
        expected = found if part.expected_version is None else part.expected_version
        return VersionConflict(part.stream_id, expected=expected, actual=found + 1)

    def hold(self) -> None:
        """Write nothing until `release` or `let_go`."""
        with self._changed:
            self._is_holding = True

    def held(self) -> int:
        """Appends that wait to be written."""
        with self._changed:
            return len(self._held)

    def wait_for_held(self, count: int, *, timeout_s: float = 10.0) -> None:
        """Block until at least `count` appends wait.

        Raises:
            TimeoutError: they did not come.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._held) >= count, timeout_s):
                raise TimeoutError(f"{len(self._held)} appends wait, not {count}")

    def release(self, count: int = 1) -> int:
        """Write the oldest `count` that wait; how many there were."""
        for released in range(count):
            with self._changed:
                if not self._held:
                    return released
                request, on_appended = self._held.popleft()
            self._write(request, on_appended)
        return count

    def let_go(self) -> None:
        """Write all that waits, and hold nothing any more."""
        while True:
            with self._changed:
                if not self._held:
                    self._is_holding = False
                    return
            self.release()

    def drop_held(self) -> int:
        """Forget what waits, as the death of the process would; nobody hears of it."""
        with self._changed:
            dropped = len(self._held)
            self._held.clear()
            return dropped

    # --- EventStore -----------------------------------------------------------------------

    def submit(self, request: AppendRequest, on_appended: OnAppended) -> None:
        """See `EventStore.submit`."""
        if not self._holds(request, on_appended):
            self._write(request, on_appended)

    def _holds(self, request: AppendRequest, on_appended: OnAppended) -> bool:
        with self._changed:
            self.submitted.append(request)
            if self._is_holding:
                self._held.append((request, on_appended))
                self._changed.notify_all()
            return self._is_holding

    def _next_error(self, request: AppendRequest) -> StoreError | None:
        with self._changed:
            if self.is_dead or 0 < self._dies_after <= self._written:
                return _dead()
            planned = None
            if request.streams:
                self._written += 1
                planned = self._planned.pop(self._written, None)
            if planned is not None:
                return planned(request)
            return self._errors.popleft() if self._errors else self._always(request)

    def _dies_now(self) -> bool:
        """True for the append after which it dies, which has been written, and for those after."""
        with self._changed:
            if self._dies_after and self._written >= self._dies_after:
                self.is_dead = True
                self._changed.notify_all()
            return self.is_dead

    def _write(self, request: AppendRequest, on_appended: OnAppended) -> None:
        error = self._next_error(request)
        if error is not None:
            on_appended(error)
            return

        def on_durable(answer: Appended | StoreError) -> None:
            on_appended(_dead() if self._dies_now() else answer)

        self._store.submit(request, on_durable)

    def append(self, request: AppendRequest) -> Appended:
        """See `EventStore.append`."""
        answers: queue.SimpleQueue[Appended | StoreError] = queue.SimpleQueue()
        if self._holds(request, answers.put):
            answer = answers.get()
            if isinstance(answer, StoreError):
                raise answer
            return answer
        error = self._next_error(request)
        if error is not None:
            raise error
        appended = self._store.append(request)
        if self._dies_now():
            raise _dead()
        return appended

    def save_snapshot(self, snapshot: StateSnapshot) -> None:
        """See `EventStore.save_snapshot`."""
        self._store.save_snapshot(snapshot)

    def load_snapshot(self, stream_id: StreamId) -> StateSnapshot | None:
        """See `EventStore.load_snapshot`."""
        return self._store.load_snapshot(stream_id)

    def snapshot_through(self, stream_id: StreamId, version: int) -> StateSnapshot | None:
        """See `SnapshotReader.snapshot_through`."""
        return self._store.snapshot_through(stream_id, version)

    def save_tick(self, tick: Tick, *, drop_below: int = 0) -> None:
        """See `EventStore.save_tick`; it neither fails nor is held, unless the store is dead."""
        if not self.is_dead:
            self._store.save_tick(tick, drop_below=drop_below)

    def load_ticks(self) -> Sequence[Tick]:
        """See `EventStore.load_ticks`."""
        return self._store.load_ticks()

    def open_streams(self) -> Sequence[StreamId]:
        """See `EventStore.open_streams`."""
        return self._store.open_streams()

    def fence_epoch(self, resource: str) -> int:
        """See `EventStore.fence_epoch`."""
        return self._store.fence_epoch(resource)

    def put_blob(self, content: bytes) -> str:
        """See `BlobStore.put_blob`."""
        return self._store.put_blob(content)

    def read_blob(self, digest: str) -> bytes | None:
        """See `BlobStore.read_blob`."""
        return self._store.read_blob(digest)

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_stream`."""
        return self._store.read_stream(stream_id, after=after, through=through)

    def read_journal(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        through: int | None = None,
        categories: Collection[str] = (),
        event_types: Collection[str] = (),
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_journal`."""
        return self._store.read_journal(
            after=after,
            limit=limit,
            through=through,
            categories=categories,
            event_types=event_types,
        )

    def stream_version(self, stream_id: StreamId) -> int:
        """See `JournalReader.stream_version`."""
        return self._store.stream_version(stream_id)

    def stream_ids(self, category: str) -> Sequence[StreamId]:
        """See `JournalReader.stream_ids`."""
        return self._store.stream_ids(category)

    def last_position(self) -> int:
        """See `JournalReader.last_position`."""
        return self._store.last_position()

    def wait_for_position(self, position: int, *, timeout_s: float) -> int:
        """See `JournalReader.wait_for_position`."""
        return self._store.wait_for_position(position, timeout_s=timeout_s)

    def close(self) -> None:
        """See `JournalReader.close`; what is held is written first."""
        self.let_go()
        if not self._survives_close:
            self._store.close()


def _counted(number: int) -> int:
    if number < 1:
        raise ValueError(f"appends are counted from 1, not from {number}")
    return number


def _dead() -> StoreClosed:
    return StoreClosed("the process that wrote this store has died, as its test wanted")
