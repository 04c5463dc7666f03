"""A member of a team, for whoever looks at the team."""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.team import Member
from mentra_actors.ids import AgentId
from mentra_actors.runtime.teams.member_reading import status_of

__all__ = ["TeamMember", "TeamMemberStatus"]

TeamMemberStatus: TypeAlias = Literal["idle", "working", "failed", "stopped", "person"]
"""`failed`: its last run has; the next letter or prompt wakes it all the same."""


class TeamMember(msgspec.Struct, frozen=True, kw_only=True):
    """One member as the log has it. `lead` is a name; `waiting_mail` counts what it has not read.

    `is_stopping`: it is to stop and has not yet.
    """

    agent_id: AgentId
    name: str
    role: str
    model: str
    status: TeamMemberStatus
    lead: str = ""
    is_stopping: bool = False
    waiting_mail: int = 0


def team_member(name: str, member: Member, lead: str, state: AgentState) -> TeamMember:
    """What the team and the agent's own log say of a member."""
    return TeamMember(
        agent_id=member.agent_id,
        name=name,
        role=member.role,
        model=state.profile.model if state.profile is not None else "",
        status="person" if member.is_person and not state.stopped else status_of(state),
        lead=lead,
        is_stopping=bool(member.stopping or state.stop_planned) and not state.stopped,
        waiting_mail=len(state.waiting_mail),
    )
