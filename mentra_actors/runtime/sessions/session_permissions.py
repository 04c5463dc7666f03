"""Decisions of a person about the calls of one session, while its turn goes on."""

from collections.abc import Sequence
from typing import Unpack

from mentra_actors.domain.permission_rules import ScopedRule
from mentra_actors.ids import AgentId
from mentra_actors.runtime.agents.decisions import Remembering
from mentra_actors.runtime.awaiting import asked
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.sessions.session_operations import SessionOperations
from mentra_actors.runtime.views.snapshots import PermissionView

__all__ = ["SessionPermissions", "SyncSessionPermissions"]


class SessionPermissions:
    """What waits for a person in one session; `session.permissions`.

    It may be handed to another task: it stays of use while a turn runs, and after it.
    """

    def __init__(self, agent_id: AgentId, operations: SessionOperations) -> None:
        """Made by `Session`."""
        self._agent_id = agent_id
        self._operations = operations
        self.from_thread = SyncSessionPermissions(agent_id, operations)
        """The same for threads without an event loop."""

    async def pending(self) -> tuple[PermissionView, ...]:
        """Calls that wait, oldest first; they wait over restarts as well."""
        return await asked(self._operations.pending, self._agent_id)

    async def resolve(
        self, request_id: str, *, allow: bool, reason: str = "", **more: Unpack[Remembering]
    ) -> None:
        """Let a call run, or refuse it; the reason of a refusal is told to the model.

        `remember`, `match` and `by` are those of `Agent.allow`. Of a permission no reason is kept.

        Raises:
            CommandRejected, TypeError, ValueError: see `Agent.allow`.
        """
        await asked(
            lambda: self._operations.resolve(self._agent_id, request_id, reason, more, allow=allow)
        )

    async def rules(self) -> Sequence[ScopedRule]:
        """What is remembered and holds here: for this session, for its team, for the store."""
        return await asked(self._operations.rules, self._agent_id)


class SyncSessionPermissions:
    """See `SessionPermissions`. Every call blocks."""

    def __init__(self, agent_id: AgentId, operations: SessionOperations) -> None:
        """Made by `SyncSession`."""
        self._agent_id = agent_id
        self._operations = operations
        self._core = operations.core

    def pending(self) -> tuple[PermissionView, ...]:
        """See `SessionPermissions.pending`."""
        return result_of(self._core, lambda: self._operations.pending(self._agent_id))

    def resolve(
        self, request_id: str, *, allow: bool, reason: str = "", **more: Unpack[Remembering]
    ) -> None:
        """See `SessionPermissions.resolve`."""
        result_of(
            self._core,
            lambda: self._operations.resolve(
                self._agent_id, request_id, reason, more, allow=allow
            ),
        )

    def rules(self) -> Sequence[ScopedRule]:
        """See `SessionPermissions.rules`."""
        return result_of(self._core, lambda: self._operations.rules(self._agent_id))
