"""One group of jobs in one LMDB transaction."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import lmdb

from mentra_actors.errors import StoreCorrupted, StoreError
from mentra_actors.ids import StreamId
from mentra_actors.store.append_plan import AppendPlan, Heads, plan_append, streams_of
from mentra_actors.store.lmdb_env import SharedEnv
from mentra_actors.store.lmdb_file import store_error
from mentra_actors.store.lmdb_layout import (
    encode_record,
    encode_snapshot,
    index_rows,
    position_key,
)
from mentra_actors.store.lmdb_reader import last_position, stream_head
from mentra_actors.store.ports import AppendRequest
from mentra_actors.store.writer import AppendJob, BlobJob, Job, Outcome, SnapshotJob

if TYPE_CHECKING:
    from mentra_actors.store.lmdb_env import Tables

__all__ = ["GroupCommit"]

_CACHED_HEADS = 100_000
_GROUPS_PER_READER_CHECK = 256

_Row = tuple[bytes, bytes]
_Plan: TypeAlias = AppendPlan | StoreError | None
"""What an append writes or why it must not; None for a job without conditions."""


class GroupCommit:
    """Writes groups; used by one thread. Remembers the heads, so that appends read nothing."""

    def __init__(self, env: SharedEnv) -> None:
        self._env = env
        self._heads = Heads()
        self._last_txn_id = -1
        self._owed_blobs: tuple[BlobJob, ...] = ()
        self._groups = 0

    def write(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        """Commit `jobs` in order: one outcome each, after all is as durable as the store promises.

        A refused append leaves the others alone. When the transaction fails, all fail; blobs are
        then tried again with the next group, because an append that follows may name them.
        """
        owed, self._owed_blobs = self._owed_blobs, ()
        try:
            outcomes = self._write_or_grow([*owed, *jobs])
        except BaseException as error:
            self._heads = Heads()
            self._last_txn_id = -1
            self._owed_blobs = (*owed, *(job for job in jobs if isinstance(job, BlobJob)))
            if not isinstance(error, lmdb.Error):
                raise
            return [store_error(error, self._env.path)] * len(jobs)
        self._env.announce()
        return outcomes[len(owed) :]

    def _write_or_grow(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        self._groups += 1
        if self._groups % _GROUPS_PER_READER_CHECK == 0:
            self._env.release_readers()
        while True:
            try:
                return self._write_once(jobs)
            except lmdb.MapFullError:
                self._heads = Heads()
                self._last_txn_id = -1
                self._env.grow()

    def _write_once(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        with self._env.writing() as txn:
            txn_id = txn.id()
            if txn_id != self._last_txn_id + 1 or len(self._heads.versions) > _CACHED_HEADS:
                self._heads = Heads(last_position(txn, self._env))
            plans = [self._plan(txn, job) for job in jobs]
            _put_rows(txn, self._env.tables, jobs, plans)
        # An empty commit leaves its number for another process to take.
        self._last_txn_id = txn_id if _has_surely_written(jobs, plans) else -1
        return [plan.appended if isinstance(plan, AppendPlan) else plan for plan in plans]

    def _plan(self, txn: "lmdb.Transaction[memoryview]", job: Job) -> _Plan:
        if not isinstance(job, AppendJob):
            return None
        self._load_heads(txn, job.request)
        try:
            plan = plan_append(job.request, self._heads)
        except StoreError as error:
            return error
        self._heads.advance(plan)
        return plan

    def _load_heads(self, txn: "lmdb.Transaction[memoryview]", request: AppendRequest) -> None:
        heads = self._heads
        for stream_id in streams_of(request):
            if stream_id not in heads.versions:
                heads.versions[stream_id] = stream_head(txn, self._env, stream_id)
        if request.fence is not None and request.fence.resource not in heads.epochs:
            stored = txn.get(request.fence.resource.encode(), db=self._env.tables.fences)
            heads.epochs[request.fence.resource] = int.from_bytes(stored or b"", "big")


def _has_surely_written(jobs: Sequence[Job], plans: Sequence[_Plan]) -> bool:
    return any(
        isinstance(job, SnapshotJob)
        or (isinstance(plan, AppendPlan) and (plan.parts or plan.raised is not None))
        for job, plan in zip(jobs, plans, strict=True)
    )


def _put_rows(
    txn: "lmdb.Transaction[memoryview]",
    tables: "Tables",
    jobs: Sequence[Job],
    plans: Sequence[_Plan],
) -> None:
    log: list[_Row] = []
    index: list[_Row] = []
    marks: dict[StreamId, bool] = {}
    for job, plan in zip(jobs, plans, strict=True):
        match job, plan:
            case AppendJob(body=body), AppendPlan(appended=appended, parts=parts):
                position = appended.first_position
                if parts:
                    log.append((position_key(position), encode_record(position, parts, body)))
                    index.extend(index_rows(position, parts))
                marks.update(plan.marks)
                if plan.raised is not None:
                    epoch = position_key(plan.raised.epoch)
                    txn.put(plan.raised.resource.encode(), epoch, db=tables.fences)
            case SnapshotJob(snapshot=snapshot), _:
                key = snapshot.stream_id.encode()
                txn.put(key, encode_snapshot(snapshot), db=tables.snapshots)
            case BlobJob(digest=digest, content=content), _:
                txn.put(bytes.fromhex(digest), content, overwrite=False, db=tables.blobs)
            case _:
                pass
    _put_new(txn, tables.log, log, append=True)
    _put_new(txn, tables.streams, sorted(index), append=False)
    _put_marks(txn, tables, marks.items())


def _put_new(
    txn: "lmdb.Transaction[memoryview]",
    table: "lmdb._Database",
    rows: Sequence[_Row],
    *,
    append: bool,
) -> None:
    """One call into LMDB for all rows: each call may cost a turn for the interpreter lock."""
    if rows:
        with txn.cursor(table) as cursor:
            _, added = cursor.putmulti(rows, append=append)
        if added != len(rows):
            raise StoreCorrupted("the log already holds a position that comes after its end")


def _put_marks(
    txn: "lmdb.Transaction[memoryview]", tables: "Tables", marks: Iterable[tuple[StreamId, bool]]
) -> None:
    for stream_id, is_open in marks:
        if is_open:
            txn.put(stream_id.encode(), b"", overwrite=False, db=tables.open)
        else:
            txn.delete(stream_id.encode(), db=tables.open)
