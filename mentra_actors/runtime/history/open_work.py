"""What was open at the cut of a branch: what its agents waited for, and what waited for them."""

from collections.abc import Iterator
from typing import Any

import msgspec

from mentra_actors.domain.agent.effects import (
    CallModel,
    ClaimReadyTask,
    CompensateBoard,
    CompensateCall,
    DecideRound,
    ProbeTool,
    ReportStop,
    ReviewCall,
    RunTool,
    SummarizeConversation,
)
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.background.jobs import StartJob, StopJob, WatchJob
from mentra_actors.domain.schedules.schedules import AwaitMoment
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.ids import EffectId, StreamId, inbox_stream
from mentra_actors.runtime.kinds import stream_kinds
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import EventStore

__all__ = ["OWNERS", "OpenEffect", "OpenStream", "open_effects_in", "open_streams_in"]

OWNERS = ("agent", "background", "board", "memory", "rules", "schedule", "supervision", "team")
"""The kinds of streams whose owners may have something to do; the lease is each writer's own."""

_KINDS: dict[type[object], str] = {
    CallModel: "model call",
    ReviewCall: "review",
    RunTool: "tool call",
    ProbeTool: "probe",
    DecideRound: "round decision",
    SummarizeConversation: "summary",
    CompensateCall: "undoing",
    CompensateBoard: "undoing",
    ClaimReadyTask: "wait for a task",
    ReportStop: "farewell",
    WaitUntil: "timer",
    StartJob: "background job",
    WatchJob: "background job",
    StopJob: "background job",
    AwaitMoment: "schedule",
}


class OpenEffect(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was asked for and not answered at the cut.

    `kind` is `model call`, `tool call`, `review`, `background job`, `schedule`, `timer`, `mail`
    and their like; `what` names it in a word (a tool, a command), as far as it has one.
    """

    stream_id: StreamId
    effect_id: EffectId
    kind: str
    what: str = ""


class OpenStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream whose owner has something to do, its state, and mail that it has not taken."""

    stream_id: StreamId
    category: str
    state: Any
    effects: tuple[OpenEffect, ...]
    unread: int = 0


def open_streams_in(store: EventStore, journal: Journal) -> Iterator[OpenStream]:
    """Streams with open work as a store stands, worked out from their states. Reads the store."""
    kinds = stream_kinds(store, journal)
    for category in OWNERS:
        kind = kinds[category]
        for stream_id in store.stream_ids(category):
            state = kind.loader.load(stream_id).state
            unread = _unread(store, state) if isinstance(state, AgentState) else 0
            if unread or kind.decider.has_work(state):
                pending = kind.decider.pending(state)
                effects = (_effect(stream_id, one, pending[one]) for one in pending)
                yield OpenStream(
                    stream_id=stream_id,
                    category=category,
                    state=state,
                    effects=tuple(effects),
                    unread=unread,
                )


def open_effects_in(store: EventStore, journal: Journal) -> tuple[OpenEffect, ...]:
    """All that is open as a store stands, stream by stream; unread mail is one thing an inbox."""
    found: list[OpenEffect] = []
    for one in open_streams_in(store, journal):
        found.extend(one.effects)
        if isinstance(one.state, AgentState):
            found.extend(_waiting(one.stream_id, one.state, one.unread))
    return tuple(found)


def _waiting(stream_id: StreamId, state: AgentState, unread: int) -> Iterator[OpenEffect]:
    """What nobody performs: calls that wait for a person, prompts and mail that wait for a run."""
    for call in state.requests:
        yield OpenEffect(
            stream_id=stream_id, effect_id=call.key, kind="permission", what=call.tool
        )
    for prompt in state.waiting_prompts:
        effect_id = EffectId(prompt.prompt_id)
        yield OpenEffect(stream_id=stream_id, effect_id=effect_id, kind="prompt")
    letters = unread + len(state.waiting_mail)
    if letters and state.profile is not None:
        inbox = inbox_stream(state.profile.agent_id)
        words = f"{letters} letter{'s' * (letters > 1)}"
        yield OpenEffect(stream_id=inbox, effect_id=EffectId("mail"), kind="mail", what=words)


def _unread(store: EventStore, state: AgentState) -> int:
    if state.profile is None:
        return 0
    inbox = inbox_stream(state.profile.agent_id)
    return max(store.stream_version(inbox) - state.mail_taken_through, 0)


def _effect(stream_id: StreamId, effect_id: EffectId, effect: object) -> OpenEffect:
    return OpenEffect(
        stream_id=stream_id,
        effect_id=effect_id,
        kind=_KINDS.get(type(effect), type(effect).__name__),
        what=_what(effect),
    )


def _what(effect: object) -> str:
    match effect:
        case RunTool(tool=tool) | ReviewCall(tool=tool) | ProbeTool(tool=tool):
            return tool
        case CompensateCall(tool=tool):
            return tool
        case CallModel(profile=profile) | SummarizeConversation(profile=profile):
            return profile.model
        case StartJob(job=job) | WatchJob(job=job) | StopJob(job=job):
            return job.command
        case AwaitMoment(schedule=schedule):
            return schedule.body
        case _:
            return ""
