"""What happens to a team: who belongs to it, what its members ask of each other.

Names stand beside ids as they were at that time, so that a letter made of an event needs no state.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.domain.inbox import Mail
from mentra_actors.ids import AgentId, CommandId

__all__ = [
    "BoardTold",
    "LettersSent",
    "MemberJoined",
    "MemberRemoved",
    "MemberRenamed",
    "MemberStopOrdered",
    "MemberStopped",
    "RequestCancelled",
    "RequestExpired",
    "RequestOpened",
    "RequestResolved",
    "StopHow",
    "TeamEvent",
]

StopHow: TypeAlias = Literal["when_done", "now"]
"""When a member stops: when nothing waits for it any more, or at once."""


class MemberJoined(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="team.member_joined.v1"
):
    """An agent belongs to the team; `first_mail` is its instruction, if it was given one.

    It may have the name of a stopped member, whose place it takes: `replaces`. `lead_id` is the
    member that leads it; if it is empty, the one of the name in the profile.
    """

    command_id: CommandId
    profile: AgentProfile
    joined_at: float
    first_mail: Mail | None = None
    replaces: AgentId = AgentId("")
    lead_id: AgentId = AgentId("")


class MemberRemoved(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="team.member_removed.v1"
):
    """The agent belongs to the team no more, and is stopped at once; its name is free."""

    command_id: CommandId
    agent_id: AgentId
    name: str
    removed_at: float
    reason: str = ""
    removed_by: str = ""


class MemberRenamed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="team.member_renamed.v1"
):
    """The member is known by another name; its id stays."""

    command_id: CommandId
    agent_id: AgentId
    old: str
    new: str
    renamed_at: float
    renamed_by: str = ""


class MemberStopOrdered(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="team.member_stop_ordered.v1",
):
    """The member is to stop; it stays in the team, and an agent of its name may replace it."""

    command_id: CommandId
    agent_id: AgentId
    name: str
    how: StopHow
    ordered_at: float
    reason: str = ""
    ordered_by: str = ""


class MemberStopped(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="team.member_stopped.v1"
):
    """The member has stopped: it has no tasks any more, and neither asks nor is asked anything.

    It stays in the team under its name, which another agent may be given.
    """

    command_id: CommandId
    agent_id: AgentId
    name: str
    stopped_at: float
    reason: str = ""


class RequestOpened(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="team.request_opened.v1"
):
    """One member asks another something that wants a yes or a no, until `expires_at`."""

    command_id: CommandId
    request_id: str
    protocol: str
    sender: AgentId
    sender_name: str
    to: AgentId
    to_name: str
    content: str
    opened_at: float
    expires_at: float | None = None


class RequestResolved(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="team.request_resolved.v1"
):
    """The member that was asked has answered. An approved `shutdown` stops it when it is done."""

    command_id: CommandId
    request_id: str
    protocol: str
    sender: AgentId
    sender_name: str
    to: AgentId
    to_name: str
    approve: bool
    resolved_at: float
    reason: str = ""


class RequestCancelled(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="team.request_cancelled.v1"
):
    """The request wants no answer any more; `tell` is whoever of the two does not know it."""

    command_id: CommandId
    request_id: str
    protocol: str
    tell: AgentId
    cancelled_at: float
    cancelled_by: AgentId = AgentId("")
    by_name: str = ""
    reason: str = ""


class RequestExpired(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="team.request_expired.v1"
):
    """Nobody has answered in time."""

    request_id: str
    protocol: str
    sender: AgentId
    to_name: str
    expired_at: float


class LettersSent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="team.letters_sent.v1"
):
    """A member has written to others, from outside of a run: a person, or a program for it."""

    command_id: CommandId
    sender: AgentId
    sender_name: str
    to: tuple[AgentId, ...]
    body: str
    sent_at: float
    kind: Literal["message", "broadcast"] = "message"


class BoardTold(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="team.board_told.v1"
):
    """The task board knows of the removal or the new name that `command_id` has caused."""

    command_id: CommandId
    told_at: float


TeamEvent: TypeAlias = (
    MemberJoined
    | MemberRemoved
    | MemberRenamed
    | MemberStopOrdered
    | MemberStopped
    | RequestOpened
    | RequestResolved
    | RequestCancelled
    | RequestExpired
    | LettersSent
    | BoardTold
)
