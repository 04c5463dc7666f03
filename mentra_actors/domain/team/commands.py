"""What can be asked of a team.

`by` and `sender` are ids of agents, set by whoever knows which agent acts; empty for the program
around the team. `by_person` says that a person speaks from outside: then it must be their seat.
"""

from typing import TypeAlias

import msgspec

from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.team.events import StopHow
from mentra_actors.ids import AgentId, CommandId

__all__ = [
    "AddMember",
    "CancelRequest",
    "ExpireRequest",
    "MarkStopped",
    "OpenRequest",
    "RecordBoardTold",
    "RemoveMember",
    "RenameMember",
    "ResolveRequest",
    "SendLetters",
    "StopMember",
    "TeamCommand",
]


class AddMember(msgspec.Struct, frozen=True, kw_only=True):
    """Make an agent and add it to the team.

    `replaces` is the stopped agent that has its name now, as the asker has seen. `lead_id` is
    the member that leads it; if it is empty, the one of the name in the profile.
    """

    command_id: CommandId
    profile: AgentProfile
    now: float
    first_mail: Mail | None = None
    replaces: AgentId = AgentId("")
    lead_id: AgentId = AgentId("")


class RemoveMember(msgspec.Struct, frozen=True, kw_only=True):
    """Take an agent out of the team and stop it at once."""

    command_id: CommandId
    agent_id: AgentId
    now: float
    reason: str = ""
    by: AgentId = AgentId("")


class RenameMember(msgspec.Struct, frozen=True, kw_only=True):
    """Give a member another name."""

    command_id: CommandId
    agent_id: AgentId
    name: str
    now: float
    by: AgentId = AgentId("")


class StopMember(msgspec.Struct, frozen=True, kw_only=True):
    """Let a member stop."""

    command_id: CommandId
    agent_id: AgentId
    how: StopHow
    now: float
    reason: str = ""
    by: AgentId = AgentId("")


class MarkStopped(msgspec.Struct, frozen=True, kw_only=True):
    """A member has stopped, whatever for. Sent by the member itself."""

    command_id: CommandId
    agent_id: AgentId
    now: float
    reason: str = ""


class OpenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Ask another member something; `expires_at` is Unix seconds."""

    command_id: CommandId
    sender: AgentId
    to: AgentId
    protocol: str
    content: str
    now: float
    expires_at: float | None = None
    by_person: bool = False


class ResolveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Answer a request; only the member that was asked can."""

    command_id: CommandId
    request_id: str
    by: AgentId
    approve: bool
    now: float
    reason: str = ""
    by_person: bool = False


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Take a request back; only the member that has asked can."""

    command_id: CommandId
    request_id: str
    by: AgentId
    now: float
    reason: str = ""


class ExpireRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The time for an answer is over."""

    request_id: str
    now: float


class SendLetters(msgspec.Struct, frozen=True, kw_only=True):
    """Write to one member, or with `to` None to all others."""

    command_id: CommandId
    sender: AgentId
    to: AgentId | None
    body: str
    now: float
    by_person: bool = False


class RecordBoardTold(msgspec.Struct, frozen=True, kw_only=True):
    """The board has taken what was pending for it."""

    command_id: CommandId
    now: float


TeamCommand: TypeAlias = (
    AddMember
    | RemoveMember
    | RenameMember
    | StopMember
    | MarkStopped
    | OpenRequest
    | ResolveRequest
    | CancelRequest
    | ExpireRequest
    | SendLetters
    | RecordBoardTold
)
