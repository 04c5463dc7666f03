"""Who is in a team, and what each member is doing. A subagent is no member.

The view has a part per team, with its members' names, and a part per agent: an event of an agent
rewrites only its own line. `team_roster` joins them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias, get_args

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import ToolCallBlock
from mentra_actors.domain.inbox import MailDelivered, StopOrdered
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.domain.team import MemberJoined, MemberRemoved, MemberRenamed
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import (
    AgentId,
    EffectId,
    MailId,
    RunId,
    StreamId,
    TeamId,
    agent_stream,
    name_of,
    team_stream,
)
from projections.contract import MAX_KEY_BYTES

__all__ = [
    "ROSTER",
    "TEAM_EVENTS",
    "MemberStatus",
    "MemberView",
    "RosterPart",
    "RosterProjection",
    "TeamMembers",
    "all_rosters",
    "team_roster",
]

MemberStatus: TypeAlias = Literal["idle", "working", "waiting", "failed", "stopped", "person"]
"""`waiting`: for a person to allow a call; `person`: the seat of one."""

TEAM_EVENTS: frozenset[type[object]] = frozenset(
    {MemberJoined, MemberRemoved, MemberRenamed, e.AgentSpawned}
)
"""All that changes who is in a team, and under which name."""
_AGENT_EVENTS: frozenset[type[object]] = frozenset(get_args(e.AgentEvent))
_replace = msgspec.structs.replace


class TeamMembers(msgspec.Struct, frozen=True, kw_only=True, tag="team"):
    """Agents of one team by name, in the order in which they joined."""

    agents: dict[str, AgentId] = {}


class MemberView(msgspec.Struct, frozen=True, kw_only=True, tag="member"):
    """One agent. `run_id` and `rounds` are those of the open run, else of the last one."""

    agent_id: AgentId
    team_id: TeamId = TeamId("")
    name: str = ""
    role: str = ""
    model: str = ""
    lead: str = ""
    """Who has spawned it, by the name of that time; empty for one that nobody leads."""
    is_person: bool = False
    is_stopping: bool = False
    """It is to stop, and has not yet."""
    run_id: RunId | None = None
    is_working: bool = False
    is_stopped: bool = False
    failure: str = ""
    """Why the last run failed; empty if it did not."""
    rounds: int = 0
    open_calls: tuple[EffectId, ...] = ()
    """Tool calls without an outcome."""
    waits_for: tuple[EffectId, ...] = ()
    """Those of them that a person must allow."""
    inbox_version: int = 0
    mail_taken_through: int = 0
    mail_unplaced: tuple[MailId, ...] = ()
    """Mail that was taken and that the model has not seen."""
    usage: TokenUsage = TokenUsage()
    last_activity: float | None = None
    """Unix seconds of the last event of the agent's own stream."""

    @property
    def status(self) -> MemberStatus:
        """What to say of the agent in one word."""
        if self.is_stopped:
            return "stopped"
        if self.is_person:
            return "person"
        if self.is_working:
            return "waiting" if self.waits_for else "working"
        return "failed" if self.failure else "idle"

    @property
    def mail_waiting(self) -> int:
        """Letters that the model has not seen."""
        return max(self.inbox_version - self.mail_taken_through, 0) + len(self.mail_unplaced)


RosterPart: TypeAlias = TeamMembers | MemberView


class RosterProjection:
    """Who is in the teams, and what each member is doing.

    View: `team-…` streams hold `TeamMembers`, `agent-…` streams hold `MemberView`.
    """

    name = "roster"
    version = 4
    handles: frozenset[type[object]] | None = (
        _AGENT_EVENTS | TEAM_EVENTS | {MailDelivered, StopOrdered}
    )
    view_type = RosterPart

    def keys(self, recorded: RecordedEvent[object]) -> Sequence[str]:
        """See `Projection.keys`."""
        match recorded.event:
            case MemberJoined(profile=profile):
                return (_team_key(profile.team_id),)
            case MemberRemoved() | MemberRenamed():
                return (_key(recorded.stream_id),)
            case MailDelivered() | StopOrdered():
                return (_agent_key(AgentId(name_of(recorded.stream_id))),)
            case e.AgentSpawned(profile=profile) if not profile.parent:
                own = _agent_key(AgentId(name_of(recorded.stream_id)))
                return (own, _team_key(profile.team_id))
            case event if type(event) in _AGENT_EVENTS:
                return (_agent_key(AgentId(name_of(recorded.stream_id))),)
            case _:
                return ()

    def initial(self, key: str) -> RosterPart:
        """See `Projection.initial`."""
        if key.startswith(_TEAM):
            return TeamMembers()
        return MemberView(agent_id=AgentId(name_of(StreamId(key))))

    def apply(self, view: RosterPart, key: str, recorded: RecordedEvent[object]) -> RosterPart:  # noqa: ARG002 - the part knows what it is
        """See `Projection.apply`."""
        event = recorded.event
        if isinstance(view, TeamMembers):
            return _team_after(view, event)
        if isinstance(event, StopOrdered):
            return _replace(view, is_stopping=not view.is_stopped)
        if isinstance(event, MailDelivered):
            version = max(view.inbox_version, recorded.stream_version)
            return _replace(view, inbox_version=version)
        return _replace(_member_after(view, event), last_activity=recorded.recorded_at_ns / 1e9)


ROSTER = RosterProjection()


def team_roster(part: Callable[[str], RosterPart | None], team_id: TeamId) -> Sequence[MemberView]:
    """The members of a team, in the order in which they joined, by the names that it gives them.

    An agent whose team has renamed it hears of it later, when it takes its mail.
    `part` gives the part of the view with a key: of a runner, or of a fold as of a moment.
    """
    team = part(_team_key(team_id))
    if not isinstance(team, TeamMembers):
        return []
    lines = ((name, part(_agent_key(agent_id))) for name, agent_id in team.agents.items())
    return [_replace(line, name=name) for name, line in lines if isinstance(line, MemberView)]


def all_rosters(parts: Mapping[str, RosterPart]) -> Sequence[MemberView]:
    """The members of all teams, by team, each in the order in which they joined."""
    teams = [TeamId(name_of(StreamId(key))) for key in sorted(parts) if key.startswith(_TEAM)]
    return [member for team_id in teams for member in team_roster(parts.get, team_id)]


_TEAM = "team-"


def _team_key(team_id: TeamId) -> str:
    # No log may stop the fold, so a name that no team can have is cut to what a key holds.
    return _key(team_stream(team_id))


def _key(stream_id: StreamId) -> str:
    return stream_id.encode()[:MAX_KEY_BYTES].decode(errors="ignore")


def _agent_key(agent_id: AgentId) -> str:
    return agent_stream(agent_id)


def _team_after(team: TeamMembers, event: object) -> TeamMembers:
    match event:
        case MemberJoined(profile=profile) | e.AgentSpawned(profile=profile):
            if team.agents.get(profile.name) == profile.agent_id:
                return team
            return TeamMembers(agents={**team.agents, profile.name: profile.agent_id})
        case MemberRemoved(name=gone, agent_id=agent_id) if team.agents.get(gone) == agent_id:
            left = {name: one for name, one in team.agents.items() if name != gone}
            return TeamMembers(agents=left)
        case MemberRenamed(old=old, new=new) if new not in team.agents:
            renamed = {new if name == old else name: one for name, one in team.agents.items()}
            return TeamMembers(agents=renamed)
        case _:
            return team


def _member_after(member: MemberView, event: object) -> MemberView:
    match event:
        case e.AgentSpawned() | e.AgentRenamed() | e.AgentReconfigured():
            return _known_as(member, event)
        case e.AgentStopped():
            return _replace(member, is_stopped=True, is_stopping=False)
        case e.MailTaken() | e.MailCameLate():
            return _taken(member, event)
        case e.InputPlaced() | e.MailHandedOver():
            left = tuple(mail for mail in member.mail_unplaced if mail not in event.mail_ids)
            return _replace(member, mail_unplaced=left)
        case e.InputReturned():
            return _replace(member, mail_unplaced=event.mail_ids + member.mail_unplaced)
        case e.RunStarted():
            return _replace(member, run_id=event.run_id, is_working=True, failure="", rounds=0)
        case e.RunFinished() | e.RunCancelled():
            return _replace(member, is_working=False, open_calls=(), waits_for=())
        case e.RunFailed():
            failure = event.message or event.kind or "failed"
            return _replace(member, is_working=False, open_calls=(), waits_for=(), failure=failure)
        case _:
            return _after_call(member, event)


def _after_call(member: MemberView, event: object) -> MemberView:
    match event:
        case e.ModelCallRequested():
            return _replace(
                member,
                run_id=event.run_id,
                is_working=True,
                rounds=event.round,
                open_calls=(),
            )
        case e.ModelReplied():
            asked = sum(isinstance(block, ToolCallBlock) for block in event.blocks)
            calls = tuple(call_key(event.effect_id, index) for index in range(asked))
            return _replace(member, open_calls=calls, usage=member.usage + event.usage)
        case e.ModelCallFailed() | e.AnswerAbandoned():
            return _replace(member, usage=member.usage + event.usage)
        case e.PermissionRequested():
            return _replace(member, waits_for=(*member.waits_for, event.key))
        case e.PermissionResolved():
            return _replace(member, waits_for=_without(member.waits_for, event.key))
        case e.ToolCallFinished() | e.ToolCallOutcomeUnknown() | e.ToolCallSkipped():
            return _replace(
                member,
                open_calls=_without(member.open_calls, event.key),
                waits_for=_without(member.waits_for, event.key),
            )
        case _:
            return member


def _without(keys: tuple[EffectId, ...], gone: EffectId) -> tuple[EffectId, ...]:
    return tuple(key for key in keys if key != gone)


def _known_as(member: MemberView, event: object) -> MemberView:
    match event:
        case e.AgentSpawned(profile=profile):
            return _introduced(member, profile)
        case e.AgentRenamed(name=name):
            return _replace(member, name=name)
        case e.AgentReconfigured(changes=changes) if isinstance(changes.model, str):
            return _replace(member, model=changes.model)
        case _:
            return member


def _introduced(member: MemberView, profile: e.AgentProfile) -> MemberView:
    return _replace(
        member,
        team_id=profile.team_id,
        name=profile.name,
        role=profile.role,
        model=profile.model,
        lead=profile.lead,
        is_person=profile.is_person,
    )


def _taken(member: MemberView, event: e.MailTaken | e.MailCameLate) -> MemberView:
    """Letters that crossed the end of the agent are no more to be read."""
    mail = event.mail if isinstance(event, e.MailTaken) else ()
    return _replace(
        member,
        mail_taken_through=max(member.mail_taken_through, event.through_version),
        mail_unplaced=member.mail_unplaced + tuple(one.mail_id for one in mail),
    )
