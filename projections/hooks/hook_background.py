"""What the events of commands in the background say to observers. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from mentra_actors.domain.background import events as e
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, name_of
from projections.hooks import hook_event as told
from projections.hooks.hook_event import HookEvent

__all__ = ["BackgroundHookState", "background_hook_events"]

_ENDS: Mapping[type[object], str] = {
    e.JobFailed: "failed",
    e.JobTimedOut: "timed_out",
    e.JobCancelled: "cancelled",
    e.JobInterrupted: "interrupted",
}


class BackgroundHookState(msgspec.Struct, frozen=True):
    """Command and directory of each job that was asked for and has not ended, by its id."""

    jobs: Mapping[str, tuple[str, str]] = {}


_Outcome: TypeAlias = tuple[BackgroundHookState, Sequence[HookEvent]]


def background_hook_events(state: BackgroundHookState, recorded: RecordedEvent[Any]) -> _Outcome:
    """What one event of an agent's stream of jobs says, and the state after it.

    One that was rejected is told by the call that had wanted it.
    """
    event = recorded.event
    at: dict[str, Any] = {
        "agent_id": AgentId(name_of(recorded.stream_id)),
        "position": recorded.global_position,
        "recorded_at": recorded.recorded_at_ns / 1e9,
        "task_id": getattr(event, "job_id", ""),
    }
    match event:
        case e.JobRequested(job_id=job_id, command=command, cwd=cwd):
            return BackgroundHookState({**state.jobs, job_id: (command, cwd)}), ()
        case e.JobStarted(job_id=job_id):
            command, cwd = state.jobs.get(job_id, ("", ""))
            return state, (told.BackgroundTaskStarted(command=command, cwd=cwd, **at),)
        case e.JobFinished(job_id=job_id, exit_code=code):
            return _ended(state, job_id, "failed" if code else "finished", at)
        case _ if type(event) in _ENDS:
            return _ended(state, event.job_id, _ENDS[type(event)], at)
        case _:
            return state, ()


def _ended(
    state: BackgroundHookState, job_id: str, status: str, at: Mapping[str, Any]
) -> _Outcome:
    left = {one: job for one, job in state.jobs.items() if one != job_id}
    return BackgroundHookState(left), (told.BackgroundTaskFinished(status=status, **at),)
