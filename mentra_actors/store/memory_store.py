"""The event store in memory: for tests, and the model that other adapters are compared with."""

import bisect
import itertools
import logging
import queue
import sys
import threading
from collections import deque
from collections.abc import Collection, Sequence

from mentra_actors.errors import StoreClosed, StoreError
from mentra_actors.ids import StreamId, category_of
from mentra_actors.store.append_plan import (
    AppendPlan,
    Heads,
    check_blob,
    check_request,
    check_snapshot,
    check_tick,
    only_of,
    plan_append,
    streams_of,
)
from mentra_actors.store.ports import (
    REMEMBERED_REQUESTS,
    Appended,
    AppendRequest,
    OnAppended,
    StateSnapshot,
    StoredEvent,
    Tick,
    blob_digest,
)

__all__ = ["MemoryEventStore"]

_LOG = logging.getLogger(__name__)


class MemoryEventStore:
    """See `EventStore`. It has no thread: whoever submits first writes for all who join meanwhile.

    So `on_appended` runs on a submitting thread; with one thread it has run when `submit`
    returns, unless `submit` was itself called by an `on_appended`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._heads = Heads()
        self._journal: list[StoredEvent] = []
        self._ends: list[int] = []
        """Last position of each append that has events."""
        self._streams: dict[StreamId, list[StoredEvent]] = {}
        self._snapshots: dict[StreamId, StateSnapshot] = {}
        self._milestones: dict[StreamId, dict[int, StateSnapshot]] = {}
        self._ticks: dict[int, Tick] = {}
        self._blobs: dict[str, bytes] = {}
        self._open: set[StreamId] = set()
        self._waiting: deque[tuple[AppendRequest, OnAppended]] = deque()
        self._writing_thread: int | None = None
        self._is_closed = False

    def submit(self, request: AppendRequest, on_appended: OnAppended) -> None:
        """See `EventStore.submit`.

        Raises:
            TypeError, ValueError: the request is malformed; nothing was queued.
        """
        check_request(request)
        with self._changed:
            is_refused = self._is_closed
            if not is_refused:
                self._waiting.append((request, on_appended))
            writes = not is_refused and self._writing_thread is None
            if writes:
                self._writing_thread = threading.get_ident()
        if is_refused:
            _answer(on_appended, _closed())
        if writes:
            self._write_waiting()

    def append(self, request: AppendRequest) -> Appended:
        """See `EventStore.append`.

        Raises:
            VersionConflict, Fenced, StoreClosed: nothing was written.
            RuntimeError: called by an `on_appended`, which would wait for itself.
        """
        if self._writing_thread == threading.get_ident():
            raise RuntimeError("append() would wait for the thread it is called on; use submit()")
        answers: queue.SimpleQueue[Appended | StoreError] = queue.SimpleQueue()
        self.submit(request, answers.put)
        answer = answers.get()
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def save_snapshot(self, snapshot: StateSnapshot) -> None:
        """See `EventStore.save_snapshot`; after `close` it is dropped."""
        check_snapshot(snapshot)
        stream_id = snapshot.stream_id
        with self._changed:
            if self._is_closed:
                return
            if snapshot.is_milestone:
                kept = self._milestones.setdefault(stream_id, {})
                kept[snapshot.stream_version] = snapshot
            else:
                self._snapshots[stream_id] = snapshot

    def load_snapshot(self, stream_id: StreamId) -> StateSnapshot | None:
        """See `EventStore.load_snapshot`."""
        with self._changed:
            self._check_open()
            return self._snapshots.get(stream_id)

    def snapshot_through(self, stream_id: StreamId, version: int) -> StateSnapshot | None:
        """See `SnapshotReader.snapshot_through`."""
        with self._changed:
            self._check_open()
            newest = self._snapshots.get(stream_id)
            if newest is not None and newest.stream_version <= version:
                return newest
            kept = self._milestones.get(stream_id, {})
            return kept.get(max((one for one in kept if one <= version), default=0))

    def save_tick(self, tick: Tick, *, drop_below: int = 0) -> None:
        """See `EventStore.save_tick`; after `close` it is dropped."""
        check_tick(tick, drop_below)
        with self._changed:
            if self._is_closed:
                return
            if tick.pieces:
                self._ticks[tick.number] = tick
            for number in [number for number in self._ticks if number < drop_below]:
                del self._ticks[number]

    def load_ticks(self) -> Sequence[Tick]:
        """See `EventStore.load_ticks`."""
        with self._changed:
            self._check_open()
            return [tick for _, tick in sorted(self._ticks.items())]

    def put_blob(self, content: bytes) -> str:
        """See `BlobStore.put_blob`.

        Raises:
            StoreClosed: the blob is not stored.
        """
        check_blob(content)
        digest = blob_digest(content)
        with self._changed:
            self._check_open()
            self._blobs[digest] = content
        return digest

    def read_blob(self, digest: str) -> bytes | None:
        """See `BlobStore.read_blob`."""
        with self._changed:
            self._check_open()
            return self._blobs.get(digest)

    def open_streams(self) -> Sequence[StreamId]:
        """See `EventStore.open_streams`."""
        with self._changed:
            self._check_open()
            return sorted(self._open)

    def fence_epoch(self, resource: str) -> int:
        """See `EventStore.fence_epoch`."""
        with self._changed:
            self._check_open()
            return self._heads.epochs.get(resource, 0)

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_stream`."""
        end = None if through is None else max(through, 0)
        with self._changed:
            self._check_open()
            return self._streams.get(stream_id, [])[max(after, 0) : end]

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
        start, wanted = max(after, 0), max(limit, 1)
        last = sys.maxsize if through is None else max(through, 0)
        found: list[StoredEvent] = []
        with self._changed:
            self._check_open()
            whole = bisect.bisect_right(self._ends, start)
            for end in itertools.islice(self._ends, whole, None):
                page = self._journal[start : min(end, last)]
                found.extend(only_of(page, categories=categories, event_types=event_types))
                start = end
                if len(found) >= wanted or end >= last:
                    break
        return found

    def stream_version(self, stream_id: StreamId) -> int:
        """See `JournalReader.stream_version`."""
        with self._changed:
            self._check_open()
            return len(self._streams.get(stream_id, []))

    def stream_ids(self, category: str) -> Sequence[StreamId]:
        """See `JournalReader.stream_ids`."""
        with self._changed:
            self._check_open()
            return sorted(name for name in self._streams if category_of(name) == category)

    def last_position(self) -> int:
        """See `JournalReader.last_position`."""
        with self._changed:
            self._check_open()
            return len(self._journal)

    def wait_for_position(self, position: int, *, timeout_s: float) -> int:
        """See `JournalReader.wait_for_position`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or len(self._journal) >= position, timeout_s
            )
            self._check_open()
            return len(self._journal)

    def close(self) -> None:
        """Answer what is queued and refuse what comes later. Calling it twice is allowed.

        Raises:
            RuntimeError: called by an `on_appended`, which would wait for itself.
        """
        with self._changed:
            if self._writing_thread == threading.get_ident():
                raise RuntimeError("close() would wait for the thread it is called on")
            self._is_closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._writing_thread is None)

    def _write_waiting(self) -> None:
        try:
            while self._write_next():
                pass
        except BaseException:  # a callback lets this thread go on no further
            with self._changed:
                self._writing_thread = None
                self._changed.notify_all()
            raise

    def _write_next(self) -> bool:
        with self._changed:
            if not self._waiting:
                # Before the lock is free: who submits from now on writes for himself.
                self._writing_thread = None
                self._changed.notify_all()
                return False
            request, on_appended = self._waiting.popleft()
            outcome = self._write(request)
            self._changed.notify_all()
        _answer(on_appended, outcome)
        return True

    def _write(self, request: AppendRequest) -> Appended | StoreError:
        for stream_id in streams_of(request):
            self._heads.versions.setdefault(stream_id, 0)
        if request.fence is not None:
            self._heads.epochs.setdefault(request.fence.resource, 0)
        try:
            plan = plan_append(request, self._heads)
        except StoreError as error:
            return error
        self._heads.advance(plan)
        self._record(request, plan)
        self._forget_old_requests()
        return plan.appended

    def _record(self, request: AppendRequest, plan: AppendPlan) -> None:
        for part in plan.parts:
            for version, event in enumerate(part.events, start=part.first_version):
                stored = StoredEvent(
                    global_position=len(self._journal) + 1,
                    stream_id=part.stream_id,
                    stream_version=version,
                    event_type=event.event_type,
                    payload=event.payload,
                    recorded_at_ns=request.recorded_at_ns,
                    epoch=0 if request.fence is None else request.fence.epoch,
                    causation=request.causation,
                    correlation=request.correlation,
                )
                self._journal.append(stored)
                self._streams.setdefault(part.stream_id, []).append(stored)
        if plan.parts:
            self._ends.append(plan.appended.last_position)
        self._open.update(stream_id for stream_id, is_open in plan.marks.items() if is_open)
        self._open.difference_update(
            stream_id for stream_id, is_open in plan.marks.items() if not is_open
        )

    def _forget_old_requests(self) -> None:
        answered = self._heads.answered
        while len(answered) > REMEMBERED_REQUESTS:
            del answered[next(iter(answered))]

    def _check_open(self) -> None:
        if self._is_closed:
            raise _closed()


def _closed() -> StoreClosed:
    return StoreClosed("the store in memory is closed")


def _answer(on_appended: OnAppended, outcome: Appended | StoreError) -> None:
    try:
        on_appended(outcome)
    except Exception:  # noqa: BLE001 - the callers in the queue must outlive a bug of this one
        _LOG.exception("on_appended raised; the append itself: %r", outcome)
