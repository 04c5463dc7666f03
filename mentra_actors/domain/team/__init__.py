"""A team: who belongs to it, under which name, and what its members ask of each other.

A name is checked here before anything else happens. The new agent's stream and its first mail
are written in the same append as the membership, so no half-made member can be left behind; so are
the letters and orders that other events put into the inboxes of members.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from mentra_actors.decider import Decider
from mentra_actors.domain.team.commands import (
    AddMember,
    CancelRequest,
    ExpireRequest,
    MarkStopped,
    OpenRequest,
    RecordBoardTold,
    RemoveMember,
    RenameMember,
    ResolveRequest,
    SendLetters,
    StopMember,
    TeamCommand,
)
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
    StopHow,
    TeamEvent,
)
from mentra_actors.domain.team.evolve import evolve
from mentra_actors.domain.team.letters import companions
from mentra_actors.domain.team.members import (
    RESERVED_NAMES,
    add,
    mark_stopped,
    order_stop,
    remove,
    rename,
)
from mentra_actors.domain.team.requests import (
    PLAN_APPROVAL,
    SHUTDOWN,
    cancel_request,
    expire_request,
    open_request,
    resolve_request,
    send_letters,
)
from mentra_actors.domain.team.state import (
    DEFAULT_TEAM,
    FormerMember,
    Member,
    ReleaseTasks,
    RenameOnBoard,
    Request,
    RequestStatus,
    TeamEffect,
    TeamState,
    agent_id_of,
    leads_of,
    name_in,
    new_agent_id,
    owner_in,
    request_id_of,
    request_of,
)
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.ids import EffectId

__all__ = [
    "DEFAULT_TEAM",
    "PLAN_APPROVAL",
    "RESERVED_NAMES",
    "SHUTDOWN",
    "TEAM",
    "AddMember",
    "BoardTold",
    "CancelRequest",
    "ExpireRequest",
    "FormerMember",
    "LettersSent",
    "MarkStopped",
    "Member",
    "MemberJoined",
    "MemberRemoved",
    "MemberRenamed",
    "MemberStopOrdered",
    "MemberStopped",
    "OpenRequest",
    "RecordBoardTold",
    "ReleaseTasks",
    "RemoveMember",
    "RenameMember",
    "RenameOnBoard",
    "Request",
    "RequestCancelled",
    "RequestExpired",
    "RequestOpened",
    "RequestResolved",
    "RequestStatus",
    "ResolveRequest",
    "SendLetters",
    "StopHow",
    "StopMember",
    "TeamCommand",
    "TeamEffect",
    "TeamEvent",
    "TeamState",
    "agent_id_of",
    "leads_of",
    "name_in",
    "new_agent_id",
    "owner_in",
    "request_id_of",
    "request_of",
]

_ANSWERS: Mapping[type[object], Callable[[Any, TeamState], Sequence[TeamEvent]]] = {
    RemoveMember: remove,
    RenameMember: rename,
    StopMember: order_stop,
    MarkStopped: mark_stopped,
    OpenRequest: open_request,
    ResolveRequest: resolve_request,
    CancelRequest: cancel_request,
    SendLetters: send_letters,
}
"""Commands that count once, by their id."""


def decide(command: TeamCommand, state: TeamState) -> Sequence[TeamEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: the name is taken or not a name; somebody is not who may do this; a
            request is not known or has its answer; there are no words, or too many.
    """
    match command:
        case AddMember():
            return add(command, state)
        case ExpireRequest():
            return expire_request(command, state)
        case RecordBoardTold():
            return _board_told(command, state)
        case _ if command.command_id in state.known_commands:
            return []  # delivered twice: the first delivery was recorded
        case _:
            return _ANSWERS[type(command)](command, state)


def _board_told(command: RecordBoardTold, state: TeamState) -> Sequence[TeamEvent]:
    if all(one.command_id != command.command_id for one in state.board_work):
        return []
    return [BoardTold(command_id=command.command_id, told_at=command.now)]


def pending(state: TeamState) -> Mapping[EffectId, TeamEffect]:
    """The next thing that the board is to be told, and the ends of requests that expire."""
    effects: dict[EffectId, TeamEffect] = {
        EffectId(f"board-{work.command_id}"): work for work in state.board_work[:1]
    }
    for request in state.requests.values():
        if request.status == "pending" and request.expires_at is not None:
            wait = WaitUntil(at=request.expires_at, then=f"expire-request:{request.request_id}")
            effects[EffectId(f"expire-{request.request_id}")] = wait
    return effects


TEAM: Decider[TeamCommand, TeamEvent, TeamState, TeamEffect] = Decider(
    category="team",
    initial=TeamState(),
    event_types=frozenset(get_args(TeamEvent)),
    decide=decide,
    evolve=evolve,
    pending=pending,
    companions=companions,
    fold_version=3,
)
