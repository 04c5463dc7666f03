"""The first writer of a branch makes sure that nothing of it touches the world of its origin.

Everything that was open at the cut is answered by ordinary commands, as the log of the branch
then says. It may be broken off at any point: what is answered already gives nothing the next
time, and only a mark in the store says that all is done. Nobody acts before that.
"""

from collections.abc import Callable
from typing import Any

from mentra_actors.domain.agent.commands import BranchAgent, CancelCompaction, CancelRun
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.background.events import JobOutput
from mentra_actors.domain.background.job import Job
from mentra_actors.domain.background.jobs import (
    BACKGROUND,
    BackgroundState,
    RecordJobEnd,
    RecordJobFailure,
)
from mentra_actors.domain.schedules.schedules import SCHEDULES, PauseSchedule, SchedulesState
from mentra_actors.effects.ports import Clock
from mentra_actors.ids import AgentId, CommandId, StreamId, category_of, inbox_stream, name_of
from mentra_actors.runtime.history.open_work import OpenStream, open_streams_in
from mentra_actors.runtime.kinds import stream_kinds
from mentra_actors.runtime.writing.writer_lease import WRITER_LEASE
from mentra_actors.store.branches.branch_file import BranchRecord
from mentra_actors.store.branches.branch_store import BranchStore
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import AppendRequest, EventStore, Fence

__all__ = ["Write", "branch_behind", "leave_unsettled", "settle_branch"]

Write = Callable[[StreamId, Any], object]
"""Has a command decided and recorded, and performs nothing; see `LoneWriter.record`."""

_SETTLED = Fence("branch-settled", 1)


def branch_behind(store: EventStore) -> BranchRecord | None:
    """The branch that a store is; None if it is none."""
    return store.record if isinstance(store, BranchStore) else None


def settle_branch(
    store: EventStore, journal: Journal, clock: Clock, record: BranchRecord, write: Write
) -> None:
    """Answer what was open at the cut, and mark what is to go on; nothing, if that is done.

    Raises:
        StoreError: not all of it is done; the next writer goes on.
    """
    if store.fence_epoch(_SETTLED.resource) >= _SETTLED.epoch:
        return
    _Settling(store, journal, clock, record, write).run()


def leave_unsettled(store: EventStore) -> None:
    """Let what was open at the cut stay open: nobody is to answer it, or to go on with it."""
    store.append(AppendRequest(fence=_SETTLED, raise_fence=True))


class _Settling:
    def __init__(
        self,
        store: EventStore,
        journal: Journal,
        clock: Clock,
        record: BranchRecord,
        write: Write,
    ) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._record = record
        self._write = write
        self._kinds = stream_kinds(store, journal)
        self._reason = (
            f"the branch {record.name} was made at position {record.cut} while this was open"
        )

    def run(self) -> None:
        for stream_id in self._store.stream_ids(AGENT.category):
            self._settle_agent(stream_id)
        for stream_id in self._store.stream_ids(BACKGROUND.category):
            self._settle_jobs(stream_id)
        for stream_id in self._store.stream_ids(SCHEDULES.category):
            self._settle_schedules(stream_id)
        self._mark()

    def _state(self, stream_id: StreamId) -> Any:
        return self._kinds[category_of(stream_id)].loader.load(stream_id).state

    def _goes_on(self, agent_id: AgentId) -> bool:
        chosen = self._record.agents
        return self._record.open_effects == "resume" and (not chosen or agent_id in chosen)

    def _settle_agent(self, stream_id: StreamId) -> None:
        state: AgentState = self._state(stream_id)
        if not (AGENT.has_work(state) or state.resumable or state.waiting_prompts):
            return
        now, record = self._clock.now(), self._record
        branched = BranchAgent(
            branch=record.name, position=record.cut, salt=record.salt, by=record.by, now=now
        )
        self._write(stream_id, branched)
        if not self._goes_on(AgentId(name_of(stream_id))):
            self._interrupt(stream_id)

    def _interrupt(self, stream_id: StreamId) -> None:
        """A run that ends lets the next one begin with what waits: that is broken off as well."""
        state: AgentState = self._state(stream_id)
        if state.compaction is not None:
            cancel = CancelCompaction(reason=self._reason, now=self._clock.now())
            self._write(stream_id, cancel)
            state = self._state(stream_id)
        runs = state.runs_started
        while state.run is not None:
            cancelled = CancelRun(reason=self._reason, now=self._clock.now())
            self._write(stream_id, cancelled)
            state = self._state(stream_id)
            if state.runs_started == runs and state.run is not None:
                break  # no history makes this happen; and none may hold up a branch for ever
            runs = state.runs_started

    def _settle_jobs(self, stream_id: StreamId) -> None:
        """What runs belongs to the origin; a job that has not begun may begin here."""
        state: BackgroundState = self._state(stream_id)
        for job in state.jobs.values():
            goes_on = self._goes_on(AgentId(name_of(stream_id)))
            if job.is_open and not (goes_on and job.status == "requested"):
                self._write(stream_id, self._end_of(job))

    def _end_of(self, job: Job) -> RecordJobEnd | RecordJobFailure:
        now = self._clock.now()
        if job.status == "requested":
            return RecordJobFailure(job_id=job.job_id, error=self._reason, now=now)
        return RecordJobEnd(
            job_id=job.job_id, exit_code=None, output=JobOutput(), problem=self._reason, now=now
        )

    def _settle_schedules(self, stream_id: StreamId) -> None:
        state: SchedulesState = self._state(stream_id)
        for one in state.schedules.values():
            if one.status == "active" and not self._goes_on(one.agent_id):
                self._write(
                    stream_id,
                    PauseSchedule(
                        command_id=CommandId(f"{self._record.salt}/{one.schedule_id}"),
                        schedule_id=one.schedule_id,
                        by=f"branch {self._record.name}",
                        now=self._clock.now(),
                    ),
                )

    def _mark(self) -> None:
        """One append: whose work goes on, whose does not, and that the branch is settled."""
        resumed: list[StreamId] = []
        if self._record.open_effects == "resume":
            for one in open_streams_in(self._store, self._journal):
                resumed.extend(self._marks_of(one))
        asleep = [
            (one, self._store.stream_version(one))
            for one in self._store.open_streams()
            if one != WRITER_LEASE and one not in resumed
        ]
        self._store.append(
            AppendRequest(
                fence=_SETTLED,
                raise_fence=True,
                recorded_at_ns=int(self._clock.now() * 1e9),
                causation="BranchAgent",
                open_streams=tuple(resumed),
                settled=tuple(asleep),
            )
        )

    def _marks_of(self, one: OpenStream) -> list[StreamId]:
        if one.category not in ("agent", "background"):
            return [one.stream_id]
        agent_id = AgentId(name_of(one.stream_id))
        if not self._goes_on(agent_id):
            return []
        return [one.stream_id, *([inbox_stream(agent_id)] if one.unread else [])]
