"""Deciding what members ask of each other: one asks, only the one that was asked answers.

A protocol is a word. `shutdown` has a meaning here: approved, it stops whoever approved it, and
nobody may ask a lead for it. All others, `plan_approval` among them, are a question whose answer
comes as a letter.
"""

from collections.abc import Sequence

from mentra_actors.domain.inbox import has_stopped_words
from mentra_actors.domain.team.bounds import require_letter, require_protocol, require_reason
from mentra_actors.domain.team.commands import (
    CancelRequest,
    ExpireRequest,
    OpenRequest,
    ResolveRequest,
    SendLetters,
)
from mentra_actors.domain.team.events import (
    LettersSent,
    RequestCancelled,
    RequestExpired,
    RequestOpened,
    RequestResolved,
    TeamEvent,
)
from mentra_actors.domain.team.state import Request, TeamState, leads_of, name_in, request_id_of
from mentra_actors.domain.timer import LONGEST_WAIT_S
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId

__all__ = [
    "MAX_OPEN_REQUESTS",
    "PLAN_APPROVAL",
    "SHUTDOWN",
    "cancel_request",
    "expire_request",
    "open_request",
    "resolve_request",
    "send_letters",
]

SHUTDOWN = "shutdown"
PLAN_APPROVAL = "plan_approval"
MAX_OPEN_REQUESTS = 1_000
_MOST_NAMED = 20


def open_request(command: OpenRequest, state: TeamState) -> Sequence[TeamEvent]:
    """The request, under the next number of the team.

    Raises:
        CommandRejected: it asks nobody or itself, or too many requests wait.
    """
    sender_name = _acting(command.sender, state, by_person=command.by_person)
    to_name = _recipient(command.to, state)
    protocol = command.protocol.strip()
    if command.to == command.sender:
        raise CommandRejected(f"{sender_name!r} cannot ask itself")
    require_protocol(protocol)
    if protocol == SHUTDOWN and _is_led(command.sender, command.to, state):
        raise CommandRejected(f"Teammate {sender_name!r} cannot ask its lead to shut down")
    require_letter(command.content)
    if command.expires_at is not None:
        _require_end(command.expires_at - command.now)
    if _count_open(state) >= MAX_OPEN_REQUESTS:
        raise CommandRejected(
            f"{MAX_OPEN_REQUESTS:,} requests wait for an answer: answer or cancel some first"
        )
    opened = RequestOpened(
        command_id=command.command_id,
        request_id=f"req-{state.requests_opened + 1}",
        protocol=protocol,
        sender=command.sender,
        sender_name=sender_name,
        to=command.to,
        to_name=to_name,
        content=command.content,
        opened_at=command.now,
        expires_at=command.expires_at,
    )
    return [opened]


def resolve_request(command: ResolveRequest, state: TeamState) -> Sequence[TeamEvent]:
    """The answer.

    Raises:
        CommandRejected: somebody else is asked, or it has expired.
    """
    request = _request(command.request_id, state)
    name = _acting(command.by, state, by_person=command.by_person)
    if request.to != command.by:
        raise CommandRejected(f"Agent {name!r} cannot respond to request {request.request_id!r}")
    _require_pending(request)
    if request.expires_at is not None and command.now >= request.expires_at:
        raise CommandRejected(f"Team request {request.request_id!r} has expired")
    reason = command.reason.strip()
    if reason:
        require_letter(reason)
    resolved = RequestResolved(
        command_id=command.command_id,
        request_id=request.request_id,
        protocol=request.protocol,
        sender=request.sender,
        sender_name=name_in(state, request.sender) or request.sender_name,
        to=request.to,
        to_name=name,
        approve=command.approve,
        resolved_at=command.now,
        reason=reason,
    )
    return [resolved]


def cancel_request(command: CancelRequest, state: TeamState) -> Sequence[TeamEvent]:
    """The end of a request that its sender takes back.

    Raises:
        CommandRejected: somebody else has made it.
    """
    request = _request(command.request_id, state)
    name = name_in(state, command.by)
    if request.sender != command.by:
        raise CommandRejected(
            f"Agent {name or command.by!r} cannot cancel request {request.request_id!r}: "
            f"{request.sender_name!r} has made it"
        )
    _require_pending(request)
    require_reason(command.reason)
    cancelled = RequestCancelled(
        command_id=command.command_id,
        request_id=request.request_id,
        protocol=request.protocol,
        tell=request.to,
        cancelled_at=command.now,
        cancelled_by=command.by,
        by_name=name,
        reason=command.reason.strip(),
    )
    return [cancelled]


def expire_request(command: ExpireRequest, state: TeamState) -> Sequence[TeamEvent]:
    """The end of a request that nobody has answered; nothing, if it is not due."""
    request = state.requests.get(command.request_id)
    if request is None or request.status != "pending":
        return []
    if request.expires_at is None or command.now < request.expires_at:
        return []
    expired = RequestExpired(
        request_id=request.request_id,
        protocol=request.protocol,
        sender=request.sender,
        to_name=request.to_name,
        expired_at=command.now,
    )
    return [expired]


def send_letters(command: SendLetters, state: TeamState) -> Sequence[TeamEvent]:
    """A letter to one member, or the same to all that are there now.

    Raises:
        CommandRejected: there is nobody to send them to.
    """
    sender_name = _acting(command.sender, state, by_person=command.by_person)
    require_letter(command.body)
    if command.to is None:
        members = sorted((n, one) for n, one in state.members.items() if not one.has_stopped)
        to = tuple(one.agent_id for _, one in members if one.agent_id != command.sender)
    else:
        _recipient(command.to, state)
        to = (command.to,)
    if not to:
        raise CommandRejected("nobody else is in the team")
    sent = LettersSent(
        command_id=command.command_id,
        sender=command.sender,
        sender_name=sender_name,
        to=to,
        body=command.body,
        sent_at=command.now,
        kind="message" if command.to is not None else "broadcast",
    )
    return [sent]


def _acting(agent_id: AgentId, state: TeamState, *, by_person: bool) -> str:
    name = name_in(state, agent_id)
    if not name:
        raise CommandRejected(f"{agent_id!r} is no member of the team")
    if state.members[name].has_stopped:
        raise CommandRejected(f"{name!r} has stopped, and neither asks nor says anything any more")
    if by_person and not state.members[name].is_person:
        raise CommandRejected(f"{name!r} is no person: nobody else speaks for it")
    return name


def _recipient(agent_id: AgentId, state: TeamState) -> str:
    name = name_in(state, agent_id)
    if not name:
        known = ", ".join(sorted(state.members))
        raise CommandRejected(f"Unknown team recipient {agent_id!r}. Members are: {known}")
    if state.members[name].has_stopped:
        raise CommandRejected(has_stopped_words(name))
    return name


def _is_led(sender: AgentId, to: AgentId, state: TeamState) -> bool:
    """True if `to` leads the sender, or leads others while the sender is led."""
    leads = set(leads_of(state, sender))
    return to in leads or bool(leads and not state.members[name_in(state, to)].lead)


def _request(request_id: str, state: TeamState) -> Request:
    request = state.requests.get(request_id) or state.requests.get(request_id_of(request_id))
    if request is None:
        raise CommandRejected(f"Unknown team request {request_id!r}; {_open_ones(state)}")
    return request


def _open_ones(state: TeamState) -> str:
    waiting = [one.request_id for one in state.requests.values() if one.status == "pending"]
    more = f" and {len(waiting) - _MOST_NAMED} more" if len(waiting) > _MOST_NAMED else ""
    named = ", ".join(waiting[:_MOST_NAMED])
    return f"those that wait are {named}{more}" if waiting else "none waits for an answer"


def _require_pending(request: Request) -> None:
    if request.status in ("cancelled", "expired"):
        raise CommandRejected(f"Team request {request.request_id!r} was {request.status}")
    if request.status != "pending":
        raise CommandRejected(f"Team request {request.request_id!r} is already resolved")


def _require_end(seconds: float) -> None:
    if not 0 < seconds <= LONGEST_WAIT_S:
        raise CommandRejected(
            f"a request expires later than it is made, and {LONGEST_WAIT_S:g} s later at most"
        )


def _count_open(state: TeamState) -> int:
    return sum(one.status == "pending" for one in state.requests.values())
