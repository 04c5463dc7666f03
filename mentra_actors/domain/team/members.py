"""Deciding who belongs to a team, under which name, and who stops."""

from collections.abc import Sequence

from mentra_actors.domain.team.bounds import require_letter, require_reason, require_role
from mentra_actors.domain.team.commands import AddMember, RemoveMember, RenameMember, StopMember
from mentra_actors.domain.team.events import (
    MemberJoined,
    MemberRemoved,
    MemberRenamed,
    MemberStopOrdered,
    RequestCancelled,
    TeamEvent,
)
from mentra_actors.domain.team.state import Request, TeamState, leads_of, name_in
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId, is_valid_name

__all__ = ["RESERVED_NAMES", "add", "order_stop", "remove", "rename"]

RESERVED_NAMES = frozenset({"all", "host", "team", "background", "board", "timer", "schedule"})
"""Senders of letters that are no members."""


def add(command: AddMember, state: TeamState) -> Sequence[TeamEvent]:
    """The new member; requests to and from the one whose place it takes want no answer."""
    profile, replaced = command.profile, command.replaces
    if _has_joined(command, state):
        return []  # delivered twice: the first delivery was recorded
    present = state.members.get(profile.name)
    if present is not None and present.agent_id != replaced:
        raise CommandRejected(f"Team member {profile.name!r} already exists")
    if present is None and replaced:
        raise CommandRejected(f"{replaced!r} is not the member {profile.name!r} any more")
    _require_name(profile.name)
    if profile.agent_id in state.names or profile.agent_id in state.former:
        raise CommandRejected(f"Agent id {profile.agent_id!r} is taken")
    require_role(profile.name, profile.role)
    if command.first_mail is not None:
        require_letter(command.first_mail.body)
    joined = MemberJoined(
        command_id=command.command_id,
        profile=profile,
        joined_at=command.now,
        first_mail=command.first_mail,
        replaces=replaced,
        lead_id=command.lead_id,
    )
    why = f"{profile.name} has stopped"
    left = _left_behind(state, replaced, command.command_id, command.now, why)
    return [*left, joined]


def remove(command: RemoveMember, state: TeamState) -> Sequence[TeamEvent]:
    """The member is none any more, and neither asks nor is asked anything."""
    name = _member(command.agent_id, state)
    _require_lead(command.by, command.agent_id, state, f"remove {name!r}")
    require_reason(command.reason)
    removed = MemberRemoved(
        command_id=command.command_id,
        agent_id=command.agent_id,
        name=name,
        removed_at=command.now,
        reason=command.reason,
        removed_by=name_in(state, command.by),
    )
    why = f"{name} was removed from the team"
    left = _left_behind(state, command.agent_id, command.command_id, command.now, why)
    return [*left, removed]


def rename(command: RenameMember, state: TeamState) -> Sequence[TeamEvent]:
    """The new name; nothing, if it is the present one."""
    name = _member(command.agent_id, state)
    _require_lead(command.by, command.agent_id, state, f"rename {name!r}")
    if name == command.name:
        return []
    _require_name(command.name)
    if command.name in state.members:
        raise CommandRejected(f"Team member {command.name!r} already exists")
    renamed = MemberRenamed(
        command_id=command.command_id,
        agent_id=command.agent_id,
        old=name,
        new=command.name,
        renamed_at=command.now,
        renamed_by=name_in(state, command.by),
    )
    return [renamed]


def order_stop(command: StopMember, state: TeamState) -> Sequence[TeamEvent]:
    """The order; nothing, if it was given before."""
    name = _member(command.agent_id, state)
    _require_lead(command.by, command.agent_id, state, f"stop {name!r}")
    require_reason(command.reason)
    if command.how not in ("when_done", "now"):
        raise CommandRejected(f"a member stops when_done or now, not {command.how!r}")
    if state.members[name].stopping in ("now", command.how):
        return []
    ordered = MemberStopOrdered(
        command_id=command.command_id,
        agent_id=command.agent_id,
        name=name,
        how=command.how,
        ordered_at=command.now,
        reason=command.reason,
        ordered_by=name_in(state, command.by),
    )
    return [ordered]


def _has_joined(command: AddMember, state: TeamState) -> bool:
    """By the name and by the id of the command: it may be said again much later."""
    agent_id = command.profile.agent_id
    known = (
        state.members.get(command.profile.name),
        state.members.get(name_in(state, agent_id)),
        state.former.get(agent_id),
    )
    return any(one is not None and one.joined_by == command.command_id for one in known)


def _member(agent_id: AgentId, state: TeamState) -> str:
    name = name_in(state, agent_id)
    if not name:
        known = ", ".join(sorted(state.members)) or "nobody"
        raise CommandRejected(f"{agent_id!r} is no member of the team; members are: {known}")
    return name


def _require_lead(by: AgentId, agent_id: AgentId, state: TeamState, wish: str) -> None:
    if by and by not in leads_of(state, agent_id):
        raise CommandRejected(f"{name_in(state, by) or by!r} cannot {wish}: only its lead can")


def _require_name(name: str) -> None:
    if not is_valid_name(name):
        raise CommandRejected(
            f"{name!r} is not a name: use 1 to 100 letters, digits and _ . : - "
            "that start with a letter, a digit or _"
        )
    if name in RESERVED_NAMES:
        raise CommandRejected(f"{name!r} is no name for a member: letters come from it already")


def _left_behind(
    state: TeamState, agent_id: AgentId, command_id: CommandId, now: float, why: str
) -> list[TeamEvent]:
    """Requests of which one side has gone are taken back, and the other side is told."""
    return [
        RequestCancelled(
            command_id=command_id,
            request_id=one.request_id,
            protocol=one.protocol,
            tell=_other_side(one, agent_id),
            cancelled_at=now,
            reason=why,
        )
        for one in state.requests.values()
        if agent_id and one.status == "pending" and agent_id in (one.sender, one.to)
    ]


def _other_side(request: Request, agent_id: AgentId) -> AgentId:
    return request.to if agent_id == request.sender else request.sender
