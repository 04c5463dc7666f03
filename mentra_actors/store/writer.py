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

from mentra_actors.errors import StoreBusy, StoreClosed, StoreError
from mentra_actors.store.append_plan import check_request
from mentra_actors.store.lmdb_extension import CommitExtension
from mentra_actors.store.lmdb_layout import encode_body
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    OnAppended,
    StateSnapshot,
    blob_digest,
)

__all__ = ["AppendJob", "BlobJob", "GroupWriter", "Job", "Outcome", "SnapshotJob"]

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


class _Stop(msgspec.Struct, frozen=True):
    """The last thing in the queue."""


Job: TypeAlias = AppendJob | SnapshotJob | BlobJob
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
        self._waiting_jobs = 0
        self._waiting_bytes = 0
        self._pid = os.getpid()
        self._queue: queue.SimpleQueue[Job | _Stop] = queue.SimpleQueue()
        self._intake = threading.Condition(threading.Lock())
        self._is_closed = False
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
        refusal = self._queue_up(SnapshotJob(snapshot), when_full="refuse")
        if refusal is not None:
            _LOG.info("no snapshot of %s was saved: %s", snapshot.stream_id, refusal)

    def put_blob(self, content: bytes) -> str:
        """See `BlobStore.put_blob`; never refused for want of room, as work is done by then.

        Raises:
            StoreClosed: the blob will not be stored.
        """
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
        with self._intake:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(_Stop())
                self._intake.notify_all()
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
        with self._intake:
            while not self._is_closed and when_full != "accept" and self._is_full():
                if when_full == "refuse":
                    return self._busy()
                self._intake.wait()
            if self._is_closed:
                return self._closed()
            self._waiting_jobs += 1
            self._waiting_bytes += job.size_bytes
            self._queue.put(job)
        return None

    def _is_full(self) -> bool:
        return self._waiting_jobs >= self._queue_jobs or self._waiting_bytes >= self._queue_bytes

    def _make_room(self, jobs: Sequence[Job], size_bytes: int) -> None:
        with self._intake:
            was_full = self._is_full()
            self._waiting_jobs -= len(jobs)
            self._waiting_bytes -= size_bytes
            if was_full:
                self._intake.notify_all()

    def _busy(self) -> StoreBusy:
        return StoreBusy(
            f"{self._name}: {self._waiting_jobs} appends of {self._waiting_bytes} bytes wait for "
            "the disk; try again when they are written"
        )

    def _is_forked(self) -> bool:
        return os.getpid() != self._pid

    def _closed(self) -> StoreClosed:
        return StoreClosed(f"{self._name} is closed, or was opened before a fork")

    def _run(self) -> None:
        is_last = False
        while not is_last:
            jobs, is_last = self._next_group()
            if not jobs:
                continue
            self._make_room(jobs, sum(job.size_bytes for job in jobs))
            for job, outcome in zip(jobs, self._outcomes(jobs), strict=True):
                _answer(job, outcome)

    def _next_group(self) -> tuple[Sequence[Job], bool]:
        """At least one job unless the queue has ended, and whether it has."""
        jobs: list[Job] = []
        size = 0
        entry = self._queue.get()
        while not isinstance(entry, _Stop):
            jobs.append(entry)
            size += entry.size_bytes
            if size >= _GROUP_BYTES or len(jobs) == _GROUP_JOBS:
                return jobs, False
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                return jobs, False
        return jobs, True

    def _outcomes(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        try:
            return self._write_group(jobs)
        except Exception as error:  # noqa: BLE001 - everyone who waits must be told of any bug
            _LOG.exception("%s: a group of %d appends failed", self._name, len(jobs))
            return [StoreError(f"{self._name}: the append failed: {error!r}")] * len(jobs)


def _answer(job: Job, outcome: Outcome) -> None:
    match job, outcome:
        case AppendJob(on_appended=on_appended), Appended() | StoreError():
            try:
                on_appended(outcome)
            except Exception:  # noqa: BLE001 - the writer must outlive a bug of its callers
                _LOG.exception("on_appended raised; the append itself: %r", outcome)
        case SnapshotJob(snapshot=snapshot), StoreError():
            _LOG.warning("no snapshot of %s was saved: %s", snapshot.stream_id, outcome)
        case BlobJob(digest=digest), StoreError():
            _LOG.warning("blob %s waits for the next group: %s", digest, outcome)
        case _:
            pass
