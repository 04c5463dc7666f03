"""A team: who belongs to it, under which name.

A name is checked here before anything else happens. The new agent's stream and its first mail
are written in the same append as the membership, so no half-made member can be left behind.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from mentra_actors.decider import Companion, Decider, Delivery
from mentra_actors.domain.agent.events import AgentProfile, AgentSpawned
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId, TeamId, agent_stream, inbox_stream, is_valid_name

__all__ = [
    "DEFAULT_TEAM",
    "TEAM",
    "AddMember",
    "Member",
    "MemberJoined",
    "TeamEvent",
    "TeamState",
    "agent_id_of",
]

DEFAULT_TEAM = TeamId("main")


class MemberJoined(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="team.member_joined.v1"
):
    """An agent belongs to the team; `first_mail` is its instruction, if it was given one."""

    command_id: CommandId
    profile: AgentProfile
    joined_at: float
    first_mail: Mail | None = None


TeamEvent: TypeAlias = MemberJoined


class AddMember(msgspec.Struct, frozen=True, kw_only=True):
    """Make an agent and add it to the team."""

    command_id: CommandId
    profile: AgentProfile
    now: float
    first_mail: Mail | None = None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """What the team knows of one member."""

    agent_id: AgentId
    role: str
    joined_by: CommandId


class TeamState(msgspec.Struct, frozen=True, kw_only=True):
    """Members by name."""

    members: dict[str, Member] = {}


def agent_id_of(team_id: TeamId, name: str) -> AgentId:
    """Id of the member with this name; in the default team `main` it is the name itself."""
    return AgentId(name if team_id == DEFAULT_TEAM else f"{team_id}.{name}")


def decide(command: AddMember, state: TeamState) -> Sequence[TeamEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: the name is taken or not a name, or the role is empty.
    """
    name = command.profile.name
    present = state.members.get(name)
    if any(member.joined_by == command.command_id for member in state.members.values()):
        return []  # delivered twice: the first delivery was recorded
    if present is not None:
        raise CommandRejected(f"Team member {name!r} already exists")
    if not is_valid_name(name):
        raise CommandRejected(
            f"{name!r} is not a name: use 1 to 100 letters, digits and _ . : - "
            "that start with a letter, a digit or _"
        )
    if any(m.agent_id == command.profile.agent_id for m in state.members.values()):
        raise CommandRejected(f"Agent id {command.profile.agent_id!r} is taken")
    if not command.profile.role.strip():
        raise CommandRejected(f"Team member {name!r} needs a role")
    return [
        MemberJoined(
            command_id=command.command_id,
            profile=command.profile,
            joined_at=command.now,
            first_mail=command.first_mail,
        )
    ]


def evolve(state: TeamState, event: TeamEvent) -> TeamState:
    """State after one event."""
    profile = event.profile
    member = Member(agent_id=profile.agent_id, role=profile.role, joined_by=event.command_id)
    return TeamState(members={**state.members, profile.name: member})


def companions(event: TeamEvent) -> Sequence[Companion]:
    """The new agent's first event, and its first mail."""
    agent_id = event.profile.agent_id
    spawned = AgentSpawned(profile=event.profile, spawned_at=event.joined_at)
    starts = event.profile.is_autonomous
    birth = Delivery(agent_stream(agent_id), (spawned,), must_be_new=True, starts=starts)
    if event.first_mail is None:
        return [birth]
    return [birth, Delivery(inbox_stream(agent_id), (MailDelivered(mail=event.first_mail),))]


TEAM: Decider[AddMember, TeamEvent, TeamState, None] = Decider(
    category="team",
    initial=TeamState(),
    event_types=frozenset({MemberJoined}),
    decide=decide,
    evolve=evolve,
    companions=companions,
)
