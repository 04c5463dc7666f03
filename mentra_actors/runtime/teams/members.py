"""The members of a team as a program sees them: names, ends, seats of persons."""

from collections.abc import Sequence

from mentra_actors.domain.team import Request, StopHow, agent_id_of
from mentra_actors.runtime.agents.agent import Agent
from mentra_actors.runtime.agents.sync_agent import SyncAgent
from mentra_actors.runtime.awaiting import asked
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.operations import Operations
from mentra_actors.runtime.teams.member_views import TeamMember
from mentra_actors.runtime.teams.seats import seat_profile

__all__ = ["Members", "SyncMembers"]


class Members:
    """The members of a running team; `runtime.members`."""

    def __init__(self, operations: Operations) -> None:
        """Made by `Runtime`."""
        self._operations = operations
        self._team = operations.members

    async def list(self) -> Sequence[TeamMember]:
        """All members with their status, in the order in which they joined; nobody is woken."""
        return await asked(self._team.listed)

    async def take_seat(self, name: str, *, role: str) -> Agent:
        """Let a person be a member: mail reaches their inbox, and no model answers for them.

        They read and answer through the returned agent, or from any process with `mentra inbox`,
        `mentra mail` and `mentra respond`. A person of this name that is there already is
        returned; one whose seat was stopped gets a new one.

        Raises:
            CommandRejected: an agent has the name, or it is no name, or the role is empty.
        """
        team = self._operations.core.settings.team
        profile = seat_profile(team, agent_id_of(team, name), name, role)
        agent_id = await asked(lambda: self._operations.spawn(profile, prompt="", reuse=True))
        return Agent(name, agent_id, self._operations)

    async def remove(self, name: str, *, reason: str = "") -> None:
        """Take a member out of the team: it stops at once, its tasks are free, its name too.

        Requests that it has made or was asked are cancelled, and the others are told.

        Raises:
            CommandRejected: there is no such member.
        """
        await asked(self._team.remove, name, reason)

    async def rename(self, name: str, new_name: str) -> None:
        """Give a member another name; its id, its mail and its tasks stay its own.

        Raises:
            CommandRejected: there is no such member, or the new name is taken or is none.
        """
        await asked(self._team.rename, name, new_name)

    async def stop(self, name: str, *, how: StopHow = "when_done", reason: str = "") -> None:
        """Let a member stop: when nothing waits for it any more, or `now`.

        It stays in the team, and its name can be given to a new agent. The order is on the log
        when this returns; it survives restarts.

        Raises:
            CommandRejected: there is no such member.
        """
        await asked(self._team.stop, name, how, reason)

    async def requests(self) -> Sequence[Request]:
        """Requests of all members, oldest first: the open ones, and the last that have ended."""
        return await asked(self._team.requests, None)


class SyncMembers:
    """See `Members`. Every call blocks."""

    def __init__(self, operations: Operations) -> None:
        """Made by `SyncRuntime`."""
        self._operations = operations
        self._core = operations.core
        self._team = operations.members

    def list(self) -> Sequence[TeamMember]:
        """See `Members.list`."""
        return result_of(self._core, self._team.listed)

    def take_seat(self, name: str, *, role: str) -> SyncAgent:
        """See `Members.take_seat`."""
        operations = self._operations
        team = operations.core.settings.team
        profile = seat_profile(team, agent_id_of(team, name), name, role)
        agent_id = result_of(self._core, lambda: operations.spawn(profile, prompt="", reuse=True))
        return SyncAgent(name, agent_id, operations)

    def remove(self, name: str, *, reason: str = "") -> None:
        """See `Members.remove`."""
        result_of(self._core, lambda: self._team.remove(name, reason))

    def rename(self, name: str, new_name: str) -> None:
        """See `Members.rename`."""
        result_of(self._core, lambda: self._team.rename(name, new_name))

    def stop(self, name: str, *, how: StopHow = "when_done", reason: str = "") -> None:
        """See `Members.stop`."""
        result_of(self._core, lambda: self._team.stop(name, how, reason))

    def requests(self) -> Sequence[Request]:
        """See `Members.requests`."""
        return result_of(self._core, lambda: self._team.requests(None))
