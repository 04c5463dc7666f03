"""What is written beside an event of a team: letters and orders in the inboxes of those it means.

Ids of letters come from what caused them, so that one that is delivered twice is read once.
"""

from collections.abc import Sequence

from mentra_actors.decider import Companion, Delivery
from mentra_actors.domain.agent.events import AgentSpawned
from mentra_actors.domain.inbox import Mail, MailDelivered, RenameOrdered, StopOrdered
from mentra_actors.domain.team.events import (
    LettersSent,
    MemberJoined,
    MemberRemoved,
    MemberRenamed,
    MemberStopOrdered,
    RequestCancelled,
    RequestExpired,
    RequestOpened,
    RequestResolved,
    TeamEvent,
)
from mentra_actors.domain.team.requests import SHUTDOWN
from mentra_actors.ids import AgentId, MailId, agent_stream, inbox_stream

__all__ = ["companions"]

_TEAM = "team"


def companions(event: TeamEvent) -> Sequence[Companion]:
    """What others are told in the same append."""
    match event:
        case MemberJoined():
            return _birth(event)
        case LettersSent():
            return [_delivery(_letter(event, to)) for to in event.to]
        case RequestOpened():
            return [_delivery(_question(event))]
        case RequestResolved():
            return _answer(event)
        case RequestCancelled():
            return [_delivery(_withdrawal(event))]
        case RequestExpired():
            return [_delivery(_silence(event))]
        case _:
            return _orders(event)


def _birth(event: MemberJoined) -> Sequence[Companion]:
    """The new agent's first event, and its first mail."""
    agent_id = event.profile.agent_id
    spawned = AgentSpawned(profile=event.profile, spawned_at=event.joined_at)
    starts = event.profile.is_autonomous
    birth = Delivery(agent_stream(agent_id), (spawned,), must_be_new=True, starts=starts)
    if event.first_mail is None:
        return [birth]
    return [birth, Delivery(inbox_stream(agent_id), (MailDelivered(mail=event.first_mail),))]


def _orders(event: TeamEvent) -> Sequence[Companion]:
    match event:
        case MemberRemoved():
            why = event.reason or "removed from the team"
            order = StopOrdered(how="now", reason=why, ordered_by=event.removed_by)
            return [Delivery(inbox_stream(event.agent_id), (order,))]
        case MemberStopOrdered():
            why = event.reason or "stopped by the team"
            order = StopOrdered(how=event.how, reason=why, ordered_by=event.ordered_by)
            return [Delivery(inbox_stream(event.agent_id), (order,))]
        case MemberRenamed():
            return [Delivery(inbox_stream(event.agent_id), (RenameOrdered(name=event.new),))]
        case _:
            return []


def _delivery(mail: Mail) -> Delivery:
    return Delivery(inbox_stream(mail.to), (MailDelivered(mail=mail),))


def _letter(event: LettersSent, to: AgentId) -> Mail:
    return Mail(
        mail_id=MailId(event.command_id),
        sender=event.sender_name,
        sender_id=event.sender,
        to=to,
        body=event.body,
        sent_at=event.sent_at,
        kind=event.kind,
    )


def _question(event: RequestOpened) -> Mail:
    return Mail(
        mail_id=MailId(f"{event.request_id}/opened"),
        sender=event.sender_name,
        sender_id=event.sender,
        to=event.to,
        body=event.content,
        sent_at=event.opened_at,
        kind="request",
        request_id=event.request_id,
        protocol=event.protocol,
    )


def _answer(event: RequestResolved) -> Sequence[Companion]:
    """The letter to whoever has asked; who has approved its own shutdown is to stop."""
    mail = Mail(
        mail_id=MailId(f"{event.request_id}/answered"),
        sender=event.to_name,
        sender_id=event.to,
        to=event.sender,
        body=event.reason or ("Approved." if event.approve else "Rejected."),
        sent_at=event.resolved_at,
        kind="response",
        request_id=event.request_id,
        protocol=event.protocol,
        approve=event.approve,
    )
    if event.protocol != SHUTDOWN or not event.approve:
        return [_delivery(mail)]
    order = StopOrdered(
        how="when_done",
        reason=f"shutdown approved ({event.request_id})",
        ordered_by=event.sender_name,
    )
    return [_delivery(mail), Delivery(inbox_stream(event.to), (order,))]


def _withdrawal(event: RequestCancelled) -> Mail:
    why = f": {event.reason}" if event.reason else ""
    return Mail(
        mail_id=MailId(f"{event.request_id}/cancelled"),
        sender=event.by_name or _TEAM,
        sender_id=event.cancelled_by,
        to=event.tell,
        body=f"Request {event.request_id!r} was cancelled and wants no answer any more{why}",
        sent_at=event.cancelled_at,
        request_id=event.request_id,
        protocol=event.protocol,
    )


def _silence(event: RequestExpired) -> Mail:
    return Mail(
        mail_id=MailId(f"{event.request_id}/expired"),
        sender=_TEAM,
        to=event.sender,
        body=f"{event.to_name} has not answered request {event.request_id!r} in time.",
        sent_at=event.expired_at,
        kind="response",
        request_id=event.request_id,
        protocol=event.protocol,
    )
