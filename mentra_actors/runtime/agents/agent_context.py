"""What the requests of one agent consist of, as a program sees it."""

from concurrent.futures import Future

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.past_calls import AgentPast
from mentra_actors.effects.context.context_report import ContextReport
from mentra_actors.effects.context.context_requests import (
    AssembledContext,
    assembled_call,
    assembled_next,
    report_of,
)
from mentra_actors.effects.context.recall import Recall
from mentra_actors.effects.context.request_assembly import RequestAssembly
from mentra_actors.effects.team.board_reminders import BoardReminders
from mentra_actors.ids import AgentId, agent_stream
from mentra_actors.runtime.awaiting import asked
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import chained, mapped
from mentra_actors.runtime.history.versions import require_version
from mentra_actors.runtime.plain_arguments import require_whole

__all__ = ["AgentContext", "SyncAgentContext"]


class AgentContext:
    """The requests of one agent, looked at. No model is asked, and nothing is recorded."""

    def __init__(self, core: RuntimeCore, agent_id: AgentId) -> None:
        """Made by `Agent`."""
        self._core = core
        self._agent_id = agent_id

    async def __call__(self) -> ContextReport:
        """What the agent's next request would consist of, were it made now.

        What waits in queues or in the inbox is not in it yet. All tokens are estimates; the
        report has beside them what the provider counted of the last call.

        Raises:
            CommandRejected: it is the seat of a person.
            StoreError: the log or an attachment cannot be read.
        """
        return await asked(_report, self._core, self._agent_id)

    async def of_call(self, number: int) -> ContextReport:
        """What was sent for a model call; they count from 1, failed attempts among them.

        The log knows the conversation and how it was shown. It does not know the descriptions of
        tools: they are those of now.

        Raises:
            CommandRejected: there is no such call.
            StoreError: the log or an attachment cannot be read.
        """
        return await asked(_report, self._core, self._agent_id, number)

    async def at(self, version: int) -> ContextReport:
        """What the next request would have consisted of after a version of the agent's stream.

        The log knows the conversation and the configuration of then. Descriptions of tools, what
        is recalled and what the board reminds of are those of now.

        Raises:
            CommandRejected: the version is to come, or it is the seat of a person.
            StoreError: the log or an attachment cannot be read.
        """
        return await asked(_report, self._core, self._agent_id, None, version)


class SyncAgentContext:
    """See `AgentContext`. Every call blocks."""

    def __init__(self, core: RuntimeCore, agent_id: AgentId) -> None:
        """Made by `SyncAgent`."""
        self._core = core
        self._agent_id = agent_id

    def __call__(self) -> ContextReport:
        """See `AgentContext.__call__`."""
        return result_of(self._core, lambda: _report(self._core, self._agent_id))

    def of_call(self, number: int) -> ContextReport:
        """See `AgentContext.of_call`."""
        return result_of(self._core, lambda: _report(self._core, self._agent_id, number))

    def at(self, version: int) -> ContextReport:
        """See `AgentContext.at`."""
        return result_of(self._core, lambda: _report(self._core, self._agent_id, None, version))


def _report(
    core: RuntimeCore, agent_id: AgentId, number: int | None = None, version: int | None = None
) -> "Future[ContextReport]":
    """The log is read and the pieces are counted on readers; requests are made on the loop."""
    stream_id = agent_stream(agent_id)
    if number is not None:
        require_whole(number, "a model call has a number: it")

    def read(accepted: Accepted) -> AgentPast:
        last = accepted.stream_version
        if version is not None:
            require_version(stream_id, version, last)
        return core.kept_past.at(stream_id, version or last)

    async def assemble(past: AgentPast) -> AssembledContext:
        reminders, recall = BoardReminders(core.commands), Recall(core.memories, core.commands)
        assembly = RequestAssembly(core.tools, core.store, reminders, recall)
        if number is None:
            return await assembled_next(assembly, past)
        return await assembled_call(assembly, past, past.call(number))

    read_past = mapped(core.look(stream_id), read, on=core.readers)
    assembled = chained(read_past, lambda past: core.perform(assemble, past))
    return mapped(assembled, lambda one: report_of(one, core.settings.prices), on=core.readers)
