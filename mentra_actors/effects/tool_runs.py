"""Performs tool calls and probes: every way a tool can end is an outcome for the log."""

import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, get_args

import anyio
import msgspec

from mentra_actors.domain.agent.commands import RecordProbeVerdict, RecordToolOutcome
from mentra_actors.domain.agent.effects import ProbeTool, RunTool
from mentra_actors.domain.inbox import INBOX, DeliverMail, Mail
from mentra_actors.domain.tool_call import OutgoingMail, ProbeVerdict, ToolOutcome
from mentra_actors.effects.live import LiveFeed, LiveNotice, ToolProgress
from mentra_actors.effects.loop import is_cancellation
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import is_valid_name
from mentra_actors.tools.contract import (
    Commands,
    ProbeResult,
    Tool,
    ToolContext,
    ToolError,
    ToolOutput,
)
from mentra_actors.tools.registry import ToolRegistry
from mentra_actors.tools.results import limit_outcome, render_failure, render_result, words_of

__all__ = ["ToolProbes", "ToolRuns"]

_log = logging.getLogger(__name__)

MAX_ID_BYTES = 240
"""With its category in front the name of a stream stays within the store's 255 bytes."""


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
        context = self._context(order, effect)
        try:
            with anyio.move_on_after(tool.timeout_s):
                result = await tool.run(json.loads(effect.arguments), context)
                return _rendered(result, tool.name)
        except BaseException as error:  # whatever a tool raises is told to the model
            if is_cancellation(error):
                raise
            return _failure(error, tool.name)
        return self._timed_out(tool)

    def _timed_out(self, tool: Tool) -> ToolOutcome:
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
        outcome = _rendered(result.content, effect.tool)
        return RecordProbeVerdict(
            key=effect.key,
            attempt=effect.attempt,
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
        except BaseException as error:  # a probe that fails does not know
            if is_cancellation(error):
                raise
            _log.warning("the probe of %s failed: %s", effect.tool, words_of(error))
            return ProbeResult(verdict="unknown")
        is_said = isinstance(answer, ProbeResult) and answer.verdict in get_args(ProbeVerdict)
        return answer if is_said else ProbeResult(verdict="unknown")


def _failure(error: BaseException, tool_name: str) -> ToolOutcome:
    if isinstance(error, Exception):
        return render_failure(error, tool_name=tool_name)
    # SystemExit, KeyboardInterrupt, a cancellation that nobody asked for: the tool's own doing
    told = ToolError(f"Tool '{tool_name}' failed: {type(error).__name__}: {words_of(error)}")
    return render_failure(told, tool_name=tool_name)


def _rendered(result: Any, tool_name: str) -> ToolOutcome:
    """The outcome of a result, checked: one that cannot be stored would end the agent."""
    outcome = render_result(result, tool_name=tool_name)
    if not isinstance(result, ToolOutput):
        return outcome
    try:
        checked = msgspec.msgpack.decode(msgspec.msgpack.encode(outcome), type=ToolOutcome)
        for mail in checked.mail:
            _check_mail(mail)
    except (TypeError, ValueError, msgspec.MsgspecError, CommandRejected) as error:
        told = f"Tool '{tool_name}' ran, but its result is lost: its ToolOutput is wrong ({error})"
        return ToolOutcome(content=told.encode("utf-8", "replace").decode(), is_error=True)
    return checked


def _check_mail(mail: OutgoingMail) -> None:
    """What the inbox would say of it, and whether anybody could have such an inbox.

    Raises:
        CommandRejected: the body is empty or too long, or `to` is no agent's id.
    """
    if not is_valid_name(mail.to.rpartition(".")[2]) or len(mail.to.encode()) > MAX_ID_BYTES:
        raise CommandRejected(f"mail to {mail.to!r}, which is no agent's id")
    letter = Mail(mail_id=mail.mail_id, sender="", to=mail.to, body=mail.body, sent_at=0.0)
    INBOX.decide(DeliverMail(mail=letter), INBOX.initial)


async def _called(probe: Callable[[str], Awaitable[Any] | Any], key: str) -> Any:
    if inspect.iscoroutinefunction(probe):
        return await probe(key)
    answer = await anyio.to_thread.run_sync(probe, key, abandon_on_cancel=True)
    return await answer if inspect.isawaitable(answer) else answer
