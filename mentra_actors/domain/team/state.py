"""What deciding about a team needs, and what it wants from the task board."""

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.team.events import StopHow
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId, TeamId

__all__ = [
    "DEFAULT_TEAM",
    "BoardWork",
    "FormerMember",
    "Member",
    "ReleaseTasks",
    "RenameOnBoard",
    "Request",
    "RequestStatus",
    "TeamEffect",
    "TeamState",
    "agent_id_of",
    "leads_of",
    "name_in",
    "new_agent_id",
    "owner_in",
    "request_id_of",
    "request_of",
]

DEFAULT_TEAM = TeamId("main")

RequestStatus: TypeAlias = Literal["pending", "approved", "rejected", "cancelled", "expired"]


class ReleaseTasks(msgspec.Struct, frozen=True, kw_only=True, tag="release"):
    """Free the unfinished tasks of one who has left; with `ends_jobs` end its jobs, too."""

    command_id: CommandId
    owner: str
    agent_id: AgentId = AgentId("")
    ends_jobs: bool = False


class RenameOnBoard(msgspec.Struct, frozen=True, kw_only=True, tag="rename"):
    """Let the tasks of `old` be those of `new`."""

    command_id: CommandId
    old: str
    new: str
    agent_id: AgentId = AgentId("")


BoardWork: TypeAlias = ReleaseTasks | RenameOnBoard
TeamEffect: TypeAlias = BoardWork | WaitUntil


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """What the team knows of one member.

    `lead` is empty for one that no agent leads. `stopping` is what was ordered, if anything was;
    `has_stopped` is true once it has told that it reads and says nothing any more.
    """

    agent_id: AgentId
    role: str
    joined_by: CommandId
    lead: AgentId = AgentId("")
    is_person: bool = False
    stopping: Literal["", StopHow] = ""
    has_stopped: bool = False


class FormerMember(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that was a member: its id is never given again."""

    name: str
    joined_by: CommandId


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What one member has asked another. Times are Unix seconds, names those of the opening."""

    request_id: str
    command_id: CommandId
    protocol: str
    sender: AgentId
    sender_name: str
    to: AgentId
    to_name: str
    content: str
    opened_at: float
    expires_at: float | None = None
    status: RequestStatus = "pending"
    reason: str = ""
    ended_at: float | None = None


class TeamState(msgspec.Struct, frozen=True, kw_only=True):
    """Members by name, in the order in which they joined, and their names by id; requests by id.

    Of the requests that have ended the last 1,000 are kept. `board_work` is what the board is not
    told yet, in order. `known_commands` are the last that count once, without those of members
    that joined.
    """

    members: dict[str, Member] = {}
    names: dict[AgentId, str] = {}
    former: dict[AgentId, FormerMember] = {}
    requests: dict[str, Request] = {}
    requests_opened: int = 0
    board_work: tuple[BoardWork, ...] = ()
    known_commands: tuple[CommandId, ...] = ()


def agent_id_of(team_id: TeamId, name: str) -> AgentId:
    """Id of the first member with this name; in the default team `main` it is the name itself."""
    return AgentId(name if team_id == DEFAULT_TEAM else f"{team_id}.{name}")


def new_agent_id(state: TeamState, team_id: TeamId, name: str) -> AgentId:
    """An id that no agent of the team has or had: with `:2`, `:3` … where the first is taken."""
    first = agent_id_of(team_id, name)
    found, number = first, 1
    while found in state.names or found in state.former:
        number += 1
        found = AgentId(f"{first}:{number}")
    return found


def name_in(state: TeamState, agent_id: AgentId) -> str:
    """The present name of a member; empty if the agent is none."""
    return state.names.get(agent_id, "")


def owner_in(state: TeamState, name: str) -> AgentId:
    """The member that a task is given to; empty for somebody outside of the team, and for nobody.

    Raises:
        CommandRejected: the member has stopped, or has left.
    """
    name = name.strip()
    member = state.members.get(name)
    if member is None and any(one.name == name for one in state.former.values()):
        raise CommandRejected(f"{name!r} has left the team and takes no task")
    if member is not None and member.has_stopped:
        raise CommandRejected(
            f"{name!r} has stopped and takes no task: name another member, or spawn it again"
        )
    return member.agent_id if member is not None else AgentId("")


def leads_of(state: TeamState, agent_id: AgentId) -> Iterator[AgentId]:
    """The lead of a member, the lead of that one, and so on."""
    seen = {agent_id}
    member = state.members.get(name_in(state, agent_id))
    while member is not None and member.lead and member.lead not in seen:
        seen.add(member.lead)
        yield member.lead
        member = state.members.get(name_in(state, member.lead))


def request_of(state: TeamState, command_id: CommandId) -> Request | None:
    """The request that a command has opened."""
    return next((r for r in state.requests.values() if r.command_id == command_id), None)


def request_id_of(said: str) -> str:
    """The id of a request that somebody means: `2` and `#2` are `req-2`."""
    number = said.strip().removeprefix("#")
    return f"req-{int(number)}" if number.isascii() and number.isdecimal() else said.strip()
