"""Wishes of a person who has a seat in a team."""

from typing import TypeAlias, assert_never

import msgspec

from mentra_actors.domain.agent.commands import HandOverMail
from mentra_actors.domain.team import ResolveRequest, SendLetters
from mentra_actors.ids import AgentId, CommandId, StreamId, TeamId, agent_stream, team_stream

__all__ = ["LetterWish", "MemberWish", "ReadMailWish", "RespondWish", "member_order"]


class LetterWish(msgspec.Struct, frozen=True, kw_only=True, tag="send_letter.v1"):
    """A letter of a person to a member of their team, or with `to` None to all others."""

    team_id: TeamId
    sender: AgentId
    to: AgentId | None
    body: str


class RespondWish(msgspec.Struct, frozen=True, kw_only=True, tag="respond.v1"):
    """The answer of a person to a request."""

    team_id: TeamId
    request_id: str
    by: AgentId
    approve: bool
    reason: str = ""


class ReadMailWish(msgspec.Struct, frozen=True, kw_only=True, tag="read_mail.v1"):
    """A person has read all letters that wait for them."""

    agent_id: AgentId


MemberWish: TypeAlias = LetterWish | RespondWish | ReadMailWish


def member_order(
    wish: MemberWish, command_id: CommandId, *, now: float
) -> tuple[StreamId, object]:
    """The stream that a wish is for, and the command that it stands for."""
    match wish:
        case LetterWish():
            return team_stream(wish.team_id), SendLetters(
                command_id=command_id,
                sender=wish.sender,
                to=wish.to,
                body=wish.body,
                now=now,
                by_person=True,
            )
        case RespondWish():
            return team_stream(wish.team_id), ResolveRequest(
                command_id=command_id,
                request_id=wish.request_id,
                by=wish.by,
                approve=wish.approve,
                reason=wish.reason,
                now=now,
                by_person=True,
            )
        case ReadMailWish():
            reading = HandOverMail(command_id=command_id, now=now, by_person=True)
            return agent_stream(wish.agent_id), reading
        case _:
            assert_never(wish)
