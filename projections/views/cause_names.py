"""What an event can be named by when a later one says what it came of. Pure.

A name is one of a stream: `(agent-lead, "call tool-4.1")` is the fourth answer's second call. The
cause of an event is the last one before it that gives a name which the event has need of.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from mentra_actors.domain import inbox
from mentra_actors.domain.agent import events as agent
from mentra_actors.domain.background import events as background
from mentra_actors.domain.schedules import events as schedules
from mentra_actors.domain.team import events as team
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, StreamId, inbox_stream

__all__ = ["CauseName", "given_names", "needed_names", "trigger_names"]


class CauseName(NamedTuple):
    """How an event of a stream is known to those that come of it."""

    stream_id: StreamId
    name: str


_Names: TypeAlias = Iterator[CauseName]
_JobEvent: TypeAlias = (
    background.JobStarted
    | background.JobFinished
    | background.JobFailed
    | background.JobTimedOut
    | background.JobCancelled
    | background.JobInterrupted
    | background.JobStopRequested
)
_RequestEnd: TypeAlias = team.RequestResolved | team.RequestCancelled | team.RequestExpired
_EffectEnd: TypeAlias = (
    agent.ModelReplied
    | agent.ModelCallFailed
    | agent.RoundDecided
    | agent.ConversationCompacted
    | agent.CompactionSkipped
)
_CALL = re.compile(r"(?P<stream>agent-.+)/(?P<key>tool-[0-9]+\.[0-9]+)(?:/|$)")
_VERSION = re.compile(r"(?P<stream>.+)@(?P<version>[0-9]+)")


def given_names(recorded: RecordedEvent[object]) -> list[CauseName]:
    """The names that an event can be called by."""
    event, stream_id = recorded.event, recorded.stream_id
    names = [CauseName(stream_id, f"version {recorded.stream_version}")]
    names.extend(CauseName(stream_id, f"effect {one}") for one in _effects_of(event))
    if isinstance(event, agent.ToolCallsPlanned):
        names.extend(CauseName(stream_id, f"effect {one.key}") for one in event.calls)
    for attribute, word in _NAMED_BY.get(type(event), ()):
        names.append(CauseName(stream_id, f"{word} {getattr(event, attribute)}"))
    if isinstance(event, inbox.MailDelivered):
        names.append(CauseName(stream_id, f"mail {event.mail.mail_id}"))
    return names


def needed_names(recorded: RecordedEvent[object]) -> list[CauseName]:
    """Names of what an event came of by its own words, the most telling first."""
    found = _NEEDS.get(type(recorded.event))
    return [] if found is None else list(found(recorded.event, recorded.stream_id))


def trigger_names(recorded: RecordedEvent[object]) -> list[CauseName]:
    """Names of what an append came of, by what stands beside its first event.

    None for one that a program or a person began. There may be several for one that can be read
    in more than one way: a stream's name and an effect's are joined by a slash, which both may
    hold. At most one of them is ever given.
    """
    causation = recorded.causation
    names = [
        CauseName(StreamId(causation[: cut.start()]), f"effect {_bare(causation[cut.end() :])}")
        for cut in re.finditer("/", causation)
        if "-" in causation[: cut.start()]
    ]
    version = _VERSION.fullmatch(causation)
    if version is not None:
        number = int(version["version"])
        names.append(CauseName(StreamId(version["stream"]), f"version {number}"))
    return names or list(_asked_by_call(recorded.event))


def _asked_by_call(event: object) -> _Names:
    """The command id of a running call begins with its name: older logs say it only there."""
    for attribute in ("command_id", "prompt_id", "asked_by"):
        found = _CALL.match(str(getattr(event, attribute, "")))
        if found is not None:
            yield CauseName(StreamId(found["stream"]), f"effect {found['key']}")


def _effects_of(event: object) -> Iterator[str]:
    """Effects that an event asks for or begins; outcomes are no causes by that name."""
    if isinstance(event, _BEGINNINGS):
        yield _bare(getattr(event, "effect_id", "") or getattr(event, "key", ""))


def _bare(effect_id: str) -> str:
    """An effect without the number of its attempt."""
    return effect_id.partition("@")[0]


_BEGINNINGS = (
    agent.ModelCallRequested,
    agent.CompactionRequested,
    agent.RoundDecisionRequested,
    agent.ToolCallStarted,
    agent.ToolCallRestarted,
    agent.ToolCallProbeRequested,
    agent.ToolCallCompensationStarted,
    agent.PermissionRequested,
    agent.SubagentSpawned,
)

_NAMED_BY: Mapping[type[object], tuple[tuple[str, str], ...]] = {
    agent.PromptAccepted: (("prompt_id", "input"),),
    agent.InputQueued: (("item_id", "input"),),
    agent.PermissionRequested: (("request_id", "permission"),),
    agent.RunStarted: (("run_id", "run"),),
    agent.RunStopRequested: (("run_id", "end of run"),),
    background.JobRequested: (("job_id", "job"),),
    background.JobStopRequested: (("job_id", "end of job"),),
    schedules.ScheduleAdded: (("schedule_id", "schedule"),),
    team.RequestOpened: (("request_id", "request"),),
}


def _of_call(event: Any, stream_id: StreamId) -> _Names:
    yield CauseName(stream_id, f"effect {event.key}")


def _of_effect(event: _EffectEnd, stream_id: StreamId) -> _Names:
    yield CauseName(stream_id, f"effect {_bare(event.effect_id)}")


def _of_inputs(event: agent.InputPlaced, stream_id: StreamId) -> _Names:
    for one in (*event.prompt_ids, *event.steer_ids, *event.follow_up_ids):
        yield CauseName(stream_id, f"input {one}")
    box = inbox_stream(AgentId(stream_id.partition("-")[2]))
    for letter in event.mail_ids:
        yield CauseName(box, f"mail {letter}")
    yield CauseName(stream_id, f"run {event.run_id}")


def _of_letters(event: agent.MailTaken, _stream_id: StreamId) -> _Names:
    for letter in event.mail:
        yield CauseName(event.inbox, f"mail {letter.mail_id}")


def _of_permission(
    event: agent.PermissionExpired | agent.PermissionResolved, stream_id: StreamId
) -> _Names:
    yield CauseName(stream_id, f"permission {event.request_id}")


def _of_job(event: _JobEvent, stream_id: StreamId) -> _Names:
    yield CauseName(stream_id, f"end of job {event.job_id}")
    yield CauseName(stream_id, f"job {event.job_id}")


def _of_schedule(event: schedules.ScheduleFired, stream_id: StreamId) -> _Names:
    yield CauseName(stream_id, f"schedule {event.schedule_id}")


def _of_request(event: _RequestEnd, stream_id: StreamId) -> _Names:
    yield CauseName(stream_id, f"request {event.request_id}")


def _of_earlier_run(event: agent.RunStarted, stream_id: StreamId) -> _Names:
    if event.resumes:
        yield CauseName(stream_id, f"run {event.resumes}")


def _of_run(event: agent.RunCancelled, stream_id: StreamId) -> _Names:
    yield CauseName(stream_id, f"end of run {event.run_id}")


_NEEDS: Mapping[type[object], Callable[[Any, StreamId], _Names]] = {
    agent.InputPlaced: _of_inputs,
    agent.MailTaken: _of_letters,
    agent.RunStarted: _of_earlier_run,
    agent.RunCancelled: _of_run,
    agent.ToolCallStarted: _of_call,
    agent.ToolCallRestarted: _of_call,
    agent.ToolCallReviewed: _of_call,
    agent.ToolAuthorizationEvaluated: _of_call,
    agent.PermissionRequested: _of_call,
    agent.PermissionExpired: _of_permission,
    agent.PermissionResolved: _of_permission,
    agent.ToolCallFinished: _of_call,
    agent.ToolCallSkipped: _of_call,
    agent.ToolCallOutcomeUnknown: _of_call,
    agent.ToolCallCompensated: _of_call,
    agent.SubagentSpawned: _of_call,
    agent.ModelReplied: _of_effect,
    agent.ModelCallFailed: _of_effect,
    agent.RoundDecided: _of_effect,
    agent.ConversationCompacted: _of_effect,
    agent.CompactionSkipped: _of_effect,
    background.JobStarted: _of_job,
    background.JobFinished: _of_job,
    background.JobFailed: _of_job,
    background.JobTimedOut: _of_job,
    background.JobCancelled: _of_job,
    background.JobInterrupted: _of_job,
    background.JobStopRequested: _of_job,
    schedules.ScheduleFired: _of_schedule,
    team.RequestResolved: _of_request,
    team.RequestCancelled: _of_request,
    team.RequestExpired: _of_request,
}
