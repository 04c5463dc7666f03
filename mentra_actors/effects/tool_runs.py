"""Performs tool calls and probes: every way a tool can end is an outcome for the log."""

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from mentra_actors.domain.agent.commands import RecordProbeVerdict, RecordToolOutcome
from mentra_actors.domain.agent.effects import ProbeTool, RunTool
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.effects.live import LiveFeed, LiveNotice, ToolProgress
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.tools.contract import Commands, ProbeResult, Tool, ToolContext
from mentra_actors.tools.registry import ToolRegistry
from mentra_actors.tools.results import limit_outcome, render_failure, render_result

__all__ = ["ToolProbes", "ToolRuns"]


class ToolRuns:
    """The performer of `RunTool`. `keep_blob` stores bytes and returns their digest."""

    def __init__(
        self,
        tools: ToolRegistry,
        commands: Commands,
        keep_blob: Callable[[bytes], str],
        clock: Clock,
        live: LiveFeed[LiveNotice],
    ) -> None:
        self._tools = tools
        self._commands = commands
        self._keep_blob = keep_blob
        self._clock = clock
        self._live = live

    async def __call__(self, order: Order) -> RecordToolOutcome:
        """See `Performer`."""
        effect: RunTool = order.effect
        outcome = await self._outcome(order, effect)
        kept = limit_outcome(outcome, keep=self._keep_blob)
        return RecordToolOutcome(key=effect.key, outcome=kept, now=self._clock.now())

    async def _outcome(self, order: Order, effect: RunTool) -> ToolOutcome:
        tool = self._tools.get(effect.tool)
        if tool is None:
            return ToolOutcome(
                content="Tool not found (it was there when the call was made)", is_error=True
            )
        try:
            with anyio.fail_after(tool.timeout_s):
                result = await tool.run(json.loads(effect.arguments), self._context(order, effect))
        except TimeoutError as error:
            return self._timed_out(tool, error)
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is told to the model
            return render_failure(error, tool_name=tool.name)
        return render_result(result, tool_name=tool.name)

    def _timed_out(self, tool: Tool, error: TimeoutError) -> ToolOutcome:
        if tool.timeout_s is None:
            return render_failure(error, tool_name=tool.name)
        text = f"Tool '{tool.name}' timed out after {tool.timeout_s:g} s"
        if tool.retry == "never":
            text += ". It may or may not have taken effect; check before you repeat it"
        return ToolOutcome(content=text, is_error=True)

    def _context(self, order: Order, effect: RunTool) -> ToolContext:
        profile = effect.profile

        def show(text: str) -> None:
            self._live.publish(
                ToolProgress(
                    stream_id=order.stream_id,
                    effect_id=order.effect_id,
                    tool=effect.tool,
                    text=text,
                )
            )

        return ToolContext(
            agent_id=profile.agent_id,
            agent_name=profile.name,
            team_id=profile.team_id,
            run_id=effect.run_id,
            call_id=effect.call_id,
            tool_name=effect.tool,
            idempotency_key=effect.idempotency_key,
            attempt=effect.attempt,
            commands=self._commands,
            progress=show,
        )


class ToolProbes:
    """The performer of `ProbeTool`. A probe that raises could not say."""

    def __init__(
        self, tools: ToolRegistry, keep_blob: Callable[[bytes], str], clock: Clock
    ) -> None:
        self._tools = tools
        self._keep_blob = keep_blob
        self._clock = clock

    async def __call__(self, order: Order) -> RecordProbeVerdict:
        """See `Performer`."""
        effect: ProbeTool = order.effect
        result = await self._ask(effect)
        outcome = render_result(result.content, tool_name=effect.tool)
        return RecordProbeVerdict(
            key=effect.key,
            verdict=result.verdict,
            outcome=limit_outcome(outcome, keep=self._keep_blob),
            now=self._clock.now(),
        )

    async def _ask(self, effect: ProbeTool) -> ProbeResult:
        tool = self._tools.get(effect.tool)
        if tool is None or tool.probe is None:
            return ProbeResult(verdict="unknown")
        try:
            with anyio.fail_after(tool.timeout_s):
                answer = await _called(tool.probe, effect.idempotency_key)
        except Exception:  # noqa: BLE001 - a probe that fails does not know
            return ProbeResult(verdict="unknown")
        return answer if isinstance(answer, ProbeResult) else ProbeResult(verdict="unknown")


async def _called(probe: Callable[[str], Awaitable[Any] | Any], key: str) -> Any:
    if inspect.iscoroutinefunction(probe):
        return await probe(key)
    answer = await anyio.to_thread.run_sync(probe, key, abandon_on_cancel=True)
    return await answer if inspect.isawaitable(answer) else answer
