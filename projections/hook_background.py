"""What the events of commands in the background say to observers. Pure.

They are known by their tags and fields alone: `background.requested` says what is to run,
`background.started` that it does, and one of the rest how it has ended.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, name_of
from projections import hook_event as told
from projections.hook_event import HookEvent

__all__ = ["BackgroundHookState", "background_hook_events"]

_ENDS = frozenset({"finished", "failed", "timed_out", "cancelled", "interrupted"})


class BackgroundHookState(msgspec.Struct, frozen=True):
    """Command and directory of each job that was asked for and has not ended, by its id."""

    jobs: Mapping[str, tuple[str, str]] = {}


_Outcome: TypeAlias = tuple[BackgroundHookState, Sequence[HookEvent]]


def background_hook_events(state: BackgroundHookState, recorded: RecordedEvent[Any]) -> _Outcome:
    """What one event of an agent's stream of jobs says, and the state after it."""
    area, _, rest = recorded.event_type.partition(".")
    fact = rest.partition(".")[0]
    job_id = getattr(recorded.event, "job_id", None)
    if area != "background" or not isinstance(job_id, str):
        return state, ()
    at: dict[str, Any] = {
        "agent_id": AgentId(name_of(recorded.stream_id)),
        "position": recorded.global_position,
        "recorded_at": recorded.recorded_at_ns / 1e9,
        "task_id": job_id,
    }
    if fact == "requested":
        asked = (str(recorded.event.command), str(recorded.event.cwd))
        return BackgroundHookState({**state.jobs, job_id: asked}), ()
    if fact == "started":
        command, cwd = state.jobs.get(job_id, ("", ""))
        return state, (told.BackgroundTaskStarted(command=command, cwd=cwd, **at),)
    if fact not in _ENDS:
        return state, ()
    left = {one: job for one, job in state.jobs.items() if one != job_id}
    finished = told.BackgroundTaskFinished(status=_status(fact, recorded.event), **at)
    return BackgroundHookState(left), (finished,)


def _status(fact: str, event: Any) -> str:
    """How it has ended; a command that ended by itself and said no has failed."""
    has_failed = fact == "finished" and getattr(event, "exit_code", 0) != 0
    return "failed" if has_failed else fact
