"""The one thread that writes: it takes what is queued, commits it as a group, then answers.

While a group is being flushed the next one gathers by itself, so nobody lingers to fill one.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.errors import StoreBusy, StoreClosed, StoreError, StoreFull
from mentra_actors.store.append_plan import (
    check_blob,
    check_request,
    check_snapshot,
    check_tick,
)
from mentra_actors.store.embedded.extension import CommitExtension
from mentra_actors.store.embedded.layout import encode_body
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    OnAppended,
    StateSnapshot,
    Tick,
    blob_digest,
)
from mentra_actors.store.tick_rows import TickJob, tick_job

__all__ = ["AppendJob", "BlobJob", "GroupWriter", "Job", "Outcome", "SnapshotJob", "is_only_ticks"]

_LOG = logging.getLogger(__name__)
_GROUP_JOBS = 4096
_GROUP_BYTES = 8 << 20
QUEUE_JOBS = 1 << 16
QUEUE_BYTES = 256 << 20
"""How many appends may wait, and how much they may weigh, before the next one is refused."""


class AppendJob(msgspec.Struct, frozen=True):
    """An append that waits, already encoded as far as its place does not matter."""

    request: AppendRequest
    body: bytes
    on_appended: OnAppended
    extension: CommitExtension | None = None

    @property
    def size_bytes(self) -> int:
        """About what it writes."""
        return len(self.body)


class SnapshotJob(msgspec.Struct, frozen=True):
    """A state snapshot that waits."""

    snapshot: StateSnapshot

    @property
    def size_bytes(self) -> int:
        """About what it writes."""
        return len(self.snapshot.payload)


class BlobJob(msgspec.Struct, frozen=True):
    """A blob that waits."""

    digest: str
    content: bytes

    @property
    def size_bytes(self) -> int:
        """About what it writes."""
        return len(self.content)


Job: TypeAlias = AppendJob | SnapshotJob | BlobJob | TickJob
Outcome: TypeAlias = Appended | StoreError | None
_WhenFull: TypeAlias = Literal["refuse", "wait", "accept"]
WriteGroup: TypeAlias = Callable[[Sequence[Job]], Sequence[Outcome]]
EncodeBody: TypeAlias = Callable[[AppendRequest], bytes]


class GroupWriter:
    """Owns the thread. `write_group` runs on it; it commits all or fails all that it is given.

    `encode` makes the body of an `AppendJob`, on the thread that submits; what it raises is
    raised there, and nothing is queued.
    """

    def __init__(
        self,
        write_group: WriteGroup,
        *,
        name: str,
        encode: EncodeBody = encode_body,
        queue_jobs: int = QUEUE_JOBS,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self._write_group = write_group
        self._encode = encode
        self._name = name
        self._queue_jobs = queue_jobs
        self._queue_bytes = queue_bytes
        self._pid = os.getpid()
        self._lock = threading.Lock()
        """Guards the five that follow."""
        self._waiting: list[Job] = []
        self._waiting_bytes = 0
        self._room = threading.Condition(self._lock)
        self._is_asleep = False
        self._is_closed = False
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        """Wakes the writer, where it sleeps, from outside of the lock that it takes next."""
        # A daemon, so that a store nobody closed does not keep the interpreter from exiting.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(
        self,
        request: AppendRequest,
        on_appended: OnAppended,
        extension: CommitExtension | None = None,
    ) -> None:
        """See `EventStore.submit`; a refusal comes on the calling thread.

        Raises:
            TypeError, ValueError: no store can keep this request; nothing was queued.
        """
        job = self._append_job(request, on_appended, extension)
        refusal = self._queue_up(job, when_full="refuse")
        if refusal is not None:
            _answer(job, refusal)

    def append(self, request: AppendRequest, extension: CommitExtension | None = None) -> Appended:
        """See `EventStore.append`.

        Raises:
            RuntimeError: this is the writer thread, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("append() would wait for the thread it is called on; use submit()")
        answers: queue.SimpleQueue[Appended | StoreError] = queue.SimpleQueue()
        job = self._append_job(request, answers.put, extension)
        answer = self._queue_up(job, when_full="wait") or answers.get()
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def save_snapshot(self, snapshot: StateSnapshot) -> None:
        """See `EventStore.save_snapshot`; after `close`, or when too much waits, it is dropped."""
        check_snapshot(snapshot)
        refusal = self._queue_up(SnapshotJob(snapshot), when_full="refuse")
        if refusal is not None:
            _LOG.info("no snapshot of %s was saved: %s", snapshot.stream_id, refusal)

    def save_tick(self, tick: Tick, drop_below: int) -> None:
        """See `EventStore.save_tick`; after `close`, or when too much waits, it is dropped."""
        check_tick(tick, drop_below)
        refusal = self._queue_up(tick_job(tick, drop_below), when_full="refuse")
        if refusal is not None:
            _LOG.info("tick %d was not saved: %s", tick.number, refusal)

    def put_blob(self, content: bytes) -> str:
        """See `BlobStore.put_blob`; never refused for want of room, as work is done by then.

        Raises:
            StoreClosed: the blob will not be stored.
        """
        check_blob(content)
        digest = blob_digest(content)
        refusal = self._queue_up(BlobJob(digest, content), when_full="accept")
        if refusal is not None:
            raise refusal
        return digest

    def close(self) -> None:
        """Write what is queued, answer it and end the thread; refuse what comes later.

        Raises:
            RuntimeError: this is the writer thread, which cannot wait for its own end.
        """
        if self._is_forked():
            return
        if threading.current_thread() is self._thread:
            raise RuntimeError("close() would wait for the thread it is called on")
        with self._lock:
            self._is_closed = True
            self._room.notify_all()
            must_wake, self._is_asleep = self._is_asleep, False
        if must_wake:
            self._wake.put(None)
        self._thread.join()

    def _append_job(
        self, request: AppendRequest, on_appended: OnAppended, extension: CommitExtension | None
    ) -> AppendJob:
        check_request(request)
        return AppendJob(request, self._encode(request), on_appended, extension)

    def _queue_up(self, job: Job, *, when_full: _WhenFull) -> StoreError | None:
        """Why the job was not queued, or None."""
        if self._is_forked():
            return self._closed()
        size = job.size_bytes
        with self._lock:
            while not self._is_closed and when_full != "accept" and self._is_full():
                if when_full == "refuse":
                    return self._busy()
                self._room.wait()
            if self._is_closed:
                return self._closed()
            self._waiting.append(job)
            self._waiting_bytes += size
            must_wake, self._is_asleep = self._is_asleep, False
        if must_wake:
            self._wake.put(None)
        return None

    def _is_full(self) -> bool:
        return len(self._waiting) >= self._queue_jobs or self._waiting_bytes >= self._queue_bytes

    def _busy(self) -> StoreBusy:
        return StoreBusy(
            f"{self._name}: {len(self._waiting)} appends of {self._waiting_bytes} bytes wait for "
            "the disk; try again when they are written"
        )

    def _is_forked(self) -> bool:
        return os.getpid() != self._pid

    def _closed(self) -> StoreClosed:
        return StoreClosed(f"{self._name} is closed, or was opened before a fork")

    def _run(self) -> None:
        while self._write_next_group():
            pass

    def _write_next_group(self) -> bool:
        """Write and answer one group; False at the end.

        A function of its own, so that the idle thread holds on to nothing: a job has the callbacks
        of its sender, and an error that was raised there has all frames of that stack.
        """
        jobs = self._next_group()
        for job, outcome in zip(jobs, self._outcomes(jobs) if jobs else (), strict=True):
            _answer(job, outcome)
        return bool(jobs)

    def _next_group(self) -> Sequence[Job]:
        """At least one job; none when the writer is closed and everything is written."""
        while True:
            with self._lock:
                if self._waiting:
                    return self._taken()
                if self._is_closed:
                    return ()
                self._is_asleep = True
            self._wake.get()

    def _taken(self) -> Sequence[Job]:
        """What waits, or as much of it as a group may hold. The lock is held."""
        jobs, self._waiting = self._waiting, []
        size = self._waiting_bytes
        if len(jobs) > _GROUP_JOBS or size > _GROUP_BYTES:
            count = size = 0
            while count < min(len(jobs), _GROUP_JOBS) and size < _GROUP_BYTES:
                size += jobs[count].size_bytes
                count += 1
            jobs, self._waiting = jobs[:count], jobs[count:]
        self._waiting_bytes -= size
        self._room.notify_all()
        return jobs

    def _outcomes(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        """One outcome each; where there is no room for ticks there may be room for all else."""
        outcomes = self._tried(jobs)
        if not isinstance(outcomes[0], StoreFull):
            return outcomes
        pairs = zip(jobs, outcomes, strict=True)
        of_ticks = [outcome for job, outcome in pairs if isinstance(job, TickJob)]
        # A tick fails only with all of its group: if one did, then nothing was written.
        if None in of_ticks or len(of_ticks) in (0, len(jobs)):
            return outcomes
        rest = iter(self._tried([job for job in jobs if not isinstance(job, TickJob)]))
        return [
            outcome if isinstance(job, TickJob) else next(rest)
            for job, outcome in zip(jobs, outcomes, strict=True)
        ]

    def _tried(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        try:
            return self._write_group(jobs)
        except BaseException as error:  # noqa: BLE001 - who waits must be told of any bug
            _LOG.exception("%s: a group of %d appends failed", self._name, len(jobs))
            return [StoreError(f"{self._name}: the append failed: {error!r}")] * len(jobs)


def is_only_ticks(jobs: Sequence[Job]) -> bool:
    """True if nobody who waits for a store needs to hear of these."""
    return all(isinstance(job, TickJob) for job in jobs)


def _answer(job: Job, outcome: Outcome) -> None:
    if outcome is None:
        return
    if isinstance(job, AppendJob):
        try:
            job.on_appended(outcome)
        except BaseException:  # noqa: BLE001 - the writer must outlive a bug of its callers
            _LOG.exception("on_appended raised; the append itself: %r", outcome)
    elif isinstance(job, SnapshotJob):
        _LOG.warning("no snapshot of %s was saved: %s", job.snapshot.stream_id, outcome)
    elif isinstance(job, TickJob):
        _LOG.warning("tick %d was not saved: %s", job.number, outcome)
    else:
        _LOG.warning("blob %s waits for the next group: %s", job.digest, outcome)
