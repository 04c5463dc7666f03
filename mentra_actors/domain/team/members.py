"""Deciding who belongs to a team, under which name, and who stops."""

from collections.abc import Sequence

from mentra_actors.domain.team.bounds import require_letter, require_reason, require_role
from mentra_actors.domain.team.commands import (
    AddMember,
    MarkStopped,
    RemoveMember,
    RenameMember,
    StopMember,
)
from mentra_actors.domain.team.events import (
    MemberJoined,
    MemberRemoved,
    MemberRenamed,
    MemberStopOrdered,
    MemberStopped,
    RequestCancelled,
    TeamEvent,
)
from mentra_actors.domain.team.state import Request, TeamState, leads_of, name_in
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId, is_valid_name

__all__ = ["RESERVED_NAMES", "add", "mark_stopped", "order_stop", "remove", "rename"]

RESERVED_NAMES = frozenset({"all", "host", "team", "background", "board", "timer", "schedule"})
"""Senders of letters that are no members."""


def add(command: AddMember, state: TeamState) -> Sequence[TeamEvent]:
    """The new member; the one whose place it takes has stopped, as the asker has seen.

    Raises:
        CommandRejected: the name or the id is taken.
    """
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
    stopped = _stopped(profile.name, state, command.command_id, command.now, "") if present else []
    return [*stopped, joined]


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
    """The new name.

    Raises:
        CommandRejected: somebody has the new name, or there is no such member.
    """
    name = _member(command.agent_id, state)
    _require_lead(command.by, command.agent_id, state, f"rename {name!r}")
    if name == command.name:
        raise CommandRejected(f"{name!r} has this name already")
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
    """The order; nothing, if it was given before.

    Raises:
        CommandRejected: there is no such member, or no such way to stop.
    """
    name = _member(command.agent_id, state)
    _require_lead(command.by, command.agent_id, state, f"stop {name!r}")
    require_reason(command.reason)
    if command.how not in ("when_done", "now"):
        raise CommandRejected(f"a member stops when_done or now, not {command.how!r}")
    member = state.members[name]
    if member.has_stopped or member.stopping in ("now", command.how):
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


def mark_stopped(command: MarkStopped, state: TeamState) -> Sequence[TeamEvent]:
    """The end of a member; nothing, if it is known, or the agent is no member any more."""
    name = name_in(state, command.agent_id)
    if not name:
        return []
    return _stopped(name, state, command.command_id, command.now, command.reason)


def _stopped(
    name: str, state: TeamState, command_id: CommandId, now: float, reason: str
) -> list[TeamEvent]:
    member = state.members[name]
    if member.has_stopped:
        return []
    stopped = MemberStopped(
        command_id=command_id,
        agent_id=member.agent_id,
        name=name,
        stopped_at=now,
        reason=reason,
    )
    left = _left_behind(state, member.agent_id, command_id, now, f"{name} has stopped")
    return [*left, stopped]


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
