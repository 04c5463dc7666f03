"""Performs reviews of calls: hooks, the check of the arguments, the authorizer, in this order."""

import logging
from collections.abc import Sequence
from typing import Any

import anyio
import msgspec

from mentra_actors.domain.agent.commands import RecordCallReview
from mentra_actors.domain.agent.effects import ReviewCall
from mentra_actors.domain.storable import encodable
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.effects.call_plans import (
    decoded_arguments,
    encoded_arguments,
    faults_of,
    is_parallel,
)
from mentra_actors.effects.large_work import aside_if_large
from mentra_actors.effects.loop import is_cancellation
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.effects.user_calls import called
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.registry import ToolRegistry
from mentra_actors.tools.results import named_words_of, words_of
from mentra_actors.tools.review import (
    Allow,
    Ask,
    Authorizer,
    CallPreview,
    Deny,
    Modify,
    ToolHook,
)

__all__ = ["CallReviews", "after_hooks", "call_preview"]

_log = logging.getLogger(__name__)


class _Refused(Exception):
    """The call is not run; the text is its result."""


class CallReviews:
    """The performer of `ReviewCall`. Whatever goes wrong in it refuses the call."""

    def __init__(
        self,
        tools: ToolRegistry,
        hooks: Sequence[ToolHook],
        authorizer: Authorizer | None,
        clock: Clock,
        *,
        authorizer_timeout_s: float | None = None,
    ) -> None:
        self._tools = tools
        self._hooks = tuple(hooks)
        self._authorizer = authorizer
        self._clock = clock
        self._timeout_s = authorizer_timeout_s

    async def __call__(self, order: Order) -> RecordCallReview:
        """See `Performer`."""
        effect: ReviewCall = order.effect
        try:
            return await self._review(effect)
        except _Refused as refused:
            text = str(refused)
        except BaseException as error:
            if is_cancellation(error):
                raise
            _log.exception("the review of %s broke; it is refused", effect.tool)
            text = f"Tool execution blocked: {named_words_of(error)}"
        return RecordCallReview(
            key=effect.key, verdict="refuse", text=encodable(text), now=self._clock.now()
        )

    async def _review(self, effect: ReviewCall) -> RecordCallReview:
        tool = self._tools.get(effect.tool)
        if tool is None:
            raise _Refused("Tool not found (it was there when the call was made)")
        preview = call_preview(effect, tool)
        reviewed, notes = await self._after_hooks(preview)
        fault = await aside_if_large(len(effect.arguments), faults_of, tool, reviewed.arguments)
        if fault:
            raise _Refused(fault)
        reviewed = msgspec.structs.replace(
            reviewed, parallel=is_parallel(tool, reviewed.arguments)
        )
        verdict = await self._authorized(reviewed)
        changed = encoded_arguments(reviewed.arguments) if notes else ""
        return RecordCallReview(
            key=effect.key,
            verdict="ask" if isinstance(verdict, Ask) else "allow",
            text=encodable(verdict.reason) if isinstance(verdict, Ask) else "",
            preview=(changed or effect.arguments) if isinstance(verdict, Ask) else "",
            arguments=changed,
            parallel=reviewed.parallel,
            note=encodable("; ".join(notes)),
            now=self._clock.now(),
        )

    async def _after_hooks(self, preview: CallPreview) -> tuple[CallPreview, list[str]]:
        """The call as hooks have left it, and a note of each that has changed it."""
        notes: list[str] = []
        for hook in self._hooks:
            verdict = await self._asked(hook, preview)
            match verdict:
                case Allow():
                    pass
                case Deny(reason=reason):
                    raise _Refused(f"Blocked by pre-execution hook: {reason}")
                case Modify(arguments=arguments, reason=reason):
                    preview = msgspec.structs.replace(preview, arguments=_storable(arguments))
                    notes.append(reason or type(hook).__name__)
                case _:
                    said = f"hook {type(hook).__name__} answered {verdict!r}"
                    raise _Refused(f"Tool execution blocked: {said}")
        return preview, notes

    async def _asked(self, hook: ToolHook, preview: CallPreview) -> Any:
        try:
            return await hook.before(_own(preview))
        except BaseException as error:
            if is_cancellation(error):
                raise
            raise _Refused(f"Tool execution blocked: {words_of(error)}") from error

    async def _authorized(self, preview: CallPreview) -> Allow | Ask:
        if self._authorizer is None:
            return Allow()
        verdict: Any = None
        try:
            with anyio.move_on_after(self._timeout_s) as limit:
                verdict = await called(self._authorizer, _own(preview))
        except BaseException as error:
            if is_cancellation(error):
                raise
            _log.warning("the authorizer raised; %s is refused", preview.tool, exc_info=error)
            raise _Refused(f"Tool execution blocked: {words_of(error)}") from error
        if limit.cancelled_caught:
            raise _Refused(f"authorizer timed out after {self._timeout_s:g} s")
        match verdict:
            case Allow() | Ask():
                return verdict
            case Deny(reason=reason):
                why = f": {reason}" if reason else " by authorizer"
                raise _Refused(f"Tool execution denied{why}")
            case _:
                said = f"the authorizer answered {verdict!r}, not Allow, Deny or Ask"
                _log.warning("%s; %s is refused", said, preview.tool)
                raise _Refused(f"Tool execution blocked: {said}")


def call_preview(effect: Any, tool: Tool) -> CallPreview:
    """A call as hooks see it; `effect` is a `ReviewCall` or a `RunTool`."""
    arguments, _ = decoded_arguments(effect.arguments)
    return CallPreview(
        agent_id=effect.profile.agent_id,
        agent_name=effect.profile.name,
        run_id=effect.run_id,
        key=effect.key,
        call_id=effect.call_id,
        tool=effect.tool,
        arguments=arguments,
        retry=tool.retry,
        parallel=is_parallel(tool, arguments),
    )


def _own(preview: CallPreview) -> CallPreview:
    """For one reviewer: what it does to the arguments no other sees, and nothing that runs."""
    return msgspec.structs.replace(preview, arguments=_copied(preview.arguments))


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


async def after_hooks(
    hooks: Sequence[ToolHook], preview: CallPreview, outcome: ToolOutcome
) -> ToolOutcome:
    """The outcome after all hooks, the last one first; one that raises changes nothing."""
    for hook in reversed(hooks):
        try:
            changed = await hook.after(_own(preview), outcome)
            encoded = msgspec.msgpack.encode(changed)
            outcome = msgspec.msgpack.decode(encoded, type=ToolOutcome)
        except BaseException as error:
            if is_cancellation(error):
                raise
            _log.exception("hook %s raised after %s", type(hook).__name__, preview.tool)
    return outcome


def _storable(arguments: Any) -> dict[str, Any]:
    """Arguments as they come back from the log: what a hook gives may be anything."""
    try:
        text = encoded_arguments(arguments)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _Refused(f"Tool execution blocked: a hook made no JSON of it ({error})") from error
    decoded, problem = decoded_arguments(text)
    if problem:
        raise _Refused(f"Tool execution blocked: a hook made no JSON of it ({problem})")
    return decoded
