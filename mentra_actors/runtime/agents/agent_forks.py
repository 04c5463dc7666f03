"""Branches that are made for the sake of one agent, by the versions of its own stream."""

from typing import Any, Unpack

import anyio

from mentra_actors.ids import AgentId, agent_stream
from mentra_actors.runtime.history.branches import Branch, MemoryBranch
from mentra_actors.runtime.history.futures import ForkOptions
from mentra_actors.runtime.history.versions import position_of_version
from mentra_actors.runtime.operations import Operations

__all__ = ["AgentForks", "SyncAgentForks"]


class AgentForks:
    """The part of `Agent` that makes branches."""

    agent_id: AgentId
    _operations: Operations

    async def fork(
        self, name: str, *, at: int | None = None, **options: Unpack[ForkOptions]
    ) -> Branch | MemoryBranch:
        """Make a branch of the store at a version of the agent's stream (None: as it is now).

        All of the team is in it, as it was then. `agents` are this one alone if nothing else is
        said: with `open_effects="resume"` the others sleep until somebody writes to them. See
        `History.fork`.

        Raises:
            CommandRejected: there is no such version, or a branch cannot be made like this.
        """
        return await anyio.to_thread.run_sync(
            lambda: _forked(self._operations, self.agent_id, name, at, options)
        )


class SyncAgentForks:
    """The part of `SyncAgent` that makes branches."""

    agent_id: AgentId
    _operations: Operations

    def fork(
        self, name: str, *, at: int | None = None, **options: Unpack[ForkOptions]
    ) -> Branch | MemoryBranch:
        """See `Agent.fork`."""
        return _forked(self._operations, self.agent_id, name, at, options)


def _forked(
    operations: Operations, agent_id: AgentId, name: str, at: int | None, options: ForkOptions
) -> Branch | MemoryBranch:
    core = operations.core
    position = (
        None if at is None else position_of_version(core.journal, agent_stream(agent_id), at)
    )
    chosen: dict[str, Any] = {"agents": (agent_id,), "team": core.settings.team, **options}
    return operations.history.fork(name, at=position, **chosen)
