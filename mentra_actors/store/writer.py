"""The one thread that writes: it takes what is queued, commits it as a group, then answers.

While a group is being flushed the next one gathers by itself, so nobody lingers to fill one.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from mentra_actors.errors import StoreClosed, StoreError
from mentra_actors.store.append_plan import check_request
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


class AppendJob(msgspec.Struct, frozen=True):
    """An append that waits, already encoded as far as its place does not matter."""

    request: AppendRequest
    body: bytes
    on_appended: OnAppended

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
WriteGroup: TypeAlias = Callable[[Sequence[Job]], Sequence[Outcome]]


class GroupWriter:
    """Owns the thread. `write_group` runs on it; it commits all or fails all that it is given."""

    def __init__(self, write_group: WriteGroup, *, name: str) -> None:
        self._write_group = write_group
        self._name = name
        self._pid = os.getpid()
        self._queue: queue.SimpleQueue[Job | _Stop] = queue.SimpleQueue()
        self._intake = threading.Lock()
        self._is_closed = False
        # A daemon, so that a store nobody closed does not keep the interpreter from exiting.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, request: AppendRequest, on_appended: OnAppended) -> None:
        """See `EventStore.submit`; after `close` the refusal comes on the calling thread.

        Raises:
            TypeError, ValueError: no store can keep this request; nothing was queued.
        """
        check_request(request)
        job = AppendJob(request, encode_body(request), on_appended)
        if not self._queue_up(job):
            _answer(job, self._closed())

    def append(self, request: AppendRequest) -> Appended:
        """See `EventStore.append`.

        Raises:
            RuntimeError: this is the writer thread, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("append() would wait for the thread it is called on; use submit()")
        answers: queue.SimpleQueue[Appended | StoreError] = queue.SimpleQueue()
        self.submit(request, answers.put)
        answer = answers.get()
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def save_snapshot(self, snapshot: StateSnapshot) -> None:
        """See `EventStore.save_snapshot`; after `close` it is dropped."""
        self._queue_up(SnapshotJob(snapshot))

    def put_blob(self, content: bytes) -> str:
        """See `BlobStore.put_blob`.

        Raises:
            StoreClosed: the blob will not be stored.
        """
        digest = blob_digest(content)
        if not self._queue_up(BlobJob(digest, content)):
            raise self._closed()
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
        self._thread.join()

    def _queue_up(self, job: Job) -> bool:
        if self._is_forked():
            return False
        with self._intake:
            if not self._is_closed:
                self._queue.put(job)
            return not self._is_closed

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
