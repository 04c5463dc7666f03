"""One group of jobs in one transaction of a database.

Nothing is remembered between groups: heads, fences and answers are read in the transaction that
writes, while nobody else can write. So the processes that write one log need not know of each
other.
"""

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
from eventsourcing.persistence import Notification

from mentra_actors.errors import CommitOutcomeUnknown, ConnectionLost, StoreClosed, StoreError
from mentra_actors.ids import StreamId, category_of
from mentra_actors.store.append_plan import AppendPlan, Heads, plan_append, streams_of
from mentra_actors.store.embedded.layout import encode_snapshot
from mentra_actors.store.ports import REMEMBERED_REQUESTS, Appended, StateSnapshot
from mentra_actors.store.sql.database import (
    CommitInterrupted,
    GroupRows,
    Question,
    SqlLog,
    SqlTransaction,
    TableChange,
)
from mentra_actors.store.sql.event_state import states_in
from mentra_actors.store.sql.side_tables import (
    BLOBS,
    FENCES,
    MILESTONES,
    OPEN_STREAMS,
    REQUESTS,
    SNAPSHOTS,
    STREAMS,
    TICKS,
    WRITERS,
)
from mentra_actors.store.tick_rows import TickJob, tick_changes
from mentra_actors.store.writer import (
    AppendJob,
    BlobJob,
    Job,
    Outcome,
    SnapshotJob,
    is_only_ticks,
)

__all__ = ["SqlGroupCommit"]

_HEADS = (
    "SELECT 'last' AS kind, '' AS name, MAX({position}) AS number FROM {events} "
    "UNION ALL SELECT 'version', value, (SELECT originator_version FROM {events} "
    "WHERE originator_id = value ORDER BY originator_version DESC LIMIT 1) FROM {each} "
    "UNION ALL SELECT 'epoch', resource, epoch FROM {mentra_fences} "
    "WHERE resource IN (SELECT value FROM {each})"
)
_ANSWERS = (
    "SELECT request_id, answer FROM {mentra_requests} "
    "WHERE request_id IN (SELECT value FROM {each})"
)
_YOUNGEST = "SELECT MAX(number) AS youngest FROM {mentra_requests}"
_FORGET = "DELETE FROM {mentra_requests} WHERE number <= ?"
_DROP_TICKS = "DELETE FROM {mentra_ticks} WHERE number < ?"
_LAST_GROUP = "SELECT last_group FROM {mentra_writers} WHERE writer = ?"
_LEAVE = "DELETE FROM {mentra_writers} WHERE writer = ? RETURNING writer"

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0

_Plan: TypeAlias = AppendPlan | StoreError | None
"""What an append writes or why it must not; None for a job without conditions."""
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Appended)


class SqlGroupCommit:
    """Writes groups; used by one thread, but for `stop_waiting`."""

    def __init__(self, log: SqlLog, *, patience_s: float) -> None:
        """`patience_s`: how long to ask a lost database what became of a commit."""
        self._log = log
        self._patience_s = patience_s
        self._writer = uuid.uuid4().hex
        self._group = 0
        self._outcomes: Sequence[Outcome] = ()
        self._owed_blobs: tuple[BlobJob, ...] = ()
        self._is_stopping = threading.Event()
        self._thread = 0
        self._ended: StoreError | None = None

    def write(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        """Commit `jobs` in order: one outcome each, after all is as durable as the store promises.

        A refused append leaves the others alone. When the transaction fails, all fail; blobs are
        then tried again with the next group, because an append that follows may name them.
        """
        self._thread = threading.get_ident()
        if self._ended is not None:
            closed = f"{self._log.name} takes no more appends since: {self._ended}"
            return [StoreClosed(closed)] * len(jobs)
        owed, self._owed_blobs = self._owed_blobs, ()
        try:
            outcomes = self._write_surely([*owed, *jobs])
        except BaseException as error:
            self._owed_blobs = (*owed, *(job for job in jobs if isinstance(job, BlobJob)))
            if isinstance(error, CommitOutcomeUnknown):
                self._ended = error
            if not isinstance(error, StoreError):
                raise
            return [error] * len(jobs)
        if owed or not is_only_ticks(jobs):
            self._log.watch.announce()
        return outcomes[len(owed) :]

    def stop_waiting(self) -> None:
        """Ask a lost database no longer. Any thread may call it; the writer's does not count."""
        if threading.get_ident() != self._thread:
            self._is_stopping.set()

    def leave(self) -> None:
        """Take the mark of this writer away; nothing is written after."""
        if self._log.marks_groups and self._group and self._ended is None:
            self._log.rows(_LEAVE, self._writer)

    def _write_surely(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        """Write, once more if the database went away before the commit, and know the end."""
        try:
            return self._write_once(jobs)
        except ConnectionLost:
            return self._settled(jobs)
        except CommitInterrupted as interrupted:
            if self._was_committed(interrupted):
                return self._outcomes
            return self._settled(jobs)

    def _settled(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        """The second time nothing is tried again, but the end is known all the same."""
        try:
            return self._write_once(jobs)
        except CommitInterrupted as interrupted:
            if self._was_committed(interrupted):
                return self._outcomes
            raise ConnectionLost(f"{interrupted}; nothing was written") from interrupted

    def _was_committed(self, interrupted: CommitInterrupted) -> bool:
        """Whether the last group is there. Who asks waits for the transaction to end first.

        Raises:
            CommitOutcomeUnknown: nobody answered.
        """
        for pause_s in _pauses(self._patience_s):
            try:
                with self._log.writing() as txn:
                    (rows,) = txn.rows((_LAST_GROUP, [self._writer]))
                return bool(rows) and rows[0]["last_group"] == self._group
            except StoreError:  # also if others held the log too long: it is still not known
                if self._is_stopping.wait(pause_s):
                    break
        raise CommitOutcomeUnknown(
            f"{interrupted}, and for {self._patience_s:.0f} s nobody could be asked what became "
            "of it: the append may or may not have been written; open the store again and look"
        ) from interrupted

    def _write_once(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        with self._log.writing() as txn:
            heads, youngest = _heads(txn, [job for job in jobs if isinstance(job, AppendJob)])
            plans = [_plan(job, heads) for job in jobs]
            rows = _group_rows(jobs, plans, heads.last_position, youngest)
            self._outcomes = [
                plan.appended if isinstance(plan, AppendPlan) else plan for plan in plans
            ]
            if rows is not None:
                self._group += 1
                txn.write(self._marked(rows))
        return self._outcomes

    def _marked(self, rows: GroupRows) -> GroupRows:
        if not self._log.marks_groups:
            return rows
        mark = TableChange(WRITERS, "put", [(self._writer, self._group)])
        return msgspec.structs.replace(rows, changes=[*rows.changes, mark])


def _pauses(patience_s: float) -> Iterator[float]:
    """Seconds to wait after each attempt, longer and longer, as long as patience lasts."""
    deadline = time.monotonic() + patience_s
    pause_s = _FIRST_PAUSE_S
    yield pause_s
    while (remaining := deadline - time.monotonic()) > 0:
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        yield min(pause_s, remaining)


def _heads(txn: SqlTransaction, jobs: Sequence[AppendJob]) -> tuple[Heads, int]:
    """All that the plans of a group ask for, and the number of the youngest request id."""
    requests = [job.request for job in jobs]
    streams = list({name for request in requests for name in streams_of(request)})
    resources = list({one.fence.resource for one in requests if one.fence is not None})
    request_ids = list({one.request_id for one in requests if one.request_id})
    questions: list[Question] = [(_HEADS, [streams, resources])]
    questions += [(_ANSWERS, [request_ids]), (_YOUNGEST, [])] if request_ids else []
    known, *answers = txn.rows(*questions)

    heads = Heads()
    heads.epochs = dict.fromkeys(resources, 0)
    for row in known:
        number = int(row["number"] or 0)
        match row["kind"]:
            case "version":
                heads.versions[StreamId(row["name"])] = number
            case "epoch":
                heads.epochs[row["name"]] = number
            case _:
                heads.last_position = number
    if not answers:
        return heads, 0
    heads.answered = {row["request_id"]: _DECODER.decode(row["answer"]) for row in answers[0]}
    return heads, int(answers[1][0]["youngest"] or 0)


def _plan(job: Job, heads: Heads) -> _Plan:
    if not isinstance(job, AppendJob):
        return None
    try:
        plan = plan_append(job.request, heads)
    except StoreError as error:
        return error
    heads.advance(plan)
    return plan


def _group_rows(
    jobs: Sequence[Job], plans: Sequence[_Plan], last_position: int, youngest: int
) -> GroupRows | None:
    """The rows of a group, or None if there are none."""
    events: list[Notification] = []
    changed = _Changed()
    for job, plan in zip(jobs, plans, strict=True):
        match job, plan:
            case AppendJob(request=request, body=body), AppendPlan() if not plan.is_repeat:
                events.extend(_notifications(plan, states_in(request, body)))
                changed.take(plan)
            case SnapshotJob(snapshot=snapshot), _:
                changed.save(snapshot)
            case BlobJob(digest=digest, content=content), _:
                changed.blobs[digest] = content
            case TickJob(), _:
                changed.ticks.append(job)
            case _:
                pass
    changes, cleanings = changed.changes(youngest), changed.cleanings(youngest)
    if not (events or changes or cleanings):
        return None
    return GroupRows(
        events=events,
        cleanings=cleanings,
        changes=changes,
        last_position=events[-1].id if events else last_position,
    )


def _notifications(plan: AppendPlan, states: Sequence[bytes]) -> Iterator[Notification]:
    left = iter(states)
    position = plan.appended.first_position
    for part in plan.parts:
        for version, event in enumerate(part.events, start=part.first_version):
            yield Notification(
                id=position,
                originator_id=part.stream_id,
                originator_version=version,
                topic=event.event_type,
                state=next(left),
            )
            position += 1


class _Changed:
    """What a group changes in the side tables; the last one of each key counts."""

    def __init__(self) -> None:
        self.streams: dict[StreamId, str] = {}
        self.marks: dict[StreamId, bool] = {}
        self.epochs: dict[str, int] = {}
        self.answers: dict[str, Appended] = {}
        self.snapshots: dict[StreamId, bytes] = {}
        self.milestones: dict[tuple[StreamId, int], bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.ticks: list[TickJob] = []

    def take(self, plan: AppendPlan) -> None:
        for part in plan.parts:
            if part.first_version == 1:
                self.streams[part.stream_id] = category_of(part.stream_id)
        self.marks.update(plan.marks)
        if plan.raised is not None:
            self.epochs[plan.raised.resource] = plan.raised.epoch
        if plan.request_id:
            self.answers[plan.request_id] = plan.appended

    def save(self, snapshot: StateSnapshot) -> None:
        if snapshot.is_milestone:
            place = snapshot.stream_id, snapshot.stream_version
            self.milestones[place] = encode_snapshot(snapshot)
        else:
            self.snapshots[snapshot.stream_id] = encode_snapshot(snapshot)

    def cleanings(self, youngest: int) -> list[Question]:
        oldest = youngest + len(self.answers) - REMEMBERED_REQUESTS
        drop_below = tick_changes(self.ticks).drop_below
        found: list[Question] = [(_FORGET, [oldest])] if self.answers and oldest > 0 else []
        return [*found, (_DROP_TICKS, [drop_below])] if drop_below else found

    def changes(self, youngest: int) -> list[TableChange]:
        answers: list[tuple[Any, ...]] = [
            (request_id, number, _ENCODER.encode(answer))
            for number, (request_id, answer) in enumerate(self.answers.items(), start=youngest + 1)
        ]
        milestones = [
            (f"{name}@{version}", name, version, row)
            for (name, version), row in self.milestones.items()
        ]
        found = [
            TableChange(STREAMS, "add", list(self.streams.items())),
            TableChange(
                OPEN_STREAMS, "add", [(name,) for name, opens in self.marks.items() if opens]
            ),
            TableChange(
                OPEN_STREAMS, "drop", [(name,) for name, opens in self.marks.items() if not opens]
            ),
            TableChange(FENCES, "put", list(self.epochs.items())),
            TableChange(REQUESTS, "put", answers),
            TableChange(SNAPSHOTS, "put", list(self.snapshots.items())),
            TableChange(MILESTONES, "put", milestones),
            TableChange(BLOBS, "add", list(self.blobs.items())),
            TableChange(TICKS, "put", list(tick_changes(self.ticks).rows.items())),
        ]
        return [change for change in found if change.rows]
