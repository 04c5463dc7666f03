"""The commands of teams."""

from collections.abc import Iterable

from mentra_actors.domain import team as t
from mentra_actors.ids import AgentId
from mentra_actors.runtime.replay.rebuild.contract import Builders, KnownAppend

__all__ = ["TEAM_COMMANDS"]

_Known = KnownAppend[t.TeamState]


def _by(name: str, known: _Known) -> AgentId:
    """The member of a name, as an event tells it; empty for the program around the team."""
    member = known.state.members.get(name)
    return member.agent_id if name and member is not None else AgentId("")


def _joined(event: t.MemberJoined) -> t.AddMember:
    return t.AddMember(
        command_id=event.command_id,
        profile=event.profile,
        now=event.joined_at,
        first_mail=event.first_mail,
        replaces=event.replaces,
        lead_id=event.lead_id,
    )


def _left(_: object, known: _Known) -> Iterable[t.TeamCommand]:
    """Requests that end with a member stand before what has ended it."""
    for event in known.events:
        match event:
            case t.MemberJoined():
                yield _joined(event)
            case t.MemberStopped():
                yield t.MarkStopped(
                    command_id=event.command_id,
                    agent_id=event.agent_id,
                    now=event.stopped_at,
                    reason=event.reason,
                )
            case t.MemberRemoved():
                yield t.RemoveMember(
                    command_id=event.command_id,
                    agent_id=event.agent_id,
                    now=event.removed_at,
                    reason=event.reason,
                    by=_by(event.removed_by, known),
                )
            case _:
                continue


def _cancelled(event: t.RequestCancelled, known: _Known) -> Iterable[t.TeamCommand]:
    if not event.cancelled_by:
        yield from _left(event, known)
    yield t.CancelRequest(
        command_id=event.command_id,
        request_id=event.request_id,
        by=event.cancelled_by,
        now=event.cancelled_at,
        reason=event.reason,
    )


def _renamed(event: t.MemberRenamed, known: _Known) -> Iterable[t.TeamCommand]:
    yield t.RenameMember(
        command_id=event.command_id,
        agent_id=event.agent_id,
        name=event.new,
        now=event.renamed_at,
        by=_by(event.renamed_by, known),
    )


def _stop_ordered(event: t.MemberStopOrdered, known: _Known) -> Iterable[t.TeamCommand]:
    yield t.StopMember(
        command_id=event.command_id,
        agent_id=event.agent_id,
        how=event.how,
        now=event.ordered_at,
        reason=event.reason,
        by=_by(event.ordered_by, known),
    )


def _opened(event: t.RequestOpened, _: _Known) -> Iterable[t.TeamCommand]:
    yield t.OpenRequest(
        command_id=event.command_id,
        sender=event.sender,
        to=event.to,
        protocol=event.protocol,
        content=event.content,
        now=event.opened_at,
        expires_at=event.expires_at,
    )


def _resolved(event: t.RequestResolved, _: _Known) -> Iterable[t.TeamCommand]:
    yield t.ResolveRequest(
        command_id=event.command_id,
        request_id=event.request_id,
        by=event.to,
        approve=event.approve,
        now=event.resolved_at,
        reason=event.reason,
    )


def _expired(event: t.RequestExpired, _: _Known) -> Iterable[t.TeamCommand]:
    yield t.ExpireRequest(request_id=event.request_id, now=event.expired_at)


def _letters(event: t.LettersSent, _: _Known) -> Iterable[t.TeamCommand]:
    yield t.SendLetters(
        command_id=event.command_id,
        sender=event.sender,
        to=None if event.kind == "broadcast" else event.to[0],
        body=event.body,
        now=event.sent_at,
    )


def _board_told(event: t.BoardTold, _: _Known) -> Iterable[t.TeamCommand]:
    yield t.RecordBoardTold(command_id=event.command_id, now=event.told_at)


TEAM_COMMANDS: Builders = {
    t.MemberJoined: _left,
    t.MemberRemoved: _left,
    t.MemberStopped: _left,
    t.MemberRenamed: _renamed,
    t.MemberStopOrdered: _stop_ordered,
    t.RequestOpened: _opened,
    t.RequestResolved: _resolved,
    t.RequestCancelled: _cancelled,
    t.RequestExpired: _expired,
    t.LettersSent: _letters,
    t.BoardTold: _board_told,
}
"""By the class of the first event of an append. Whether a person spoke is not restored."""
