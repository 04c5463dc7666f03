"""What the events of commands in the background say to observers. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from mentra_actors.domain.background.events import (
    JobCancelled,
    JobEnd,
    JobFailed,
    JobFinished,
    JobInterrupted,
    JobRequested,
    JobStarted,
    JobTimedOut,
)
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, name_of
from projections import hook_event as told
from projections.hook_event import HookEvent

__all__ = ["BackgroundHookState", "background_hook_events"]

_ENDS: Mapping[type[JobEnd], str] = {
    JobFinished: "finished",
    JobFailed: "failed",
    JobTimedOut: "timed_out",
    JobCancelled: "cancelled",
    JobInterrupted: "interrupted",
}


class BackgroundHookState(msgspec.Struct, frozen=True):
    """Command and directory of each job that was asked for and has not ended, by its id."""

    jobs: Mapping[str, tuple[str, str]] = {}


_Outcome: TypeAlias = tuple[BackgroundHookState, Sequence[HookEvent]]


def background_hook_events(state: BackgroundHookState, recorded: RecordedEvent[Any]) -> _Outcome:
    """What one event of an agent's stream of jobs says, and the state after it."""
    event = recorded.event
    at: dict[str, Any] = {
        "agent_id": AgentId(name_of(recorded.stream_id)),
        "position": recorded.global_position,
        "recorded_at": recorded.recorded_at_ns / 1e9,
    }
    match event:
        case JobRequested(job_id=job_id):
            asked = (event.command, event.cwd)
            return BackgroundHookState({**state.jobs, job_id: asked}), ()
        case JobStarted(job_id=job_id):
            command, cwd = state.jobs.get(job_id, ("", ""))
            started = told.BackgroundTaskStarted(task_id=job_id, command=command, cwd=cwd, **at)
            return state, (started,)
        case JobFinished() | JobFailed() | JobTimedOut() | JobCancelled() | JobInterrupted():
            left = {one: job for one, job in state.jobs.items() if one != event.job_id}
            status = _status(event)
            ended = told.BackgroundTaskFinished(task_id=event.job_id, status=status, **at)
            return BackgroundHookState(left), (ended,)
        case _:
            return state, ()


def _status(event: JobEnd) -> str:
    """How it has ended; a command that ended by itself and said no has failed."""
    if isinstance(event, JobFinished) and event.exit_code != 0:
        return "failed"
    return _ENDS[type(event)]
