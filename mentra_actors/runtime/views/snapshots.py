"""An agent at one moment, for whoever looks: what it does, and what has come of it so far."""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.state import AgentState, Run
from mentra_actors.domain.background.job import Job
from mentra_actors.domain.background.jobs import BackgroundState
from mentra_actors.domain.rule_match import RuleOffer, rule_offers, shown_call
from mentra_actors.domain.team import Request, TeamState
from mentra_actors.effects.models.live_answers import LiveAnswer
from mentra_actors.ids import AgentId, CommandId, EntryId, RunId
from mentra_actors.providers.port import ToolCallDelta

__all__ = [
    "AgentSnapshot",
    "AgentStatus",
    "OpenCallView",
    "PermissionView",
    "SubagentView",
    "TeammateView",
    "agent_snapshot",
    "permissions",
    "subagents_of",
    "with_jobs_of",
    "with_team_of",
]

AgentStatus: TypeAlias = Literal[
    "idle",
    "awaiting_model",
    "retrying",
    "streaming",
    "executing_tool",
    "reviewing",
    "waiting_for_permission",
    "deciding",
    "compacting",
    "undoing",
    "stopped",
]
"""`retrying` waits before the next attempt, `deciding` asks the round strategy, `compacting`
waits for a summary of a conversation that is too long, or has one written at rest, `undoing`
takes back calls of a run that was broken off."""


class OpenCallView(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the last answer that has no result yet."""

    key: str
    call_id: str
    tool: str
    arguments: str
    status: str


class PermissionView(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits for a person. `preview` is JSON text that says what it would do.

    `offers` is what may be remembered of it, the narrowest first. Nobody can decide any more
    after `expires_at` (Unix seconds); None means that it waits for ever.
    """

    request_id: CommandId
    tool: str
    description: str
    preview: str
    expires_at: float | None = None
    offers: tuple[RuleOffer, ...] = ()


class SubagentView(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that a running call has made, and that works for it; or the host (no `key`).

    One of the host is `interrupted` if its run has ended, or never began, and nobody waits for it:
    the process that did has died. Asked again under its name it goes on.
    """

    agent_id: AgentId
    key: str
    name: str
    model: str
    status: Literal["working", "interrupted"] = "working"


class TeammateView(msgspec.Struct, frozen=True, kw_only=True):
    """Another member of the agent's team. `is_led`: by this agent, directly."""

    agent_id: AgentId
    name: str
    role: str
    is_led: bool = False
    is_person: bool = False
    is_stopping: bool = False


class AgentSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent does at a version of its stream, and what streams at that moment.

    `run_generation` counts the runs that were started, `rounds` the model calls of the open one.
    `tokens` and `cost_usd_micros` are what the open run has spent. `current_text`,
    `current_thinking` and `pending_tool_uses` are of the answer that is being given; they end when
    it is whole. `last_ending` is how the last run ended; empty before the first end.
    `background_jobs` are those that run and the last that have ended, the oldest first.
    `teammates` are the other members of its team, in the order in which they joined;
    `pending_requests` what it has asked or was asked and nobody has answered yet.
    """

    agent_id: AgentId
    name: str
    model: str
    stream_version: int
    status: AgentStatus
    run_id: RunId = RunId("")
    run_generation: int = 0
    rounds: int = 0
    tokens: int = 0
    cost_usd_micros: int = 0
    last_ending: Literal["", "finished", "failed", "cancelled"] = ""
    can_resume: bool = False
    leaf: EntryId = EntryId(0)
    entries: int = 0
    current_text: str = ""
    current_thinking: str = ""
    pending_tool_uses: tuple[ToolCallDelta, ...] = ()
    open_calls: tuple[OpenCallView, ...] = ()
    permissions: tuple[PermissionView, ...] = ()
    subagents: tuple[SubagentView, ...] = ()
    waiting_prompts: int = 0
    waiting_mail: int = 0
    queued_steers: int = 0
    queued_follow_ups: int = 0
    background_jobs: tuple[Job, ...] = ()
    teammates: tuple[TeammateView, ...] = ()
    pending_requests: tuple[Request, ...] = ()


def agent_snapshot(
    state: AgentState, version: int, heard: LiveAnswer | None, now: float
) -> AgentSnapshot:
    """The agent as its state and the answer that is being heard tell; `now` is Unix seconds.

    Raises:
        ValueError: there is no such agent.
    """
    profile, run = state.profile, state.run
    if profile is None:
        raise ValueError("there is no such agent")
    heard = _of_open_call(heard, state)
    snapshot = AgentSnapshot(
        agent_id=profile.agent_id,
        name=profile.name,
        model=profile.model,
        stream_version=version,
        status=_status(state, run, heard, now),
        run_id=run.run_id if run else RunId(""),
        run_generation=state.runs_started,
        rounds=run.rounds if run else 0,
        tokens=run.tokens if run else 0,
        cost_usd_micros=run.cost_usd_micros if run else 0,
        last_ending=state.last_ending,
        can_resume=state.resumable is not None,
        leaf=state.leaf,
        entries=state.entries,
        open_calls=_open_calls(state),
        permissions=permissions(state),
        subagents=subagents_of(state),
        waiting_prompts=len(state.waiting_prompts),
        waiting_mail=len(state.waiting_mail),
        queued_steers=len(state.steer.items),
        queued_follow_ups=len(state.follow_up.items),
    )
    return _with_answer(snapshot, heard) if heard else snapshot


def with_jobs_of(snapshot: AgentSnapshot, jobs: BackgroundState) -> AgentSnapshot:
    """The snapshot with the jobs of its agent."""
    return msgspec.structs.replace(snapshot, background_jobs=tuple(jobs.jobs.values()))


def with_team_of(snapshot: AgentSnapshot, team: TeamState) -> AgentSnapshot:
    """The snapshot with its team; a subagent is in none."""
    own = snapshot.agent_id
    if own not in team.names:
        return snapshot
    others = [(name, one) for name, one in team.members.items() if one.agent_id != own]
    asked = [one for one in team.requests.values() if own in (one.sender, one.to)]
    return msgspec.structs.replace(
        snapshot,
        teammates=tuple(
            TeammateView(
                agent_id=one.agent_id,
                name=name,
                role=one.role,
                is_led=one.lead == own,
                is_person=one.is_person,
                is_stopping=bool(one.stopping),
            )
            for name, one in others
        ),
        pending_requests=tuple(one for one in asked if one.status == "pending"),
    )


def _with_answer(snapshot: AgentSnapshot, heard: LiveAnswer) -> AgentSnapshot:
    partial = heard.partial
    return msgspec.structs.replace(
        snapshot,
        current_text=partial.text,
        current_thinking=partial.thinking,
        pending_tool_uses=tuple(heard.calls),
    )


def _of_open_call(heard: LiveAnswer | None, state: AgentState) -> LiveAnswer | None:
    call = state.model_call
    is_open = heard is not None and call is not None and heard.effect_id == call.effect_id
    return heard if is_open else None


def permissions(state: AgentState) -> tuple[PermissionView, ...]:
    """Calls that wait for a person to allow them."""
    return tuple(
        PermissionView(
            request_id=call.request_id,
            tool=call.tool,
            description=call.description,
            preview=call.preview,
            expires_at=call.expires_at,
            offers=rule_offers(shown_call(call.tool, call.preview, is_by_tool=call.is_by_tool)),
        )
        for call in state.requests
    )


def subagents_of(state: AgentState) -> tuple[SubagentView, ...]:
    """Those that have not ended."""
    return tuple(
        SubagentView(agent_id=one.agent_id, key=one.key, name=one.name, model=one.model)
        for one in state.subagents
        if not one.has_ended
    )


def _open_calls(state: AgentState) -> tuple[OpenCallView, ...]:
    return tuple(
        OpenCallView(
            key=call.key,
            call_id=call.call_id,
            tool=call.tool,
            arguments=call.arguments,
            status=call.status,
        )
        for call in state.open_calls
    )


def _status(
    state: AgentState, run: Run | None, heard: LiveAnswer | None, now: float
) -> AgentStatus:
    if run is None:
        if state.is_undoing:
            return "undoing"
        if state.stopped:
            return "stopped"
        return "idle" if state.compaction is None else "compacting"
    if state.is_call_waiting:
        return "compacting"
    if state.model_call is not None:
        if state.model_call.not_before > now:
            return "retrying"
        return "streaming" if heard is not None and heard.has_begun else "awaiting_model"
    if state.decision is not None:
        return "deciding"
    statuses = {call.status for call in state.open_calls}
    if statuses & {"started", "probing"}:
        return "executing_tool"
    return "waiting_for_permission" if "asked" in statuses else "reviewing"
