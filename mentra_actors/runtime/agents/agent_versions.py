"""One agent of a running team as of any version of its stream."""

import anyio

from mentra_actors.ids import AgentId
from mentra_actors.runtime.history.agent_moment import AgentMoment
from mentra_actors.runtime.history.history import History

__all__ = ["AgentVersions", "SyncAgentVersions"]


class AgentVersions:
    """The past of one agent."""

    def __init__(self, history: History, agent_id: AgentId) -> None:
        """Made by `Agent`."""
        self._history = history
        self._agent_id = agent_id

    async def __call__(self, version: int) -> AgentMoment:
        """The agent after the event with this version; `snapshot()` has the present one.

        Reading from what comes back does file I/O.

        Raises:
            CommandRejected: the version is to come, or is none.
            StoreError: the stream cannot be read.
        """
        return await anyio.to_thread.run_sync(self._history.agent_at, self._agent_id, version)


class SyncAgentVersions:
    """See `AgentVersions`. Every call blocks."""

    def __init__(self, history: History, agent_id: AgentId) -> None:
        """Made by `SyncAgent`."""
        self._history = history
        self._agent_id = agent_id

    def __call__(self, version: int) -> AgentMoment:
        """See `AgentVersions.__call__`."""
        return self._history.agent_at(self._agent_id, version)
