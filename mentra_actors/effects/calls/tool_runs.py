"""Performs tool calls and probes: every way a tool can end is an outcome for the log."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import anyio
import msgspec

from mentra_actors.domain.agent.commands import RecordProbeVerdict, RecordToolOutcome
from mentra_actors.domain.agent.effects import ProbeTool, RunTool
from mentra_actors.domain.agent.profile import READ_TOOL_RESULT
from mentra_actors.domain.inbox import INBOX, DeliverMail, Mail
from mentra_actors.domain.storable import encodable
from mentra_actors.domain.tool_call import OutgoingMail, ProbeVerdict, ToolOutcome
from mentra_actors.effects.calls.call_previews import call_digest, call_preview, structured_preview
from mentra_actors.effects.calls.call_reviews import after_hooks
from mentra_actors.effects.calls.tool_attempts import StartSoon, TimedOut, attempted
from mentra_actors.effects.calls.tool_contexts import ToolContexts
from mentra_actors.effects.calls.user_calls import called
from mentra_actors.effects.large_work import MOST_CHARS_ON_THE_LOOP, aside_if_large
from mentra_actors.effects.loop import is_cancellation
from mentra_actors.effects.models.attached_blobs import Blobs, kept_attachments
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import MAX_AGENT_ID_BYTES, AgentId, is_valid_name, name_of
from mentra_actors.tools.contract import (
    PolicyDenied,
    ProbeResult,
    Tool,
    ToolContext,
    ToolError,
    ToolOutput,
)
from mentra_actors.tools.registry import TOOL_IS_GONE, ToolSource
from mentra_actors.tools.results.rendering import (
    Rendered,
    error_words,
    named_words_of,
    render_failure,
    render_result,
    rough_size,
)
from mentra_actors.tools.results.size import ResultLimits, limit_outcome
from mentra_actors.tools.review import ToolHook
from mentra_actors.tools.workplace import Workplace

__all__ = ["ToolProbes", "ToolRuns", "ToolServices"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ToolServices:
    """What tools are run with. `blobs` keeps the whole of long results, `start_soon` has tasks."""

    tools: ToolSource
    contexts: ToolContexts
    blobs: Blobs
    clock: Clock
    start_soon: StartSoon
    hooks: tuple[ToolHook, ...] = ()
    limits: ResultLimits = field(default_factory=ResultLimits)


class ToolRuns:
    """The performer of `RunTool`."""

    def __init__(self, services: ToolServices) -> None:
        self._services = services

    async def __call__(self, order: Order) -> RecordToolOutcome:
        """See `Performer`."""
        effect: RunTool = order.effect
        services = self._services
        tool = services.tools.of(effect.profile.agent_id).get(effect.tool)
        if tool is None:
            gone = ToolOutcome(content=TOOL_IS_GONE, is_error=True)
            return RecordToolOutcome(key=effect.key, outcome=gone, now=services.clock.now())
        rests: list[bool] = []
        rendered = await self._rendered(order, effect, tool, rests)
        if rendered.unknown:
            return _unknown(effect, rendered, services.clock.now())
        outcome = await self._after_hooks(effect, tool, rendered.outcome)
        size_chars = len(outcome.content)
        outcome = await aside_if_large(size_chars, self._kept, effect, rendered, outcome)
        if rests:
            outcome = msgspec.structs.replace(outcome, rest=True)
        return RecordToolOutcome(key=effect.key, outcome=outcome, now=services.clock.now())

    async def _after_hooks(self, effect: RunTool, tool: Tool, outcome: ToolOutcome) -> ToolOutcome:
        services = self._services
        if not services.hooks:
            return outcome
        place = services.contexts.workplaces.of(effect.profile)
        changed = await after_hooks(services.hooks, call_preview(effect, tool, place), outcome)
        if changed.is_error and not outcome.is_error:
            return msgspec.structs.replace(changed, has_run=True)
        return changed

    def _kept(self, effect: RunTool, rendered: Rendered, outcome: ToolOutcome) -> ToolOutcome:
        """What goes to the log: within the limits, with names for what is kept beside it."""
        services = self._services
        is_unchanged = outcome.content == rendered.outcome.content
        if effect.tool != READ_TOOL_RESULT or outcome.is_error:  # a window has its own size
            outcome = limit_outcome(
                outcome,
                keep=services.blobs.put_blob,
                limits=services.limits,
                paging=None if effect.tool == READ_TOOL_RESULT else effect.profile.paging,
                call=effect.key,
                is_text=rendered.is_text or not is_unchanged,
            )
        if not rendered.is_text and outcome.content == rendered.outcome.content:
            outcome = msgspec.structs.replace(outcome, is_json=True)
        if outcome.attachments:
            kept = kept_attachments(outcome.attachments, services.blobs.put_blob)
            outcome = msgspec.structs.replace(outcome, attachments=kept)
        return outcome

    async def _rendered(
        self, order: Order, effect: RunTool, tool: Tool, rests: list[bool]
    ) -> Rendered:
        contexts = self._services.contexts
        context = contexts.context(order, effect, tool, lambda: rests.append(True))
        has_begun = False

        async def attempt() -> Any:
            nonlocal has_begun
            shown = await self._require_same(effect, tool, context.workplace)
            has_begun = True
            return await tool.run(json.loads(effect.arguments), _bound(context, shown))

        try:
            result = await attempted(attempt, tool.timeout_s, self._services.start_soon)
            size = rough_size(result, most=MOST_CHARS_ON_THE_LOOP + 1)
            return _of_tool(tool, await aside_if_large(size, _checked, result, tool.name))
        except TimedOut:
            return _timed_out(tool, has_begun=has_begun)
        except BaseException as error:  # whatever a tool raises is told to the model
            if is_cancellation(error):
                raise
            return Rendered(_failure(error, tool.name))

    async def _require_same(
        self, effect: RunTool, tool: Tool, place: Workplace
    ) -> Mapping[str, object] | None:
        """The call may still run, and is what was decided about: its input, what it would do.

        That is answered, if the tool itself says it: the run must not find other paths.

        Raises:
            PolicyDenied: the policy of this process forbids it.
            ToolError: it is another call, or it cannot be said any more what it would do.
        """
        self._services.tools.of(effect.profile.agent_id).require_allowed(tool)
        if not effect.digest:
            return None
        try:
            shown = await structured_preview(tool, json.loads(effect.arguments), place)
            digest = call_digest(effect.tool, effect.arguments, shown)
        except BaseException as error:
            if is_cancellation(error) or isinstance(error, ToolError):
                raise
            raise ToolError(f"Tool execution blocked: {named_words_of(error)}") from error
        if digest != effect.digest:
            raise ToolError(
                "Tool execution blocked: what this call would do has changed since it was "
                "allowed; nothing was done, make the call again"
            )
        return None if tool.preview is None else shown


def _bound(context: ToolContext, shown: Mapping[str, object] | None) -> ToolContext:
    """The context of a call that was allowed as it was shown."""
    return replace(context, workplace=replace(context.workplace, previewed=shown))


def _timed_out(tool: Tool, *, has_begun: bool) -> Rendered:
    """Nobody knows if it has had an effect, where that matters: to repeat it, or to undo it."""
    text = f"Tool '{tool.name}' timed out after {tool.timeout_s:g} s"
    matters = tool.retry == "never" or tool.compensate is not None
    is_doubtful = has_begun and matters and not tool.traits.changes_nothing
    unknown = f"it timed out after {tool.timeout_s:g} s" if is_doubtful else ""
    return Rendered(ToolOutcome(content=text, is_error=True), unknown=unknown)


def _unknown(effect: RunTool, rendered: Rendered, now: float) -> RecordToolOutcome:
    return RecordToolOutcome(
        key=effect.key, outcome=rendered.outcome, now=now, unknown=rendered.unknown
    )


class ToolProbes:
    """The performer of `ProbeTool`. A probe that raises could not say."""

    def __init__(self, tools: ToolSource, keep_blob: Callable[[bytes], str], clock: Clock) -> None:
        self._tools = tools
        self._keep_blob = keep_blob
        self._clock = clock

    async def __call__(self, order: Order) -> RecordProbeVerdict:
        """See `Performer`."""
        effect: ProbeTool = order.effect
        tool = self._tools.of(AgentId(name_of(order.stream_id))).get(effect.tool)
        result = await self._ask(effect, tool)
        rendered = _checked(result.content, effect.tool)
        return RecordProbeVerdict(
            key=effect.key,
            attempt=effect.attempt,
            verdict=result.verdict,
            outcome=limit_outcome(
                rendered.outcome, keep=self._keep_blob, is_text=rendered.is_text
            ),
            now=self._clock.now(),
        )

    async def _ask(self, effect: ProbeTool, tool: Tool | None) -> ProbeResult:
        if tool is None or tool.probe is None:
            return ProbeResult(verdict="unknown")
        try:
            with anyio.fail_after(tool.timeout_s):
                answer: Any = await called(tool.probe, effect.idempotency_key)
        except BaseException as error:  # a probe that fails does not know
            if is_cancellation(error):
                raise
            _log.warning("the probe of %s failed: %s", effect.tool, error_words(error))
            return ProbeResult(verdict="unknown")
        is_said = isinstance(answer, ProbeResult) and answer.verdict in get_args(ProbeVerdict)
        return answer if is_said else ProbeResult(verdict="unknown")


def _of_tool(tool: Tool, rendered: Rendered) -> Rendered:
    """The outcome, as far as the tool's own declaration lets it be one."""
    outcome = rendered.outcome
    if tool.traits.changes_nothing and outcome.mail:
        told = f"Tool '{tool.name}' is declared without side effects, and its result has mail"
        return Rendered(ToolOutcome(content=told, is_error=True))
    if tool.terminal and not outcome.is_error:
        ended = msgspec.structs.replace(outcome, terminate=True)
        return rendered._replace(outcome=ended)
    return rendered


def _failure(error: BaseException, tool_name: str) -> ToolOutcome:
    if isinstance(error, PolicyDenied):
        refused = render_failure(error, tool_name=tool_name)
        return msgspec.structs.replace(refused, denied=error.action)
    if isinstance(error, Exception):
        return render_failure(error, tool_name=tool_name)
    # SystemExit, KeyboardInterrupt, a cancellation that nobody asked for: the tool's own doing
    told = ToolError(f"Tool '{tool_name}' failed: {named_words_of(error)}")
    return render_failure(told, tool_name=tool_name)


def _checked(result: object, tool_name: str) -> Rendered:
    """The outcome of a result, checked: one that cannot be stored would end the agent."""
    rendered = render_result(result, tool_name=tool_name)
    if not isinstance(result, ToolOutput):
        return rendered
    try:
        encoded = msgspec.msgpack.encode(rendered.outcome)
        checked = msgspec.msgpack.decode(encoded, type=ToolOutcome)
        for mail in checked.mail:
            _check_mail(mail)
    except (TypeError, ValueError, msgspec.MsgspecError, CommandRejected) as error:
        told = f"Tool '{tool_name}' ran, but its result is lost: its ToolOutput is wrong ({error})"
        lost = ToolOutcome(content=encodable(told), is_error=True)
        return Rendered(lost)
    return Rendered(checked, rendered.is_text)


def _check_mail(mail: OutgoingMail) -> None:
    """What the inbox would say of it, and whether anybody could have such an inbox.

    Raises:
        CommandRejected: the body is empty or too long, or `to` is no agent's id.
    """
    is_short = len(mail.to.encode()) <= MAX_AGENT_ID_BYTES
    if not is_short or not is_valid_name(mail.to.rpartition(".")[2]):
        raise CommandRejected(f"mail to {mail.to!r}, which is no agent's id")
    letter = Mail(mail_id=mail.mail_id, sender="", to=mail.to, body=mail.body, sent_at=0.0)
    INBOX.decide(DeliverMail(mail=letter), INBOX.initial)
