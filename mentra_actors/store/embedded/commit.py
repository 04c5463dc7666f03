"""One group of jobs in one LMDB transaction."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import lmdb

from mentra_actors.errors import Fenced, StoreCorrupted, StoreError
from mentra_actors.ids import StreamId
from mentra_actors.store.append_plan import (
    AppendPlan,
    Heads,
    PlannedPart,
    plan_append,
)
from mentra_actors.store.embedded.data_file import store_error
from mentra_actors.store.embedded.environments import SharedEnv
from mentra_actors.store.embedded.layout import (
    NO_LINK,
    RECORD_HEADER_BYTES,
    encode_record,
    encode_snapshot,
    position_key,
    record_link,
)
from mentra_actors.store.embedded.milestones import put_milestone
from mentra_actors.store.embedded.reader import last_position, stream_head
from mentra_actors.store.embedded.requests import find_answer, remember_answer
from mentra_actors.store.embedded.stream_index import index_rows
from mentra_actors.store.embedded.tables import decode_epoch, encode_epoch, mark_value
from mentra_actors.store.embedded.ticks import change_ticks
from mentra_actors.store.ports import AppendRequest, StateSnapshot
from mentra_actors.store.tick_rows import TickJob, tick_changes
from mentra_actors.store.writer import (
    AppendJob,
    BlobJob,
    Job,
    Outcome,
    SnapshotJob,
    is_only_ticks,
)

if TYPE_CHECKING:
    from mentra_actors.store.embedded.tables import Tables

__all__ = ["GroupCommit"]

_CACHED_HEADS = 100_000
_GROUPS_PER_READER_CHECK = 256

_Row = tuple[bytes, bytes]
_Plan: TypeAlias = AppendPlan | StoreError | None
"""What an append writes or why it must not; None for a job without conditions."""
_Txn: TypeAlias = "lmdb.Transaction[memoryview]"


class GroupCommit:
    """Writes groups; used by one thread. Remembers the heads, so that appends read nothing."""

    def __init__(self, env: SharedEnv) -> None:
        self._env = env
        self._heads = Heads()
        self._links: dict[StreamId, bytes] = {}
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
            self._forget_heads()
            self._owed_blobs = (*owed, *(job for job in jobs if isinstance(job, BlobJob)))
            if isinstance(error, Fenced):
                return [error] * len(jobs)
            if not isinstance(error, lmdb.Error):
                raise
            return [store_error(error, self._env.path)] * len(jobs)
        if owed or not is_only_ticks(jobs):
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
                self._forget_heads()
                self._env.grow()

    def _write_once(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        with self._env.writing() as txn:
            txn_id = txn.id()
            self._env.check_writer(txn)
            if txn_id != self._last_txn_id + 1 or len(self._heads.versions) > _CACHED_HEADS:
                self._forget_heads(last_position(txn, self._env))
            plans = [self._plan(txn, job) for job in jobs]
            self._put_rows(txn, jobs, plans)
            has_changed_ticks = self._change_ticks(txn, jobs)
            self._heads.answered.clear()
        # An empty commit leaves its number for another process to take.
        has_written = has_changed_ticks or _has_surely_written(jobs, plans)
        self._last_txn_id = txn_id if has_written else -1
        return [plan.appended if isinstance(plan, AppendPlan) else plan for plan in plans]

    def _forget_heads(self, last: int = 0) -> None:
        self._heads = Heads(last)
        self._links = {}
        if not last:
            self._last_txn_id = -1

    def _plan(self, txn: "_Txn", job: Job) -> _Plan:
        if not isinstance(job, AppendJob):
            return None
        side = self._env.writer_tables.side
        try:
            self._load_heads(txn, job.request)
            plan = plan_append(job.request, self._heads)
            if plan.is_repeat:
                return plan
            if job.extension is not None:
                job.extension.check(txn, side)
        except StoreError as error:
            return error
        self._heads.advance(plan)
        if job.extension is not None:
            job.extension.write(txn, side, plan.appended)
        if job.request.request_id:
            table = self._env.writer_tables.requests
            remember_answer(txn, table, job.request.request_id, plan.appended)
        return plan

    def _load_heads(self, txn: "_Txn", request: AppendRequest) -> None:
        heads = self._heads
        for stream in request.streams:
            if stream.stream_id not in heads.versions:
                self._load_head(txn, stream.stream_id)
        for stream_id, _ in request.settled:
            if stream_id not in heads.versions:
                self._load_head(txn, stream_id)
        if request.fence is not None and request.fence.resource not in heads.epochs:
            fence = request.fence.resource.encode()
            stored = txn.get(fence, db=self._env.tables.fences)
            heads.epochs[request.fence.resource] = decode_epoch(fence, stored)
        if request.request_id and request.request_id not in heads.answered:
            answer = find_answer(txn, self._env.writer_tables.requests, request.request_id)
            if answer is not None:
                heads.answered[request.request_id] = answer

    def _load_head(self, txn: "_Txn", stream_id: StreamId) -> None:
        head = stream_head(txn, self._env, stream_id)
        if head is None:
            self._heads.versions[stream_id], self._links[stream_id] = 0, NO_LINK
            return
        record = txn.get(position_key(head.record_position), db=self._env.tables.log)
        if record is None:
            raise StoreCorrupted(f"{stream_id}: position {head.record_position} is missing")
        self._heads.versions[stream_id] = head.last_version
        self._links[stream_id] = record_link(bytes(record[:RECORD_HEADER_BYTES]))

    def _put_rows(self, txn: "_Txn", jobs: Sequence[Job], plans: Sequence[_Plan]) -> None:
        tables = self._env.tables
        log: list[_Row] = []
        index: list[_Row] = []
        marks: dict[StreamId, bool] = {}
        for job, plan in zip(jobs, plans, strict=True):
            if isinstance(plan, AppendPlan) and isinstance(job, AppendJob):
                if plan.parts:
                    position = plan.appended.first_position
                    log.append(self._record(position, plan.parts, job.body))
                    index.extend(index_rows(position, plan.parts))
                if plan.marks:
                    marks.update(plan.marks)
                if plan.raised is not None:
                    fence = plan.raised.resource.encode()
                    epoch = encode_epoch(fence, plan.raised.epoch)
                    txn.put(fence, epoch, db=tables.fences)
            elif isinstance(job, SnapshotJob):
                self._put_snapshot(txn, job.snapshot)
            elif isinstance(job, BlobJob):
                digest = bytes.fromhex(job.digest)
                txn.put(digest, job.content, overwrite=False, db=tables.blobs)
        _put_new(txn, tables.log, log, append=True)
        _put_new(txn, tables.streams, sorted(index), append=False)
        _put_marks(txn, tables, marks.items())

    def _put_snapshot(self, txn: "_Txn", snapshot: StateSnapshot) -> None:
        if snapshot.is_milestone:
            put_milestone(txn, self._env.writer_tables.side, snapshot)
            return
        key = snapshot.stream_id.encode()
        txn.put(key, encode_snapshot(snapshot), db=self._env.tables.snapshots)

    def _change_ticks(self, txn: "_Txn", jobs: Sequence[Job]) -> bool:
        """True if a row came or went."""
        ticks = [job for job in jobs if isinstance(job, TickJob)]
        return bool(ticks) and change_ticks(txn, self._env.writer_tables.side, tick_changes(ticks))

    def _record(self, position: int, parts: Sequence[PlannedPart], body: bytes) -> _Row:
        links = self._links
        if len(parts) == 1:
            stream_id = parts[0].stream_id
            record, links[stream_id] = encode_record(position, parts, body, links[stream_id])
        else:
            streams = dict.fromkeys(part.stream_id for part in parts)
            before = b"".join(links[stream_id] for stream_id in streams)
            record, link = encode_record(position, parts, body, before)
            links.update(dict.fromkeys(streams, link))
        return position_key(position), record


def _has_surely_written(jobs: Sequence[Job], plans: Sequence[_Plan]) -> bool:
    return any(
        isinstance(job, SnapshotJob)
        or (isinstance(plan, AppendPlan) and (plan.parts or plan.raised is not None))
        for job, plan in zip(jobs, plans, strict=True)
    )


def _put_new(
    txn: "_Txn",
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


def _put_marks(txn: "_Txn", tables: "Tables", marks: Iterable[tuple[StreamId, bool]]) -> None:
    for stream_id, is_open in marks:
        if is_open:
            key = stream_id.encode()
            txn.put(key, mark_value(key), overwrite=False, db=tables.open)
        else:
            txn.delete(stream_id.encode(), db=tables.open)
