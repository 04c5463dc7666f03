"""Who works for an agent, and what it remembers: the part of a session that others tell. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, get_args

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.background.events import JobEnd, JobRequested, JobStarted
from mentra_actors.domain.background.job import Job, job_after
from mentra_actors.domain.memory import MemoryForgotten, MemoryRecorded
from mentra_actors.domain.team import (
    MemberJoined,
    MemberRemoved,
    MemberRenamed,
    MemberStopOrdered,
)
from mentra_actors.ids import AgentId
from projections.feeds import session_event as s
from projections.feeds.session_event import SessionEvent, TaskStatus
from projections.feeds.session_lines import MOST_HINT_BYTES, one_line, result_summary

__all__ = ["SessionTasks", "task_events"]

_replace = msgspec.structs.replace


class SessionTasks(msgspec.Struct, frozen=True, kw_only=True):
    """What a session knows of its agent, of the work that is done for it and of its memory.

    `titles` are the names of subagents and teammates that have not ended, `jobs` those that run.
    """

    agent_id: AgentId = AgentId("")
    name: str = ""
    titles: Mapping[AgentId, str] = {}
    jobs: Mapping[str, Job] = {}
    records: frozenset[str] = frozenset()


_Told: TypeAlias = tuple[SessionTasks, Sequence[SessionEvent]]


def task_events(state: SessionTasks, event: object) -> _Told:
    """What an event says of the agent's helpers and of its memory, and the state after it."""
    step = _STEPS.get(type(event))
    return (state, ()) if step is None else step(state, event)


def _began(state: SessionTasks, event: e.AgentSpawned) -> _Told:
    profile = event.profile
    started = s.SessionStarted(agent_id=profile.agent_id, name=profile.name, model=profile.model)
    return _replace(state, agent_id=profile.agent_id, name=profile.name), (started,)


def _renamed(state: SessionTasks, event: e.AgentRenamed) -> _Told:
    return _replace(state, name=event.name), ()


# --- subagents and teammates ------------------------------------------------------------------


def _subagent_spawned(state: SessionTasks, event: e.SubagentSpawned) -> _Told:
    child = event.profile
    begun = s.TaskUpdated(
        task_id=child.agent_id, kind="subagent", status="spawned", title=child.name
    )
    return _with_title(state, child.agent_id, child.name), (begun,)


def _subagent_ended(
    state: SessionTasks, event: e.SubagentFinished | e.SubagentEndOrdered
) -> _Told:
    how: TaskStatus
    match event:
        case e.SubagentFinished():
            how, detail = event.how, ""
        case e.SubagentEndOrdered():
            how, detail = ("stopped" if event.how == "stop" else "cancelled"), event.reason
    title = state.titles.get(event.agent_id, "")
    ended = s.TaskUpdated(
        task_id=event.agent_id, kind="subagent", status=how, title=title, detail=detail
    )
    return _without_title(state, event.agent_id), (ended,)


def _joined(state: SessionTasks, event: MemberJoined) -> _Told:
    mate = event.profile
    lead_is_own = event.lead_id == state.agent_id if event.lead_id else mate.lead == state.name
    if not lead_is_own or not state.agent_id or mate.is_person:
        return state, ()
    spawned = s.TaskUpdated(
        task_id=mate.agent_id,
        kind="teammate",
        status="spawned",
        title=mate.name,
        detail=mate.role,
    )
    return _with_title(state, mate.agent_id, mate.name), (spawned,)


def _mate_renamed(state: SessionTasks, event: MemberRenamed) -> _Told:
    if event.agent_id not in state.titles:
        return state, ()
    return _with_title(state, event.agent_id, event.new), ()


def _mate_stops(state: SessionTasks, event: MemberStopOrdered | MemberRemoved) -> _Told:
    title = state.titles.get(event.agent_id)
    if title is None:
        return state, ()
    stopped = s.TaskUpdated(
        task_id=event.agent_id,
        kind="teammate",
        status="stopped",
        title=title,
        detail=event.reason,
    )
    return _without_title(state, event.agent_id), (stopped,)


def _with_title(state: SessionTasks, agent_id: AgentId, title: str) -> SessionTasks:
    return _replace(state, titles={**state.titles, agent_id: title})


def _without_title(state: SessionTasks, agent_id: AgentId) -> SessionTasks:
    left = {one: title for one, title in state.titles.items() if one != agent_id}
    return _replace(state, titles=left)


# --- jobs -------------------------------------------------------------------------------------


def _job(state: SessionTasks, event: Any) -> _Told:
    before = state.jobs.get(event.job_id)
    job = job_after(before, event)
    if job is None or job == before:
        return state, ()
    left = {key: one for key, one in state.jobs.items() if key != job.job_id}
    status, detail = _status_of(job)
    update = s.TaskUpdated(
        task_id=job.job_id,
        kind="background_task",
        status=status,
        title=one_line(job.command, MOST_HINT_BYTES),
        detail=detail,
    )
    return _replace(state, jobs={**left, job.job_id: job} if job.is_open else left), (update,)


def _status_of(job: Job) -> tuple[TaskStatus, str]:
    match job.status:
        case "requested":
            return "spawned", ""
        case "running":
            return "running", ""
        case "finished" | "failed" | "cancelled":
            return job.status, result_summary(job.shown_output)
        case "timed_out":
            return "failed", "it ran out of time"
        case "interrupted":
            return "failed", result_summary(job.problem)


# --- memory -----------------------------------------------------------------------------------


def _recorded(state: SessionTasks, event: MemoryRecorded) -> _Told:
    record = event.record
    after = _replace(state, records=state.records | {record.record_id})
    update = s.MemoryUpdated(
        agent_id=state.agent_id,
        record_id=record.record_id,
        change="recorded",
        stored_records=len(after.records),
        kind=record.kind,
    )
    return after, (update,)


def _forgotten(state: SessionTasks, event: MemoryForgotten) -> _Told:
    after = _replace(state, records=state.records - {event.record_id})
    update = s.MemoryUpdated(
        agent_id=state.agent_id,
        record_id=event.record_id,
        change="forgotten",
        stored_records=len(after.records),
    )
    return after, (update,)


_STEPS: Mapping[type[object], Callable[[SessionTasks, Any], _Told]] = {
    e.AgentSpawned: _began,
    e.AgentRenamed: _renamed,
    e.SubagentSpawned: _subagent_spawned,
    e.SubagentFinished: _subagent_ended,
    e.SubagentEndOrdered: _subagent_ended,
    MemberJoined: _joined,
    MemberRenamed: _mate_renamed,
    MemberStopOrdered: _mate_stops,
    MemberRemoved: _mate_stops,
    JobRequested: _job,
    JobStarted: _job,
    **dict.fromkeys(get_args(JobEnd), _job),
    MemoryRecorded: _recorded,
    MemoryForgotten: _forgotten,
}
