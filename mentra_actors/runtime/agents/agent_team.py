"""What one agent does with its team, as a program sees it or does it in its place."""

from collections.abc import Sequence
from concurrent.futures import Future

from mentra_actors.domain.team import Request
from mentra_actors.ids import AgentId
from mentra_actors.runtime.awaiting import asked
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.teams.team_operations import TeamOperations

__all__ = ["AgentTeam", "SyncAgentTeam"]


class AgentTeam:
    """Letters and requests of one member, and teammates that it leads; `agent.team`.

    Whatever is sent here comes from this agent: others see its name.
    """

    def __init__(self, agent_id: AgentId, operations: TeamOperations) -> None:
        """Made by `Agent`."""
        self._agent_id = agent_id
        self._operations = operations

    async def spawn_teammate(self, name: str, role: str, prompt: str = "") -> AgentId:
        """Make a teammate like this agent, led by it, and return its id.

        It has the same model, tools and limits, less the tools of a lead. `prompt` is its first
        letter. The name of a member that has stopped can be given again.

        Raises:
            CommandRejected: the name is taken, this agent's, or none; or the role is empty.
        """
        return await asked(
            lambda: self._operations.spawn_teammate(self._agent_id, name, role, prompt)
        )

    async def send_mail(self, to: str, body: str) -> None:
        """Write to the member of this name.

        Raises:
            CommandRejected: there is no such member, or the letter is empty or too long.
        """
        await asked(lambda: self._operations.send(self._agent_id, to, body))

    async def broadcast(self, body: str) -> None:
        """Write the same to all other members that there are now.

        Raises:
            CommandRejected: nobody else is there, or the letter is empty or too long.
        """
        await asked(lambda: self._operations.send(self._agent_id, None, body))

    async def request(
        self, to: str, protocol: str, content: str, *, expires_in_s: float | None = None
    ) -> Request:
        """Ask a member something that it approves or rejects; the answer comes as a letter.

        `shutdown` stops a member that approves it when it is done; every other protocol is a word
        of yours. After `expires_in_s` seconds (None: never) a letter says that nobody answered.

        Raises:
            CommandRejected: there is no such member; nobody asks itself, or a lead to shut down.
            TypeError, ValueError: an argument is no text that can be stored, or no time.
        """
        return await asked(
            lambda: self._operations.request(self._agent_id, to, protocol, content, expires_in_s)
        )

    async def respond(self, request_id: str, *, approve: bool, reason: str = "") -> None:
        """Answer a request that was made to this agent.

        Raises:
            CommandRejected: there is none with this id, it is another's, or it has ended.
        """
        await asked(
            lambda: self._operations.respond(self._agent_id, request_id, reason, approve=approve)
        )

    async def cancel_request(self, request_id: str, *, reason: str = "") -> None:
        """Take back a request of this agent; the member that was asked is told.

        Raises:
            CommandRejected: there is none with this id, it is another's, or it has ended.
        """
        await asked(lambda: self._operations.cancel(self._agent_id, request_id, reason))

    async def requests(self) -> Sequence[Request]:
        """Requests that this agent has made or was made, oldest first."""
        return await asked(self._operations.requests, self._agent_id)


class SyncAgentTeam:
    """See `AgentTeam`. Every call blocks."""

    def __init__(self, agent_id: AgentId, core: RuntimeCore, operations: TeamOperations) -> None:
        """Made by `SyncAgent`."""
        self._agent_id = agent_id
        self._core = core
        self._operations = operations

    def spawn_teammate(self, name: str, role: str, prompt: str = "") -> AgentId:
        """See `AgentTeam.spawn_teammate`."""
        return result_of(
            self._core,
            lambda: self._operations.spawn_teammate(self._agent_id, name, role, prompt),
        )

    def send_mail(self, to: str, body: str) -> None:
        """See `AgentTeam.send_mail`."""
        result_of(self._core, lambda: self._operations.send(self._agent_id, to, body))

    def broadcast(self, body: str) -> None:
        """See `AgentTeam.broadcast`."""
        result_of(self._core, lambda: self._operations.send(self._agent_id, None, body))

    def request(
        self, to: str, protocol: str, content: str, *, expires_in_s: float | None = None
    ) -> Request:
        """See `AgentTeam.request`."""

        def begin() -> "Future[Request]":
            operations, own = self._operations, self._agent_id
            return operations.request(own, to, protocol, content, expires_in_s)

        return result_of(self._core, begin)

    def respond(self, request_id: str, *, approve: bool, reason: str = "") -> None:
        """See `AgentTeam.respond`."""
        respond, own = self._operations.respond, self._agent_id
        result_of(self._core, lambda: respond(own, request_id, reason, approve=approve))

    def cancel_request(self, request_id: str, *, reason: str = "") -> None:
        """See `AgentTeam.cancel_request`."""
        cancel = self._operations.cancel
        result_of(self._core, lambda: cancel(self._agent_id, request_id, reason))

    def requests(self) -> Sequence[Request]:
        """See `AgentTeam.requests`."""
        return result_of(self._core, lambda: self._operations.requests(self._agent_id))
