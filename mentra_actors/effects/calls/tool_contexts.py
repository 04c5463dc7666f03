"""What a running call gets to see and to use: only as much as its tool declares."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio.to_thread

from mentra_actors.domain.agent.effects import RunTool
from mentra_actors.domain.agent.profile import COMPACT, AgentProfile, MemoryOptions
from mentra_actors.domain.compacted import Compaction, UnwrittenSummary
from mentra_actors.domain.conversation_tree import Transcript, spilled_result
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.memory import FoundRecord, MemoryScope
from mentra_actors.effects.calls.workplaces import Workplaces
from mentra_actors.effects.context.summaries import Summaries
from mentra_actors.effects.models.attached_blobs import Blobs
from mentra_actors.effects.models.live import LiveFeed, LiveNotice, ToolProgress
from mentra_actors.effects.runner import Order
from mentra_actors.effects.team.background_jobs import last_output
from mentra_actors.effects.team.subagents import Subagents
from mentra_actors.ids import AgentId, CommandId, StreamId
from mentra_actors.tools.contract import (
    AgentAnswer,
    Commands,
    MemberStatus,
    SubagentRequest,
    Tool,
    ToolContext,
    ToolError,
)
from mentra_actors.tools.memory_port import MemoryPort, NoMemory
from mentra_actors.tools.results.rendering import error_words

__all__ = ["ToolContexts"]


@dataclass(frozen=True, slots=True)
class ToolContexts:
    """Makes the contexts of calls. `application` is what the program gives to its tools."""

    commands: Commands
    blobs: Blobs
    live: LiveFeed[LiveNotice]
    workplaces: Workplaces
    application: Mapping[type[object], object]
    memory_of: Callable[[AgentProfile], MemoryPort] = lambda _profile: NoMemory()
    summaries: Summaries | None = None

    def context(
        self, order: Order, effect: RunTool, tool: Tool, request_idle: Callable[[], None]
    ) -> ToolContext:
        """That of one attempt of one call."""
        profile = effect.profile
        only_looks = tool.traits.changes_nothing
        commands = _Looking(self.commands, tool.name) if only_looks else self.commands
        return ToolContext(
            agent_id=profile.agent_id,
            agent_name=profile.name,
            team_id=profile.team_id,
            run_id=effect.run_id,
            call_id=effect.call_id,
            tool_name=effect.tool,
            idempotency_key=effect.idempotency_key,
            attempt=effect.attempt,
            commands=commands,
            progress=lambda text: self._show(order, effect, text),
            request_idle=request_idle,
            read_result=lambda call: self._read_result(order.view, call),
            read_job=partial(last_output, self.blobs),
            page_bytes=profile.paging.page_bytes if profile.paging else 0,
            subagents=_no_subagents(tool.name)
            if only_looks
            else Subagents(order.stream_id, effect, self.commands),
            compact=lambda: self._compaction(order, effect),
            workplace=self.workplaces.of(profile, changes_nothing=only_looks),
            application=self.application,
            memory=self._memory(profile, tool, only_looks=only_looks),
        )

    def _show(self, order: Order, effect: RunTool, text: str) -> None:
        """A line of progress for whoever watches."""
        self.live.publish(
            ToolProgress(
                stream_id=order.stream_id, effect_id=order.effect_id, tool=effect.tool, text=text
            )
        )

    def _memory(self, profile: AgentProfile, tool: Tool, *, only_looks: bool) -> MemoryPort:
        memory = self.memory_of(profile)
        return _SearchedMemory(memory, tool.name) if only_looks else memory

    async def _compaction(
        self, order: Order, effect: RunTool
    ) -> Compaction | UnwrittenSummary | None:
        """A summary of what came before this answer, if the tool is the one for it."""
        if effect.tool != COMPACT or self.summaries is None:
            raise ToolError("this call cannot compact the conversation")
        attempt = await self.summaries.attempt(effect.profile, order.view)
        if attempt.error is None:
            return attempt.compaction
        return UnwrittenSummary(
            reason=error_words(attempt.error),
            asked_model=effect.profile.model,
            usage=attempt.usage,
            cost_usd_micros=attempt.cost_usd_micros,
        )

    async def _read_result(self, transcript: Transcript | None, call: str) -> str | None:
        """The whole of a long result; only the tool that reads them is given the transcript."""
        kept = spilled_result(transcript, call) if transcript is not None else None
        if kept is None:
            return None
        content = await anyio.to_thread.run_sync(self.blobs.read_blob, kept.digest)
        return None if content is None else content.decode(errors="replace")


class _Looking:
    """The commands of a tool that is declared without side effects: it may look, and not ask."""

    def __init__(self, commands: Commands, tool: str) -> None:
        self._commands = commands
        self._tool = tool

    async def ask(self, stream_id: StreamId, command: object) -> Any:
        del stream_id, command
        raise _undeclared(self._tool)

    async def look(self, stream_id: StreamId) -> Any:
        return await self._commands.look(stream_id)

    async def prompt(self, agent_id: AgentId, prompt_id: CommandId, text: str) -> AgentAnswer:
        del agent_id, prompt_id, text
        raise _undeclared(self._tool)

    async def hand_over_mail(self, agent_id: AgentId, command_id: CommandId) -> Sequence[Mail]:
        del agent_id, command_id
        raise _undeclared(self._tool)

    async def member_status(self, agent_id: AgentId) -> MemberStatus:
        return await self._commands.member_status(agent_id)

    def now(self) -> float:
        return self._commands.now()


class _SearchedMemory:
    """The memory of a tool that is declared without side effects: it may search it only."""

    def __init__(self, memory: MemoryPort, tool: str) -> None:
        self._memory = memory
        self._tool = tool

    @property
    def options(self) -> MemoryOptions:
        return self._memory.options

    async def search(self, question: str, limit: int) -> Sequence[FoundRecord]:
        return await self._memory.search(question, limit)

    async def pin(self, record_id: str, content: str, scope: MemoryScope = "agent") -> str:
        del record_id, content, scope
        raise _undeclared(self._tool)

    async def forget(self, record_id: str) -> None:
        del record_id
        raise _undeclared(self._tool)


def _no_subagents(tool: str) -> Callable[[SubagentRequest], Any]:
    async def refuse(_request: SubagentRequest) -> AgentAnswer:
        raise _undeclared(tool)

    return refuse


def _undeclared(tool: str) -> ToolError:
    return ToolError(
        f"Tool '{tool}' is declared without side effects, so it may only look; "
        "declare side_effects='local_state' or more"
    )
