"""The state of a team after an event."""

from collections.abc import Mapping
from typing import assert_never

import msgspec

from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.domain.team.events import (
    BoardTold,
    LettersSent,
    MemberJoined,
    MemberRemoved,
    MemberRenamed,
    MemberStopOrdered,
    MemberStopped,
    RequestCancelled,
    RequestExpired,
    RequestOpened,
    RequestResolved,
    TeamEvent,
)
from mentra_actors.domain.team.requests import SHUTDOWN
from mentra_actors.domain.team.state import (
    BoardWork,
    FormerMember,
    Member,
    ReleaseTasks,
    RenameOnBoard,
    Request,
    RequestStatus,
    TeamState,
)
from mentra_actors.ids import AgentId

__all__ = ["RequestEvent", "evolve", "requests_after"]

REMEMBERED_COMMANDS = 1_024
REMEMBERED_REQUESTS = 1_000

RequestEvent = RequestOpened | RequestResolved | RequestCancelled | RequestExpired
"""What begins or ends a request."""

_replace = msgspec.structs.replace


def evolve(state: TeamState, event: TeamEvent) -> TeamState:
    """State after one event; one about somebody unknown changes no member."""
    if not isinstance(event, MemberJoined | RequestExpired | BoardTold):
        known = (*state.known_commands, event.command_id)[-REMEMBERED_COMMANDS:]
        state = _replace(state, known_commands=known)
    match event:
        case MemberJoined():
            return _joined(state, event)
        case MemberRemoved():
            return _removed(state, event)
        case MemberRenamed():
            return _renamed(state, event)
        case MemberStopOrdered():
            return _with_member(state, event.agent_id, stopping=event.how)
        case MemberStopped():
            return _stopped(state, event)
        case RequestOpened() | RequestResolved() | RequestCancelled() | RequestExpired():
            return _asked(state, event)
        case LettersSent():
            return state
        case BoardTold():
            left = tuple(one for one in state.board_work if one.command_id != event.command_id)
            return _replace(state, board_work=left)
        case _:
            assert_never(event)


def requests_after(
    requests: dict[str, Request], event: RequestEvent | MemberRenamed
) -> dict[str, Request]:
    """Requests by id after an event: all open ones, and the last 1,000 that have ended.

    They name members as these are called now; one that has left keeps its last name.
    """
    if isinstance(event, MemberRenamed):
        return {key: _with_name(one, event) for key, one in requests.items()}
    if isinstance(event, RequestOpened):
        return {**requests, event.request_id: _opened(event)}
    request = requests.get(event.request_id)
    if request is None or request.status != "pending":
        return requests
    after = {**requests, event.request_id: _ended(request, event)}
    ended = [one.request_id for one in after.values() if one.status != "pending"]
    for request_id in ended[:-REMEMBERED_REQUESTS]:
        del after[request_id]
    return after


def _with_name(request: Request, event: MemberRenamed) -> Request:
    sender_name = event.new if request.sender == event.agent_id else request.sender_name
    to_name = event.new if request.to == event.agent_id else request.to_name
    return _replace(request, sender_name=sender_name, to_name=to_name)


def _joined(state: TeamState, event: MemberJoined) -> TeamState:
    profile = event.profile
    members, former = dict(state.members), state.former
    replaced = members.pop(profile.name, None)
    if replaced is not None:
        gone = FormerMember(name=profile.name, joined_by=replaced.joined_by)
        former = {**former, replaced.agent_id: gone}
        members = {name: _led_by(one, replaced, profile) for name, one in members.items()}
    names = {**state.names, profile.agent_id: profile.name}
    if replaced is not None:
        names.pop(replaced.agent_id, None)
    members[profile.name] = Member(
        agent_id=profile.agent_id,
        role=profile.role,
        joined_by=event.command_id,
        lead=_lead_of(event, members, names),
        is_person=profile.is_person,
    )
    return _replace(state, members=members, names=names, former=former)


def _lead_of(
    event: MemberJoined, members: Mapping[str, Member], names: Mapping[AgentId, str]
) -> AgentId:
    """Nobody, if the lead has left."""
    if event.lead_id:
        is_member = event.lead_id in names and event.lead_id != event.profile.agent_id
        return event.lead_id if is_member else AgentId("")
    lead = members.get(event.profile.lead)
    return lead.agent_id if lead is not None else AgentId("")


def _led_by(member: Member, replaced: Member, successor: AgentProfile) -> Member:
    """Whoever was led by one that was replaced is led by its successor."""
    if member.lead != replaced.agent_id:
        return member
    return _replace(member, lead=successor.agent_id)


def _removed(state: TeamState, event: MemberRemoved) -> TeamState:
    member = state.members.get(event.name)
    if member is None or member.agent_id != event.agent_id:
        return state
    members = {name: one for name, one in state.members.items() if name != event.name}
    gone = FormerMember(name=event.name, joined_by=member.joined_by)
    release = ReleaseTasks(
        command_id=event.command_id, owner=event.name, agent_id=event.agent_id, ends_jobs=True
    )
    return _replace(
        state,
        members=members,
        names={one: name for one, name in state.names.items() if one != event.agent_id},
        former={**state.former, event.agent_id: gone},
        board_work=_with_work(state, release),
    )


def _renamed(state: TeamState, event: MemberRenamed) -> TeamState:
    state = _replace(state, requests=requests_after(state.requests, event))
    member = state.members.get(event.old)
    if member is None or member.agent_id != event.agent_id or event.new in state.members:
        return state
    members = {
        event.new if name == event.old else name: one for name, one in state.members.items()
    }
    rename = RenameOnBoard(
        command_id=event.command_id, old=event.old, new=event.new, agent_id=event.agent_id
    )
    return _replace(
        state,
        members=members,
        names={**state.names, event.agent_id: event.new},
        board_work=_with_work(state, rename),
    )


def _stopped(state: TeamState, event: MemberStopped) -> TeamState:
    member = state.members.get(event.name)
    if member is None or member.agent_id != event.agent_id:
        return state
    release = ReleaseTasks(command_id=event.command_id, owner=event.name, agent_id=event.agent_id)
    state = _replace(state, board_work=_with_work(state, release))
    return _with_member(state, event.agent_id, has_stopped=True)


def _with_work(state: TeamState, work: BoardWork) -> tuple[BoardWork, ...]:
    return (*state.board_work, work)


def _with_member(state: TeamState, agent_id: AgentId, **fields: object) -> TeamState:
    members = {
        name: _replace(one, **fields) if one.agent_id == agent_id else one
        for name, one in state.members.items()
    }
    return _replace(state, members=members)


def _asked(state: TeamState, event: RequestEvent) -> TeamState:
    requests = requests_after(state.requests, event)
    is_new = isinstance(event, RequestOpened)
    opened = state.requests_opened + is_new
    after = _replace(state, requests=requests, requests_opened=opened)
    if not isinstance(event, RequestResolved) or event.protocol != SHUTDOWN or not event.approve:
        return after
    return _with_member(after, event.to, stopping="when_done")


def _opened(event: RequestOpened) -> Request:
    return Request(
        request_id=event.request_id,
        command_id=event.command_id,
        protocol=event.protocol,
        sender=event.sender,
        sender_name=event.sender_name,
        to=event.to,
        to_name=event.to_name,
        content=event.content,
        opened_at=event.opened_at,
        expires_at=event.expires_at,
    )


def _ended(
    request: Request, event: RequestResolved | RequestCancelled | RequestExpired
) -> Request:
    status: RequestStatus
    match event:
        case RequestResolved():
            status = "approved" if event.approve else "rejected"
            return _replace(
                request, status=status, reason=event.reason, ended_at=event.resolved_at
            )
        case RequestCancelled():
            return _replace(
                request, status="cancelled", reason=event.reason, ended_at=event.cancelled_at
            )
        case RequestExpired():
            return _replace(request, status="expired", ended_at=event.expired_at)
        case _:
            assert_never(event)
